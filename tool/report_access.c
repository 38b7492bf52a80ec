#include "report_access.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ascii.h"
#include "error_map.h"
#include "out.h"
#include "rfc3339.h"

static const char *first_of(const char *path, const char *other) {
  return path && *path ? path : other;
}

static int load(const struct mtasts_options *options, struct mtasts_report_access *access) {
  char error[MTASTS_ERROR_TEXT];
  enum mtasts_status status = mtasts_config_load(options->config, error, &access->config);
  if (status != MTASTS_OK) {
    mtasts_print_error("configuration", "%s", error);
    return status == MTASTS_NO_FILE      ? MTASTS_EXIT_NOFILE
           : status == MTASTS_PERMISSION ? MTASTS_EXIT_DENIED
                                         : MTASTS_EXIT_CONFIG;
  }
  if (options->cache)
    access->config->cache.directory = options->cache;
  if (!mtasts_outcome_directory(access->config, access->directory, sizeof access->directory)) {
    mtasts_print_error("outcome.directory", "longer than a path may be");
    return MTASTS_EXIT_CONFIG;
  }
  const char *missing = mtasts_report_site_read(access->config, &access->site);
  if (missing) {
    mtasts_print_error(missing,
                       "is empty; set it in mtasts.conf: a report has to name who sends it");
    return MTASTS_EXIT_CONFIG;
  }
  if (gethostname(access->host, sizeof access->host - 1) == 0)
    access->site.host = access->host;
  return MTASTS_EXIT_OK;
}

static int open_store(enum mtasts_report_use use, struct mtasts_report_access *access) {
  char error[MTASTS_ERROR_TEXT];
  enum mtasts_status status =
      mtasts_outcome_store_open(access->config, MTASTS_OUTCOME_READ, error, &access->store);
  if (status == MTASTS_OK && use == MTASTS_REPORT_USE_SEND) {
    mtasts_outcome_store_close(access->store);
    access->store = NULL;
    status = mtasts_outcome_store_open(access->config, MTASTS_OUTCOME_WRITE, error, &access->store);
  }
  if (status == MTASTS_OK || status == MTASTS_NO_FILE)
    return MTASTS_EXIT_OK;
  mtasts_print_error("outcomes", "%s", error);
  return status == MTASTS_PERMISSION ? MTASTS_EXIT_DENIED : MTASTS_EXIT_IO;
}

int mtasts_report_access_open(const struct mtasts_options *options, enum mtasts_report_use use,
                              struct mtasts_report_access *access) {
  *access = (struct mtasts_report_access){.config = NULL};
  int code = load(options, access);
  if (code != MTASTS_EXIT_OK)
    return code;
  const char *named = first_of(options->ca_file, first_of(access->config->https.ca_file, NULL));
  code = mtasts_identity_take(access->config, access->directory,
                              use == MTASTS_REPORT_USE_READ ? 0 : MTASTS_IDENTITY_RUNS_MTA, named,
                              &access->identity);
  access->ca_file = first_of(access->identity.ca_file, named);
  if (code != MTASTS_EXIT_OK || use == MTASTS_REPORT_USE_MAIL)
    return code;
  return open_store(use, access);
}

void mtasts_report_access_close(struct mtasts_report_access *access) {
  mtasts_outcome_store_close(access->store);
  mtasts_identity_release(&access->identity);
  mtasts_config_free(access->config);
}

int mtasts_report_access_print_error(const struct mtasts_report_access *access,
                                     enum mtasts_status status) {
  mtasts_print_error(access->directory, "%s", mtasts_env_reason(status, errno));
  return status == MTASTS_PERMISSION  ? MTASTS_EXIT_DENIED
         : status == MTASTS_NO_MEMORY ? MTASTS_EXIT_MEMORY
                                      : MTASTS_EXIT_IO;
}

bool mtasts_report_day_read(const char *text, int64_t now, uint32_t *day) {
  int64_t midnight;
  if (!text) {
    *day = mtasts_day_of(now) > 0 ? mtasts_day_of(now) - 1 : 0;
    return true;
  }
  if (!mtasts_date_parse(mtasts_span_of(text), &midnight) || midnight < 0) {
    mtasts_print_error(text, "--day is not a date of the form YYYY-MM-DD");
    return false;
  }
  *day = mtasts_day_of(midnight);
  return true;
}
