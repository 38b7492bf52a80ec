#include "check_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ascii.h"
#include "judge.h"
#include "memory_store.h"
#include "observe.h"
#include "out.h"
#include "progress.h"

enum {
  PROGRESS_AFTER = 1, /* seconds; a short run shows nothing */
};

/* The directory of the memories. */
struct memories {
  char *path; /* as the user names it */
  int fd;
  int error; /* errno of opening it */
};

/* memories */

static struct memories open_memories(const struct mtasts_cache_access *access, const char *state) {
  struct memories memories = {.fd = -1};
  char *path = NULL;
  if (state) {
    memories.path = strdup(state);
    path = strdup(mtasts_cache_access_path(access));
  } else if (asprintf(&memories.path, "%s/check", access->directory) < 0 ||
             asprintf(&path, "%s/check", mtasts_cache_access_path(access)) < 0) {
    path = NULL;
  }
  if (path)
    memories.fd = mtasts_memory_open(path);
  memories.error = memories.fd < 0 ? errno : 0;
  free(path);
  return memories;
}

static void close_memories(struct memories *memories) {
  if (memories->fd >= 0)
    close(memories->fd);
  free(memories->path);
}

/* what: "read" or "written" */
static void say_state(struct mtasts_findings *findings, const struct memories *memories,
                      const struct mtasts_domain *domain, const char *what, int error) {
  const char *path = memories->path ? memories->path : "";
  const char *place = mtasts_findings_text(findings, "%s/%s", path, domain->name);
  mtasts_findings_add(
      findings,
      &(struct mtasts_finding){
          .found = MTASTS_FOUND_CHECK_STATE,
          .severity = MTASTS_SEVERITY_INFO,
          .subject = mtasts_findings_shown(findings, mtasts_span_of(place)),
          .message = mtasts_findings_text(
              findings, "The memory of earlier checks cannot be %s: %s.", what,
              error != 0 ? strerror(error) : "it is damaged, and is begun afresh"),
          .remedy = error != 0 ? "Let the user who runs the check write that directory, or name "
                                 "another one with --state DIR."
                               : "Nothing has to be done; if it happens again, check the disk.",
      });
}

/* memories: NULL: none are wanted. */
static void judge(const struct mtasts_observation *seen, const struct mtasts_domain *domain,
                  const struct mtasts_judge_options *options, const struct memories *memories,
                  struct mtasts_findings *findings) {
  struct mtasts_memory memory = {.id_count = 0};
  if (!memories || memories->fd < 0 || seen->resolver_dead) {
    mtasts_judge(seen, options, NULL, findings);
    if (memories && !seen->resolver_dead)
      say_state(findings, memories, domain, "read", memories->error);
    return;
  }
  mtasts_memory_lock(memories->fd);
  enum mtasts_status loaded = mtasts_memory_load(memories->fd, domain, &memory);
  int error = errno;
  mtasts_judge(seen, options, &memory, findings);
  bool usable = loaded == MTASTS_OK || loaded == MTASTS_ABSENT;
  if (!usable)
    say_state(findings, memories, domain, "read", error);
  /* A domain without a policy leaves no file. One that could not be read may be whole: it stays. */
  bool nothing = !memory.has_last && loaded == MTASTS_ABSENT;
  if (!nothing && (usable || loaded == MTASTS_CORRUPT) &&
      mtasts_memory_save(memories->fd, domain, &memory) != MTASTS_OK && usable)
    say_state(findings, memories, domain, "written", errno);
  mtasts_memory_unlock(memories->fd);
}

/* results */

const struct mtasts_findings *mtasts_check_results_at(const struct mtasts_check_results *results,
                                                      size_t at) {
  return &results->findings[results->firsts[at]];
}

void mtasts_check_results_free(struct mtasts_check_results *results) {
  for (size_t i = 0; i < results->count; i++)
    mtasts_findings_free(&results->findings[i]);
  free(results->findings);
  free((void *)(uintptr_t)results->firsts);
  *results = (struct mtasts_check_results){.count = 0};
}

static bool make_results(const struct mtasts_check_request *request,
                         struct mtasts_check_results *results) {
  size_t *firsts = calloc(request->count, sizeof *firsts);
  results->firsts = firsts;
  results->findings = calloc(request->count, sizeof *results->findings);
  if (!firsts || !results->findings)
    return false;
  results->count = request->count;
  for (size_t i = 0; i < request->count; i++)
    while (firsts[i] < i && strcmp(request->domains[firsts[i]].name, request->domains[i].name) != 0)
      firsts[i]++;
  return true;
}

static int no_memory(void) {
  mtasts_print_error("check", "out of memory");
  return MTASTS_EXIT_MEMORY;
}

/* the network */

static void show_progress(void *context, size_t ended, size_t known) {
  const double *started = context;
  double seconds = mtasts_seconds() - *started;
  char line[64];
  if (seconds < PROGRESS_AFTER)
    return;
  snprintf(line, sizeof line, "checking: %zu of %zu answers, %.0f s", ended, known, seconds);
  mtasts_passing_line(line);
}

static int observe(const struct mtasts_check_request *request,
                   const struct mtasts_cache_access *access, int64_t now,
                   struct mtasts_observations **observations) {
  char error[MTASTS_ERROR_TEXT] = "";
  double started = mtasts_seconds();
  bool shown = isatty(STDERR_FILENO) != 0;
  const struct mtasts_observe_options options = {
      .config = access->config,
      .resolver = request->options->resolver,
      .ca_file = mtasts_cache_access_ca_file(access),
      .smtp = request->smtp,
      .smtp_timeout = request->timeout,
      .helo = request->helo,
      .now = now,
      .progress = shown ? show_progress : NULL,
      .context = &started,
  };
  enum mtasts_status status =
      mtasts_observe(&options, request->domains, request->count, error, observations);
  mtasts_wipe();
  if (status == MTASTS_OK)
    return MTASTS_EXIT_OK;
  if (status == MTASTS_NO_MEMORY)
    return no_memory();
  mtasts_print_error("check", "%s", *error ? error : mtasts_status_name(status));
  return status == MTASTS_INVALID ? MTASTS_EXIT_CONFIG : MTASTS_EXIT_IO;
}

static int run(const struct mtasts_check_request *request, const struct mtasts_cache_access *access,
               struct mtasts_check_results *results) {
  struct mtasts_observations *observations = NULL;
  const struct mtasts_judge_options options = {
      .now = time(NULL), .has_expect = request->has_expect, .expect = request->expect};
  if (!make_results(request, results))
    return no_memory();
  int code = observe(request, access, options.now, &observations);
  if (code != MTASTS_EXIT_OK)
    return code;
  struct memories memories = {.fd = -1};
  if (!request->stateless)
    memories = open_memories(access, request->state);
  results->validates = true;
  for (size_t i = 0; i < request->count; i++) {
    struct mtasts_findings *findings = &results->findings[i];
    const struct mtasts_observation *seen = mtasts_observations_at(observations, i);
    results->validates = results->validates && (seen->validates || seen->resolver_dead);
    if (results->firsts[i] == i)
      judge(seen, &request->domains[i], &options, request->stateless ? NULL : &memories, findings);
    if (findings->no_memory || findings->arena.failed)
      code = MTASTS_EXIT_MEMORY;
  }
  close_memories(&memories);
  mtasts_observations_free(observations);
  return code == MTASTS_EXIT_OK ? code : no_memory();
}

int mtasts_check_run(const struct mtasts_check_request *request,
                     struct mtasts_check_results *results) {
  struct mtasts_cache_access access = {0};
  /* The user that root becomes is the one who may write the memories. */
  struct mtasts_options options = *request->options;
  if (request->state) {
    options.cache = (char *)(uintptr_t)request->state;
    mtasts_memory_make_above(request->state);
  }
  *results = (struct mtasts_check_results){.count = 0};
  int code = mtasts_cache_access_load(
      &options, request->stateless ? MTASTS_CACHE_ACCESS_READ : MTASTS_CACHE_ACCESS_CREATE,
      &access);
  if (code == MTASTS_EXIT_OK)
    code = run(request, &access, results);
  if (code != MTASTS_EXIT_OK)
    mtasts_check_results_free(results);
  return mtasts_cache_access_close(&access, code);
}
