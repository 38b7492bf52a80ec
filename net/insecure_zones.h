/*
 * insecure_zones.h: zones that are not validated by DNSSEC, as lines of libunbound's configuration.
 *
 * A zone that only this site's resolver knows is missing in the public DNS: its signed parent
 * proves that the zone does not exist, or that others sign it. A validator would call all of it
 * bogus. The zones below are exempt, and the site's resolver is asked for them; for some of them
 * libunbound by default would not ask:
 *
 *   internal, intranet, private, corp, home, lan   RFC 6762 appendix G
 *   local                                          RFC 6762 section 3
 *   home.arpa                                      RFC 8375
 *   alt                                            RFC 9476
 *   the reverse zones of private addresses         RFC 6761 section 6.1, RFC 6303
 *
 * The public DNS cannot delegate any of them with a valid signature, so no security is lost. `test`
 * (RFC 6761 section 6.2) is asked for and stays validated, since tests may be about DNSSEC.
 * `localhost`, `invalid` and `onion` (RFC 6761, RFC 7686) are never sent to a resolver.
 */
#ifndef MTASTS_INSECURE_ZONES_H
#define MTASTS_INSECURE_ZONES_H

#include <stdbool.h>
#include <stddef.h>

/* Appends a `server:` section to the configuration, with those zones and `zones`: domain names as
 * people write them. False: a zone is no domain name, or the file cannot be written. */
bool mtasts_insecure_zones_write(int file, const char *const *zones, size_t count);

#endif
