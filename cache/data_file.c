#include "data_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

int mtasts_data_put_format(MDB_txn *txn, MDB_dbi main) {
  MDB_val key = {sizeof MTASTS_DB_FORMAT_KEY - 1, (void *)(uintptr_t)MTASTS_DB_FORMAT_KEY};
  MDB_val format = {sizeof MTASTS_DB_FORMAT - 1, (void *)(uintptr_t)MTASTS_DB_FORMAT};
  return mdb_put(txn, main, &key, &format, 0);
}

int mtasts_data_write_format(MDB_env *env) {
  MDB_txn *txn;
  MDB_dbi dbi;
  int rc = mdb_txn_begin(env, NULL, 0, &txn);
  if (rc != 0)
    return rc;
  if ((rc = mdb_dbi_open(txn, MTASTS_DB_POLICIES, MDB_CREATE, &dbi)) != 0 ||
      (rc = mdb_dbi_open(txn, MTASTS_DB_ABSENT, MDB_CREATE, &dbi)) != 0 ||
      (rc = mdb_dbi_open(txn, NULL, 0, &dbi)) != 0 ||
      (rc = mtasts_data_put_format(txn, dbi)) != 0) {
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
 * Makes the databases, and matches the meta pages to the lock file. While the replaced file has
 * readers, the lock file keeps its transaction number, and LMDB uses the meta page of that number's
 * parity. So the last commit must have that parity; the one before it (or the copy) has filled the
 * other page.
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
    if ((rc = mtasts_data_write_format(env)) == 0)
      rc = last_transaction(env, &number);
  mdb_env_close(env);
  return rc;
}

/*
 * A compact copy. Readers that stay with the old file use its two meta pages alternately, by the
 * number of the new file's commits. One more commit makes both pages equal.
 */
static int copy_compact(MDB_env *from, int fd, size_t *parity) {
  int rc = mtasts_data_write_format(from);
  if (rc == MDB_MAP_FULL)
    rc = 0; /* they may miss the last commit: a full map is compacted all the same */
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
  /* A lock file without its data file belongs to readers of a removed data file. */
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
