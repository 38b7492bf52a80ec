#include "data_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The start of the first two pages as LMDB 0.9 lays it out (MDB_page and MDB_meta in its mdb.c),
 * in this machine's byte order and word size. */
struct meta_page {
  size_t number;
  uint16_t pad;
  uint16_t flags;
  uint32_t bounds;
  uint32_t magic;
  uint32_t version;
  void *address;
  size_t map_size;
  struct {
    uint32_t page_size; /* in the first of the two */
    uint16_t flags;
    uint16_t depth;
    size_t branch_pages;
    size_t leaf_pages;
    size_t overflow_pages;
    size_t entries;
    size_t root;
  } tree[2]; /* free pages, main database */
  size_t last_page;
  size_t transaction;
};

enum {
  META_FLAG = 0x08,
  META_VERSION = 1,
  PAGE_SIZE_MIN = 512,
  PAGE_SIZE_MAX = 65536,
};
#define META_MAGIC 0xBEEFC0DE
#define NO_ROOT    SIZE_MAX

static bool meta_holds(const struct meta_page *meta, size_t file_pages) {
  if ((meta->flags & META_FLAG) == 0 || meta->magic != META_MAGIC || meta->version != META_VERSION)
    return false;
  for (int i = 0; i < 2; i++)
    if (meta->tree[i].root != NO_ROOT && meta->tree[i].root > meta->last_page)
      return false;
  return meta->last_page < file_pages;
}

static int read_meta(int fd, struct meta_page meta[2], size_t *page_size) {
  struct stat file;
  if (pread(fd, &meta[0], sizeof meta[0], 0) != (ssize_t)sizeof meta[0])
    return MDB_INVALID;
  *page_size = meta[0].tree[0].page_size;
  if (*page_size < PAGE_SIZE_MIN || *page_size > PAGE_SIZE_MAX ||
      (*page_size & (*page_size - 1)) != 0 ||
      pread(fd, &meta[1], sizeof meta[1], (off_t)*page_size) != (ssize_t)sizeof meta[1])
    return MDB_INVALID;
  /* The length last: a file in use grows before its meta pages say so. */
  if (fstat(fd, &file) != 0)
    return errno;
  size_t pages = (size_t)file.st_size / *page_size;
  return meta_holds(&meta[0], pages) && meta_holds(&meta[1], pages) ? 0 : MDB_INVALID;
}

int mtasts_data_trees(int fd, struct mtasts_data_trees *trees) {
  struct meta_page meta[2];
  size_t page_size;
  int rc = read_meta(fd, meta, &page_size);
  if (rc != 0)
    return rc;
  const struct meta_page *newest = &meta[meta[1].transaction > meta[0].transaction];
  *trees = (struct mtasts_data_trees){
      .page_size = page_size,
      .last_page = newest->last_page,
      .transaction = newest->transaction,
      .free_root = newest->tree[0].root,
      .root = newest->tree[1].root,
  };
  return 0;
}

static int judge(int fd, size_t *map_size) {
  struct meta_page meta[2];
  size_t page_size;
  int rc = read_meta(fd, meta, &page_size);
  if (rc != 0)
    return rc;
  *map_size = meta[0].map_size > meta[1].map_size ? meta[0].map_size : meta[1].map_size;
  return 0;
}

int mtasts_data_judge(int directory_fd, struct mtasts_data_file *data) {
  int rc = mtasts_files_find(directory_fd, MTASTS_FILE_DATA, &data->file);
  if (rc != 0)
    return rc;
  int fd = openat(directory_fd, MTASTS_FILE_DATA, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return errno;
  rc = judge(fd, &data->map_size);
  close(fd);
  return rc;
}

int mtasts_data_size(MDB_env *env, uint64_t *bytes) {
  MDB_envinfo info;
  MDB_stat stat;
  int rc;
  if ((rc = mdb_env_info(env, &info)) != 0 || (rc = mdb_env_stat(env, &stat)) != 0)
    return rc;
  *bytes = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
  return 0;
}

int mtasts_data_commit(MDB_txn *txn) {
  MDB_env *env = mdb_txn_env(txn);
  struct stat file;
  uint64_t bytes;
  int fd;
  int rc;
  if ((rc = mdb_txn_commit(txn)) != 0 || (rc = mtasts_data_size(env, &bytes)) != 0 ||
      (rc = mdb_env_get_fd(env, &fd)) != 0)
    return rc;
  if (fstat(fd, &file) != 0)
    return errno;
  if ((uint64_t)file.st_size < bytes && ftruncate(fd, (off_t)bytes) != 0)
    return errno;
  return 0;
}

static int write_format(MDB_env *env) {
  MDB_val key = {sizeof MTASTS_DB_FORMAT_KEY - 1, (void *)(uintptr_t)MTASTS_DB_FORMAT_KEY};
  MDB_val format = {sizeof MTASTS_DB_FORMAT - 1, (void *)(uintptr_t)MTASTS_DB_FORMAT};
  MDB_txn *txn;
  MDB_dbi dbi;
  int rc = mdb_txn_begin(env, NULL, 0, &txn);
  if (rc != 0)
    return rc;
  if ((rc = mdb_dbi_open(txn, MTASTS_DB_POLICIES, MDB_CREATE, &dbi)) != 0 ||
      (rc = mdb_dbi_open(txn, MTASTS_DB_ABSENT, MDB_CREATE, &dbi)) != 0 ||
      (rc = mdb_dbi_open(txn, NULL, 0, &dbi)) != 0 ||
      (rc = mdb_put(txn, dbi, &key, &format, 0)) != 0) {
    mdb_txn_abort(txn);
    return rc;
  }
  return mtasts_data_commit(txn);
}

static int last_transaction(MDB_env *env, size_t *number) {
  MDB_envinfo info;
  int rc = mdb_env_info(env, &info);
  if (rc == 0)
    *number = info.me_last_txnid;
  return rc;
}

/*
 * Makes the databases, and fits the meta pages to the lock file. Readers of the file that this
 * one replaces keep the lock file's transaction number alive, and LMDB takes the meta page of
 * that number's parity. So the last commit must have that parity, and the one before it (or
 * the copy) has filled the other page.
 */
static int settle(const char *path, size_t parity) {
  MDB_env *env;
  size_t number = parity + 1;
  int rc = mdb_env_create(&env);
  if (rc != 0)
    return rc;
  if ((rc = mdb_env_set_maxdbs(env, 2)) == 0)
    rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, MTASTS_MODE_DATA);
  while (rc == 0 && ((number ^ parity) & 1) != 0)
    if ((rc = write_format(env)) == 0)
      rc = last_transaction(env, &number);
  mdb_env_close(env);
  return rc;
}

/*
 * A compact copy. The readers that stay behind take the old file's two meta pages in turn, as
 * the new file's commits are counted; one more commit makes both hold the same.
 */
static int copy_compact(MDB_env *from, int fd, size_t *parity) {
  int rc = write_format(from);
  if (rc == MDB_MAP_FULL)
    rc = 0; /* they may miss the last commit: no reason not to mend a full map */
  if (rc == 0 && (rc = last_transaction(from, parity)) == 0)
    rc = mdb_env_copyfd2(from, fd, MDB_CP_COMPACT);
  return rc;
}

int mtasts_data_make(const char *directory, int directory_fd, const struct mtasts_owner *owner,
                     MDB_env *from) {
  char *path = NULL;
  int fd = -1;
  size_t parity = 0;
  int rc = unlinkat(directory_fd, MTASTS_FILE_NEW, 0) == 0 || errno == ENOENT ? 0 : errno;
  if (rc == 0)
    rc = mtasts_files_open(directory_fd, MTASTS_FILE_NEW, MTASTS_MODE_DATA, owner, &fd);
  if (rc != 0)
    return rc;
  if (asprintf(&path, "%s/" MTASTS_FILE_NEW, directory) < 0) {
    path = NULL;
    rc = ENOMEM;
  }
  if (rc == 0 && from)
    rc = copy_compact(from, fd, &parity);
  if (rc == 0)
    rc = settle(path, parity);
  /* A lock file without its data file belongs to readers of one that was removed. */
  if (rc == 0 && !from && unlinkat(directory_fd, MTASTS_FILE_LOCK, 0) != 0 && errno != ENOENT)
    rc = errno;
  if (rc == 0 && (fsync(fd) != 0 ||
                  renameat(directory_fd, MTASTS_FILE_NEW, directory_fd, MTASTS_FILE_DATA) != 0 ||
                  fsync(directory_fd) != 0))
    rc = errno;
  free(path);
  close(fd);
  if (rc != 0)
    unlinkat(directory_fd, MTASTS_FILE_NEW, 0);
  return rc;
}
