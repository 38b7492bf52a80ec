#include "outcome_access.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "ascii.h"
#include "error_map.h"
#include "out.h"
#include "rfc3339.h"

enum {
  WAIT_MS = 100,
  WAIT_TRIES = 1200, /* two minutes: another process checks a large store */
};

bool mtasts_outcome_access_directory(const struct mtasts_options *options,
                                     const struct mtasts_config *config, char *out, size_t size) {
  if (!options->cache || *config->outcome.directory)
    return mtasts_outcome_directory(config, out, size);
  int len = snprintf(out, size, "%s/outcomes", options->cache);
  return len >= 0 && (size_t)len < size;
}

int mtasts_outcome_access_load(const struct mtasts_options *options,
                               struct mtasts_outcome_access *access) {
  char error[MTASTS_ERROR_TEXT];
  enum mtasts_status status = mtasts_config_load(options->config, error, &access->config);
  if (status != MTASTS_OK) {
    mtasts_print_error("configuration", "%s", error);
    if (status == MTASTS_NO_FILE)
      return MTASTS_EXIT_NOFILE;
    return status == MTASTS_PERMISSION ? MTASTS_EXIT_DENIED : MTASTS_EXIT_CONFIG;
  }
  if (mtasts_outcome_access_directory(options, access->config, access->directory,
                                      sizeof access->directory))
    return MTASTS_EXIT_OK;
  mtasts_print_error("outcome.directory", "the path is too long");
  return MTASTS_EXIT_CONFIG;
}

enum mtasts_status mtasts_outcome_access_open_at(struct mtasts_outcome_access *access,
                                                 const char *path,
                                                 enum mtasts_outcome_access_mode mode) {
  const struct timespec wait = {.tv_nsec = WAIT_MS * 1000000L};
  char error[MTASTS_ERROR_TEXT];
  enum mtasts_status status = MTASTS_LOCKED;
  for (int tries = 0; tries < WAIT_TRIES && status == MTASTS_LOCKED; tries++) {
    if (tries > 0)
      nanosleep(&wait, NULL);
    status = mtasts_outcome_store_open_at(access->config, path, mode, error, &access->store);
  }
  return status;
}

int mtasts_outcome_access_open(struct mtasts_outcome_access *access,
                               enum mtasts_outcome_access_mode mode) {
  unsigned creates = mode == MTASTS_OUTCOME_WRITE ? MTASTS_IDENTITY_CREATES : 0;
  int code = mtasts_identity_take(access->config, access->directory, access->plan | creates,
                                  access->ca_file, &access->identity);
  if (code != MTASTS_EXIT_OK)
    return code;
  const char *path = *access->identity.path ? access->identity.path : access->directory;
  enum mtasts_status status = mtasts_env_status(access->identity.refused);
  if (status == MTASTS_OK)
    status = mtasts_outcome_access_open_at(access, path, mode);
  if (status == MTASTS_OK || (status == MTASTS_NO_FILE && mode == MTASTS_OUTCOME_READ))
    return MTASTS_EXIT_OK;
  return mtasts_outcome_access_print_error(access, status);
}

int mtasts_outcome_access_print_error(const struct mtasts_outcome_access *access,
                                      enum mtasts_status status) {
  int error = errno;
  const char *where = access->directory;
  if (status == MTASTS_PERMISSION) {
    if (access->identity.changed)
      mtasts_print_error(where,
                         "%s for user %ld, which root became for this directory; give the "
                         "directory to user %s",
                         mtasts_env_reason(status, error), (long)geteuid(), access->config->user);
    else
      mtasts_print_error(where, "%s; run as user %s or root", mtasts_env_reason(status, error),
                         access->config->user);
    return MTASTS_EXIT_DENIED;
  }
  if (status == MTASTS_INVALID)
    mtasts_print_error(where, "data.mdb is no store of outcomes of this version");
  else if (status == MTASTS_CORRUPT)
    mtasts_print_error(where, "data.mdb is damaged; mtastsd begins a new one");
  else
    mtasts_print_error(where, "the outcomes cannot be used: %s", mtasts_env_reason(status, error));
  return status == MTASTS_NO_MEMORY ? MTASTS_EXIT_MEMORY : MTASTS_EXIT_IO;
}

int mtasts_outcome_access_close(struct mtasts_outcome_access *access, int code) {
  mtasts_outcome_store_close(access->store);
  mtasts_identity_release(&access->identity);
  mtasts_config_free(access->config);
  *access = (struct mtasts_outcome_access){0};
  return code;
}

bool mtasts_outcome_access_day(const char *text, uint32_t *day) {
  int64_t midnight = (int64_t)time(NULL) - MTASTS_DAY_SECONDS;
  if (text && (!mtasts_date_parse(mtasts_span_of(text), &midnight) || midnight < 0)) {
    mtasts_print_error(text, "no date such as 2026-01-31");
    return false;
  }
  *day = mtasts_day_number(midnight);
  return true;
}
