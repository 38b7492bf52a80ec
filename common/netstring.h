/*
 * netstring.h: the socketmap protocol's framing. A request is the netstring
 * `LENGTH:MAP SPACE KEY,`, a reply the netstring of `OK DATA`, `NOTFOUND `, `TEMP WHY` and so on
 * (socketmap_table(5)). Pure; bytes of a peer are hostile.
 */
#ifndef MTASTS_NETSTRING_H
#define MTASTS_NETSTRING_H

#include "mtasts.h"

enum {
  MTASTS_NETSTRING_MAX = 9999999, /* bytes of a payload */
  MTASTS_NETSTRING_HEAD = 8,      /* bytes of `LENGTH:`, at most */
};

enum mtasts_netstring {
  MTASTS_NETSTRING_WHOLE,
  MTASTS_NETSTRING_PART, /* well-formed so far: more must come */
  MTASTS_NETSTRING_BAD,  /* no netstring, or its payload is longer than `max` */
};

/*
 * Reads the netstring at the front of bytes. No leading zeros (but for `0:,`), digits only.
 * max: bytes of payload allowed (never more than MTASTS_NETSTRING_MAX), known to be too many as
 * soon as the digits say so. On WHOLE, *payload points into bytes and *used is what the netstring
 * takes of them.
 */
enum mtasts_netstring mtasts_netstring_read(struct mtasts_span bytes, size_t max,
                                            struct mtasts_span *payload, size_t *used);

/*
 * Frames a payload of at most MTASTS_NETSTRING_MAX bytes where it stands: MTASTS_NETSTRING_HEAD
 * free bytes before it and one behind it. Returns the whole netstring.
 */
struct mtasts_span mtasts_netstring_frame(char *payload, size_t size);

struct mtasts_request {
  struct mtasts_span map;
  struct mtasts_span key; /* all behind the first space; may hold anything, and be empty */
};

/* False where there is no space, or no map name before it. */
bool mtasts_request_read(struct mtasts_span payload, struct mtasts_request *request);

#endif
