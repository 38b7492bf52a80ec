#include "advice.h"

#include "ascii.h"
#include "tlsrpt.h"

/* The names are those of common/tlsrpt.h. */
static const struct {
  enum mtasts_result_type type;
  const char *meaning, *remedy;
} results[] = {
    {MTASTS_RESULT_NO_STARTTLS, "The MX host did not offer STARTTLS.",
     "Switch STARTTLS on at each MX host; look for a firewall that rewrites SMTP."},
    {MTASTS_RESULT_HOST_MISMATCH, "The certificate does not name the MX host.",
     "Get a certificate with the MX host's name as a DNS name (subjectAltName)."},
    {MTASTS_RESULT_EXPIRED, "The certificate's dates are past.",
     "Renew the certificate; reload the mail server after each renewal."},
    {MTASTS_RESULT_NOT_TRUSTED, "No trusted authority signed the certificate.",
     "Send the whole chain with the intermediate certificates, from a public authority."},
    {MTASTS_RESULT_VALIDATION, "TLS failed for another reason.",
     "See the failure reasons; try the MX host with openssl s_client -starttls smtp."},
    {MTASTS_RESULT_TLSA_INVALID, "No TLSA record fits the certificate, or the records are wrong.",
     "Publish the TLSA record of the new key before the certificate changes."},
    {MTASTS_RESULT_DNSSEC_INVALID, "DNSSEC validation of the answers failed.",
     "Check the zone's signatures and its DS records."},
    {MTASTS_RESULT_DANE_REQUIRED, "The sender requires DANE, and found no usable TLSA record.",
     "Publish TLSA records in a signed zone, or ask the sender why it requires them."},
    {MTASTS_RESULT_POLICY_FETCH, "The MTA-STS policy could not be fetched.",
     "Check that https://mta-sts.DOMAIN/.well-known/mta-sts.txt answers 200."},
    {MTASTS_RESULT_POLICY_INVALID, "The MTA-STS policy has a mistake.",
     "Check the file: mtasts policy parse mta-sts.txt"},
    {MTASTS_RESULT_WEBPKI_INVALID, "The policy host's HTTPS certificate is not valid.",
     "Renew the certificate of mta-sts.DOMAIN; it must name that host."},
};

bool mtasts_advice_find(struct mtasts_span name, struct mtasts_advice *advice) {
  for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
    const char *known = mtasts_result_type_name(results[i].type);
    if (!mtasts_span_equal(name, (struct mtasts_span){known, strlen(known)}))
      continue;
    *advice = (struct mtasts_advice){results[i].meaning, results[i].remedy};
    return true;
  }
  return false;
}

bool mtasts_advice_known(struct mtasts_span name) {
  struct mtasts_advice advice;
  return mtasts_advice_find(name, &advice);
}
