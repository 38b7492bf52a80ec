/*
 * curl_loop.h: libcurl's multi-socket interface on a libevent loop, for fetch.h and post.h. One
 * thread.
 */
#ifndef MTASTS_CURL_LOOP_H
#define MTASTS_CURL_LOOP_H

#include <curl/curl.h>
#include <stdbool.h>

struct event_base;
struct mtasts_curl_loop;

/* A transfer has ended; transfer: its CURLOPT_PRIVATE. Called from the loop; the callee may remove
 * and add handles, and must not free the loop. */
typedef void mtasts_curl_done_fn(void *transfer, CURLcode result);

/* NULL without memory. */
struct mtasts_curl_loop *mtasts_curl_loop_new(struct event_base *base, mtasts_curl_done_fn *done);

/* All handles have been removed. NULL is fine. */
void mtasts_curl_loop_free(struct mtasts_curl_loop *loop);

bool mtasts_curl_loop_add(struct mtasts_curl_loop *loop, CURL *easy);
void mtasts_curl_loop_remove(struct mtasts_curl_loop *loop, CURL *easy);

#endif
