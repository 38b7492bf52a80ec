/*
 * response.h: collects a policy host's HTTP answer and evaluates it: the complete policy as it was
 * sent, or why there is none.
 *
 * A truncated answer is never accepted (RFC 9112 section 8). The header must be complete. The body
 * must be as long as its Content-Length or end with its last chunk; with neither, it must end with
 * the close_notify of TLS (RFC 9112 section 9.8). This file checks that itself, since versions of
 * libcurl differ in it.
 *
 * The caller owns the memory. A response is zeroed before use and serves one answer. All in the
 * thread of its loop.
 */
#ifndef MTASTS_RESPONSE_H
#define MTASTS_RESPONSE_H

#include <curl/curl.h>

#include "certificate.h"
#include "fetch_answer.h"

struct mtasts_response {
  CURL *easy;
  struct mtasts_tls_watch tls;
  uint64_t started; /* of the whole fetch, by mtasts_clock_us */
  bool by_proxy;    /* libcurl connects to a proxy, which connects to the policy host */
  bool connected;   /* TCP to the policy host, itself or by the proxy */
  bool in_body;     /* the header is complete */
  bool too_large;
  bool no_memory; /* for the body */
  size_t header_bytes;
  char *body; /* the caller frees it */
  size_t size;
  size_t capacity;
  char curl_error[CURL_ERROR_SIZE];
};

/* Makes libcurl pass header, body and errors to the response. Returns false if it cannot. */
bool mtasts_response_collect(struct mtasts_response *response, CURL *easy);

/* Does the proxy keep this host from the policy host? It cannot be reached, is silent, or refuses;
 * but it has not said that the policy host does not answer. */
bool mtasts_response_proxy_fails(const struct mtasts_response *response);

/* The transfer has ended with `result`. The caller has zeroed *answer; its body is the response's.
 */
void mtasts_response_evaluate(struct mtasts_response *response, CURLcode result,
                              struct mtasts_fetch_answer *answer);

/* Did a whole answer with a policy's body arrive, whatever its media type? A body in a content
 * coding that was not asked for does not count. */
bool mtasts_response_is_whole(const struct mtasts_response *response, CURLcode result);

/* The values of all fields of that name, joined by ", " into out (NUL at the end, cut if it is too
 * long). Returns the number of fields. */
size_t mtasts_response_field(const struct mtasts_response *response, const char *name, char *out,
                             size_t size);

/* Writes a failure into the answer; the detail is made printable, and cut if it is too long. */
__attribute__((format(printf, 3, 4))) void mtasts_response_fail(struct mtasts_fetch_answer *answer,
                                                                enum mtasts_error error,
                                                                const char *format, ...);

#endif
