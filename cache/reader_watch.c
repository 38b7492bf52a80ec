/* Watches what other processes do to the cache while it is written: they read for too long, or
 * remove its file. */
#include <stdio.h>

#include "bus_error.h"
#include "data_file.h"
#include "lock_file.h"
#include "store_private.h"

enum {
  CHECK_INTERVAL = 60, /* seconds between checks of other processes */
  LAG_MAX = 64,        /* a reader that is more commits late is stale */
  LOCK_INTERVAL = 5,   /* seconds between attempts to replace lock.mdb */
};

/* A line of mdb_reader_list: pid, thread, and the transaction being read, or `-`. */
static int keep_stalest(const char *line, void *context) {
  struct mtasts_stale_reader *oldest = context;
  struct mtasts_stale_reader reader;
  /* NOLINTNEXTLINE(cert-err34-c): LMDB wrote these numbers */
  if (sscanf(line, "%ld %*x %zu", &reader.pid, &reader.transaction) == 2 &&
      reader.transaction < oldest->transaction)
    *oldest = reader;
  return 0;
}

/* The reader that keeps the most pages from reuse; *behind: commits since it began. */
static bool find_stale_reader(const struct mtasts_store *store,
                              struct mtasts_stale_reader *stale_reader, size_t *behind) {
  MDB_envinfo info;
  *stale_reader = (struct mtasts_stale_reader){.transaction = SIZE_MAX};
  if (mdb_reader_list(store->cache.env, keep_stalest, stale_reader) < 0 ||
      mdb_env_info(store->cache.env, &info) != 0 || stale_reader->transaction >= info.me_last_txnid)
    return false;
  *behind = info.me_last_txnid - stale_reader->transaction;
  return *behind > LAG_MAX;
}

/* Is there a stale reader? Warns once of each. Clears the slots of dead processes first. */
static bool has_stale_reader(struct mtasts_store *store) {
  struct mtasts_stale_reader stale_reader;
  size_t behind;
  int dead;
  if (!find_stale_reader(store, &stale_reader, &behind))
    return false;
  if (mdb_reader_check(store->cache.env, &dead) == 0 && dead > 0 &&
      !find_stale_reader(store, &stale_reader, &behind))
    return false;
  bool known = stale_reader.pid == store->stale_reader.pid &&
               stale_reader.transaction == store->stale_reader.transaction;
  store->stale_reader = stale_reader;
  if (!known)
    mtasts_store_warn(store, MTASTS_STORE_WARNING_READER,
                      "process %ld has been reading the cache %s for %zu commits, and the file "
                      "grows until it ends: restart that process",
                      stale_reader.pid, store->name, behind);
  return true;
}

/* Freed pages cannot be used while there is a stale reader, so the size up to the last page
 * counts. */
static bool is_past_line(const struct mtasts_store *store) {
  uint64_t bytes;
  return mtasts_data_size(store->cache.env, &bytes) == 0 &&
         bytes > store->options.map_size_max / 100 * MTASTS_STORE_PAUSE;
}

static void update_pause(struct mtasts_store *store) {
  bool paused = is_past_line(store) && has_stale_reader(store);
  if (paused == store->paused)
    return;
  store->paused = paused;
  if (paused)
    mtasts_store_warn(store, MTASTS_STORE_WARNING_PAUSED,
                      "the cache %s takes %d %% of map_size_max since process %ld reads: domains "
                      "without a policy are not stored until it ends",
                      store->name, MTASTS_STORE_PAUSE, store->stale_reader.pid);
  else
    mtasts_store_warn(store, MTASTS_STORE_WARNING_RESUMED,
                      "no process keeps the cache %s from using its free pages any more: domains "
                      "without a policy are stored again",
                      store->name);
}

/* If the file was removed, no other process can open it. This process goes on with it until it
 * ends. */
static void check_file(struct mtasts_store *store) {
  struct stat file;
  int fd;
  if (mdb_env_get_fd(store->cache.env, &fd) == 0 && fstat(fd, &file) == 0 && file.st_nlink == 0)
    mtasts_store_warn(store, MTASTS_STORE_WARNING_LOST,
                      "%s/" MTASTS_FILE_DATA " was removed while it was in use: what is known is "
                      "lost when this process ends, and no other process can read it; restart it",
                      store->name);
}

void mtasts_watch_lock(struct mtasts_store *store, bool written) {
  const struct mtasts_owner owner = {store->options.uid, store->options.gid};
  int64_t now = mtasts_store_monotonic_seconds();
  unsigned errors = mtasts_bus_error_count();
  if (errors == store->bus_errors)
    return;
  mtasts_store_warn(store, MTASTS_STORE_WARNING_LOCK,
                    "%s/" MTASTS_FILE_LOCK " cannot be written: its disk is full or fails. All "
                    "goes on with a copy of it in memory; make room",
                    store->name);
  if (!written || now < store->lock_tried + LOCK_INTERVAL)
    return;
  store->lock_tried = now;
  if (mtasts_lock_renew(store->directory_fd, &owner) != 0)
    return;
  store->bus_errors = errors;
  if (mtasts_store_reopen(store) == 0 && mtasts_bus_error_count() == errors)
    mtasts_store_warn(store, MTASTS_STORE_WARNING_LOCK_BACK,
                      "%s/" MTASTS_FILE_LOCK " can be written again", store->name);
}

void mtasts_reader_watch_check(struct mtasts_store *store) {
  int64_t now = mtasts_store_monotonic_seconds();
  int dead;
  update_pause(store);
  if (now < store->others_checked + CHECK_INTERVAL)
    return;
  store->others_checked = now;
  check_file(store);
  mdb_reader_check(store->cache.env, &dead);
  has_stale_reader(store);
}

bool mtasts_reader_watch_paused(struct mtasts_store *store) {
  /* Check here as well: there may be no commit that would notice the end of the pause. */
  if (store->paused)
    update_pause(store);
  return store->paused;
}
