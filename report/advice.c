#include "advice.h"

#include "ascii.h"

static const struct mtasts_advice results[] = {
    {"starttls-not-supported", "The MX host did not offer STARTTLS.",
     "Switch STARTTLS on at each MX host; look for a firewall that rewrites SMTP."},
    {"certificate-host-mismatch", "The certificate does not name the MX host.",
     "Get a certificate with the MX host's name as a DNS name (subjectAltName)."},
    {"certificate-expired", "The certificate's dates are past.",
     "Renew the certificate; reload the mail server after each renewal."},
    {"certificate-not-trusted", "No trusted authority signed the certificate.",
     "Send the whole chain with the intermediate certificates, from a public authority."},
    {"validation-failure", "TLS failed for another reason.",
     "See the failure reasons; try the MX host with openssl s_client -starttls smtp."},
    {"tlsa-invalid", "No TLSA record fits the certificate, or the records are wrong.",
     "Publish the TLSA record of the new key before the certificate changes."},
    {"dnssec-invalid", "DNSSEC validation of the answers failed.",
     "Check the zone's signatures and its DS records."},
    {"dane-required", "The sender requires DANE, and found no usable TLSA record.",
     "Publish TLSA records in a signed zone, or ask the sender why it requires them."},
    {"sts-policy-fetch-error", "The MTA-STS policy could not be fetched.",
     "Check that https://mta-sts.DOMAIN/.well-known/mta-sts.txt answers 200."},
    {"sts-policy-invalid", "The MTA-STS policy has a mistake.",
     "Check the file: mtasts policy parse mta-sts.txt"},
    {"sts-webpki-invalid", "The policy host's HTTPS certificate is not valid.",
     "Renew the certificate of mta-sts.DOMAIN; it must name that host."},
};

const struct mtasts_advice *mtasts_advice_find(struct mtasts_span name) {
  for (size_t i = 0; i < sizeof results / sizeof *results; i++)
    if (mtasts_span_equal(name, (struct mtasts_span){results[i].name, strlen(results[i].name)}))
      return &results[i];
  return NULL;
}
