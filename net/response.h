/*
 * response.h: what arrives of a policy host's answer, and what it comes to: the
 * policy as it was sent, whole, or why there is none.
 *
 * An answer that ends early is never taken for whole (RFC 9112 section 8): the header
 * must be complete, and the body must be as long as its Content-Length, or end with its
 * last chunk, or, with neither, with the close_notify of TLS (RFC 9112 section 9.8).
 * That is judged here, as versions of libcurl differ in it.
 *
 * Memory: the caller's. A response is zeroed before its use and has one answer. All in
 * the thread of its loop.
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
  bool connected;   /* TCP */
  bool in_body;     /* the header is complete */
  bool too_large;
  bool no_memory; /* for the body */
  size_t header_bytes;
  char *body; /* the caller frees it */
  size_t size;
  size_t capacity;
  char curl_error[CURL_ERROR_SIZE];
};

/* Has libcurl hand in header and body, and report errors. Returns false where it cannot. */
bool mtasts_response_collect(struct mtasts_response *response, CURL *easy);

/* The transfer has ended with `result`. *answer is zeroed before; its body is the response's. */
void mtasts_response_evaluate(struct mtasts_response *response, CURLcode result,
                              struct mtasts_fetch_answer *answer);

/* Writes a failure into the answer; the detail is made printable, and cut where it is too long. */
__attribute__((format(printf, 3, 4))) void mtasts_response_fail(struct mtasts_fetch_answer *answer,
                                                                enum mtasts_error error,
                                                                const char *format, ...);

#endif
