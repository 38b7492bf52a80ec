/*
 * lookup_session_cache.h: the cache of a session without mtastsd, opened as far as possible.
 *
 * If the cache cannot be opened, created or written, a warning is printed and the answers still
 * come. LMDB may fail to open it because its table of readers is full, or its lock file is missing
 * or forbidden. The cache is then read as the Exim plugin reads it: without a lock, after a check
 * of each page.
 */
#ifndef MTASTS_TOOL_LOOKUP_SESSION_CACHE_H
#define MTASTS_TOOL_LOOKUP_SESSION_CACHE_H

#include "cache_access.h"
#include "entry_codec.h"

struct mtasts_lookup_session_cache {
  struct mtasts_cache_access access;
  struct mtasts_reader *reader; /* NULL: no reader could be made */
  bool consulted;               /* can the cache be read, with or without a reader? */
  int unstored; /* exit code that explains why nothing is stored; 0: it is stored, or not wanted */
  enum mtasts_status put;                     /* status of the first write that failed */
  int put_error;                              /* errno of that write */
  unsigned char value[MTASTS_ENTRY_SIZE_MAX]; /* for an entry that is read without a reader */
};

/* The mode in which the cache access must be loaded. */
enum mtasts_cache_access_mode
mtasts_lookup_session_cache_wanted(const struct mtasts_options *options);

/* Opens what may be opened; the cache access is loaded. storing: the session needs a cache to write
 * to. If the session cannot go on, prints an error and returns an exit code. */
int mtasts_lookup_session_cache_open(struct mtasts_lookup_session_cache *cache,
                                     const struct mtasts_options *options, bool storing);

/* Like mtasts_reader_get; MTASTS_ABSENT if there is no cache. The entry is valid until the next
 * call. */
enum mtasts_status mtasts_lookup_session_cache_get(struct mtasts_lookup_session_cache *cache,
                                                   const struct mtasts_domain *domain,
                                                   struct mtasts_entry *entry);

/* Stores an entry, if that is possible and has not failed. True: the entry is the first of a group;
 * the caller must flush soon. */
bool mtasts_lookup_session_cache_put(struct mtasts_lookup_session_cache *cache,
                                     const struct mtasts_domain *domain,
                                     const struct mtasts_entry *entry, int64_t now);

void mtasts_lookup_session_cache_flush(struct mtasts_lookup_session_cache *cache);

/* Commits, and closes the cache access. Returns code; if that is 0 and storing has failed, prints
 * an error and returns another code. */
int mtasts_lookup_session_cache_close(struct mtasts_lookup_session_cache *cache, int code);

#endif
