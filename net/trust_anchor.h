/*
 * trust_anchor.h: the trust anchor of DNSSEC, read from a file that others maintain.
 */
#ifndef MTASTS_TRUST_ANCHOR_H
#define MTASTS_TRUST_ANCHOR_H

#include "error_text.h"
#include "mtasts.h"

/*
 * Reads DS and DNSKEY records in zone format, as Debian's dns-root-data and unbound-anchor(8) write
 * them. In a file that unbound keeps by RFC 5011, keys that are still pending and keys that are
 * revoked do not count. *fd becomes a file in memory with the remaining keys, for the caller to
 * close. error: see error_text.h.
 *
 *   MTASTS_NO_FILE    there is none
 *   MTASTS_INVALID    it holds no key that can be trusted
 *   MTASTS_NO_MEMORY
 *   MTASTS_IO         it cannot be read
 */
enum mtasts_status mtasts_trust_anchor_open(const char *path, char error[MTASTS_ERROR_TEXT],
                                            int *fd);

#endif
