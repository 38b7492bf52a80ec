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
  CHECK_AT_ONCE = 4 << 20, /* bytes: a file that is read in a few milliseconds */
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

void mtasts_cache_log_salvaged(struct mtasts_stats *stats, const char *directory,
                               const struct mtasts_salvaged *salvaged) {
  char words[MTASTS_SALVAGED_WORDS];
  if (salvaged->format == 0)
    mtasts_count(stats, MTASTS_COUNT_CACHE_DAMAGES);
  mtasts_log(MTASTS_LOG_ERROR, "cache: %s", mtasts_salvaged_words(salvaged, directory, words));
}

/* Must the file be checked in the background? An unfinished salvage goes first. */
static bool is_unchecked(const char *directory) {
  char path[4096];
  struct stat file;
  int len = snprintf(path, sizeof path, "%s/" MTASTS_FILE_DATA, directory);
  return len > 0 && (size_t)len < sizeof path && lstat(path, &file) == 0 &&
         file.st_size > CHECK_AT_ONCE && !mtasts_salvage_marked(directory) &&
         !mtasts_stamp_fits(directory) && mtasts_format_unknown(directory) == 0;
}

static enum mtasts_status try_cache(struct mtasts_cache_opening *opening) {
  const struct mtasts_config *config = opening->config;
  const char *directory = config->cache.directory;
  struct mtasts_salvaged salvaged;
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
  if (status == MTASTS_CORRUPT) {
    struct mtasts_store_options empty = options;
    empty.unchecked = false;
    status = mtasts_cache_recover(directory, &empty, time(NULL), &opening->store, &salvaged);
  } else if (status != MTASTS_OK ||
             !mtasts_cache_recover_rest(directory, opening->store, time(NULL), &salvaged)) {
    return status;
  }
  if (status != MTASTS_OK)
    return status;
  mtasts_cache_log_salvaged(opening->stats, directory, &salvaged);
  if (salvaged.status != MTASTS_OK) /* readers look into the old file as well */
    mtasts_store_set_salvaging(opening->store, true);
  return MTASTS_OK;
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
