/*
 * sendmail.h: hands one mail to the MTA's sendmail(8), on a libevent loop.
 *
 * `PROGRAM -i -f FROM -- ADDRESS…` runs in a session and with an environment of its own. Its
 * standard input is a file that holds the whole message and cannot be changed: if this process is
 * killed, sendmail still gets all of it, or has not been started. Exit status 0 means that it is
 * accepted.
 *
 * A process between the two limits the time. It is the reaper of all that sendmail leaves behind.
 * At the limit it kills sendmail and every descendant, also those that have left its process group.
 * If sendmail ends in time, what it has started in the background goes on: an MTA delivers so.
 */
#ifndef MTASTS_TOOL_SENDMAIL_H
#define MTASTS_TOOL_SENDMAIL_H

#include "mtasts.h"

struct event_base;
struct mtasts_sendmail;

struct mtasts_sendmail_answer {
  bool taken;
  bool missing;                       /* the program cannot be run */
  char detail[MTASTS_DETAIL_MAX + 1]; /* why it is not taken: "/usr/sbin/sendmail ended with status
                                         75: queue is full"; else "" */
};

typedef void mtasts_sendmail_fn(void *context, const struct mtasts_sendmail_answer *answer);

struct mtasts_sendmail_options {
  const char *program;
  const char *from;
  const char *const *to; /* at least one */
  size_t to_count;
  struct mtasts_span message; /* copied */
  uint32_t timeout;           /* seconds */
  mtasts_sendmail_fn *done;   /* called once, from the loop */
  void *context;
};

/* Starts sendmail. MTASTS_NO_MEMORY, MTASTS_IO: no process or descriptor can be made. */
enum mtasts_status mtasts_sendmail_start(struct event_base *base,
                                         const struct mtasts_sendmail_options *options,
                                         struct mtasts_sendmail **run);

#endif
