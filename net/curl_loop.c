#include "curl_loop.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

struct mtasts_curl_loop {
  struct event_base *base;
  CURLM *multi;
  struct event *timer;
  mtasts_curl_done_fn *done;
};

static void collect(struct mtasts_curl_loop *loop) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(loop->multi, &left))) {
    void *item = NULL;
    if (message->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&item);
    loop->done(item, message->data.result);
  }
}

static void socket_ready(evutil_socket_t socket, short what, void *context) {
  struct mtasts_curl_loop *loop = context;
  int running;
  int ready = ((what & EV_READ) ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0);
  curl_multi_socket_action(loop->multi, socket, ready, &running);
  collect(loop);
}

static void time_out(evutil_socket_t socket, short what, void *context) {
  struct mtasts_curl_loop *loop = context;
  int running;
  (void)socket;
  (void)what;
  curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  collect(loop);
}

/* CURLMOPT_SOCKETFUNCTION: keeps one event for each socket; libcurl stores the pointer. */
static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *known) {
  struct mtasts_curl_loop *loop = context;
  short events = (short)(((what & CURL_POLL_IN) ? EV_READ : 0) |
                         ((what & CURL_POLL_OUT) ? EV_WRITE : 0) | EV_PERSIST);
  (void)easy;
  if (known)
    event_free(known);
  struct event *event = NULL;
  if (what != CURL_POLL_REMOVE)
    event = event_new(loop->base, socket, events, socket_ready, loop);
  if (event && event_add(event, NULL) != 0) {
    event_free(event);
    event = NULL;
  }
  curl_multi_assign(loop->multi, socket, event);
  return event || what == CURL_POLL_REMOVE ? 0 : -1;
}

/* CURLMOPT_TIMERFUNCTION */
static int set_timer(CURLM *multi, long wait, void *context) {
  struct mtasts_curl_loop *loop = context;
  (void)multi;
  if (wait < 0)
    return event_del(loop->timer);
  return event_add(loop->timer, &(struct timeval){wait / 1000, wait % 1000 * 1000});
}

bool mtasts_curl_loop_add(struct mtasts_curl_loop *loop, CURL *easy) {
  return curl_multi_add_handle(loop->multi, easy) == CURLM_OK;
}

void mtasts_curl_loop_remove(struct mtasts_curl_loop *loop, CURL *easy) {
  curl_multi_remove_handle(loop->multi, easy);
}

enum mtasts_status mtasts_curl_loop_new(struct event_base *base, mtasts_curl_done_fn *done,
                                        char error[MTASTS_ERROR_TEXT],
                                        struct mtasts_curl_loop **loop) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    snprintf(error, MTASTS_ERROR_TEXT, "libcurl cannot be initialised");
    return MTASTS_IO;
  }
  struct mtasts_curl_loop *made = calloc(1, sizeof *made);
  if (!made) {
    snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
    curl_global_cleanup();
    return MTASTS_NO_MEMORY;
  }
  made->base = base;
  made->done = done;
  made->timer = evtimer_new(base, time_out, made);
  made->multi = curl_multi_init();
  if (!made->timer || !made->multi) {
    snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
    mtasts_curl_loop_free(made);
    return MTASTS_NO_MEMORY;
  }
  curl_multi_setopt(made->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
  curl_multi_setopt(made->multi, CURLMOPT_SOCKETDATA, made);
  curl_multi_setopt(made->multi, CURLMOPT_TIMERFUNCTION, set_timer);
  curl_multi_setopt(made->multi, CURLMOPT_TIMERDATA, made);
  *loop = made;
  return MTASTS_OK;
}

void mtasts_curl_loop_free(struct mtasts_curl_loop *loop) {
  if (!loop)
    return;
  curl_multi_cleanup(loop->multi);
  if (loop->timer)
    event_free(loop->timer);
  free(loop);
  curl_global_cleanup();
}
