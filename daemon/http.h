/*
 * http.h: parses the head of an HTTP/1.1 request (RFC 9112), as far as a server of two small pages
 * needs it. Pure.
 *
 * Strict: no folded fields, no space before a colon, no control characters, and the Host field just
 * once (RFC 9112 section 3.2). A line may end with LF alone (section 2.2).
 */
#ifndef MTASTS_HTTP_H
#define MTASTS_HTTP_H

#include "mtasts.h"

enum {
  MTASTS_HTTP_HEAD_MAX = 8192, /* bytes of a request line and its fields */
};

enum mtasts_http_method {
  MTASTS_HTTP_GET,
  MTASTS_HTTP_HEAD,
  MTASTS_HTTP_OTHER,
};

struct mtasts_http_request {
  enum mtasts_http_method method;
  struct mtasts_span path; /* without the query, as it was written; points into the bytes */
};

enum mtasts_http_progress {
  MTASTS_HTTP_MORE, /* incomplete, and so far not malformed */
  MTASTS_HTTP_READ, /* the head is complete; bytes after it are ignored */
  MTASTS_HTTP_BAD,  /* malformed, or longer than MTASTS_HTTP_HEAD_MAX */
};

/* bytes: all that has arrived so far. *request is written if the result is MTASTS_HTTP_READ. */
enum mtasts_http_progress mtasts_http_read(struct mtasts_span bytes,
                                           struct mtasts_http_request *request);

#endif
