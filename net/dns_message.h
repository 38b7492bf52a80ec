/*
 * dns_message.h: reading a DNS answer (RFC 1035) from the bytes of the wire.
 *
 * Every read is bounded, compression pointers only go backwards, and the first error makes the
 * whole message MTASTS_INVALID. Only mtasts_dns_message_alias compares owner names: the resolver
 * has already followed the CNAMEs. Pure.
 */
#ifndef MTASTS_DNS_MESSAGE_H
#define MTASTS_DNS_MESSAGE_H

#include "mtasts.h"

enum {
  MTASTS_RR_A = 1,
  MTASTS_RR_NS = 2,
  MTASTS_RR_CNAME = 5,
  MTASTS_RR_SOA = 6,
  MTASTS_RR_PTR = 12,
  MTASTS_RR_MX = 15,
  MTASTS_RR_TXT = 16,
  MTASTS_RR_AAAA = 28,
  MTASTS_RR_RRSIG = 46,
  MTASTS_RR_DNSKEY = 48,
  MTASTS_RR_TLSA = 52,
};

enum {
  MTASTS_RCODE_NOERROR = 0,
  MTASTS_RCODE_SERVFAIL = 2,
  MTASTS_RCODE_NXDOMAIN = 3,
};

/* One record of the answer section that has the type asked for. */
struct mtasts_rr {
  uint32_t ttl; /* seconds */
  const unsigned char *message;
  size_t message_size;
  size_t rdata; /* offset in the message */
  size_t rdata_size;
};

struct mtasts_dns_message {
  const unsigned char *bytes;
  size_t size;
  unsigned rcode;
  uint16_t type;  /* asked for */
  size_t count;   /* records of that type in the answer section */
  size_t cnames;  /* in the answer section */
  size_t rrsigs;  /* likewise */
  uint32_t ttl;   /* the least of the answer section; if it has no record of the type, the negative
                     TTL (RFC 2308: the lesser of the SOA's TTL and its minimum), or 0 */
  size_t answers; /* offset of the answer section */
  size_t answers_end;
};

/* MTASTS_INVALID if it is malformed, truncated (TC) or not an answer. The message keeps pointers
 * into `bytes`. */
enum mtasts_status mtasts_dns_message_read(const unsigned char *bytes, size_t size, uint16_t type,
                                           struct mtasts_dns_message *message);

/* Steps through the records of the type; `*cursor` starts at 0. */
bool mtasts_dns_message_next(const struct mtasts_dns_message *message, size_t *cursor,
                             struct mtasts_rr *rr);

/*
 * TXT: joins the record's strings into out (rdata_size bytes are enough). Returns the length.
 * mtasts_dns_message_read has already refused malformed strings.
 */
size_t mtasts_rr_txt(const struct mtasts_rr *rr, char *out);

/* MX: preference and exchange in lower case, no trailing dot, "" for the root. MTASTS_INVALID if
 * the exchange is not a host name (letters, digits, hyphens, underscores). A, AAAA and TLSA need no
 * function: the rdata of A and AAAA is the address, of 4 and of 16 bytes, and engine/dane.h reads
 * that of TLSA. */
enum mtasts_status mtasts_rr_mx(const struct mtasts_rr *rr, uint16_t *preference,
                                struct mtasts_domain *exchange);

/* PTR: the name, as of MX. MTASTS_INVALID if it is not a host name. */
enum mtasts_status mtasts_rr_ptr(const struct mtasts_rr *rr, struct mtasts_domain *name);

/* The same for people who want to see what is wrong: on MTASTS_INVALID the exchange holds its
 * bytes, labels with dots between them, and may contain NUL. MTASTS_CORRUPT: nothing can be read.
 */
enum mtasts_status mtasts_rr_mx_raw(const struct mtasts_rr *rr, uint16_t *preference,
                                    struct mtasts_domain *exchange);

/*
 * Follows the CNAMEs of the answer section from a name (lower case, no trailing dot).
 *   MTASTS_ABSENT   the name is no alias
 *   MTASTS_INVALID  they form a loop, or lead to something that is no host name
 */
enum mtasts_status mtasts_dns_message_alias(const struct mtasts_dns_message *message,
                                            const char *name, struct mtasts_domain *target);

#endif
