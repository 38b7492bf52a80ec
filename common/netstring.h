/*
 * netstring.h: the socketmap protocol's framing (socketmap_table(5)). A request is the netstring
 * `LENGTH:MAP SPACE KEY,`. A reply is the netstring of `OK DATA`, `NOTFOUND `, `TEMP WHY` and so
 * on. Pure; bytes of a peer are untrusted.
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
 * Reads the netstring at the front of bytes. The length has only digits, and no leading zero except
 * in `0:,`.
 * max: bytes of payload allowed, at most MTASTS_NETSTRING_MAX. A longer payload is refused as soon
 * as the digits show its length. On WHOLE, *payload points into bytes, and *used is the size of the
 * netstring.
 */
enum mtasts_netstring mtasts_netstring_read(struct mtasts_span bytes, size_t max,
                                            struct mtasts_span *payload, size_t *used);

/*
 * Frames a payload of at most MTASTS_NETSTRING_MAX bytes in place. The caller provides
 * MTASTS_NETSTRING_HEAD free bytes before it and one after it. Returns the whole netstring.
 */
struct mtasts_span mtasts_netstring_frame(char *payload, size_t size);

struct mtasts_request {
  struct mtasts_span map;
  struct mtasts_span key; /* everything after the first space; may hold any bytes, and be empty */
};

/* False if there is no space, or no map name before it. */
bool mtasts_request_read(struct mtasts_span payload, struct mtasts_request *request);

#endif
