#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus_error.h"
#include "clean_shutdown.h"
#include "error_map.h"
#include "lock_file.h"
#include "meta_page.h"
#include "outcome_lock.h"
#include "outcome_store_private.h"

#define FORMAT_KEY "format"
#define FORMAT     "mtasts-outcomes 1"

enum {
  TABLES = 5,
  MAP_UNIT = 1 << 16,      /* bytes; maps are whole multiples, and so of every page size */
  AT_ONCE_MAX = 4 << 20,   /* bytes: a file that is read in a few milliseconds */
  WORKING_SPACE = 1 << 20, /* bytes; pages that a commit frees can be used two commits later */
};

/* The names of the tables, in the order in which days are dropped from them. */
static const char *const names[TABLES] = {"domains", "policies", "details", "shares", "states"};

static MDB_dbi *table_of(struct mtasts_counter_tables *tables, size_t i) {
  MDB_dbi *const dbis[TABLES] = {&tables->domains, &tables->policies, &tables->details,
                                 &tables->shares, &tables->states};
  return dbis[i];
}

bool mtasts_outcome_directory(const struct mtasts_config *config, char *out, size_t size) {
  bool own = *config->outcome.directory != '\0';
  int len = own ? snprintf(out, size, "%s", config->outcome.directory)
                : snprintf(out, size, "%s/outcomes", config->cache.directory);
  return len >= 0 && (size_t)len < size;
}

/* files */

/* Two processes may make the same file at the same time. */
static int make_file(int directory, const char *name, mode_t mode,
                     const struct mtasts_owner *owner) {
  int fd;
  int rc = mtasts_files_open(directory, name, mode, owner, &fd);
  if (rc == EEXIST)
    rc = mtasts_files_open(directory, name, mode, owner, &fd);
  if (rc == 0)
    close(fd);
  return rc;
}

static int open_lock(struct mtasts_outcome_store *store) {
  int rc = mtasts_files_open(store->directory_fd, MTASTS_FILE_WRITER, MTASTS_MODE_LOCK,
                             &store->owner, &store->lock);
  return rc == EEXIST ? mtasts_files_open(store->directory_fd, MTASTS_FILE_WRITER, MTASTS_MODE_LOCK,
                                          &store->owner, &store->lock)
                      : rc;
}

/* *alone: no other process has the store open to write. Only then lock.mdb may be replaced. */
static int make_files(struct mtasts_outcome_store *store, bool *alone) {
  int rc = mtasts_files_directory(store->directory, &store->owner, &store->directory_fd);
  if (rc != 0 || (rc = open_lock(store)) != 0 ||
      (rc = mtasts_outcome_lock_take(store->lock, alone)) != 0 ||
      (rc = make_file(store->directory_fd, MTASTS_FILE_DATA, MTASTS_MODE_DATA, &store->owner)) != 0)
    return rc;
  return *alone ? mtasts_lock_prepare(store->directory_fd, &store->owner)
                : make_file(store->directory_fd, MTASTS_FILE_LOCK, MTASTS_MODE_LOCK, &store->owner);
}

/* Lengthens the file, and never shortens it: another process may be writing. If the file system
 * cannot, the file stays as it is. */
static void lengthen(int fd, uint64_t bytes) {
  struct stat file;
  if (fstat(fd, &file) == 0 && (uint64_t)file.st_size < bytes)
    (void)!fallocate(fd, 0, 0, (off_t)bytes);
}

/* A process that died in between left the file shorter than its meta pages say. */
static void lengthen_short(int directory) {
  struct mtasts_data_trees trees;
  int fd = openat(directory, MTASTS_FILE_DATA, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return;
  if (mtasts_data_trees_of_short(fd, &trees) == 0)
    lengthen(fd, (trees.last_page + 1) * (uint64_t)trees.page_size);
  close(fd);
}

/* LMDB follows the pointers of any page, and dies of bad ones. So each page is checked before the
 * file is mapped, unless it is as the last writer left it. */
static int check_pages(const struct mtasts_outcome_store *store, bool alone) {
  bool trusted = store->write ? !alone : mtasts_outcome_lock_has_writer(store->directory_fd);
  return !trusted && mtasts_clean_shutdown_check(store->directory) == MTASTS_CORRUPT ? MDB_CORRUPTED
                                                                                     : 0;
}

/* LMDB maps any file, and makes missing ones with another owner: so both are looked at before. An
 * empty data.mdb is new. */
static int check_files(struct mtasts_outcome_store *store, bool alone) {
  struct mtasts_data_file data;
  struct stat file;
  const bool write = store->write;
  int fd = store->directory_fd;
  int rc = mtasts_files_find(fd, MTASTS_FILE_DATA, &file);
  if (rc == 0 && file.st_size == 0 && !write)
    rc = ENOENT;
  if (rc == 0 && file.st_size > 0) {
    if (write)
      lengthen_short(fd);
    rc = mtasts_data_validate(fd, &data);
  }
  if (rc == 0)
    rc = mtasts_files_find(fd, MTASTS_FILE_LOCK, &file);
  if (rc == 0)
    rc = mtasts_lock_reserve(fd);
  if (rc == 0)
    rc = check_pages(store, alone);
  if (rc == 0 && (rc = mtasts_files_find(fd, MTASTS_FILE_DATA, &file)) == 0) {
    store->device = file.st_dev;
    store->inode = file.st_ino;
  }
  store->sound = rc == 0;
  return rc;
}

bool mtasts_outcome_store_opens_slowly(const char *directory) {
  char path[PATH_MAX];
  struct stat file;
  int len = snprintf(path, sizeof path, "%s/" MTASTS_FILE_DATA, directory);
  return len > 0 && (size_t)len < sizeof path && lstat(path, &file) == 0 &&
         file.st_size > AT_ONCE_MAX && !mtasts_stamp_fits(directory);
}

bool mtasts_outcome_store_in_place(const struct mtasts_outcome_store *store) {
  char path[PATH_MAX];
  struct stat named;
  int len = snprintf(path, sizeof path, "%s/" MTASTS_FILE_DATA, store->directory);
  return len > 0 && (size_t)len < sizeof path && stat(path, &named) == 0 &&
         named.st_dev == store->device && named.st_ino == store->inode;
}

/* transactions */

static int open_environment(struct mtasts_outcome_store *store);

/* If pages of lock.mdb are in memory alone, this process and others write without each other's
 * locks: so a new file takes its place, once no other process writes. */
static int renew_lock(struct mtasts_outcome_store *store) {
  unsigned errors = mtasts_bus_error_count();
  if (errors == store->bus_errors)
    return 0;
  int rc = mtasts_outcome_lock_alone(store->lock)
               ? mtasts_lock_renew(store->directory_fd, &store->owner)
               : EWOULDBLOCK;
  int shared = mtasts_outcome_lock_share(store->lock);
  rc = rc == 0 ? shared : rc;
  if (rc == 0)
    store->bus_errors = errors;
  return rc;
}

/* LMDB may have given up the environment after a failed write. */
static int reopen(struct mtasts_outcome_store *store) {
  bool locks = store->write && mtasts_bus_error_count() != store->bus_errors;
  if (store->env && !store->failed && !locks)
    return 0;
  if (store->env)
    mdb_env_close(store->env);
  store->env = NULL;
  int rc = mtasts_outcome_store_in_place(store) ? 0 : ENOENT; /* another file was not checked */
  if (rc == 0 && store->write)
    rc = renew_lock(store);
  if (rc == 0)
    rc = open_environment(store);
  if (rc == 0) {
    store->failed = false;
    return 0;
  }
  if (store->env)
    mdb_env_close(store->env);
  store->env = NULL;
  return rc;
}

static int begin(struct mtasts_outcome_store *store, unsigned flags, MDB_txn **txn) {
  int rc = mdb_txn_begin(store->env, NULL, flags, txn);
  /* Another process has a larger map: this one takes it over. */
  if (rc == MDB_MAP_RESIZED && (rc = mdb_env_set_mapsize(store->env, 0)) == 0)
    rc = mdb_txn_begin(store->env, NULL, flags, txn);
  return rc;
}

int mtasts_outcome_store_begin(struct mtasts_outcome_store *store, unsigned flags, MDB_txn **txn) {
  int rc = reopen(store);
  if (rc == 0)
    rc = begin(store, flags, txn);
  store->failed |= rc == MDB_PANIC;
  return rc;
}

int mtasts_outcome_store_abort(struct mtasts_outcome_store *store, MDB_txn *txn, int rc) {
  mdb_txn_abort(txn);
  store->failed |= rc != 0 && rc != MDB_NOTFOUND && rc != MDB_MAP_FULL && rc != ENOMEM;
  store->sound &= rc != MDB_CORRUPTED && rc != MDB_PAGE_NOTFOUND;
  return rc;
}

int mtasts_outcome_store_commit(struct mtasts_outcome_store *store, MDB_txn *txn) {
  MDB_envinfo info;
  MDB_stat stat;
  int fd;
  int rc = mdb_txn_commit(txn);
  store->failed |= rc != 0;
  if (rc == 0 && mdb_env_info(store->env, &info) == 0 && mdb_env_stat(store->env, &stat) == 0 &&
      mdb_env_get_fd(store->env, &fd) == 0)
    lengthen(fd, (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize);
  return rc;
}

int mtasts_outcome_store_used(struct mtasts_outcome_store *store, MDB_txn *txn, uint64_t *bytes) {
  MDB_stat stat;
  *bytes = 0;
  for (size_t i = 0; i < TABLES; i++) {
    int rc = mdb_stat(txn, *table_of(&store->tables, i), &stat);
    if (rc != 0)
      return rc;
    *bytes += stat.ms_psize *
              (uint64_t)(stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages);
  }
  return 0;
}

/* opening */

/* Writes the format into a new store; checks it in any other. */
static int agree_on_format(MDB_txn *txn, MDB_dbi main, bool write) {
  MDB_val key = {sizeof FORMAT_KEY - 1, (void *)(uintptr_t)FORMAT_KEY};
  MDB_val format = {sizeof FORMAT - 1, (void *)(uintptr_t)FORMAT};
  MDB_val found;
  int rc = mdb_get(txn, main, &key, &found);
  if (rc == MDB_NOTFOUND && write)
    return mdb_put(txn, main, &key, &format, 0);
  bool same = rc == 0 && found.mv_size == format.mv_size &&
              memcmp(found.mv_data, format.mv_data, format.mv_size) == 0;
  return rc == 0 && !same ? MDB_VERSION_MISMATCH : rc;
}

static int open_tables(struct mtasts_outcome_store *store) {
  const bool write = store->write;
  MDB_txn *txn;
  MDB_dbi main;
  int rc = begin(store, write ? 0 : MDB_RDONLY, &txn);
  if (rc != 0)
    return rc;
  if ((rc = mdb_dbi_open(txn, NULL, 0, &main)) == 0)
    rc = agree_on_format(txn, main, write);
  for (size_t i = 0; i < TABLES && rc == 0; i++)
    rc = mdb_dbi_open(txn, names[i], write ? MDB_CREATE : 0, table_of(&store->tables, i));
  if (rc == 0)
    return write ? mtasts_outcome_store_commit(store, txn) : mdb_txn_commit(txn);
  mdb_txn_abort(txn);
  return rc;
}

/* A file of LMDB's, but not one of ours: another program's, or another version's. */
static int open_environment(struct mtasts_outcome_store *store) {
  uint64_t map = store->bytes_max + store->bytes_max / 8 + WORKING_SPACE;
  int dead;
  int rc = mdb_env_create(&store->env);
  if (rc != 0)
    return rc;
  if ((rc = mdb_env_set_maxdbs(store->env, TABLES)) == 0 &&
      (rc = mdb_env_set_maxreaders(store->env, MTASTS_READERS_MAX)) == 0 &&
      (rc = mdb_env_set_mapsize(store->env,
                                (size_t)((map + MAP_UNIT - 1) / MAP_UNIT * MAP_UNIT))) == 0 &&
      (rc = mdb_env_open(store->env, store->directory, MDB_NOTLS | (store->write ? 0 : MDB_RDONLY),
                         MTASTS_MODE_DATA)) == 0 &&
      (rc = mdb_reader_check(store->env, &dead)) == 0)
    rc = open_tables(store);
  return rc;
}

static int open_store(struct mtasts_outcome_store *store) {
  bool alone = false;
  int rc = 0;
  if (store->write)
    rc = make_files(store, &alone);
  else if ((store->directory_fd = open(store->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
    rc = errno;
  if (rc == 0)
    rc = check_files(store, alone);
  if (rc == 0 && store->write && (rc = mtasts_outcome_lock_share(store->lock)) == 0)
    rc = mtasts_clean_shutdown_clear(store->lock);
  if (rc == 0)
    rc = open_environment(store);
  return rc == MDB_NOTFOUND ? ENOENT : rc;
}

enum mtasts_status mtasts_outcome_store_open_at(const struct mtasts_config *config,
                                                const char *directory,
                                                enum mtasts_outcome_access_mode mode,
                                                char error[MTASTS_ERROR_TEXT],
                                                struct mtasts_outcome_store **store) {
  struct mtasts_outcome_store *made = calloc(1, sizeof *made);
  int rc = made ? 0 : ENOMEM;
  if (made) {
    made->bytes_max = config->outcome.max_size;
    made->write = mode == MTASTS_OUTCOME_WRITE;
    made->bus_errors = mtasts_bus_error_count();
    made->owner = (struct mtasts_owner){config->uid, config->gid};
    made->directory_fd = made->lock = -1;
    made->directory = strdup(directory);
    rc = made->directory ? open_store(made) : ENOMEM;
  }
  enum mtasts_status status = rc == MDB_VERSION_MISMATCH ? MTASTS_INVALID : mtasts_env_status(rc);
  int saved = errno;
  if (status == MTASTS_OK)
    *store = made;
  else
    mtasts_outcome_store_close(made);
  if (status == MTASTS_INVALID)
    snprintf(error, MTASTS_ERROR_TEXT,
             "%.900s: data.mdb is no store of outcomes of this version; move it away", directory);
  else if (status == MTASTS_CORRUPT)
    snprintf(error, MTASTS_ERROR_TEXT, "%.900s: data.mdb is damaged", directory);
  else if (status == MTASTS_LOCKED)
    snprintf(error, MTASTS_ERROR_TEXT, "%.900s: another process checks data.mdb", directory);
  else if (status != MTASTS_OK)
    snprintf(error, MTASTS_ERROR_TEXT, "%.900s: %s", directory, mtasts_env_reason(status, saved));
  errno = saved;
  return status;
}

enum mtasts_status mtasts_outcome_store_open(const struct mtasts_config *config,
                                             enum mtasts_outcome_access_mode mode,
                                             char error[MTASTS_ERROR_TEXT],
                                             struct mtasts_outcome_store **store) {
  char directory[PATH_MAX];
  if (mtasts_outcome_directory(config, directory, sizeof directory))
    return mtasts_outcome_store_open_at(config, directory, mode, error, store);
  snprintf(error, MTASTS_ERROR_TEXT, "outcome.directory: the path is too long");
  errno = ENAMETOOLONG;
  return MTASTS_IO;
}

void mtasts_outcome_store_close(struct mtasts_outcome_store *store) {
  if (!store)
    return;
  bool in_order =
      store->lock >= 0 && store->sound && !store->failed && mtasts_outcome_store_in_place(store);
  if (store->env)
    mdb_env_close(store->env);
  /* Without the mark, the next to open the store checks each page. */
  if (in_order && mtasts_outcome_lock_alone(store->lock))
    mtasts_clean_shutdown_write(store->directory_fd, store->lock);
  if (store->lock >= 0)
    close(store->lock);
  if (store->directory_fd >= 0)
    close(store->directory_fd);
  free(store->directory);
  free(store);
}
