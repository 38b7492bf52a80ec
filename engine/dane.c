#include "dane.h"

#include "bounds.h"

enum {
  USAGE_TA = 2,
  USAGE_EE = 3,
  SELECTOR_MAX = 1, /* Cert(0), SPKI(1) */
  FULL = 0,         /* matching types */
  SHA2_256 = 1,
  SHA2_512 = 2,
  HEAD = 3,
  DER_SEQUENCE = 0x30,
  DER_LENGTH_BYTES_MAX = 3, /* no certificate has 16 MB */
};

/* Is it one DER SEQUENCE to the last byte, as certificates and public keys are? */
static bool is_sequence(const unsigned char *der, size_t size) {
  if (size < 2 || der[0] != DER_SEQUENCE)
    return false;
  if (der[1] < 0x80)
    return size == 2U + der[1];
  size_t bytes = der[1] & 0x7fU;
  size_t length = 0;
  if (bytes == 0 || bytes > DER_LENGTH_BYTES_MAX || size < 2 + bytes)
    return false;
  for (size_t i = 0; i < bytes; i++)
    length = length << 8 | der[2 + i];
  return size == 2 + bytes + length;
}

bool mtasts_tlsa_usable(const unsigned char *rdata, size_t size) {
  if (size < HEAD || (rdata[0] != USAGE_TA && rdata[0] != USAGE_EE) || rdata[1] > SELECTOR_MAX)
    return false;
  switch (rdata[2]) {
  case FULL:
    return is_sequence(rdata + HEAD, size - HEAD);
  case SHA2_256:
    return size == HEAD + 32;
  case SHA2_512:
    return size == HEAD + 64;
  default:
    return false;
  }
}

enum mtasts_dane mtasts_dane_of_hosts(const struct mtasts_mx_list *hosts) {
  size_t counts[MTASTS_DANE_GONE + 1] = {0};
  struct mtasts_mx_host host;
  for (size_t cursor = 0; mtasts_mx_next(hosts, &cursor, &host);)
    counts[host.dane]++;
  bool failing = counts[MTASTS_DANE_BOGUS] + counts[MTASTS_DANE_ERROR] > 0;
  /* RFC 7672 section 2.2: a failing host must not be used. A verdict that makes DANE mandatory
   * excludes it, and mail goes to the usable hosts. */
  if (counts[MTASTS_DANE_USABLE] > 0)
    return counts[MTASTS_DANE_NONE] > 0 && !failing ? MTASTS_DANE_MIXED : MTASTS_DANE_USABLE;
  if (failing)
    return counts[MTASTS_DANE_BOGUS] > 0 ? MTASTS_DANE_BOGUS : MTASTS_DANE_ERROR;
  if (counts[MTASTS_DANE_NONE] > 0)
    return MTASTS_DANE_NONE;
  /* RFC 7672 section 2.2: TLS is mandatory, but without authentication. */
  if (counts[MTASTS_DANE_UNUSABLE] > 0)
    return MTASTS_DANE_UNUSABLE;
  return counts[MTASTS_DANE_LOST] > 0 ? MTASTS_DANE_ERROR : MTASTS_DANE_NONE;
}

bool mtasts_dane_binds(const struct mtasts_entry *entry, int64_t now) {
  return mtasts_dane_counts(entry, now) && entry->dane != MTASTS_DANE_NONE &&
         entry->dane != MTASTS_DANE_UNKNOWN;
}

bool mtasts_dane_counts(const struct mtasts_entry *entry, int64_t now) {
  return entry->dane_expires != 0 && now < entry->dane_expires + MTASTS_CHECK_MAX;
}
