#include "backup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data_file.h"
#include "environment.h"
#include "store.h"
#include "walk.h"

enum {
  BATCH = 1024, /* domains in one transaction of the new file */
};

/* An incomplete file is useless, so the file is synchronised only once, at the end. */
enum {
  FLAGS = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC
};

struct mtasts_backup {
  MDB_env *env;
  int fd;
  MDB_dbi main, policies, absent;
  MDB_txn *txn;             /* of this batch */
  int rc;                   /* the error of the new file; 0: none */
  uint64_t copied, damaged; /* in this batch */
  unsigned char *value;     /* of MTASTS_ENTRY_SIZE_MAX */
};

enum mtasts_status mtasts_backup_begin(int fd, struct mtasts_backup **backup) {
  char path[32];
  struct mtasts_backup *made = calloc(1, sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->fd = fd;
  made->value = malloc(MTASTS_ENTRY_SIZE_MAX);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int rc = made->value ? mdb_env_create(&made->env) : ENOMEM;
  if (rc == 0 && (rc = mdb_env_set_maxdbs(made->env, 2)) == 0)
    rc = mdb_env_open(made->env, path, FLAGS, MTASTS_MODE_DATA);
  if (rc == 0)
    rc = mtasts_data_write_format(made->env);
  enum mtasts_status status = mtasts_env_status(rc);
  int error = errno;
  if (status != MTASTS_OK)
    mtasts_backup_free(made);
  else
    *backup = made;
  errno = error;
  return status;
}

void mtasts_backup_free(struct mtasts_backup *backup) {
  if (!backup)
    return;
  if (backup->env)
    mdb_env_close(backup->env);
  free(backup->value);
  free(backup);
}

bool mtasts_backup_file_failed(const struct mtasts_backup *backup) {
  return backup->rc != 0;
}

/* If the domain was in the other database when that was copied, this entry is the newer one. */
static int put(struct mtasts_backup *backup, const struct mtasts_domain *domain,
               const struct mtasts_entry *entry) {
  MDB_val key = {domain->len, (void *)(uintptr_t)domain->name};
  MDB_val value = {mtasts_entry_encode(entry, backup->value), backup->value};
  MDB_dbi to = entry->has_policy ? backup->policies : backup->absent;
  MDB_dbi other = entry->has_policy ? backup->absent : backup->policies;
  int rc = mdb_del(backup->txn, other, &key, NULL);
  return rc == 0 || rc == MDB_NOTFOUND ? mdb_put(backup->txn, to, &key, &value, 0) : rc;
}

static bool copy_one(void *context, const struct mtasts_domain *domain, enum mtasts_status status,
                     const struct mtasts_entry *entry) {
  struct mtasts_backup *backup = context;
  if (status != MTASTS_OK) {
    backup->damaged++;
    return true;
  }
  backup->rc = put(backup, domain, entry);
  backup->copied++;
  return backup->rc == 0;
}

/* The copy may need a little more space than its source, because its pages are filled
 * differently. */
static int grow(struct mtasts_backup *backup) {
  MDB_envinfo info;
  int rc = mdb_env_info(backup->env, &info);
  return rc == 0 ? mdb_env_set_mapsize(backup->env, 2 * info.me_mapsize) : rc;
}

/* Copies one batch, and repeats it if the map had no room for it. *status: the result of
 * reading. */
static int copy_batch(struct mtasts_backup *backup, struct mtasts_cache *from,
                      enum mtasts_walk_part part, struct mtasts_walk_position *place, bool *end,
                      enum mtasts_status *status) {
  const struct mtasts_walk_position begin = *place;
  const struct mtasts_walk_step step = {part, BATCH, copy_one, backup};
  int rc;
  do {
    *place = begin;
    backup->copied = backup->damaged = 0;
    if ((rc = mdb_txn_begin(backup->env, NULL, 0, &backup->txn)) != 0)
      return rc;
    backup->rc = 0;
    *status = mtasts_cache_walk_from(from, &step, place, end);
    rc = backup->rc;
    if (rc == 0 && *status == MTASTS_OK)
      rc = mtasts_data_commit(backup->txn);
    else
      mdb_txn_abort(backup->txn);
    if (rc == MDB_MAP_FULL && (rc = grow(backup)) == 0)
      rc = EAGAIN;
  } while (rc == EAGAIN);
  return rc;
}

/* Opens the databases that begin has made, in a map as large as that of the cache: a writer of the
 * copy takes its map's size from there. */
static int open_databases(struct mtasts_backup *backup, const struct mtasts_cache_space *space) {
  MDB_txn *txn;
  int rc = mdb_env_set_mapsize(backup->env, space->map_size);
  if (rc != 0 || (rc = mdb_txn_begin(backup->env, NULL, 0, &txn)) != 0)
    return rc;
  if ((rc = mdb_dbi_open(txn, NULL, 0, &backup->main)) != 0 ||
      (rc = mdb_dbi_open(txn, MTASTS_DB_POLICIES, 0, &backup->policies)) != 0 ||
      (rc = mdb_dbi_open(txn, MTASTS_DB_ABSENT, 0, &backup->absent)) != 0) {
    mdb_txn_abort(txn);
    return rc;
  }
  return mtasts_data_commit(txn);
}

/* The saved position of the refresh sweep (store.h). */
static int copy_note(struct mtasts_backup *backup, struct mtasts_reader *reader) {
  unsigned char bytes[MTASTS_STORE_POSITION_MAX];
  MDB_val key = {sizeof MTASTS_DB_POSITION_KEY - 1, (void *)(uintptr_t)MTASTS_DB_POSITION_KEY};
  MDB_val note = {0, NULL};
  int rc = mtasts_reader_begin(reader);
  if (rc != 0)
    return rc;
  rc = mdb_get(reader->txn, reader->cache->main, &key, &note);
  if (rc == 0 && note.mv_size <= sizeof bytes)
    memcpy(bytes, note.mv_data, note.mv_size);
  mtasts_reader_end(reader);
  if (rc != 0 || note.mv_size > sizeof bytes)
    return rc == MDB_NOTFOUND ? 0 : rc;
  note.mv_data = bytes;
  if ((rc = mdb_txn_begin(backup->env, NULL, 0, &backup->txn)) != 0)
    return rc;
  if ((rc = mdb_put(backup->txn, backup->main, &key, &note, 0)) != 0) {
    mdb_txn_abort(backup->txn);
    return rc;
  }
  return mtasts_data_commit(backup->txn);
}

/* When the copy replaces a cache's file, a process that still reads the old file may take either
 * meta page for the newest. So the last commit changes nothing, and both pages lead to all domains
 * (data_file.c). */
static int finish(struct mtasts_backup *backup, struct mtasts_backup_counts *counts) {
  struct stat file;
  MDB_stat stat[2];
  MDB_txn *txn;
  int rc = mtasts_data_write_format(backup->env);
  if (rc != 0 || (rc = mdb_txn_begin(backup->env, NULL, MDB_RDONLY, &txn)) != 0)
    return rc;
  if ((rc = mdb_stat(txn, backup->policies, &stat[0])) == 0)
    rc = mdb_stat(txn, backup->absent, &stat[1]);
  mdb_txn_abort(txn);
  if (rc != 0 || (rc = mdb_env_sync(backup->env, 1)) != 0)
    return rc;
  if (fsync(backup->fd) != 0 || fstat(backup->fd, &file) != 0)
    return errno;
  counts->domains = stat[0].ms_entries + stat[1].ms_entries;
  counts->bytes = (uint64_t)file.st_size;
  return 0;
}

enum mtasts_status mtasts_backup_copy(struct mtasts_backup *backup, struct mtasts_cache *from,
                                      mtasts_backup_fn *progress, void *context,
                                      struct mtasts_backup_counts *counts) {
  static const enum mtasts_walk_part parts[] = {MTASTS_WALK_ABSENT, MTASTS_WALK_POLICIES};
  struct mtasts_backup_counts done = {0};
  struct mtasts_cache_space space;
  struct mtasts_reader *reader;
  uint64_t copied = 0;
  enum mtasts_status status = mtasts_cache_space(from, &space);
  if (status != MTASTS_OK || (status = mtasts_reader_new(from, &reader)) != MTASTS_OK)
    return status;
  int rc = open_databases(backup, &space);
  if (rc == 0)
    rc = copy_note(backup, reader);
  mtasts_reader_free(reader);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    struct mtasts_walk_position place = {0};
    for (bool end = false; !end && rc == 0 && status == MTASTS_OK;) {
      rc = copy_batch(backup, from, parts[i], &place, &end, &status);
      copied += backup->copied;
      done.damaged += backup->damaged;
      if (rc == 0 && status == MTASTS_OK && progress)
        progress(context, copied);
    }
  }
  if (rc == 0 && status == MTASTS_OK)
    rc = finish(backup, &done);
  if (rc == 0 && status == MTASTS_OK)
    *counts = done;
  backup->rc = rc;
  return status != MTASTS_OK ? status : mtasts_env_status(rc);
}
