/*
 * soak.h: a world of domains that change and break, a record of what it answered to mtastsd and
 * when, and an oracle that checks mtastsd's answers by that record.
 *
 * Times (`at`) are seconds of the monotonic clock. mtastsd's own clock runs faster: see soak_day.
 *
 * No judgement rests on how fast a busy machine is. A round is one import that mtastsd has
 * acknowledged, and one question to the world's DNS after it. It passes through the queues of both
 * loops, so what mtastsd was given before a few whole rounds has been taken in after them. Where
 * mtastsd is killed in between, it may or may not have been taken in.
 *
 * All functions may be called by any thread.
 */
#ifndef SOAK_H
#define SOAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mtasts.h"

enum {
  DOMAINS = 24,
  SPEED = 100,       /* mtastsd's seconds in one */
  CHECK = 60,        /* its seconds that a look at a record counts: MTASTS_CHECK_MIN */
  RETRY_MIN = 300,   /* its seconds between two fetches that fail */
  RETRY_MAX = 600,   /* in its configuration */
  DNS_TIMEOUT = 1,   /* seconds, in its configuration */
  HTTPS_TIMEOUT = 3, /* seconds, in its configuration */
  DNS_PORT = 5300,
  HOST_SIZE = 64,
  WORDS_SIZE = 1024,
};

enum look_kind {
  LOOK_VALID,
  LOOK_ABSENT,
  LOOK_INVALID,
  LOOK_FAILED,  /* SERVFAIL */
  LOOK_DROPPED, /* no answer */
};

/* oracle.c: what happened */

/* The monotonic clock, and mtastsd's clock at a moment of it: seconds since the epoch. */
double soak_now(void);
double soak_day(double at);
/* The environment variable for the clock of a child: MTASTS_CLOCK=… */
const char *soak_clock_words(void);

/* mtastsd is up, or about to end. */
void soak_begin_life(void);
void soak_end_life(void);
/* Odd while mtastsd is up. */
unsigned soak_life(void);
/* One more round has ended. It began and ended in the same life. */
void soak_round(void);

/* The world's DNS was asked for a record, and answered so. late: mtastsd may have given up. */
void soak_look(unsigned domain, enum look_kind kind, unsigned id, bool late);
/* It was asked for the policy host's address. failed: there is none that can be connected to. */
void soak_address(unsigned domain, bool failed);
/* It was asked for an IPv6 address, of which there is none. That is the end if no connection is
 * open. */
void soak_no_other_address(unsigned domain);
/* A connection to the policy host. Returns a number for the two calls below. */
size_t soak_connect(unsigned domain);
/* From now on mtastsd may have that version of the policy. */
void soak_hand(unsigned domain, size_t attempt, unsigned version);
/* The connection is over. whole: the policy was handed over to its last byte. */
void soak_close(unsigned domain, size_t attempt, bool whole);

/* oracle.c: judging */

enum said {
  SAID_POLICY,  /* of that version */
  SAID_NONE,    /* there is no policy */
  SAID_PLAIN,   /* nothing to enforce: no policy, or one of another mode, or not known */
  SAID_UNKNOWN, /* could not be looked up in time */
};

struct answer {
  const char *front; /* the front end that got the answer */
  unsigned domain;
  enum said said;
  unsigned version;
  double asked, answered;
  unsigned life;    /* when it was asked */
  double patience;  /* seconds after which it may be unknown; 0: the file was read, mtastsd was not
                       asked */
  bool uncommitted; /* the reader may see what a kill takes back */
};

void soak_judge(const struct answer *answer);
void soak_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Judges what mtastsd had to ask for by now. */
void soak_judge_duties(void);

struct figures {
  unsigned long answers, policies, nones, unknowns, governed; /* governed: none would be wrong */
  unsigned long wrong, looks, failed_looks, fetches, failed_fetches, duties, neglected, rounds;
};
struct figures soak_figures(void);

/* world.c */

/* All about a version of a policy, and a domain, is made of their numbers. */
enum mtasts_mode world_mode(unsigned version);
void world_domain(unsigned domain, struct mtasts_domain *out);
uint32_t world_max_age(unsigned domain);
/* The mx patterns, with `between` between two of them. */
void world_patterns(unsigned domain, unsigned version, const char *between, char out[WORDS_SIZE]);
/* The version of which that is the first pattern; 0: of none. */
unsigned world_version(const char *pattern, unsigned domain);

/* Enters a network of the process's own, before it has threads. False: that is not permitted. */
bool world_enter(void);
/* Begins to serve, and writes the authority's certificate. */
bool world_start(const char *bundle);
/* Something changes, breaks or heals. */
void world_turn(unsigned *seed);
/* All heals, and each domain has a new policy under a new id. */
void world_heal(void);
/* The newest version of each. */
unsigned world_newest(unsigned domain);
/* Does the DNS answer a question that is put now? */
bool world_dns_answers(void);

#endif
