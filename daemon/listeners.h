/*
 * listeners.h: all sockets at which mtastsd accepts connections or takes outcomes. systemd has
 * opened some of them; mtastsd opens the others itself.
 *
 * A socket may fail to open, because another process has the address or the host does not have it
 * yet. The others serve all the same, and the failed one is tried again. A unix socket that was
 * removed is opened again.
 *
 * For one thread: that of main.c. A socket that is opened later is given to the loop that serves
 * it.
 */
#ifndef MTASTS_LISTENERS_H
#define MTASTS_LISTENERS_H

#include "error_text.h"
#include "front.h"
#include "listen.h"

enum {
  MTASTS_LISTENERS_MAX = 64,
  MTASTS_LISTENERS_ADDRESSES_MAX = MTASTS_LISTENERS_MAX + 2,
  MTASTS_LISTENERS_ENDPOINT = 128, /* bytes */
  MTASTS_LISTENERS_RETRY = 5,      /* seconds between tries */
};

enum mtasts_listener_kind {
  MTASTS_LISTENER_ASK,
  MTASTS_LISTENER_SOCKETMAP,
  MTASTS_LISTENER_OUTCOME,
  MTASTS_LISTENER_METRICS,
};

/* An address of the configuration. */
struct mtasts_listener_address {
  enum mtasts_listener_kind kind;
  char endpoint[MTASTS_LISTENERS_ENDPOINT];
  const struct mtasts_access *access;    /* of the configuration */
  struct mtasts_listen_socket listening; /* the last one that was opened; fd -1: none yet */
  bool by_systemd;
  bool open;
  int number;                  /* if not open: an errno, */
  char why[MTASTS_ERROR_TEXT]; /* and a sentence */
};

struct mtasts_listeners {
  struct mtasts_listener listeners[MTASTS_LISTENERS_MAX]; /* to be passed to mtasts_front_new */
  size_t listener_count;
  int outcome_fd; /* likewise; -1: none */
  int metrics_fd; /* for mtasts_metrics_new; -1: none */
  struct mtasts_listener_address addresses[MTASTS_LISTENERS_ADDRESSES_MAX];
  size_t address_count;
  const struct mtasts_config *config;
  char text[512]; /* `ask=unix:/run/mtasts/ask.sock socketmap=…`, for the log */
};

/*
 * systemd's sockets are matched by name (ask, socketmap, outcome, metrics), or by type and address
 * if they have none of these names. A configured address that systemd did not pass is opened here;
 * if that fails, its `open` is false. The pointer config is kept. False: no socket for requests is
 * open; error says why, errno is mtasts_listen's.
 */
bool mtasts_listeners_open(struct mtasts_listeners *listeners, const struct mtasts_config *config,
                           char error[MTASTS_ERROR_TEXT]);

/* Takes over fd, a socket of that kind, and serves it from now on. fd replaces `old`, a socket that
 * was given before and that clients can no longer reach; -1: none. False: it cannot, and the caller
 * still owns fd. */
typedef bool mtasts_listeners_give_fn(void *context, enum mtasts_listener_kind kind, int fd,
                                      int old);

/*
 * Checks whether unix sockets still exist, and tries again to open what is not open. Logs changes.
 * To be called every MTASTS_LISTENERS_RETRY seconds. Returns whether anything has changed.
 */
bool mtasts_listeners_check(struct mtasts_listeners *listeners, mtasts_listeners_give_fn *give,
                            void *context);

/* Writes a line for each address that is not open, as far as they fit; "" if all are open. Returns
 * their number. */
size_t mtasts_listeners_failed(const struct mtasts_listeners *listeners, char *lines, size_t size);

/* Removes the files of the unix sockets that mtastsd opened itself. */
void mtasts_listeners_remove(const struct mtasts_listeners *listeners);

#endif
