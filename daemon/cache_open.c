#include "cache_open.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>

#include "clean_shutdown.h"
#include "error_map.h"
#include "files.h"
#include "format.h"
#include "log.h"
#include "store.h"

enum {
  LOCKED_WAIT_MS = 5000, /* a tool that is writing the cache will end soon */
  LOCKED_STEP_MS = 100,
  AT_ONCE_MAX = 4 << 20, /* bytes: a file that is read in a few milliseconds */
};

static int code_of(enum mtasts_status status) {
  if (status == MTASTS_LOCKED)
    return EX_TEMPFAIL;
  if (status == MTASTS_PERMISSION)
    return EX_NOPERM;
  if (status == MTASTS_NO_FILE)
    return EX_CANTCREAT;
  return status == MTASTS_NO_MEMORY ? EX_OSERR : EX_IOERR;
}

/* Before the store is open, mtasts_cache_open_writer logs errors itself, with more detail. */
static void warn(void *context, const char *sentence) {
  const struct mtasts_cache_opening *opening = context;
  if (opening->store)
    mtasts_log(MTASTS_LOG_WARNING, "cache: %s", sentence);
}

static bool in_use(void *context, const struct mtasts_domain *domain) {
  const struct mtasts_cache_opening *opening = context;
  return mtasts_usage_filter_asked_again(opening->usage, domain);
}

void mtasts_cache_log_damaged(struct mtasts_stats *stats, const char *directory) {
  mtasts_count(stats, MTASTS_COUNT_CACHE_DAMAGES);
  mtasts_log(MTASTS_LOG_ERROR,
             "cache: %s/" MTASTS_FILE_DATA " is damaged: it is now " MTASTS_FILE_DAMAGED
             ", and what can be read of that comes into a new one",
             directory);
}

void mtasts_cache_log_salvaged(const char *directory, const struct mtasts_salvaged *salvaged) {
  char words[MTASTS_SALVAGED_WORDS];
  mtasts_log(MTASTS_LOG_ERROR, "cache: %s", mtasts_salvaged_words(salvaged, directory, words));
}

static bool is_large(const char *directory, const char *name) {
  char path[4096];
  struct stat file;
  int len = snprintf(path, sizeof path, "%s/%s", directory, name);
  return len > 0 && (size_t)len < sizeof path && lstat(path, &file) == 0 &&
         file.st_size > AT_ONCE_MAX;
}

/* Must the file be checked in the background? */
static bool is_unchecked(const char *directory) {
  return is_large(directory, MTASTS_FILE_DATA) && !mtasts_stamp_fits(directory) &&
         mtasts_format_unknown(directory) == 0;
}

static enum mtasts_status replace(struct mtasts_cache_opening *opening,
                                  struct mtasts_store_options options) {
  const char *directory = opening->config->cache.directory;
  struct mtasts_salvaged salvaged = {.status = MTASTS_OK};
  options.unchecked = false;
  enum mtasts_status status =
      mtasts_cache_replace(directory, &options, &opening->store, &salvaged.format);
  if (status == MTASTS_OK && salvaged.format != 0)
    mtasts_cache_log_salvaged(directory, &salvaged);
  return status;
}

/* A large file is salvaged by the net loop, so that the first answer does not wait for it. So is
 * what could not be read or written here. */
static void begin_salvage(struct mtasts_cache_opening *opening) {
  const char *directory = opening->config->cache.directory;
  struct mtasts_salvaged salvaged;
  if (!mtasts_store_salvaging(opening->store))
    return;
  if (mtasts_cache_waits(mtasts_store_cache(opening->store)) ||
      is_large(directory, MTASTS_FILE_DAMAGED)) {
    mtasts_cache_log_damaged(opening->stats, directory);
    return;
  }
  mtasts_count(opening->stats, MTASTS_COUNT_CACHE_DAMAGES);
  mtasts_cache_recover_rest(directory, opening->store, time(NULL), &salvaged);
  mtasts_cache_log_salvaged(directory, &salvaged);
}

static enum mtasts_status try_cache(struct mtasts_cache_opening *opening) {
  const struct mtasts_config *config = opening->config;
  const char *directory = config->cache.directory;
  const struct mtasts_store_options options = {
      .map_size = config->cache.map_size,
      .map_size_max = config->cache.map_size_max,
      .max_policies = config->cache.max_policies,
      .max_absent = config->cache.max_absent,
      .uid = (uid_t)-1,
      .gid = (gid_t)-1,
      .unchecked = is_unchecked(directory),
      .warn = warn,
      .in_use = in_use,
      .context = opening,
  };
  enum mtasts_status status =
      options.unchecked ? MTASTS_OK : mtasts_clean_shutdown_check(directory);
  if (status == MTASTS_OK)
    status = mtasts_store_open(directory, &options, &opening->store);
  if (status == MTASTS_CORRUPT)
    status = replace(opening, options);
  if (status == MTASTS_OK)
    begin_salvage(opening);
  return status;
}

int mtasts_cache_open_writer(struct mtasts_cache_opening *opening) {
  const char *directory = opening->config->cache.directory;
  const struct timespec step = {.tv_nsec = LOCKED_STEP_MS * 1000000};
  enum mtasts_status status;
  for (int waited = 0; (status = try_cache(opening)) == MTASTS_LOCKED; waited += LOCKED_STEP_MS) {
    if (waited >= LOCKED_WAIT_MS)
      break;
    nanosleep(&step, NULL);
  }
  if (status == MTASTS_OK)
    return EX_OK;
  if (status == MTASTS_LOCKED)
    return mtasts_daemon_main_fail(
        opening->program, code_of(status),
        "cache: another process is writing %s; is mtastsd running already?", directory);
  if (status == MTASTS_PERMISSION && errno != EROFS && errno != ELOOP)
    return mtasts_daemon_main_fail(opening->program, code_of(status),
                                   "cache: %s: permission denied; give it to user %s (chown -R)",
                                   directory, opening->config->user);
  return mtasts_daemon_main_fail(opening->program, code_of(status), "cache: %s: %s", directory,
                                 mtasts_env_reason(status, errno));
}
