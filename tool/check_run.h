/*
 * check_run.h: asks all of some domains (net/observe.h), judges them (check/judge.h) and keeps
 * their memories (check/memory_store.h).
 */
#ifndef MTASTS_TOOL_CHECK_RUN_H
#define MTASTS_TOOL_CHECK_RUN_H

#include "cache_access.h"
#include "finding.h"

struct mtasts_check_request {
  const struct mtasts_options *options; /* the global ones */
  const struct mtasts_domain *domains;
  size_t count;
  bool smtp;
  uint32_t timeout;  /* seconds for one connection to a mail server */
  const char *helo;  /* NULL: this host's own */
  const char *state; /* the directory of the memories; NULL: `check` in the cache directory */
  bool stateless;    /* no memory is read or written */
  bool has_expect;
  enum mtasts_mode expect;
};

struct mtasts_check_results {
  struct mtasts_findings *findings; /* of each domain; of one that is named again, at the first */
  const size_t *firsts;             /* for each domain, where it is named first */
  size_t count;
  bool validates; /* DNSSEC, for all domains that could be judged */
};

/* On failure prints an error and returns an exit code, and there are no results. A progress line is
 * shown on standard error if that is a terminal. */
int mtasts_check_run(const struct mtasts_check_request *request,
                     struct mtasts_check_results *results);

const struct mtasts_findings *mtasts_check_results_at(const struct mtasts_check_results *results,
                                                      size_t at);

void mtasts_check_results_free(struct mtasts_check_results *results);

#endif
