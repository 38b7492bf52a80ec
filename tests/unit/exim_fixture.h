/*
 * exim_fixture.h: the surroundings of the plugin in a test: a configuration, a cache, something at
 * the ask socket, a collector of outcomes; all in a directory of its own.
 */
#ifndef EXIM_FIXTURE_H
#define EXIM_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "entry_reply.h"

enum {
  FIXTURE_PATH = 128,
};

enum fixture_daemon {
  FIXTURE_ABSENT,
  FIXTURE_STALE,    /* a socket without a listener */
  FIXTURE_ANSWERS,  /* by the domain's first label, see exim_fixture.c */
  FIXTURE_SLOW,     /* a byte at a time */
  FIXTURE_SILENT,   /* takes the request, says nothing */
  FIXTURE_CLOSES,   /* at once */
  FIXTURE_CUTS,     /* in the middle of the reply */
  FIXTURE_NONSENSE, /* replies that are none */
  FIXTURE_RANDOM,   /* right replies with wrong bytes */
  FIXTURE_DAEMONS,
};

struct fixture {
  char directory[32];
  char cache[FIXTURE_PATH];
  pid_t daemon;
  int outcomes; /* a bound datagram socket */
};

/* more: lines of mtasts.conf. */
void fixture_up(struct fixture *fixture, enum fixture_daemon daemon, const char *more);
void fixture_down(struct fixture *fixture);

/* Fills the cache: `enforce`, `big` (a policy in pages of its own), `expired`, `fresh` (known to
 * have no record), `lapsed` and 300 others, all under example. */
void fixture_cache(const struct fixture *fixture);
void fixture_file(const struct fixture *fixture, const char *name, char path[FIXTURE_PATH]);

/* The next datagram, NUL-terminated; false if there is none. */
bool fixture_outcome(const struct fixture *fixture, char *out, size_t size);

#endif
