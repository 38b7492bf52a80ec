/*
 * listeners.h: all sockets that mtastsd is reached by: those that systemd has opened for it, and
 * those that it opens itself because systemd has not.
 *
 * One that cannot be opened, since another process has the address or the host does not have it
 * yet, keeps no other from serving. It is tried again, and so is a unix socket that was removed.
 *
 * For one thread: that of main.c. What is opened later is given to who serves there.
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
  int number;                  /* why not: an errno, */
  char why[MTASTS_ERROR_TEXT]; /* and a sentence */
};

struct mtasts_listeners {
  struct mtasts_listener
      listeners[MTASTS_LISTENERS_MAX]; /* for whoever runs the front loop to close */
  size_t listener_count;
  int outcome_fd; /* likewise; -1: none */
  int metrics_fd; /* for mtasts_metrics_new; -1: none */
  struct mtasts_listener_address addresses[MTASTS_LISTENERS_ADDRESSES_MAX];
  size_t address_count;
  const struct mtasts_config *config;
  char text[512]; /* `ask=unix:/run/mtasts/ask.sock socketmap=…`, for the log */
};

/*
 * systemd's sockets are told apart by name (ask, socketmap, outcome, metrics), and where they have
 * none of these by type and address. What the configuration names and systemd did not bring is
 * opened, or is a place with open false. The configuration is kept. False: nobody could ask
 * anything; error says why, errno is mtasts_listen's.
 */
bool mtasts_listeners_open(struct mtasts_listeners *listeners, const struct mtasts_config *config,
                           char error[MTASTS_ERROR_TEXT]);

/* Takes over fd, a socket of that kind that serves from now on. It stands in for `old`, a socket
 * that was given before and that nobody can reach any more; -1: for none. False: it cannot, and has
 * left fd alone. */
typedef bool mtasts_listeners_give_fn(void *context, enum mtasts_listener_kind kind, int fd,
                                      int old);

/*
 * Looks whether unix sockets are still there, and tries again what is not open. Logs what has
 * changed. To be called every MTASTS_LISTENERS_RETRY seconds. Returns whether anything has changed.
 */
bool mtasts_listeners_check(struct mtasts_listeners *listeners, mtasts_listeners_give_fn *give,
                            void *context);

/* Writes a line for each place that is not open, as much as fits; "" where all are. Returns their
 * number. */
size_t mtasts_listeners_failed(const struct mtasts_listeners *listeners, char *lines, size_t size);

/* Removes the files of its own unix sockets. */
void mtasts_listeners_remove(const struct mtasts_listeners *listeners);

#endif
