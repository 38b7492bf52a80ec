/*
 * cert_names.h: does a certificate name the host that presents it? Pure.
 */
#ifndef MTASTS_PLUGIN_CERT_NAMES_H
#define MTASTS_PLUGIN_CERT_NAMES_H

#include "domain_decision.h"
#include "strbuf.h"

/*
 * Does one of the certificate's DNS names match the host (RFC 8461 section 4.2, RFC 6125)? names:
 * those of its subjectAltName, separated by colons. A wildcard is the whole leftmost label and
 * matches exactly one label.
 */
bool mtasts_cert_names_cover(struct mtasts_span names, struct mtasts_span host);

/* What mtasts_cert yields: nothing if the certificate is acceptable, else the reason why it is not.
 */
void mtasts_cert_names_check(const struct mtasts_domain_decision *decided, struct mtasts_span names,
                             struct mtasts_span host, struct mtasts_strbuf *reason);

/* What mtasts_cert yields if the DNS does not say which MX name leads to the host. */
void mtasts_cert_names_unsure(const struct mtasts_domain_decision *decided, struct mtasts_span host,
                              struct mtasts_strbuf *reason);

#endif
