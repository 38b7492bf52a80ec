#include "report_access.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "out.h"

static const char *first_of(const char *path, const char *other) {
  return path && *path ? path : other;
}

const char *mtasts_report_access_path(const struct mtasts_report_access *access) {
  return first_of(access->outcomes.identity.path, access->outcomes.directory);
}

static int load(const struct mtasts_options *options, struct mtasts_report_access *access) {
  int code = mtasts_outcome_access_load(options, &access->outcomes);
  if (code != MTASTS_EXIT_OK)
    return code;
  const struct mtasts_config *config = access->outcomes.config;
  const char *missing = mtasts_report_site_read(config, &access->site);
  if (missing) {
    mtasts_print_error(missing, "is empty; reports need it: mtasts.conf(5)");
    return MTASTS_EXIT_CONFIG;
  }
  if (gethostname(access->host, sizeof access->host - 1) == 0)
    access->site.host = access->host;
  access->outcomes.ca_file = first_of(options->ca_file, first_of(config->https.ca_file, NULL));
  return MTASTS_EXIT_OK;
}

/* Opens the store again to write to it. It is not made if it is missing: then there is nothing to
 * send. */
static int open_to_write(struct mtasts_outcome_access *outcomes, const char *path) {
  mtasts_outcome_store_close(outcomes->store);
  outcomes->store = NULL;
  enum mtasts_status status = mtasts_outcome_access_open_at(outcomes, path, MTASTS_OUTCOME_WRITE);
  return status == MTASTS_OK ? MTASTS_EXIT_OK : mtasts_outcome_access_print_error(outcomes, status);
}

int mtasts_report_access_open(const struct mtasts_options *options, enum mtasts_report_use use,
                              struct mtasts_report_access *access) {
  struct mtasts_outcome_access *outcomes = &access->outcomes;
  memset(access, 0, sizeof *access);
  int code = load(options, access);
  if (code != MTASTS_EXIT_OK)
    return code;
  outcomes->plan = use == MTASTS_REPORT_USE_READ ? 0 : MTASTS_IDENTITY_RUNS_MTA;
  if (use == MTASTS_REPORT_USE_MAIL)
    return mtasts_identity_take(outcomes->config, outcomes->directory, outcomes->plan, NULL,
                                &outcomes->identity);
  code = mtasts_outcome_access_open(outcomes, MTASTS_OUTCOME_READ);
  access->ca_file = first_of(outcomes->identity.ca_file, outcomes->ca_file);
  if (code == MTASTS_EXIT_OK && outcomes->store && use == MTASTS_REPORT_USE_SEND)
    code = open_to_write(outcomes, mtasts_report_access_path(access));
  return code;
}

int mtasts_report_access_close(struct mtasts_report_access *access, int code) {
  return mtasts_outcome_access_close(&access->outcomes, code);
}
