/* What others do to the cache while it is written: they read for too long, or remove its file. */
#include <stdio.h>

#include "bus_error.h"
#include "data_file.h"
#include "lock_file.h"
#include "store_private.h"

enum {
  CHECK_INTERVAL = 60, /* seconds between looks at the others */
  LAG_MAX = 64,        /* commits that a reader may be behind */
  LOCK_INTERVAL = 5,   /* seconds between tries to have lock.mdb as a file again */
};

/* A line of mdb_reader_list: pid, thread, and the transaction being read, or `-`. */
static int keep_oldest(const char *line, void *context) {
  struct mtasts_laggard *oldest = context;
  struct mtasts_laggard reader;
  /* NOLINTNEXTLINE(cert-err34-c): LMDB wrote these numbers */
  if (sscanf(line, "%ld %*x %zu", &reader.pid, &reader.transaction) == 2 &&
      reader.transaction < oldest->transaction)
    *oldest = reader;
  return 0;
}

/* The reader for whose sake the most pages are kept; *behind: commits since it began. */
static bool find_laggard(const struct mtasts_store *store, struct mtasts_laggard *laggard,
                         size_t *behind) {
  MDB_envinfo info;
  *laggard = (struct mtasts_laggard){.transaction = SIZE_MAX};
  if (mdb_reader_list(store->cache.env, keep_oldest, laggard) < 0 ||
      mdb_env_info(store->cache.env, &info) != 0 || laggard->transaction >= info.me_last_txnid)
    return false;
  *behind = info.me_last_txnid - laggard->transaction;
  return *behind > LAG_MAX;
}

/* Says so, once of each. The slots of the dead are cleared first. */
static bool somebody_lags(struct mtasts_store *store) {
  struct mtasts_laggard laggard;
  size_t behind;
  int dead;
  if (!find_laggard(store, &laggard, &behind))
    return false;
  if (mdb_reader_check(store->cache.env, &dead) == 0 && dead > 0 &&
      !find_laggard(store, &laggard, &behind))
    return false;
  bool known =
      laggard.pid == store->laggard.pid && laggard.transaction == store->laggard.transaction;
  store->laggard = laggard;
  if (!known)
    mtasts_store_warn(store, MTASTS_CONCERN_READER,
                      "process %ld has been reading the cache %s for %zu commits, and the file "
                      "grows until it ends: restart that process",
                      laggard.pid, store->name, behind);
  return true;
}

/* Pages that are freed meanwhile cannot be used while somebody lags: what counts is the last. */
static bool is_past_line(const struct mtasts_store *store) {
  uint64_t bytes;
  return mtasts_data_size(store->cache.env, &bytes) == 0 &&
         bytes > store->options.map_size_max / 100 * MTASTS_STORE_PAUSE;
}

static void judge_pause(struct mtasts_store *store) {
  bool paused = is_past_line(store) && somebody_lags(store);
  if (paused == store->paused)
    return;
  store->paused = paused;
  if (paused)
    mtasts_store_warn(store, MTASTS_CONCERN_PAUSED,
                      "the cache %s takes %d %% of map_size_max since process %ld reads: domains "
                      "without a policy are not stored until it ends",
                      store->name, MTASTS_STORE_PAUSE, store->laggard.pid);
  else
    mtasts_store_warn(store, MTASTS_CONCERN_RESUMED,
                      "nobody keeps the cache %s from using its free pages any more: domains "
                      "without a policy are stored again",
                      store->name);
}

/* Whoever removes the file takes it from everybody else; we go on with it as long as we live. */
static void check_file(struct mtasts_store *store) {
  struct stat file;
  int fd;
  if (mdb_env_get_fd(store->cache.env, &fd) == 0 && fstat(fd, &file) == 0 && file.st_nlink == 0)
    mtasts_store_warn(store, MTASTS_CONCERN_GONE,
                      "%s/" MTASTS_FILE_DATA " was removed while it was in use: what is known is "
                      "lost when this process ends, and nobody else can read it; restart it",
                      store->name);
}

void mtasts_watch_lock(struct mtasts_store *store, bool written) {
  const struct mtasts_owner owner = {store->options.uid, store->options.gid};
  int64_t now = mtasts_store_uptime();
  unsigned errors = mtasts_bus_error_count();
  if (errors == store->bus_errors)
    return;
  mtasts_store_warn(store, MTASTS_CONCERN_LOCK,
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
    mtasts_store_warn(store, MTASTS_CONCERN_LOCK_BACK,
                      "%s/" MTASTS_FILE_LOCK " can be written again", store->name);
}

void mtasts_watch_others(struct mtasts_store *store) {
  int64_t now = mtasts_store_uptime();
  int dead;
  judge_pause(store);
  if (now < store->others_checked + CHECK_INTERVAL)
    return;
  store->others_checked = now;
  check_file(store);
  mdb_reader_check(store->cache.env, &dead);
  somebody_lags(store);
}

bool mtasts_watch_paused(struct mtasts_store *store) {
  /* There may be no other commit to notice the end of it. */
  if (store->paused)
    judge_pause(store);
  return store->paused;
}
