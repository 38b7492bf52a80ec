/*
 * batch.h: looks up many domains with a progress bar and a summary, for warm and refresh.
 *
 * With --json each domain gives a line as query does, and the summary goes to standard error. If
 * mtastsd had no answer for a domain in time, the domain is asked for once more at the end. An
 * interrupt ends the batch and keeps what was learnt. A cache that can no longer be written also
 * ends it, because the rest would be lost. So does mtastsd, if it was asked and stops answering.
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
  const char *name;                   /* of the command: warm or refresh */
  struct mtasts_cache_access *access; /* as in lookup_session.h */
  bool forced;      /* ask even if the cache has an answer, and fail if nothing can be stored */
  const char *rest; /* follows the error if mtastsd stops answering: what becomes of the rest */
  int pipe;         /* `next` reads from it and must not wait for it; -1: no pipe */
  /* The number of domains to come, for the bar; 0: unknown. Called only if a bar is shown. */
  uint64_t (*total)(void *context);
  enum mtasts_supply (*next)(void *context, struct mtasts_domain *domain);
  void *context;

  struct mtasts_progress progress;
  uint64_t passed_over; /* part of the total that held no domain */
  struct mtasts_batch_counts counts;

  /* The fields below are private to the batch. */
  struct mtasts_lookup_session *session;
  struct event *readable; /* the pipe has more */
  bool ended;             /* `next` has no more domains */
  uint64_t in_flight;
  struct mtasts_domain_list again; /* domains to be asked for once more */
  int signal;                      /* the signal that ended the batch; 0: none */
  int code;
};

/* Returns an exit code. */
int mtasts_batch_run(struct mtasts_batch *batch);

#endif
