/*
 * tlsa_match.h: do TLSA records match what a mail server presents (RFC 7672 section 3)? OpenSSL
 * decides; nothing is asked for. May be called from any thread.
 */
#ifndef MTASTS_CHECK_TLSA_MATCH_H
#define MTASTS_CHECK_TLSA_MATCH_H

#include "mtasts.h"

struct mtasts_tlsa_question {
  const struct mtasts_span *records; /* rdata of secure TLSA records */
  size_t record_count;
  const struct mtasts_span *chain; /* DER as presented, the server's first */
  size_t chain_count;
  /* One of these must be in the certificate under a DANE-TA record (RFC 7672 section 3.2.2): the
   * TLSA base domain, the MX host, the domain itself. */
  const struct mtasts_span *names;
  size_t name_count;
  int64_t now; /* seconds since the epoch: DANE-TA wants a chain in time, DANE-EE does not */
};

/*
 * Does at least one usable record match? Records that are not usable (engine/dane.h) do not count.
 *   MTASTS_OK         yes
 *   MTASTS_INVALID    no; or the chain holds no certificate
 *   MTASTS_ABSENT     no record is usable
 *   MTASTS_NO_MEMORY
 */
enum mtasts_status mtasts_tlsa_match(const struct mtasts_tlsa_question *question);

#endif
