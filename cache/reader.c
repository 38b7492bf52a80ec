#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "damaged.h"
#include "environment.h"
#include "key_compare.h"
#include "tree_check.h"

enum {
  TRIES = 4 /* attempts to begin to read while other processes change the map */
};

enum mtasts_status mtasts_cache_open(const char *directory, struct mtasts_cache **cache) {
  struct mtasts_cache *made = malloc(sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  int rc = mtasts_env_init(made);
  if (rc == 0 && (rc = mtasts_env_open(made, directory, MDB_RDONLY, 0)) != 0)
    mtasts_env_destroy(made);
  if (rc != 0)
    free(made);
  else
    *cache = made;
  return mtasts_env_status(rc);
}

void mtasts_cache_close(struct mtasts_cache *cache) {
  if (!cache)
    return;
  mtasts_env_destroy(cache);
  free(cache);
}

/* Corrects what another process has caused: it died and left its reader slot, or it has grown the
 * map. */
static int recover(struct mtasts_cache *cache, int rc) {
  int dead;
  if (rc == MDB_READERS_FULL) {
    pthread_mutex_lock(&cache->lock); /* otherwise the writer could open it again meanwhile */
    rc = cache->env ? mdb_reader_check(cache->env, &dead) : EBADF;
    pthread_mutex_unlock(&cache->lock);
    return rc;
  }
  return rc == MDB_MAP_RESIZED ? mtasts_env_resize(cache, 0) : rc;
}

static int begin(struct mtasts_reader *reader) {
  if (!reader->cache->env)
    return EBADF;
  return reader->txn ? mdb_txn_renew(reader->txn)
                     : mdb_txn_begin(reader->cache->env, NULL, MDB_RDONLY, &reader->txn);
}

/* For a reader whose lock is held; the lock is released if this fails. */
static int begin_held(struct mtasts_reader *reader) {
  struct mtasts_cache *cache = reader->cache;
  for (int tries = 1;; tries++) {
    int rc = begin(reader);
    if (rc == 0) {
      mtasts_key_prefetch_begin(cache->page_size);
      return 0;
    }
    mtasts_reader_unlock(reader);
    if (tries == TRIES || (rc = recover(cache, rc)) != 0)
      return rc;
    mtasts_reader_lock(reader);
  }
}

int mtasts_reader_begin(struct mtasts_reader *reader) {
  mtasts_reader_lock(reader);
  return begin_held(reader);
}

void mtasts_reader_end(struct mtasts_reader *reader) {
  mtasts_key_prefetch_end();
  mdb_txn_reset(reader->txn);
  mtasts_reader_unlock(reader);
}

enum mtasts_status mtasts_reader_new(struct mtasts_cache *cache, struct mtasts_reader **reader) {
  if (mtasts_env_forked(cache))
    return MTASTS_FORKED;
  struct mtasts_reader *made = malloc(sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->cache = cache;
  made->txn = NULL;
  atomic_init(&made->busy, false);
  pthread_mutex_lock(&cache->lock);
  made->next = cache->readers;
  cache->readers = made;
  pthread_mutex_unlock(&cache->lock);

  int rc = mtasts_reader_begin(made);
  if (rc == EBADF && atomic_load(&cache->waiting)) {
    *reader = made;
    return MTASTS_OK;
  }
  if (rc != 0) {
    mtasts_reader_free(made);
    return mtasts_env_status(rc);
  }
  mtasts_reader_end(made);
  *reader = made;
  return MTASTS_OK;
}

void mtasts_reader_free(struct mtasts_reader *reader) {
  if (!reader)
    return;
  struct mtasts_cache *cache = reader->cache;
  /* In a child, the reader slot and the locks still belong to the parent. */
  if (!mtasts_env_forked(cache)) {
    pthread_mutex_lock(&cache->lock);
    struct mtasts_reader **link = &cache->readers;
    while (*link != reader)
      link = &(*link)->next;
    *link = reader->next;
    mdb_txn_abort(reader->txn);
    pthread_mutex_unlock(&cache->lock);
  }
  free(reader);
}

/* Copies the domain's value, of *size bytes. */
static int find(struct mtasts_reader *reader, const struct mtasts_domain *domain, size_t *size) {
  const struct mtasts_cache *cache = reader->cache;
  MDB_val key = {domain->len, (void *)(uintptr_t)domain->name};
  MDB_val value;
  int rc = mdb_get(reader->txn, cache->policies, &key, &value);
  if (rc == MDB_NOTFOUND)
    rc = mdb_get(reader->txn, cache->absent, &key, &value);
  if (rc != 0)
    return rc;
  if (value.mv_size > sizeof reader->value)
    return MDB_CORRUPTED;
  memcpy(reader->value, value.mv_data, value.mv_size);
  *size = value.mv_size;
  return 0;
}

/* A domain that is not in the cache may still be in the file that is being salvaged. If that file
 * is damaged on the way to the domain, this is unknown until the salvage ends. */
static enum mtasts_status read_salvaged(struct mtasts_reader *reader,
                                        const struct mtasts_domain *domain,
                                        struct mtasts_entry *entry) {
  const struct mtasts_cache *cache = reader->cache;
  if (!atomic_load_explicit(&cache->salvaged, memory_order_acquire))
    return MTASTS_ABSENT;
  enum mtasts_status status =
      mtasts_tree_read_file(cache->directory, MTASTS_FILE_DAMAGED, domain, reader->value, entry);
  errno = EIO;
  return status == MTASTS_OK || status == MTASTS_ABSENT ? status : MTASTS_IO;
}

/* Reads the file without LMDB, and uses its entry. False: it cannot be read. */
static bool read_without(struct mtasts_reader *reader, const struct mtasts_domain *domain,
                         struct mtasts_entry *entry, enum mtasts_status *status) {
  *status = mtasts_tree_read(reader->cache->directory, domain, reader->value, entry);
  if (*status != MTASTS_ABSENT)
    return *status == MTASTS_OK;
  *status = read_salvaged(reader, domain, entry);
  return true;
}

enum mtasts_status mtasts_reader_get(struct mtasts_reader *reader,
                                     const struct mtasts_domain *domain,
                                     struct mtasts_entry *entry) {
  enum mtasts_status status;
  size_t size;
  if (mtasts_env_forked(reader->cache))
    return MTASTS_FORKED;
  if (!mtasts_reader_try_hold(reader)) {
    /* The writer is replacing the map now. If the file can be read without LMDB, do not wait. */
    if (read_without(reader, domain, entry, &status))
      return status;
    mtasts_reader_lock(reader);
  }
  int rc = begin_held(reader);
  /* A commit of LMDB has failed, its map is lost, or the table of readers is full. */
  if (rc != 0)
    return read_without(reader, domain, entry, &status) ? status : mtasts_env_status(rc);
  rc = find(reader, domain, &size);
  mtasts_reader_end(reader);
  if (rc == MDB_NOTFOUND)
    return read_salvaged(reader, domain, entry);
  if (rc != 0)
    return mtasts_env_status(rc);
  return mtasts_entry_decode(reader->value, size, entry);
}
