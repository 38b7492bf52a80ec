/*
 * insecure_zones.h: zones that are not validated by DNSSEC, as lines of libunbound's configuration.
 *
 * A zone that only this site's resolver knows has no place in the public DNS: its signed parent
 * proves that it is not there, or that it is signed by others. To a validator all of it is bogus.
 * These are exempt, and the site's resolver is asked for them, which libunbound by itself does not
 * do for some:
 *
 *   internal, intranet, private, corp, home, lan   RFC 6762 appendix G
 *   local                                          RFC 6762 section 3
 *   home.arpa                                      RFC 8375
 *   alt                                            RFC 9476
 *   the reverse zones of private addresses         RFC 6761 section 6.1, RFC 6303
 *
 * None of them can be delegated in the public DNS with a signature that would count, so that
 * nothing is lost. `test` (RFC 6761 section 6.2) is asked for and stays validated: tests may be of
 * DNSSEC. `localhost`, `invalid` and `onion` (RFC 6761, RFC 7686) are never sent to a resolver.
 */
#ifndef MTASTS_INSECURE_ZONES_H
#define MTASTS_INSECURE_ZONES_H

#include <stdbool.h>
#include <stddef.h>

/* Appends a `server:` section to the configuration, with those zones and `zones`: domain names as
 * people write them. False: one of them is no domain name, or it cannot be written. */
bool mtasts_insecure_zones_write(int file, const char *const *zones, size_t count);

#endif
