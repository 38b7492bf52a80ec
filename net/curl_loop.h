/*
 * curl_loop.h: libcurl's multi-socket interface on a libevent loop.
 *
 * All in one thread. libcurl is initialised for the process, once for each loop.
 */
#ifndef MTASTS_CURL_LOOP_H
#define MTASTS_CURL_LOOP_H

#include <curl/curl.h>

#include "error_text.h"
#include "mtasts.h"

struct event_base;
struct mtasts_curl_loop;

/* A transfer has ended. item: its CURLOPT_PRIVATE. Comes from the loop; may add and remove
 * transfers, but not free the loop. */
typedef void mtasts_curl_done_fn(void *item, CURLcode result);

/* error: see error_text.h.
 *   MTASTS_IO         libcurl cannot be initialised
 *   MTASTS_NO_MEMORY */
enum mtasts_status mtasts_curl_loop_new(struct event_base *base, mtasts_curl_done_fn *done,
                                        char error[MTASTS_ERROR_TEXT],
                                        struct mtasts_curl_loop **loop);

/* All transfers must have been removed. NULL is fine. */
void mtasts_curl_loop_free(struct mtasts_curl_loop *loop);

/* Starts a transfer. Returns false without memory. */
bool mtasts_curl_loop_add(struct mtasts_curl_loop *loop, CURL *easy);
void mtasts_curl_loop_remove(struct mtasts_curl_loop *loop, CURL *easy);

#endif
