#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error_map.h"
#include "lock_file.h"
#include "meta_page.h"
#include "outcome_store_private.h"

#define FORMAT_KEY "format"
#define FORMAT     "mtasts-outcomes 1"

enum {
  TABLES = 5,
  MAP_UNIT = 1 << 16,      /* bytes; maps are whole multiples, and so of every page size */
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

static int make_files(const char *path, const struct mtasts_config *config) {
  const struct mtasts_owner owner = {config->uid, config->gid};
  int fd;
  int rc = mtasts_files_directory(path, &owner, &fd);
  if (rc != 0)
    return rc;
  if ((rc = make_file(fd, MTASTS_FILE_DATA, MTASTS_MODE_DATA, &owner)) == 0)
    rc = make_file(fd, MTASTS_FILE_LOCK, MTASTS_MODE_LOCK, &owner);
  close(fd);
  return rc;
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

/* LMDB maps any file, and makes missing ones with another owner: so both are looked at before. An
 * empty data.mdb is new. */
static int check_files(const char *path, bool write) {
  struct mtasts_data_file data;
  struct stat file;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return errno;
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
  close(fd);
  return rc;
}

bool mtasts_outcome_store_in_place(const struct mtasts_outcome_store *store) {
  char path[PATH_MAX];
  struct stat opened;
  struct stat named;
  int fd;
  int len = snprintf(path, sizeof path, "%s/" MTASTS_FILE_DATA, store->directory);
  return len > 0 && (size_t)len < sizeof path && mdb_env_get_fd(store->env, &fd) == 0 &&
         fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

/* transactions */

int mtasts_outcome_store_begin(struct mtasts_outcome_store *store, unsigned flags, MDB_txn **txn) {
  int rc = mdb_txn_begin(store->env, NULL, flags, txn);
  /* Another process has a larger map: this one takes it over. */
  if (rc == MDB_MAP_RESIZED && (rc = mdb_env_set_mapsize(store->env, 0)) == 0)
    rc = mdb_txn_begin(store->env, NULL, flags, txn);
  return rc;
}

int mtasts_outcome_store_commit(struct mtasts_outcome_store *store, MDB_txn *txn) {
  MDB_envinfo info;
  MDB_stat stat;
  int fd;
  int rc = mdb_txn_commit(txn);
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

static int open_tables(struct mtasts_outcome_store *store, bool write) {
  MDB_txn *txn;
  MDB_dbi main;
  int rc = mtasts_outcome_store_begin(store, write ? 0 : MDB_RDONLY, &txn);
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
static int open_environment(struct mtasts_outcome_store *store, const char *path, bool write) {
  uint64_t map = store->bytes_max + store->bytes_max / 8 + WORKING_SPACE;
  int dead;
  int rc = mdb_env_create(&store->env);
  if (rc != 0)
    return rc;
  if ((rc = mdb_env_set_maxdbs(store->env, TABLES)) == 0 &&
      (rc = mdb_env_set_maxreaders(store->env, MTASTS_READERS_MAX)) == 0 &&
      (rc = mdb_env_set_mapsize(store->env,
                                (size_t)((map + MAP_UNIT - 1) / MAP_UNIT * MAP_UNIT))) == 0 &&
      (rc = mdb_env_open(store->env, path, MDB_NOTLS | (write ? 0 : MDB_RDONLY),
                         MTASTS_MODE_DATA)) == 0 &&
      (rc = mdb_reader_check(store->env, &dead)) == 0)
    rc = open_tables(store, write);
  return rc;
}

static int open_store(const struct mtasts_config *config, const char *path, bool write,
                      struct mtasts_outcome_store *store) {
  int rc = write ? make_files(path, config) : 0;
  if (rc == 0)
    rc = check_files(path, write);
  if (rc == 0)
    rc = open_environment(store, path, write);
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
    made->directory = strdup(directory);
    rc = made->directory ? open_store(config, directory, mode == MTASTS_OUTCOME_WRITE, made)
                         : ENOMEM;
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
  if (store->env)
    mdb_env_close(store->env);
  free(store->directory);
  free(store);
}
