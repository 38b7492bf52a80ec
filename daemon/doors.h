/*
 * doors.h: all sockets that mtastsd is reached by: those that systemd has opened for it, and those
 * that it opens itself because systemd has not.
 */
#ifndef MTASTS_DOORS_H
#define MTASTS_DOORS_H

#include "front.h"
#include "listen.h"

enum {
  MTASTS_DOORS_MAX = 64,
};

struct mtasts_doors {
  struct mtasts_listener listeners[MTASTS_DOORS_MAX]; /* for whoever runs the front loop to close */
  size_t listener_count;
  int outcome_fd;                                    /* likewise; -1: none */
  int metrics_fd;                                    /* for mtasts_metrics_new; -1: none */
  struct mtasts_listening own[MTASTS_DOORS_MAX + 2]; /* what mtastsd opened itself */
  size_t own_count;
  char text[512]; /* `ask=unix:/run/mtasts/ask.sock socketmap=…`, for the log */
};

/*
 * systemd's sockets are told apart by name (ask, socketmap, outcome, metrics), and where they have
 * none of these by type and address. What the configuration names and systemd did not bring is
 * opened. False: error says why, errno is mtasts_listen's; what is open already is in *doors.
 */
bool mtasts_doors_open(struct mtasts_doors *doors, const struct mtasts_config *config,
                       char error[MTASTS_LISTEN_ERROR]);

/* Removes the files of its own unix sockets. */
void mtasts_doors_remove(const struct mtasts_doors *doors);

#endif
