/*
 * post.h: sends a report by an HTTPS POST (RFC 8460 section 5.4) on a libevent loop, by libcurl.
 *
 * Any status 2xx is success, if the whole report has left and the header of the answer is complete.
 * No redirect is followed. The certificate must be valid for the host by its SAN (certificate.h).
 * Only globally routable addresses are connected to, unless allow_private (connect.h). The whole,
 * from the look-up of the host's addresses to the answer, has one time limit. Environment variables
 * have no effect.
 *
 * If an address cannot be connected to, or fails before TLS is complete, the next one is tried.
 * Once TLS is complete nothing is sent twice.
 */
#ifndef MTASTS_POST_H
#define MTASTS_POST_H

#include "error_text.h"
#include "mtasts.h"

struct event_base;
struct mtasts_poster;
struct mtasts_post;
struct mtasts_resolver;

struct mtasts_poster_options {
  struct mtasts_resolver *resolver; /* of the hosts' addresses */
  const char *ca_file;              /* PEM bundle; NULL or "": the system's */
  uint32_t timeout;                 /* seconds for the whole of a POST; at least 1 */
  bool allow_private;
  const char *proxy; /* http://…; NULL or "": none. A proxy looks hosts up itself, so it decides
                        which addresses they may have */
};

/*
 * error: see error_text.h.
 *   MTASTS_NO_FILE, MTASTS_PERMISSION  the bundle cannot be read
 *   MTASTS_INVALID                     the bundle holds no certificate
 *   MTASTS_NO_MEMORY, MTASTS_IO
 */
enum mtasts_status mtasts_poster_new(struct event_base *base,
                                     const struct mtasts_poster_options *options,
                                     char error[MTASTS_ERROR_TEXT], struct mtasts_poster **poster);

/* Cancels what is in flight without calling back. NULL is fine. */
void mtasts_poster_free(struct mtasts_poster *poster);

struct mtasts_post_answer {
  bool taken;
  long status;                        /* of HTTP; 0 if none arrived */
  char detail[MTASTS_DETAIL_MAX + 1]; /* why it is not taken: "HTTP status 500 from
                                         reports.example.com"; else "" */
};

typedef void mtasts_post_fn(void *context, const struct mtasts_post_answer *answer);

struct mtasts_post_options {
  const char *host; /* a name as mtasts_domain_parse gives it */
  uint16_t port;
  const char *url;         /* https://host[:port]/… */
  const char *type;        /* media type of the body */
  struct mtasts_span body; /* good until the callback */
  mtasts_post_fn *done;
  void *context;
};

/* Starts. `done` is called exactly once, from the loop, unless the POST is cancelled first.
 * MTASTS_NO_MEMORY */
enum mtasts_status mtasts_post_start(struct mtasts_poster *poster,
                                     const struct mtasts_post_options *options,
                                     struct mtasts_post **post);

void mtasts_post_cancel(struct mtasts_post *post);

#endif
