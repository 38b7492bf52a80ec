#include "publish_judge.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "child.h"
#include "config.h"
#include "identity.h"
#include "judge.h"
#include "observe.h"
#include "out.h"

enum {
  SMTP_TIMEOUT = 30, /* seconds for one connection, as in `mtasts check` */
};

struct work {
  const struct mtasts_options *options;
  const struct mtasts_publish_list *list;
  struct mtasts_domain *domains;
  struct mtasts_observations *observations;
};

static int no_memory(void) {
  mtasts_print_error("publish", "out of memory");
  return MTASTS_EXIT_MEMORY;
}

/* The policy that is planned for a domain; its patterns are packed into memory that the caller
 * frees. */
static unsigned char *plan_policy(const struct mtasts_publish_item *item,
                                  struct mtasts_policy *policy) {
  size_t size = 0;
  for (size_t i = 0; i < item->mx_count; i++)
    size += 1 + strlen(item->mx[i]);
  unsigned char *store = malloc(size + 1);
  if (!store)
    return NULL;
  unsigned char *at = store;
  for (size_t i = 0; i < item->mx_count; i++) {
    size_t len = strlen(item->mx[i]);
    *at++ = (unsigned char)len;
    memcpy(at, item->mx[i], len);
    at += len;
  }
  *policy = (struct mtasts_policy){.mode = MTASTS_MODE_ENFORCE,
                                   .max_age = MTASTS_MAX_AGE_MAX,
                                   .mx = {store, size, item->mx_count}};
  return store;
}

/* Adds a domain's errors to the line. Returns false without memory. */
static bool judge_domain(const struct work *work, size_t at, FILE *line, size_t *errors) {
  const struct mtasts_publish_item *item = &work->list->items[at];
  const struct mtasts_judge_options options = {.now = (int64_t)time(NULL)};
  struct mtasts_findings findings = {0};
  struct mtasts_policy policy;
  unsigned char *store = plan_policy(item, &policy);
  if (!store)
    return false;
  mtasts_judge_planned(mtasts_observations_at(work->observations, at), &policy, &options,
                       &findings);
  bool named = false;
  for (size_t i = 0; i < findings.count; i++) {
    const struct mtasts_finding *finding = &findings.items[i];
    if (finding->severity != MTASTS_SEVERITY_ERROR)
      continue;
    if (!named)
      fprintf(line, "%s %s:", *errors > 0 ? ";" : "", item->domain.name);
    fprintf(line, "%s %s %s", named ? "," : "", finding->id, finding->subject);
    named = true;
    (*errors)++;
  }
  bool whole = !findings.no_memory;
  mtasts_findings_free(&findings);
  free(store);
  return whole;
}

/* The line may be longer than mtasts_print_error allows; subjects are printable. */
static int judge_all(const struct work *work) {
  char *text = NULL;
  size_t size = 0;
  size_t errors = 0;
  FILE *line = open_memstream(&text, &size);
  bool whole = line != NULL;
  for (size_t i = 0; i < work->list->count && whole; i++) {
    if (mtasts_observations_at(work->observations, i)->resolver_dead) {
      mtasts_publish_item_error(work->options, &work->list->items[i],
                                "no DNS server answers, so its MX hosts cannot be checked before "
                                "enforce; try again later");
      fclose(line);
      free(text);
      return MTASTS_EXIT_LATER;
    }
    whole = judge_domain(work, i, line, &errors);
  }
  if (line)
    whole = fclose(line) == 0 && whole;
  if (whole && errors > 0)
    fprintf(stderr,
            "mtasts: publish: with mode enforce mail would be lost, so nothing is written:%s; "
            "repair that, or give --force\n",
            text);
  free(text);
  if (!whole)
    return no_memory();
  return errors > 0 ? MTASTS_EXIT_NO : MTASTS_EXIT_OK;
}

static int exit_code_of(enum mtasts_status status) {
  return status == MTASTS_NO_FILE      ? MTASTS_EXIT_NOFILE
         : status == MTASTS_PERMISSION ? MTASTS_EXIT_DENIED
         : status == MTASTS_INVALID    ? MTASTS_EXIT_DATA
         : status == MTASTS_NO_MEMORY  ? MTASTS_EXIT_MEMORY
                                       : MTASTS_EXIT_IO;
}

static int observe(struct work *work, const struct mtasts_config *config, const char *ca_file) {
  const struct mtasts_observe_options options = {
      .config = config,
      .resolver = work->options->resolver,
      .ca_file = ca_file,
      .smtp = true,
      .mx_only = true,
      .smtp_timeout = SMTP_TIMEOUT,
      .now = (int64_t)time(NULL),
  };
  char error[MTASTS_ERROR_TEXT];
  work->domains = calloc(work->list->count + 1, sizeof *work->domains);
  if (!work->domains)
    return no_memory();
  for (size_t i = 0; i < work->list->count; i++)
    work->domains[i] = work->list->items[i].domain;
  enum mtasts_status status =
      mtasts_observe(&options, work->domains, work->list->count, error, &work->observations);
  if (status == MTASTS_OK)
    return MTASTS_EXIT_OK;
  mtasts_print_error("publish", "%s", error);
  return exit_code_of(status);
}

/* In the child. */
static int judge(void *context, FILE *to_parent) {
  struct work *work = context;
  struct mtasts_config *config = NULL;
  struct mtasts_identity identity;
  char error[MTASTS_ERROR_TEXT];
  (void)to_parent;
  if (mtasts_config_load(work->options->config, error, &config) != MTASTS_OK) {
    mtasts_print_error("configuration", "%s", error);
    return MTASTS_EXIT_CONFIG;
  }
  const char *ca_file = work->options->ca_file ? work->options->ca_file : config->https.ca_file;
  if (!*ca_file)
    ca_file = NULL;
  int code = mtasts_identity_take(config, config->cache.directory, false, ca_file, &identity);
  if (code == MTASTS_EXIT_OK)
    code = observe(work, config, *identity.ca_file ? identity.ca_file : ca_file);
  if (code == MTASTS_EXIT_OK)
    code = judge_all(work);
  mtasts_observations_free(work->observations);
  free(work->domains);
  mtasts_config_free(config);
  return code;
}

int mtasts_publish_judge(const struct mtasts_options *options,
                         const struct mtasts_publish_list *list) {
  struct work work = {.options = options, .list = list};
  char *text = NULL;
  int code = mtasts_child_run(judge, &work, 0, &text);
  free(text);
  return code;
}
