#include "tcp_connect.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "address.h"
#include "clock.h"
#include "connect.h"

enum {
  AGAIN_MS = 250, /* without a descriptor, until the next try */
};

struct mtasts_tcp_connect {
  struct mtasts_tcp_connect_options options;
  int socket; /* -1: none */
  int64_t deadline;
  struct event *timer;
  struct event *ready; /* NULL while there is no socket */
};

static void close_socket(struct mtasts_tcp_connect *attempt) {
  if (attempt->ready)
    event_free(attempt->ready);
  attempt->ready = NULL;
  if (attempt->socket >= 0)
    close(attempt->socket);
  attempt->socket = -1;
}

void mtasts_tcp_connect_cancel(struct mtasts_tcp_connect *attempt) {
  if (!attempt)
    return;
  close_socket(attempt);
  if (attempt->timer)
    event_free(attempt->timer);
  free(attempt);
}

/* Frees, and then calls back. */
static void finish(struct mtasts_tcp_connect *attempt, enum mtasts_seen_connect outcome,
                   int error) {
  struct mtasts_tcp_connect_options options = attempt->options;
  int fd = -1;
  if (outcome == MTASTS_CONNECT_DONE) {
    fd = attempt->socket;
    attempt->socket = -1;
  }
  mtasts_tcp_connect_cancel(attempt);
  options.done(options.context, outcome, fd, error);
}

static bool is_no_route(int error) {
  return error == ENETUNREACH || error == EAFNOSUPPORT || error == EADDRNOTAVAIL ||
         error == ENETDOWN || error == EPROTONOSUPPORT;
}

static void on_ready(evutil_socket_t fd, short what, void *context) {
  struct mtasts_tcp_connect *attempt = context;
  int error = 0;
  socklen_t size = sizeof error;
  (void)what;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
    error = errno;
  finish(attempt,
         error == 0           ? MTASTS_CONNECT_DONE
         : is_no_route(error) ? MTASTS_CONNECT_NO_ROUTE
                              : MTASTS_CONNECT_FAILED,
         error);
}

/* Returns 0, or the errno of why it cannot be tried. */
static int begin(struct mtasts_tcp_connect *attempt) {
  struct sockaddr_storage to;
  socklen_t size = mtasts_address_socket(&attempt->options.address, attempt->options.port, &to);
  int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0)
    return errno;
  attempt->socket = fd;
  if (connect(fd, (struct sockaddr *)&to, size) != 0 && errno != EINPROGRESS)
    return errno;
  attempt->ready = event_new(attempt->options.base, fd, EV_WRITE, on_ready, attempt);
  return attempt->ready && event_add(attempt->ready, NULL) == 0 ? 0 : ENOMEM;
}

static void on_timer(evutil_socket_t fd, short what, void *context) {
  struct mtasts_tcp_connect *attempt = context;
  int64_t left = attempt->deadline - mtasts_clock_ms();
  (void)fd;
  (void)what;
  if (attempt->ready) {
    finish(attempt, MTASTS_CONNECT_FAILED, ETIMEDOUT);
    return;
  }
  int error = begin(attempt);
  if (error == 0) {
    event_add(attempt->timer, &(struct timeval){left / 1000, left % 1000 * 1000});
  } else if (!mtasts_connector_out_of_resources(error)) {
    /* An error at once is this host's own, unless a packet came back so fast. */
    bool theirs = error == ECONNREFUSED || error == ECONNRESET || error == ETIMEDOUT;
    finish(attempt, theirs ? MTASTS_CONNECT_FAILED : MTASTS_CONNECT_NO_ROUTE, error);
  } else if (left <= AGAIN_MS) {
    finish(attempt, MTASTS_CONNECT_DEADLINE, error);
  } else {
    close_socket(attempt);
    event_add(attempt->timer, &(struct timeval){.tv_usec = AGAIN_MS * 1000});
  }
}

enum mtasts_status mtasts_tcp_connect_start(const struct mtasts_tcp_connect_options *options,
                                            struct mtasts_tcp_connect **attempt) {
  struct mtasts_tcp_connect *made = calloc(1, sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->options = *options;
  made->socket = -1;
  made->deadline = mtasts_clock_ms() + options->timeout;
  made->timer = evtimer_new(options->base, on_timer, made);
  if (!made->timer) {
    free(made);
    return MTASTS_NO_MEMORY;
  }
  event_active(made->timer, EV_TIMEOUT, 0);
  *attempt = made;
  return MTASTS_OK;
}
