#include "lookup_session_cache.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "error_map.h"
#include "out.h"
#include "tree_check.h"

__attribute__((format(printf, 3, 4))) static void
note(const struct mtasts_lookup_session_cache *cache, const struct mtasts_options *options,
     const char *format, ...) {
  char sentence[512];
  va_list arguments;
  if (!options->verbose)
    return;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  mtasts_print_error(cache->access.directory, "%s", sentence);
}

/* Is this failure normal for an ordinary user who runs `mtasts query` with the default cache? A
 * cache that the user named must work. */
static bool is_ordinary(const struct mtasts_lookup_session_cache *cache, enum mtasts_status status,
                        int error) {
  bool away = status == MTASTS_NO_FILE || (status == MTASTS_PERMISSION && error != EROFS);
  return !cache->access.named && away;
}

/* Prints a warning; if the failure is normal, only with -v. Returns the exit code for a command
 * that needs the cache. */
static int warn(struct mtasts_lookup_session_cache *cache, const struct mtasts_options *options,
                enum mtasts_status status, const char *what) {
  int error = errno;
  if (is_ordinary(cache, status, error)) {
    note(cache, options, "%s: %s", what, mtasts_env_reason(status, error));
    return status == MTASTS_NO_FILE ? MTASTS_EXIT_CREATE : MTASTS_EXIT_DENIED;
  }
  errno = error;
  return mtasts_cache_access_print_error(&cache->access, status);
}

static enum mtasts_status open_reading(struct mtasts_lookup_session_cache *cache) {
  cache->consulted = true;
  enum mtasts_status status = mtasts_cache_access_read(&cache->access);
  if (status == MTASTS_OK)
    status = mtasts_reader_new(cache->access.cache, &cache->reader);
  return status;
}

static int open_to_read(struct mtasts_lookup_session_cache *cache,
                        const struct mtasts_options *options) {
  enum mtasts_status status = open_reading(cache);
  if (status != MTASTS_OK)
    warn(cache, options, status, "the cache cannot be read");
  return MTASTS_EXIT_OK; /* as if nothing were cached, or read without a reader */
}

/* Answers of another resolver or other trust do not belong into the common cache. */
static bool is_not_opened(const struct mtasts_options *options) {
  return (options->resolver || options->ca_file) && !options->cache && !options->config;
}

enum mtasts_cache_access_mode
mtasts_lookup_session_cache_wanted(const struct mtasts_options *options) {
  return options->offline || is_not_opened(options) ? MTASTS_CACHE_ACCESS_READ
                                                    : MTASTS_CACHE_ACCESS_CREATE;
}

int mtasts_lookup_session_cache_open(struct mtasts_lookup_session_cache *cache,
                                     const struct mtasts_options *options, bool storing) {
  if (options->offline)
    return open_to_read(cache, options);
  if (is_not_opened(options)) {
    if (!storing)
      return MTASTS_EXIT_OK;
    mtasts_print_error("cache", "with --resolver or --ca-file name it with --cache or --config");
    return MTASTS_EXIT_USAGE;
  }
  enum mtasts_status status = mtasts_cache_access_write(&cache->access);
  if (status == MTASTS_OK) {
    status = mtasts_reader_new(cache->access.cache, &cache->reader);
    cache->consulted = true;
    if (status != MTASTS_OK)
      warn(cache, options, status, "the cache cannot be read");
    return MTASTS_EXIT_OK;
  }
  if (storing)
    return mtasts_cache_access_print_error(&cache->access, status);
  if (status == MTASTS_LOCKED) {
    note(cache, options, "answers are not stored: another process is writing this cache");
    cache->unstored = MTASTS_EXIT_LATER;
  } else {
    cache->unstored = warn(cache, options, status, "answers are not stored");
  }
  /* The damage was printed already: reading without a reader would give the same error. */
  if (status != MTASTS_CORRUPT)
    open_reading(cache);
  return MTASTS_EXIT_OK;
}

enum mtasts_status mtasts_lookup_session_cache_get(struct mtasts_lookup_session_cache *cache,
                                                   const struct mtasts_domain *domain,
                                                   struct mtasts_entry *entry) {
  if (cache->reader)
    return mtasts_reader_get(cache->reader, domain, entry);
  if (!cache->consulted)
    return MTASTS_ABSENT;
  enum mtasts_status status =
      mtasts_tree_read(mtasts_cache_access_path(&cache->access), domain, cache->value, entry);
  return status == MTASTS_NO_FILE ? MTASTS_ABSENT : status;
}

/* Keeps only the first failure: others follow from it. */
static void keep_failure(struct mtasts_lookup_session_cache *cache, enum mtasts_status status) {
  cache->put = status;
  cache->put_error = errno;
}

bool mtasts_lookup_session_cache_put(struct mtasts_lookup_session_cache *cache,
                                     const struct mtasts_domain *domain,
                                     const struct mtasts_entry *entry, int64_t now) {
  struct mtasts_store *store = cache->access.store;
  if (!store || cache->put != MTASTS_OK)
    return false;
  keep_failure(cache, mtasts_store_put(store, domain, entry, now));
  return mtasts_store_pending(store) == 1;
}

void mtasts_lookup_session_cache_flush(struct mtasts_lookup_session_cache *cache) {
  struct mtasts_store *store = cache->access.store;
  if (store && cache->put == MTASTS_OK && mtasts_store_pending(store) > 0)
    keep_failure(cache, mtasts_store_flush(store));
}

int mtasts_lookup_session_cache_close(struct mtasts_lookup_session_cache *cache, int code) {
  mtasts_reader_free(cache->reader);
  if (cache->access.store)
    mtasts_lookup_session_cache_flush(cache);
  if (cache->put != MTASTS_OK) {
    errno = cache->put_error;
    int failed = mtasts_cache_access_print_error(&cache->access, cache->put);
    code = code == MTASTS_EXIT_OK ? failed : code;
  }
  return mtasts_cache_access_close(&cache->access, code);
}
