#include "batch.h"

#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "json.h"
#include "out.h"

enum {
  JOBS_DEFAULT = 64,
  JOBS_MAX = 4096,
  DRAW_MS = 100,
};

/* Input */

static enum mtasts_supply next(void *context, struct mtasts_lookup_item *item) {
  struct mtasts_batch *batch = context;
  enum mtasts_supply supply = MTASTS_SUPPLY_END;
  if (!batch->ended)
    supply = batch->next(batch->context, &item->domain);
  if (supply == MTASTS_SUPPLY_LATER)
    event_add(batch->readable, NULL);
  if (supply == MTASTS_SUPPLY_END) {
    batch->ended = true;
    if (mtasts_domain_list_take(&batch->again, &item->domain)) {
      item->token = batch; /* marks the last attempt */
      supply = MTASTS_SUPPLY_GIVEN;
    } else if (batch->in_flight > 0) { /* one of those may need another attempt */
      supply = MTASTS_SUPPLY_LATER;
    }
  }
  batch->in_flight += supply == MTASTS_SUPPLY_GIVEN;
  return supply;
}

/* Results */

static void count_mode(struct mtasts_batch_counts *counts, enum mtasts_mode mode) {
  switch (mode) {
  case MTASTS_MODE_ENFORCE:
    counts->enforce++;
    break;
  case MTASTS_MODE_TESTING:
    counts->testing++;
    break;
  case MTASTS_MODE_NONE:
    counts->none++;
    break;
  }
}

/* Counts by policy, not by verdict, since the verdict may be DANE. A policy that is kept despite an
 * error counts twice: once as a policy and once as an error. */
static void count(struct mtasts_batch_counts *counts, const struct mtasts_lookup_result *result,
                  const struct mtasts_decision *decision) {
  const struct mtasts_entry *entry = result->entry;
  bool error = entry && entry->error != MTASTS_ERROR_NONE;
  counts->done++;
  counts->cached += !result->asked;
  if (decision->policy)
    count_mode(counts, decision->policy->mode);
  if (error)
    counts->errors[entry->error]++;
  else if (decision->verdict == MTASTS_VERDICT_UNKNOWN)
    counts->unknown++;
  else if (!decision->policy)
    counts->absent++;
}

static void done(void *context, const struct mtasts_lookup_item *item,
                 const struct mtasts_lookup_result *result) {
  struct mtasts_batch *batch = context;
  struct mtasts_decision decision =
      mtasts_decide(result->entry, result->override, result->freshness, result->now);
  batch->in_flight--;
  if (decision.verdict == MTASTS_VERDICT_UNKNOWN && !result->entry && !item->token &&
      mtasts_domain_list_add(&batch->again, &item->domain))
    return;
  count(&batch->counts, result, &decision);
  if (mtasts_lookup_session_storing(batch->session) == MTASTS_STORING_FAILED)
    mtasts_lookup_session_stop(batch->session);
  /* After an answer that could not be printed, others of the same turn of the loop may still come.
   */
  if (!batch->options->json || batch->code != MTASTS_EXIT_OK)
    return;
  struct mtasts_answer answer = {
      .text = {item->domain.name, item->domain.len},
      .domain = &item->domain,
      .entry = result->entry,
      .override = result->override,
      .decision = &decision,
      .monitor = result->monitor,
  };
  batch->code = mtasts_json_answer(&answer, NULL);
  if (batch->code != MTASTS_EXIT_OK)
    mtasts_lookup_session_stop(batch->session);
}

/* By type, one below the other. */
static void print_errors(const struct mtasts_batch_counts *counts, FILE *out) {
  const size_t types = sizeof counts->errors / sizeof *counts->errors;
  uint64_t all = 0;
  for (size_t i = 1; i < types; i++)
    all += counts->errors[i];
  if (all == 0)
    return;
  int width = fprintf(out, "%" PRIu64, all);
  fputs(" errors:\n", out);
  for (size_t i = 1; i < types; i++)
    if (counts->errors[i] > 0)
      fprintf(out, "  %*" PRIu64 " %s\n", width, counts->errors[i],
              mtasts_error_name((enum mtasts_error)i));
}

static void print_summary(const struct mtasts_batch *batch) {
  const struct mtasts_batch_counts *c = &batch->counts;
  double spent = mtasts_seconds() - batch->progress.started;
  FILE *out = batch->options->json ? stderr : stdout;
  fprintf(out, "%" PRIu64 " domains in %.1f s, %.0f a second; %" PRIu64 " were cached\n", c->done,
          spent, spent > 0 ? (double)c->done / spent : 0, c->cached);
  fprintf(out, "%" PRIu64 " enforce, %" PRIu64 " testing, %" PRIu64 " none, %" PRIu64 " absent\n",
          c->enforce, c->testing, c->none, c->absent);
  print_errors(c, out);
  if (c->unknown > 0)
    fprintf(out, "%" PRIu64 " of which mtastsd has no answer yet\n", c->unknown);
}

/* The run */

static void on_readable(evutil_socket_t fd, short what, void *context) {
  struct mtasts_batch *batch = context;
  (void)fd;
  (void)what;
  mtasts_lookup_session_wake(batch->session);
}

static void on_draw(evutil_socket_t fd, short what, void *context) {
  struct mtasts_batch *batch = context;
  (void)fd;
  (void)what;
  mtasts_progress_draw(&batch->progress, batch->counts.done + batch->passed_over);
}

/* All that is stored stays. A second signal ends the program at once. */
static void on_signal(evutil_socket_t number, short what, void *context) {
  struct mtasts_batch *batch = context;
  (void)what;
  batch->signal = (int)number;
  mtasts_lookup_session_stop(batch->session);
}

enum {
  EVENTS = 3,
};

static bool make_events(struct mtasts_batch *batch, struct event *events[EVENTS]) {
  struct event_base *base = mtasts_lookup_session_base(batch->session);
  struct timeval every = {.tv_usec = DRAW_MS * 1000};
  events[0] = evsignal_new(base, SIGINT, on_signal, batch);
  events[1] = evsignal_new(base, SIGTERM, on_signal, batch);
  events[2] = event_new(base, -1, EV_PERSIST, on_draw, batch);
  if (batch->pipe >= 0) {
    batch->readable = event_new(base, batch->pipe, EV_READ, on_readable, batch);
    if (!batch->readable)
      return false;
  }
  return events[0] && events[1] && events[2] && event_add(events[0], NULL) == 0 &&
         event_add(events[1], NULL) == 0 && event_add(events[2], &every) == 0;
}

static int run_events(struct mtasts_batch *batch) {
  struct event *events[EVENTS] = {0};
  int code = MTASTS_EXIT_MEMORY;
  if (make_events(batch, events))
    code = mtasts_lookup_session_run(batch->session);
  else
    mtasts_print_error(batch->name, "out of memory");
  for (size_t i = 0; i < EVENTS; i++)
    if (events[i])
      event_free(events[i]);
  if (batch->readable)
    event_free(batch->readable);
  return code;
}

static bool read_jobs(const struct mtasts_options *options, unsigned long *jobs) {
  *jobs = JOBS_DEFAULT;
  if (!options->jobs || mtasts_number_read(options->jobs, 1, JOBS_MAX, jobs))
    return true;
  mtasts_print_error(options->jobs, "--jobs is 1 to %d", JOBS_MAX);
  return false;
}

/* A look-up in flight has one connection, or two for a moment. Half of all descriptors belong to
 * the resolvers (net/resolver.c). */
static unsigned fit_jobs(unsigned long jobs) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return (unsigned)jobs;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    getrlimit(RLIMIT_NOFILE, &limit);
  rlim_t max = limit.rlim_cur / 4;
  if (max >= jobs)
    return (unsigned)jobs;
  max = max > 0 ? max : 1;
  mtasts_print_error("--jobs",
                     "%lu would need more than the %lu open files that are allowed; it is %lu "
                     "(raise `ulimit -n`)",
                     jobs, (unsigned long)limit.rlim_cur, (unsigned long)max);
  return (unsigned)max;
}

static int run_session(struct mtasts_batch *batch) {
  bool shown = isatty(STDERR_FILENO) && !(batch->options->json && isatty(STDOUT_FILENO));
  mtasts_progress_begin(&batch->progress, shown, shown ? batch->total(batch->context) : 0);
  int code = run_events(batch);
  mtasts_wipe();
  const char *trouble = mtasts_lookup_session_trouble(batch->session);
  bool stored = mtasts_lookup_session_storing(batch->session) != MTASTS_STORING_NOWHERE;
  int unstored = mtasts_lookup_session_unstored(batch->session);
  code = mtasts_lookup_session_close(batch->session, code == MTASTS_EXIT_OK ? batch->code : code);
  print_summary(batch);
  if (trouble)
    mtasts_print_error(batch->name, "%s; stopped after %" PRIu64 " domains (%s)", trouble,
                       batch->counts.done, batch->rest);
  if (!stored && batch->counts.done > batch->counts.cached) {
    mtasts_print_error(batch->name,
                       "nothing was stored: there is no cache to write to; name one with "
                       "--cache, and see -v");
    code = code == MTASTS_EXIT_OK ? unstored : code;
  }
  if (code == MTASTS_EXIT_OK && batch->signal != 0) {
    mtasts_print_error(batch->name, "interrupted%s", stored ? "; what was learnt is stored" : "");
    return 128 + batch->signal;
  }
  return code;
}

int mtasts_batch_run(struct mtasts_batch *batch) {
  unsigned long jobs;
  if (!read_jobs(batch->options, &jobs))
    return MTASTS_EXIT_USAGE;
  const struct mtasts_lookup_session_options options = {
      .options = batch->options,
      .access = batch->access,
      .jobs = fit_jobs(jobs),
      .forced = batch->forced,
      .storing = batch->forced,
      .daemon_only = true,
      .next = next,
      .done = done,
      .context = batch,
  };
  int code = mtasts_lookup_session_open(&options, &batch->session);
  if (code == MTASTS_EXIT_OK)
    code = run_session(batch);
  mtasts_domain_list_free(&batch->again);
  return code;
}
