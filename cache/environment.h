/*
 * environment.h: an open LMDB environment, as its readers and its writer share it.
 *
 * Functions return 0, an errno or an LMDB error; mtasts_env_status turns that into a status for
 * callers outside of the module.
 */
#ifndef MTASTS_CACHE_ENVIRONMENT_H
#define MTASTS_CACHE_ENVIRONMENT_H

#include <lmdb.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "entry_codec.h"
#include "error_map.h"
#include "key_compare.h"

struct mtasts_cache {
  MDB_env *env;    /* NULL: not open, or lost; read while a reader is held */
  char *directory; /* the one opened last */
  MDB_dbi main;    /* holds the other two, and the format */
  MDB_dbi policies;
  MDB_dbi absent;
  size_t page_size;     /* bytes */
  atomic_bool waiting;  /* has no environment yet: its file is still being checked */
  atomic_bool salvaged; /* data.mdb.damaged is not yet salvaged in full */
  /* Protects `readers`. A thread that also holds each reader's `busy` may replace the map. */
  pthread_mutex_t lock;
  struct mtasts_reader *readers;
  struct mtasts_fork_mark *mark;
};

struct mtasts_reader {
  struct mtasts_cache *cache;
  struct mtasts_reader *next;
  atomic_bool busy; /* held while the transaction is in use; see mtasts_reader_lock */
  MDB_txn *txn;     /* reset between uses: keeps its reader slot */
  unsigned char value[MTASTS_ENTRY_SIZE_MAX];
};

/*
 * A lock at a third of a mutex's cost, because every answer takes it. A reader holds its own lock
 * for one look-up, or for one batch of a walk. A writer that replaces the map (mtasts_env_resize,
 * mtasts_env_reopen) holds the locks of all readers, for milliseconds. A look-up does not wait for
 * them (mtasts_reader_get); a walk does.
 */
static inline bool mtasts_reader_try_hold(struct mtasts_reader *reader) {
  return !atomic_exchange_explicit(&reader->busy, true, memory_order_acquire);
}

static inline void mtasts_reader_lock(struct mtasts_reader *reader) {
  while (!mtasts_reader_try_hold(reader))
    sched_yield();
}

static inline void mtasts_reader_unlock(struct mtasts_reader *reader) {
  atomic_store_explicit(&reader->busy, false, memory_order_release);
}

/* Makes the handle, without an environment. */
int mtasts_env_init(struct mtasts_cache *cache);
void mtasts_env_destroy(struct mtasts_cache *cache);

/* Is this a child of the process that made the handle? */
bool mtasts_env_forked(const struct mtasts_cache *cache);

/* flags: MDB_RDONLY or the writer's. map_size: the least size of the map; 0: as the file says. */
int mtasts_env_open(struct mtasts_cache *cache, const char *directory, unsigned flags,
                    size_t map_size);
void mtasts_env_close(struct mtasts_cache *cache);

/* Sets the directory of an environment that mtasts_env_reopen opens later. Until then readers read
 * its file without LMDB. Checks of the file what mtasts_env_open checks. */
int mtasts_env_name(struct mtasts_cache *cache, const char *directory);

/* Maps map_size bytes; 0: as many as another process has set. If memory is short there may be no
 * map at all afterwards; later reads and writes then return EBADF. */
int mtasts_env_resize(struct mtasts_cache *cache, size_t map_size);

/* Call it after LMDB has given the environment up. Opens it again; the readers stay and go on. If
 * that fails there is no environment, and the error is returned. */
int mtasts_env_reopen(struct mtasts_cache *cache, unsigned flags, size_t map_size);

/*
 * Begins to read the newest commit, until mtasts_reader_end. Between the two calls no other
 * function of the cache may be called with this reader.
 */
int mtasts_reader_begin(struct mtasts_reader *reader);
void mtasts_reader_end(struct mtasts_reader *reader);

enum {
  MTASTS_LMDB_KEY_MAX = 511 /* bytes that LMDB allows; a domain has fewer */
};

/* Checks a key that a walk has reached, coming from `from`. MDB_CORRUPTED: the file is damaged. The
 * key is longer than any that LMDB stores, or it does not follow `from`, so that the walk might
 * never end. */
static inline int mtasts_key_check(const MDB_val *key, const MDB_val *from) {
  bool after = from->mv_size == 0 || mtasts_key_compare(key, from) >= 0;
  return after && key->mv_size <= MTASTS_LMDB_KEY_MAX ? 0 : MDB_CORRUPTED;
}

/* The least key greater than `key`, which has passed mtasts_key_check. It is kept in `store`, of
 * MTASTS_LMDB_KEY_MAX + 1 bytes.
 * */
static inline void mtasts_key_after(const MDB_val *key, unsigned char *store, MDB_val *after) {
  memcpy(store, key->mv_data, key->mv_size);
  store[key->mv_size] = 0;
  *after = (MDB_val){key->mv_size + 1, store};
}

/* Decodes a value and checks everything else: is the key a policy domain, is this its database, are
 * the names in it valid? *domain is always written, for messages. */
enum mtasts_status mtasts_env_verify(const struct mtasts_cache *cache, MDB_dbi dbi,
                                     const MDB_val *key, const MDB_val *value,
                                     struct mtasts_domain *domain, struct mtasts_entry *entry);

struct mtasts_env_stats {
  uint64_t policies, absent; /* entries */
  uint64_t policy_bytes;     /* of pages that hold policies */
  uint64_t bytes;            /* of all pages in use */
  uint64_t file_bytes;       /* of the file's pages, in use or free */
  uint64_t map_size;
};
int mtasts_env_read_stats(const struct mtasts_cache *cache, MDB_txn *txn,
                          struct mtasts_env_stats *usage);

#endif
