#include "store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "bus_error.h"
#include "clean_shutdown.h"
#include "clock.h"
#include "damaged.h"
#include "data_file.h"
#include "error_map.h"
#include "format.h"
#include "lock_file.h"
#include "salvage_mark.h"
#include "store_private.h"
#include "tree_check.h"

enum {
  WORKING_SPACE = 1 << 20, /* bytes, the least of it */
  MAP_UNIT = 1 << 16,      /* bytes; maps are whole multiples, and so of every page size */
  WARN_INTERVAL = 60,      /* seconds between warnings of a kind */
};

const struct mtasts_store_options mtasts_store_defaults = {
    .map_size = 1ULL << 30,
    .map_size_max = 8ULL << 30,
    .max_policies = 1000000,
    .max_absent = 1000000,
    .uid = (uid_t)-1,
    .gid = (gid_t)-1,
};

/* A change that is not committed yet. */
struct mtasts_change {
  struct mtasts_domain domain;
  bool removal;
  bool policy;  /* which database it goes to */
  bool failure; /* of a failed look-up that found no policy */
  bool yields;  /* an entry that was looked up later stays */
  int64_t checked;
  size_t size; /* bytes */
  unsigned char value[];
};

int64_t mtasts_store_monotonic_seconds(void) {
  return mtasts_clock_seconds() + 1; /* never 0, because 0 means never */
}

void mtasts_store_warn(struct mtasts_store *store, enum mtasts_store_warning warning,
                       const char *format, ...) {
  int64_t now = mtasts_store_monotonic_seconds();
  char sentence[512];
  va_list args;
  bool again = store->warned[warning] != 0 && now < store->warned[warning] + WARN_INTERVAL;
  if (!store->options.warn || again)
    return;
  store->warned[warning] = now;
  va_start(args, format);
  vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  store->options.warn(store->options.context, sentence);
}

static uint64_t whole_units(uint64_t bytes) {
  return (bytes / MAP_UNIT + (bytes % MAP_UNIT != 0)) * MAP_UNIT;
}

static int lock_directory(struct mtasts_store *store, const struct mtasts_owner *owner) {
  int rc = mtasts_files_directory(store->directory, owner, &store->directory_fd);
  if (rc == 0)
    rc = mtasts_files_open(store->directory_fd, MTASTS_FILE_WRITER, MTASTS_MODE_LOCK, owner,
                           &store->lock_fd);
  if (rc == 0 && flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0)
    rc = errno;
  return rc == 0 ? mtasts_clean_shutdown_clear(store->lock_fd) : rc;
}

/* Makes the missing files, so that LMDB makes none with another owner. */
static int make_files(struct mtasts_store *store, const struct mtasts_owner *owner) {
  struct stat found;
  int rc = mtasts_files_find(store->directory_fd, MTASTS_FILE_DATA, &found);
  if (rc == ENOENT && (rc = mtasts_salvage_mark_set(store->directory_fd, owner)) == 0)
    rc = mtasts_data_make(store->directory, store->directory_fd, owner, NULL);
  if (rc == 0)
    rc = mtasts_lock_prepare(store->directory_fd, owner);
  return rc == 0 ? mtasts_tree_lengthen(store->directory_fd) : rc;
}

/* NOMETASYNC: a crash may lose the last group, never the environment. */
enum {
  WRITER_FLAGS = MDB_NOMETASYNC
};

static int open_environment(struct mtasts_store *store) {
  return mtasts_env_open(&store->cache, store->directory, WRITER_FLAGS, store->options.map_size);
}

int mtasts_store_reopen(struct mtasts_store *store) {
  return mtasts_env_reopen(&store->cache, WRITER_FLAGS, store->options.map_size);
}

bool mtasts_store_reopen_env(struct mtasts_store *store) {
  MDB_txn *txn;
  if (mtasts_cache_waits(&store->cache))
    return false;
  int rc = mtasts_store_begin(store, &txn);
  if (rc == 0)
    mdb_txn_abort(txn);
  if (rc != MDB_PANIC && rc != EBADF)
    return false;
  store->env_failed = true;
  rc = mtasts_store_reopen(store);
  enum mtasts_status status = mtasts_env_status(rc);
  mtasts_store_warn(
      store, MTASTS_STORE_WARNING_REOPENED, "writing the cache %s has failed: %s", store->name,
      rc == 0 ? "it was opened again, and is read as before" : mtasts_env_reason(status, errno));
  return rc == 0;
}

static int open_store(struct mtasts_store *store) {
  const struct mtasts_owner owner = {store->options.uid, store->options.gid};
  int dead;
  int rc;
  if ((rc = lock_directory(store, &owner)) != 0 || (rc = make_files(store, &owner)) != 0)
    return rc;
  atomic_store(&store->cache.salvaged, mtasts_salvage_mark_find(store->directory_fd));
  if (store->options.unchecked)
    return mtasts_env_name(&store->cache, store->directory);
  if ((rc = open_environment(store)) == 0)
    rc = mdb_reader_check(store->cache.env, &dead);
  return rc;
}

bool mtasts_cache_waits(struct mtasts_cache *cache) {
  return atomic_load_explicit(&cache->waiting, memory_order_relaxed);
}

enum mtasts_status mtasts_store_admit(struct mtasts_store *store) {
  int dead;
  int rc = mtasts_store_reopen(store);
  if (rc == 0)
    rc = mdb_reader_check(store->cache.env, &dead);
  if (rc == 0)
    atomic_store(&store->cache.waiting, false);
  store->fails = rc != 0;
  return mtasts_env_status(rc);
}

enum mtasts_status mtasts_store_replace(struct mtasts_store *store) {
  const struct mtasts_owner owner = {store->options.uid, store->options.gid};
  int rc = 0;
  atomic_store(&store->cache.salvaged, true);
  if (!store->moved) {
    rc = mtasts_aside_rename(store->directory_fd);
    store->moved = rc == 0 || rc == ENOENT; /* it was renamed before, and not synced */
  }
  if (store->moved)
    rc = make_files(store, &owner);
  store->fails = rc != 0;
  return rc == 0 ? mtasts_store_admit(store) : mtasts_env_status(rc);
}

bool mtasts_store_salvaging(const struct mtasts_store *store) {
  return atomic_load(&store->cache.salvaged);
}

void mtasts_store_set_salvaging(struct mtasts_store *store, bool salvaging) {
  atomic_store(&store->cache.salvaged, salvaging);
}

/* It cannot be read. */
static void warn_of_file(struct mtasts_store *store, const char *directory) {
  const char *name = store->options.name ? store->options.name : directory;
  unsigned format = mtasts_format_unknown(directory);
  if (format != 0)
    mtasts_store_warn(store, MTASTS_STORE_WARNING_DAMAGE,
                      "%s/" MTASTS_FILE_DATA " has format %u, and this version reads format %d: "
                      "use the version that wrote it, or move it away",
                      name, format, MTASTS_FORMAT);
  else
    mtasts_store_warn(store, MTASTS_STORE_WARNING_DAMAGE,
                      "%s/" MTASTS_FILE_DATA " is damaged or not a cache: move it away, and the "
                      "cache starts empty",
                      name);
}

enum mtasts_status mtasts_store_open(const char *directory,
                                     const struct mtasts_store_options *options,
                                     struct mtasts_store **store) {
  struct mtasts_store *made = calloc(1, sizeof *made);
  if (!made || mtasts_env_init(&made->cache) != 0) {
    free(made);
    return MTASTS_NO_MEMORY;
  }
  made->bus_errors = mtasts_bus_error_count();
  made->options = *options;
  made->options.map_size = whole_units(options->map_size);
  made->options.map_size_max = whole_units(options->map_size_max);
  made->directory_fd = made->lock_fd = -1;
  if (getrandom(&made->salt, sizeof made->salt, GRND_NONBLOCK) < 0)
    made->salt = (uint64_t)mtasts_store_monotonic_seconds();
  made->directory = strdup(directory);
  made->name = options->name ? options->name : made->directory;
  enum mtasts_status status = mtasts_env_status(made->directory ? open_store(made) : ENOMEM);
  if (status == MTASTS_CORRUPT)
    warn_of_file(made, directory);
  int saved = errno;
  if (status != MTASTS_OK)
    mtasts_store_close(made);
  else
    *store = made;
  errno = saved;
  return status;
}

/* Is data.mdb still the open file? Another file may have replaced it. */
static bool has_its_name(const struct mtasts_store *store) {
  struct stat opened;
  struct stat named;
  int fd;
  return mdb_env_get_fd(store->cache.env, &fd) == 0 && fstat(fd, &opened) == 0 &&
         mtasts_files_find(store->directory_fd, MTASTS_FILE_DATA, &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

void mtasts_store_close(struct mtasts_store *store) {
  if (!store)
    return;
  /* Pending changes that cannot be written are lost. The file is still sound, unless writing failed
   * for another reason than lack of room. */
  enum mtasts_status status = store->cache.env ? mtasts_store_flush(store) : MTASTS_IO;
  for (size_t i = 0; i < store->count; i++)
    free(store->pending[i]);
  bool in_order = !store->env_failed && (status == MTASTS_OK || status == MTASTS_FULL) &&
                  mdb_env_sync(store->cache.env, 1) == 0 && has_its_name(store);
  mtasts_env_destroy(&store->cache);
  if (in_order)
    mtasts_clean_shutdown_write(store->directory_fd,
                                store->lock_fd); /* without it each page is checked */
  if (store->lock_fd >= 0)
    close(store->lock_fd);
  if (store->directory_fd >= 0)
    close(store->directory_fd);
  free(store->directory);
  free(store);
}

struct mtasts_cache *mtasts_store_cache(struct mtasts_store *store) {
  return &store->cache;
}

size_t mtasts_store_pending(const struct mtasts_store *store) {
  return store->count;
}

int mtasts_store_begin(struct mtasts_store *store, MDB_txn **txn) {
  int rc = store->cache.env ? mdb_txn_begin(store->cache.env, NULL, 0, txn) : EBADF;
  /* A map that another process has resized is no failure: it is only to be mapped again. */
  store->fails = store->fails || (rc != 0 && rc != MDB_MAP_RESIZED);
  return rc;
}

int mtasts_store_commit(struct mtasts_store *store, MDB_txn *txn) {
  int rc = mtasts_data_commit(txn);
  if (rc != MDB_MAP_FULL) /* lack of room has its own warning */
    store->fails = rc != 0;
  return rc;
}

bool mtasts_store_fails(const struct mtasts_store *store) {
  return store->fails;
}

/* Is there an unexpired policy that this change must not end? A caller that could not read it, and
 * whose look-up then failed, must not replace it: it governs until it expires (RFC 8461 section
 * 3.3). */
static bool is_governed(const struct mtasts_store *store, MDB_txn *txn, MDB_val *key) {
  struct mtasts_entry entry;
  MDB_val value;
  return mdb_get(txn, store->cache.policies, key, &value) == 0 &&
         mtasts_entry_decode(value.mv_data, value.mv_size, &entry) == MTASTS_OK &&
         mtasts_entry_live(&entry, store->now);
}

static bool is_older(const struct mtasts_store *store, MDB_txn *txn, MDB_val *key,
                     int64_t checked) {
  struct mtasts_entry entry;
  MDB_val value;
  int rc = mdb_get(txn, store->cache.policies, key, &value);
  if (rc == MDB_NOTFOUND)
    rc = mdb_get(txn, store->cache.absent, key, &value);
  return rc == 0 && mtasts_entry_decode(value.mv_data, value.mv_size, &entry) == MTASTS_OK &&
         entry.checked >= checked;
}

/* A domain is in one database only: writing it to one deletes it from the other. */
static int write_change(struct mtasts_store *store, MDB_txn *txn,
                        const struct mtasts_change *change) {
  const struct mtasts_cache *cache = &store->cache;
  const MDB_dbi dbi[] = {cache->absent, cache->policies};
  MDB_val key = {change->domain.len, (void *)(uintptr_t)change->domain.name};
  MDB_val value = {change->size, (void *)(uintptr_t)change->value};
  if ((change->failure && is_governed(store, txn, &key)) ||
      (change->yields && is_older(store, txn, &key, change->checked)))
    return 0;
  for (int i = 0; i < 2; i++) {
    bool goes_here = !change->removal && change->policy == (i == 1);
    int rc = goes_here ? mdb_put(txn, dbi[i], &key, &value, 0) : mdb_del(txn, dbi[i], &key, NULL);
    if (rc != 0 && rc != MDB_NOTFOUND)
      return rc;
    store->removed += change->removal && rc == 0;
  }
  return 0;
}

static int write_group(struct mtasts_store *store, struct mtasts_change *const *changes,
                       size_t count) {
  MDB_txn *txn;
  int rc = mtasts_store_begin(store, &txn);
  store->removed = 0;
  if (rc != 0)
    return rc;
  for (size_t i = 0; i < count && rc == 0; i++)
    rc = write_change(store, txn, changes[i]);
  if (rc == 0)
    rc = mtasts_saved_position_write(store, txn);
  if (rc != 0) {
    mdb_txn_abort(txn);
    return rc;
  }
  if ((rc = mtasts_store_commit(store, txn)) == 0)
    store->position_pending = false;
  return rc;
}

/*
 * Doubles the map, up to map_size_max; an eighth more is working space. LMDB can use the pages that
 * a commit frees only from the second commit after it on. So without working space, a commit that
 * takes the last free page could be followed by no other.
 */
static int grow(struct mtasts_store *store) {
  const uint64_t max = store->options.map_size_max;
  MDB_envinfo info;
  int rc = mdb_env_info(store->cache.env, &info);
  if (rc != 0)
    return rc;
  uint64_t size = 2 * (uint64_t)info.me_mapsize;
  if (size > max)
    size = info.me_mapsize < max ? max : whole_units(max + max / 8 + WORKING_SPACE);
  return size > info.me_mapsize ? mtasts_env_resize(&store->cache, size) : MDB_MAP_FULL;
}

/* Writes the group; as long as the map is full, grows it and tries again. */
static int write_growing(struct mtasts_store *store, struct mtasts_change *const *changes,
                         size_t count) {
  int rc;
  do {
    rc = write_group(store, changes, count);
    if (rc == MDB_MAP_FULL && (rc = grow(store)) == 0)
      rc = EAGAIN;
    else if (rc == MDB_MAP_RESIZED && (rc = mtasts_env_resize(&store->cache, 0)) == 0)
      rc = EAGAIN;
  } while (rc == EAGAIN);
  return rc;
}

/* Writes the group. If the environment had to be opened again, it is written a second time. */
static int write_reopening(struct mtasts_store *store) {
  int rc = write_growing(store, store->pending, store->count);
  if (rc == 0 || rc == MDB_MAP_FULL || !mtasts_store_reopen_env(store))
    return rc;
  rc = write_growing(store, store->pending, store->count);
  if (rc != 0 && rc != MDB_MAP_FULL)
    mtasts_store_reopen_env(store);
  return rc;
}

/* The map has its greatest size and no room for the group: writes the changes one by one. */
static int write_singly(struct mtasts_store *store) {
  size_t refused = 0;
  for (size_t i = 0; i < store->count; i++) {
    uint64_t evicted = 0;
    int rc = write_growing(store, &store->pending[i], 1);
    /* While there is a stale reader, eviction frees no usable page. */
    if (rc == MDB_MAP_FULL && !store->paused &&
        (rc = mtasts_quota_evict_absent(store, &evicted)) == 0)
      rc = evicted > 0 ? write_growing(store, &store->pending[i], 1) : MDB_MAP_FULL;
    if (rc == 0)
      rc = mtasts_quota_enforce(store);
    else if (rc == MDB_MAP_FULL)
      refused++;
    if (rc != 0 && rc != MDB_MAP_FULL)
      return rc;
  }
  if (refused == 0)
    return 0;
  mtasts_store_warn(store, MTASTS_STORE_WARNING_FULL,
                    "the cache %s is full, and %zu answers were not stored: raise map_size_max or "
                    "lower max_policies and max_absent",
                    store->name, refused);
  return MDB_MAP_FULL;
}

enum mtasts_status mtasts_store_flush(struct mtasts_store *store) {
  if (mtasts_env_forked(&store->cache))
    return MTASTS_FORKED;
  if (mtasts_cache_waits(&store->cache))
    return MTASTS_LOCKED;
  if (store->count == 0 && !store->position_pending)
    return MTASTS_OK;
  int rc = write_reopening(store);
  mtasts_watch_lock(store, rc == 0);
  if (rc == MDB_MAP_FULL && (rc = write_singly(store)) != 0 && rc != MDB_MAP_FULL)
    mtasts_store_reopen_env(store);
  if (rc != 0 && rc != MDB_MAP_FULL)
    return mtasts_env_status(rc);
  for (; store->count > 0; store->count--)
    free(store->pending[store->count - 1]);
  mtasts_reader_watch_check(store);
  /* If eviction itself found no free page, nothing is lost: the next commit frees some. */
  int held = mtasts_quota_enforce(store);
  if (held != 0 && held != MDB_MAP_FULL)
    mtasts_store_reopen_env(store);
  return mtasts_env_status(rc == 0 && held != MDB_MAP_FULL ? held : rc);
}

enum mtasts_status mtasts_store_try(struct mtasts_store *store) {
  MDB_txn *txn;
  if (store->count > 0 || store->position_pending || mtasts_env_forked(&store->cache))
    return mtasts_store_flush(store);
  int rc = mtasts_store_begin(store, &txn);
  if (rc == 0) {
    if ((rc = mtasts_data_put_format(txn, store->cache.main)) == 0)
      rc = mtasts_store_commit(store, txn);
    else
      mdb_txn_abort(txn);
  }
  if (rc != 0 && rc != MDB_MAP_FULL)
    mtasts_store_reopen_env(store);
  return mtasts_env_status(rc);
}

/* Takes over the change. It replaces an earlier one for the same domain. */
static enum mtasts_status add(struct mtasts_store *store, struct mtasts_change *change) {
  for (size_t i = 0; i < store->count; i++) {
    const struct mtasts_domain *other = &store->pending[i]->domain;
    if (other->len == change->domain.len &&
        memcmp(other->name, change->domain.name, other->len) == 0) {
      const struct mtasts_change *earlier = store->pending[i];
      if (change->yields && (earlier->removal || earlier->checked >= change->checked)) {
        free(change);
        return MTASTS_OK;
      }
      free(store->pending[i]);
      store->pending[i] = change;
      return MTASTS_OK;
    }
  }
  if (store->count == MTASTS_STORE_GROUP) {
    /* An earlier flush has failed. If this one fails as well, there is no room for the change. */
    enum mtasts_status status = mtasts_store_flush(store);
    if (store->count == MTASTS_STORE_GROUP) {
      free(change);
      return status;
    }
  }
  store->pending[store->count++] = change;
  return store->count == MTASTS_STORE_GROUP ? mtasts_store_flush(store) : MTASTS_OK;
}

static enum mtasts_status put(struct mtasts_store *store, const struct mtasts_domain *domain,
                              const struct mtasts_entry *entry, bool yields, int64_t now) {
  if (mtasts_env_forked(&store->cache))
    return MTASTS_FORKED;
  if (!entry->has_policy && (mtasts_reader_watch_paused(store) || mtasts_quota_would_evict(store)))
    return MTASTS_FULL;
  size_t size = mtasts_entry_size(entry);
  if (size > MTASTS_ENTRY_SIZE_MAX || domain->len == 0 || domain->len > MTASTS_DOMAIN_MAX)
    return MTASTS_INVALID;
  struct mtasts_change *change = malloc(sizeof *change + size);
  if (!change)
    return MTASTS_NO_MEMORY;
  change->domain = *domain;
  change->removal = false;
  change->policy = entry->has_policy;
  change->yields = yields;
  change->checked = entry->checked;
  change->failure = !entry->has_policy && entry->error != MTASTS_ERROR_NONE;
  change->size = mtasts_entry_encode(entry, change->value);
  /* Do not store an entry that could not be read back. */
  struct mtasts_entry stored;
  if (mtasts_entry_decode(change->value, change->size, &stored) != MTASTS_OK ||
      !mtasts_entry_check(&stored)) {
    free(change);
    return MTASTS_INVALID;
  }
  store->now = now;
  return add(store, change);
}

enum mtasts_status mtasts_store_put(struct mtasts_store *store, const struct mtasts_domain *domain,
                                    const struct mtasts_entry *entry, int64_t now) {
  return put(store, domain, entry, false, now);
}

enum mtasts_status mtasts_store_put_older(struct mtasts_store *store,
                                          const struct mtasts_domain *domain,
                                          const struct mtasts_entry *entry, int64_t now) {
  return put(store, domain, entry, true, now);
}

static struct mtasts_change *removal_of(const struct mtasts_domain *domain) {
  struct mtasts_change *change = calloc(1, sizeof *change);
  if (!change)
    return NULL;
  change->domain = *domain;
  change->removal = true;
  return change;
}

enum mtasts_status mtasts_store_drop(struct mtasts_store *store,
                                     const struct mtasts_domain *domain) {
  if (mtasts_env_forked(&store->cache))
    return MTASTS_FORKED;
  struct mtasts_change *change = removal_of(domain);
  return change ? add(store, change) : MTASTS_NO_MEMORY;
}

enum mtasts_status mtasts_store_remove(struct mtasts_store *store,
                                       const struct mtasts_domain *domain) {
  if (mtasts_store_salvaging(store))
    return MTASTS_LOCKED; /* the salvage would bring the domain back */
  enum mtasts_status status = mtasts_store_flush(store);
  if (status != MTASTS_OK && status != MTASTS_FULL)
    return status;
  struct mtasts_change *change = removal_of(domain);
  if (!change)
    return MTASTS_NO_MEMORY;
  store->pending[store->count++] = change;
  status = mtasts_store_flush(store);
  return status == MTASTS_OK && store->removed == 0 ? MTASTS_ABSENT : status;
}

enum mtasts_status mtasts_store_compact(struct mtasts_store *store, uint64_t *before,
                                        uint64_t *after) {
  const struct mtasts_owner owner = {store->options.uid, store->options.gid};
  uint64_t old = 0;
  enum mtasts_status status = mtasts_store_flush(store);
  if (status != MTASTS_OK)
    return status;
  if (store->cache.readers)
    return mtasts_env_status(EBUSY);
  int rc = mtasts_data_size(store->cache.env, &old);
  if (rc != 0)
    return mtasts_env_status(rc);
  int made = mtasts_data_make(store->directory, store->directory_fd, &owner, store->cache.env);
  /* It may have failed after the new file had replaced the old one; the new file is the cache
   * then. */
  if (made != 0 && has_its_name(store))
    return mtasts_env_status(made);
  mtasts_env_close(&store->cache);
  if ((rc = open_environment(store)) == 0 && (rc = made) == 0 &&
      (rc = mtasts_data_size(store->cache.env, after)) == 0)
    *before = old;
  return mtasts_env_status(rc);
}
