/*
 * lookup_session_cache.h: the cache of a session that is without mtastsd: opened as far as it may
 * be.
 *
 * A cache that cannot be opened, created or written costs a warning, not the answers. What cannot
 * be opened in the common way (its table of readers is full, its lock file is missing or forbidden)
 * is still read as the Exim plugin reads it: without a lock, each page looked at first.
 */
#ifndef MTASTS_TOOL_LOOKUP_SESSION_CACHE_H
#define MTASTS_TOOL_LOOKUP_SESSION_CACHE_H

#include "cache_access.h"
#include "entry_codec.h"

struct mtasts_lookup_session_cache {
  struct mtasts_cache_access access;
  struct mtasts_reader *reader; /* NULL: none could be made */
  bool consulted;               /* is the cache to be read, in one way or the other? */
  int unstored;           /* an exit code: why nothing is stored; 0: it is, or is not wanted */
  enum mtasts_status put; /* what storing came to, the first time that it failed */
  int put_error;          /* errno of that */
  unsigned char value[MTASTS_ENTRY_SIZE_MAX]; /* read without a reader */
};

/* What the place is to be loaded for. */
enum mtasts_cache_access_mode
mtasts_lookup_session_cache_wanted(const struct mtasts_options *options);

/* Opens what may be opened; the place is loaded. storing: without a cache to write to there is
 * no use in the session. Complains; returns an exit code where the session cannot go on. */
int mtasts_lookup_session_cache_open(struct mtasts_lookup_session_cache *cache,
                                     const struct mtasts_options *options, bool storing);

/* As mtasts_reader_get; MTASTS_ABSENT where there is no cache. The entry is good until the next. */
enum mtasts_status mtasts_lookup_session_cache_get(struct mtasts_lookup_session_cache *cache,
                                                   const struct mtasts_domain *domain,
                                                   struct mtasts_entry *entry);

/* Stores, where that is possible and has not failed. True: the first of a group, which is to be
 * flushed soon. */
bool mtasts_lookup_session_cache_put(struct mtasts_lookup_session_cache *cache,
                                     const struct mtasts_domain *domain,
                                     const struct mtasts_entry *entry, int64_t now);

void mtasts_lookup_session_cache_flush(struct mtasts_lookup_session_cache *cache);

/* Commits and closes, the place as well. Returns code, or another where that is 0 and storing has
 * failed, of which it complains. */
int mtasts_lookup_session_cache_close(struct mtasts_lookup_session_cache *cache, int code);

#endif
