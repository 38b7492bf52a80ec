/*
 * rua.h: one URI of a TLSRPT record: where a report is to be sent (RFC 8460 section 3). Pure.
 *
 * Usable are `mailto:` with one address (addr_spec.h; RFC 6068), and `https:` with a host name and
 * any port. The schemes may be in any case.
 *
 * Some URIs are valid, and no report is sent to them from here: several addresses, a quoted local
 * part, an address literal, characters outside of ASCII, an IP address or an encoded name as the
 * host, more than MTASTS_RUA_MAX bytes. So it is, also if percent-encoded, with control characters,
 * and with "/" and "|" in a local part, which MTAs may take for files and commands. Another sender
 * may take them: nothing is to be said against the domain.
 */
#ifndef MTASTS_RUA_H
#define MTASTS_RUA_H

#include "addr_spec.h"

#define MTASTS_RUA_MAX 2048 /* bytes of a URI; a longer one is not sent to */

enum mtasts_rua_kind {
  MTASTS_RUA_UNUSABLE,
  MTASTS_RUA_MAILTO,
  MTASTS_RUA_HTTPS,
};

struct mtasts_rua {
  enum mtasts_rua_kind kind;
  enum mtasts_rua_kind meant;  /* what it is by the RFCs, also if `kind` is UNUSABLE: then it is
                                  valid,  and not sent to from here. UNUSABLE: it is invalid */
  const char *why;             /* UNUSABLE: a constant sentence; else NULL */
  struct mtasts_domain domain; /* of the address, or the host; "" if it has none */
  uint16_t port;               /* HTTPS */
  /* The address; or the URL, its scheme and host in lower case, with a path and without a fragment
   * and a default port. Equal targets are one. NUL-terminated; "" if UNUSABLE. */
  char target[MTASTS_RUA_MAX + sizeof "/"];
};

/* Reads a URI as it stands in the record. */
void mtasts_rua_parse(struct mtasts_span uri, struct mtasts_rua *rua);

/* May this byte stand in a URI (RFC 3986 section 2)? RFC 8460 section 3 excepts `!`, `,` and `;`,
 * which must be encoded there. */
bool mtasts_rua_is_uri_byte(char c);

#endif
