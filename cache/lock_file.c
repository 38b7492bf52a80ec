#include "lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "meta_page.h"

#define LOCK_NEW "lock.new"

enum {
  READER_SIZE = 64,                             /* bytes of a slot: MDB_reader in LMDB's mdb.c */
  LOCK_HEAD = 128,                              /* bytes before the slots: MDB_txninfo */
  AT_TRANSACTION = 8 + sizeof(pthread_mutex_t), /* in the head, after magic, format and a mutex */
  LOCK_SIZE = LOCK_HEAD + MTASTS_READERS_MAX * READER_SIZE,
};

int mtasts_lock_reserve(int directory) {
  return mtasts_files_reserve(directory, MTASTS_FILE_LOCK, LOCK_SIZE);
}

/* Safe only if this process has no environment open under this name: LMDB loses no lock then. */
static int make(int directory, const char *name, const struct mtasts_owner *owner) {
  int fd;
  int rc = mtasts_files_open(directory, name, MTASTS_MODE_LOCK, owner, &fd);
  if (rc == 0)
    close(fd);
  return rc;
}

int mtasts_lock_renew(int directory, const struct mtasts_owner *owner) {
  int rc = unlinkat(directory, LOCK_NEW, 0) == 0 || errno == ENOENT ? 0 : errno;
  if (rc == 0 && (rc = make(directory, LOCK_NEW, owner)) == 0 &&
      (rc = mtasts_files_reserve(directory, LOCK_NEW, LOCK_SIZE)) == 0 &&
      renameat(directory, LOCK_NEW, directory, MTASTS_FILE_LOCK) != 0)
    rc = errno;
  if (rc != 0)
    unlinkat(directory, LOCK_NEW, 0);
  return rc;
}

/* Does another process have the lock file open, and is it done with opening it? LMDB holds a lock
 * of byte 0 that long: exclusive while it writes the head, then shared. */
static bool is_in_use(int lock) {
  struct flock held = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
  return fcntl(lock, F_GETLK, &held) == 0 && held.l_type == F_RDLCK;
}

/*
 * A file that no process has open is never behind: LMDB writes its head again, with the number of
 * the last commit. A process that was killed meanwhile leaves the number 0 in it. To replace that
 * file would separate a reader that opens it now from the next writer.
 *
 * False, too, if one of the two files cannot be read: opening it reports why.
 */
static bool is_behind(int directory) {
  const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  struct mtasts_data_trees trees;
  uint64_t transaction;
  int lock = openat(directory, MTASTS_FILE_LOCK, flags);
  int data = openat(directory, MTASTS_FILE_DATA, flags);
  bool behind = lock >= 0 && data >= 0 && is_in_use(lock) &&
                pread(lock, &transaction, sizeof transaction, AT_TRANSACTION) ==
                    (ssize_t)sizeof transaction &&
                mtasts_data_trees(data, &trees) == 0 && trees.transaction > transaction + 1;
  if (lock >= 0)
    close(lock);
  if (data >= 0)
    close(data);
  return behind;
}

int mtasts_lock_prepare(int directory, const struct mtasts_owner *owner) {
  struct stat found;
  int rc = mtasts_files_find(directory, MTASTS_FILE_LOCK, &found);
  if (rc == ENOENT)
    return make(directory, MTASTS_FILE_LOCK, owner);
  return rc == 0 && is_behind(directory) ? mtasts_lock_renew(directory, owner) : rc;
}
