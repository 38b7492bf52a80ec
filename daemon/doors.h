/*
 * doors.h: all sockets that mtastsd is reached by: those that systemd has opened for it, and those
 * that it opens itself because systemd has not.
 *
 * One that cannot be opened, since another process has the address or the host does not have it
 * yet, keeps no other from serving. It is tried again, and so is a unix socket that was removed.
 *
 * For one thread: that of main.c. What is opened later is given to who serves there.
 */
#ifndef MTASTS_DOORS_H
#define MTASTS_DOORS_H

#include "error_text.h"
#include "front.h"
#include "listen.h"

enum {
  MTASTS_DOORS_MAX = 64,
  MTASTS_DOORS_PLACES_MAX = MTASTS_DOORS_MAX + 2,
  MTASTS_DOORS_ENDPOINT = 128, /* bytes */
  MTASTS_DOORS_RETRY = 5,      /* seconds between tries */
};

enum mtasts_door_kind {
  MTASTS_KIND_ASK,
  MTASTS_KIND_SOCKETMAP,
  MTASTS_KIND_OUTCOME,
  MTASTS_KIND_METRICS,
};

/* An address of the configuration. */
struct mtasts_door_place {
  enum mtasts_door_kind kind;
  char endpoint[MTASTS_DOORS_ENDPOINT];
  const struct mtasts_access *access; /* of the configuration */
  struct mtasts_listening listening;  /* the last one that was opened; fd -1: none yet */
  bool by_systemd;
  bool open;
  int number;                  /* why not: an errno, */
  char why[MTASTS_ERROR_TEXT]; /* and a sentence */
};

struct mtasts_doors {
  struct mtasts_listener listeners[MTASTS_DOORS_MAX]; /* for whoever runs the front loop to close */
  size_t listener_count;
  int outcome_fd; /* likewise; -1: none */
  int metrics_fd; /* for mtasts_metrics_new; -1: none */
  struct mtasts_door_place places[MTASTS_DOORS_PLACES_MAX];
  size_t place_count;
  const struct mtasts_config *config;
  char text[512]; /* `ask=unix:/run/mtasts/ask.sock socketmap=…`, for the log */
};

/*
 * systemd's sockets are told apart by name (ask, socketmap, outcome, metrics), and where they have
 * none of these by type and address. What the configuration names and systemd did not bring is
 * opened, or is a place with open false. The configuration is kept. False: nobody could ask
 * anything; error says why, errno is mtasts_listen's.
 */
bool mtasts_doors_open(struct mtasts_doors *doors, const struct mtasts_config *config,
                       char error[MTASTS_ERROR_TEXT]);

/* Takes over fd, a socket of that kind that serves from now on. It stands in for `old`, a socket
 * that was given before and that nobody can reach any more; -1: for none. False: it cannot, and has
 * left fd alone. */
typedef bool mtasts_doors_give_fn(void *context, enum mtasts_door_kind kind, int fd, int old);

/*
 * Looks whether unix sockets are still there, and tries again what is not open. Logs what has
 * changed. To be called every MTASTS_DOORS_RETRY seconds. Returns whether anything has changed.
 */
bool mtasts_doors_tend(struct mtasts_doors *doors, mtasts_doors_give_fn *give, void *context);

/* Writes a line for each place that is not open, as much as fits; "" where all are. Returns their
 * number. */
size_t mtasts_doors_closed(const struct mtasts_doors *doors, char *lines, size_t size);

/* Removes the files of its own unix sockets. */
void mtasts_doors_remove(const struct mtasts_doors *doors);

#endif
