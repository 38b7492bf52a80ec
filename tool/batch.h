/*
 * batch.h: many domains looked up with a progress bar and a summary, for warm and refresh.
 *
 * With --json each domain gives a line as query does, and the summary goes to standard error.
 * A domain of which mtastsd had no answer in time is asked for once more at the end, when the
 * answer has perhaps come. An interrupt ends the batch and keeps what was learnt; so does a cache
 * that can no longer be written, for then all the rest would be in vain, and mtastsd, where it was
 * asked and goes away.
 */
#ifndef MTASTS_TOOL_BATCH_H
#define MTASTS_TOOL_BATCH_H

#include "domain_list.h"
#include "lookup_session.h"
#include "progress.h"

struct mtasts_batch_counts {
  uint64_t done, cached, enforce, testing, none, absent, unknown;
  uint64_t errors[MTASTS_ERROR_RECORD_INVALID + 1]; /* by enum mtasts_error */
};

struct mtasts_batch {
  /* Set before the run. */
  const struct mtasts_options *options;
  const char *name;                   /* of the command */
  struct mtasts_cache_access *access; /* as in lookup_session.h */
  bool forced;                        /* ask anew, and be able to store it */
  const char *rest; /* a remark for where mtastsd goes away: what becomes of the rest */
  int pipe;         /* what `next` reads from and must not wait for; -1: nothing */
  /* How many domains are to come, for a bar; 0: unknown. Only called where a bar is shown. */
  uint64_t (*total)(void *context);
  enum mtasts_supply (*next)(void *context, struct mtasts_domain *domain);
  void *context;

  struct mtasts_progress progress;
  uint64_t passed_over; /* of the total: what `next` took for no domain */
  struct mtasts_batch_counts counts;

  /* The batch's own. */
  struct mtasts_lookup_session *session;
  struct event *readable; /* the pipe has more */
  bool ended;             /* `next` has no more */
  uint64_t in_flight;
  struct mtasts_domain_list again; /* to be asked for once more */
  int signal;                      /* that ended it */
  int code;
};

/* Returns an exit code. */
int mtasts_batch_run(struct mtasts_batch *batch);

#endif
