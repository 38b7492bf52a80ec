/*
 * bounds.h: every bound of the engine in one place.
 *
 * The public ones (policy body, max_age, id, domain) are in mtasts.h.
 */
#ifndef MTASTS_BOUNDS_H
#define MTASTS_BOUNDS_H

enum {
  MTASTS_LABEL_MAX = 63,          /* characters, RFC 1035 section 2.3.4 */
  MTASTS_EXTENSION_NAME_MAX = 32, /* RFC 8461 sections 3.1 and 3.2 */
  MTASTS_MAX_AGE_DIGITS = 10,     /* RFC 8461 section 3.2 */
  MTASTS_MX_HOSTS_MAX = 128,      /* MX hosts kept of one domain, by preference */
  MTASTS_DANE_HOSTS_MAX = 20,     /* of those, hosts whose DANE is looked up */
  MTASTS_CHECK_MIN = 60,          /* seconds; a shorter TTL counts as this */
  MTASTS_CHECK_MAX = 86400,       /* seconds; a longer TTL counts as this */
  MTASTS_UNVALIDATED_KEEP = 600,  /* seconds that DANE stays unknown if nothing validates */
  MTASTS_RETRY_MIN = 300,     /* seconds between fetches of a failing id, RFC 8461 section 3.3 */
  MTASTS_DNS_RETRY_MAX = 300, /* seconds that a failure of the DNS counts: RFC 2308 section 7 */
  MTASTS_UNRESOLVED_RETRY =
      120, /* seconds to the next fetch, if the DNS fails for the policy host */
  MTASTS_EXPIRED_KEEP = 604800, /* seconds that an expired policy is kept, unused */
  MTASTS_NEAR_END = 172800, /* seconds before its expiry, when an enforce policy nears its end */
};

#endif
