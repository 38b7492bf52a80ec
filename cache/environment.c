#include "environment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ascii.h"
#include "data_file.h"
#include "key_compare.h"
#include "lock_file.h"

enum {
  OPEN_TRIES = 3,
};

/*
 * A page that the kernel clears in a child process. So a fork is detected without a system call for
 * each answer (getpid costs as much as the look-up). On older kernels it holds the pid, and costs
 * that call.
 */
struct mtasts_fork_mark {
  bool wiped_in_child;
  pid_t pid;
};

static struct mtasts_fork_mark *mark_new(void) {
  struct mtasts_fork_mark *mark =
      mmap(NULL, sizeof *mark, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mark == MAP_FAILED)
    return NULL;
  mark->pid = getpid();
  mark->wiped_in_child = madvise(mark, sizeof *mark, MADV_WIPEONFORK) == 0;
  return mark;
}

bool mtasts_env_forked(const struct mtasts_cache *cache) {
  const struct mtasts_fork_mark *mark = cache->mark;
  return !mark->wiped_in_child && mark->pid != getpid();
}

int mtasts_env_init(struct mtasts_cache *cache) {
  *cache = (struct mtasts_cache){.mark = mark_new()};
  if (!cache->mark)
    return errno;
  int rc = pthread_mutex_init(&cache->lock, NULL);
  if (rc != 0)
    munmap(cache->mark, sizeof *cache->mark);
  return rc;
}

void mtasts_env_destroy(struct mtasts_cache *cache) {
  mtasts_env_close(cache);
  pthread_mutex_destroy(&cache->lock);
  munmap(cache->mark, sizeof *cache->mark);
  free(cache->directory);
}

static int check_format(MDB_txn *txn, MDB_dbi dbi) {
  MDB_val key = {sizeof MTASTS_DB_FORMAT_KEY - 1, (void *)(uintptr_t)MTASTS_DB_FORMAT_KEY};
  MDB_val format;
  int rc = mdb_get(txn, dbi, &key, &format);
  if (rc != 0)
    return rc;
  unsigned number = mtasts_format_number(format.mv_data, format.mv_size);
  return mtasts_format_known(number) ? 0 : MDB_VERSION_MISMATCH;
}

/* Killed processes leave their reader slots taken. */
static int begin_first(struct mtasts_cache *cache, MDB_txn **txn) {
  int dead;
  int rc = mdb_txn_begin(cache->env, NULL, MDB_RDONLY, txn);
  if (rc != MDB_READERS_FULL)
    return rc;
  rc = mdb_reader_check(cache->env, &dead);
  return rc == 0 ? mdb_txn_begin(cache->env, NULL, MDB_RDONLY, txn) : rc;
}

static int open_databases(struct mtasts_cache *cache) {
  MDB_txn *txn;
  MDB_stat stat;
  int rc = begin_first(cache, &txn);
  if (rc != 0)
    return rc;
  if ((rc = mdb_dbi_open(txn, NULL, 0, &cache->main)) != 0 ||
      (rc = check_format(txn, cache->main)) != 0 ||
      (rc = mdb_dbi_open(txn, MTASTS_DB_POLICIES, 0, &cache->policies)) != 0 ||
      (rc = mdb_dbi_open(txn, MTASTS_DB_ABSENT, 0, &cache->absent)) != 0 ||
      (rc = mdb_set_compare(txn, cache->policies, mtasts_key_compare_prefetch)) != 0 ||
      (rc = mdb_set_compare(txn, cache->absent, mtasts_key_compare_prefetch)) != 0 ||
      (rc = mdb_stat(txn, cache->main, &stat)) != 0) {
    mdb_txn_abort(txn);
    /* It is an LMDB file, but not ours. */
    return rc == MDB_NOTFOUND ? MDB_VERSION_MISMATCH : rc;
  }
  cache->page_size = stat.ms_psize;
  return mdb_txn_commit(txn);
}

/* EAGAIN: data.mdb was replaced since it was validated. */
static int open_validated(struct mtasts_cache *cache, const char *directory,
                          const struct mtasts_data_file *data, unsigned flags, size_t map_size) {
  struct stat file;
  int fd;
  int rc = mdb_env_create(&cache->env);
  if (rc != 0)
    return rc;
  if (!(flags & MDB_RDONLY) && map_size < data->map_size)
    map_size = data->map_size;
  if ((rc = mdb_env_set_maxdbs(cache->env, 2)) != 0 ||
      (rc = mdb_env_set_maxreaders(cache->env, MTASTS_READERS_MAX)) != 0 ||
      (rc = mdb_env_set_mapsize(cache->env, map_size)) != 0 ||
      (rc = mdb_env_open(cache->env, directory, flags | MDB_NOTLS, MTASTS_MODE_DATA)) != 0 ||
      (rc = mdb_env_get_fd(cache->env, &fd)) != 0)
    return rc;
  if (fstat(fd, &file) != 0)
    return errno;
  if (file.st_dev != data->file.st_dev || file.st_ino != data->file.st_ino)
    return EAGAIN;
  return open_databases(cache);
}

static int open_any(struct mtasts_cache *cache, const char *directory, unsigned flags,
                    size_t map_size) {
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return errno;
  int rc = EAGAIN;
  for (int i = 0; i < OPEN_TRIES && rc == EAGAIN; i++) {
    struct mtasts_data_file data;
    struct stat lock;
    /* LMDB would make a missing lock file, owned by the reader's user, and the writer might not be
     * able to open it. Without a lock file no writer has ever run here. */
    if ((rc = mtasts_data_validate(fd, &data)) == 0 &&
        (rc = mtasts_files_find(fd, MTASTS_FILE_LOCK, &lock)) == 0 &&
        (rc = mtasts_lock_reserve(fd)) == 0 &&
        (rc = open_validated(cache, directory, &data, flags, map_size)) != 0)
      mtasts_env_close(cache);
  }
  close(fd);
  return rc;
}

static int keep_name(struct mtasts_cache *cache, const char *directory) {
  char *named = strdup(directory);
  if (!named)
    return ENOMEM;
  free(cache->directory);
  cache->directory = named;
  return 0;
}

int mtasts_env_open(struct mtasts_cache *cache, const char *directory, unsigned flags,
                    size_t map_size) {
  int rc = keep_name(cache, directory);
  return rc == 0 ? open_any(cache, cache->directory, flags, map_size) : rc;
}

int mtasts_env_name(struct mtasts_cache *cache, const char *directory) {
  struct mtasts_data_file data;
  int rc = keep_name(cache, directory);
  if (rc != 0)
    return rc;
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return errno;
  if ((rc = mtasts_data_validate(fd, &data)) == 0)
    atomic_store(&cache->waiting, true);
  close(fd);
  return rc;
}

void mtasts_env_close(struct mtasts_cache *cache) {
  /* In a child LMDB would free the parent's reader slots, so the environment stays open until the
   * exit. */
  if (cache->env && !mtasts_env_forked(cache))
    mdb_env_close(cache->env);
  cache->env = NULL;
}

int mtasts_env_resize(struct mtasts_cache *cache, size_t map_size) {
  pthread_mutex_lock(&cache->lock);
  for (struct mtasts_reader *reader = cache->readers; reader; reader = reader->next)
    mtasts_reader_lock(reader);
  int rc = cache->env ? mdb_env_set_mapsize(cache->env, map_size) : EBADF;
  /* If it failed, LMDB has already unmapped the old map, and goes on as if it had not. EINVAL is
   * the exception: a transaction is open. The rest of the environment is needed by transactions
   * that have not ended. */
  if (rc != 0 && rc != EINVAL)
    cache->env = NULL;
  for (struct mtasts_reader *reader = cache->readers; reader; reader = reader->next)
    mtasts_reader_unlock(reader);
  pthread_mutex_unlock(&cache->lock);
  return rc;
}

int mtasts_env_reopen(struct mtasts_cache *cache, unsigned flags, size_t map_size) {
  pthread_mutex_lock(&cache->lock);
  for (struct mtasts_reader *reader = cache->readers; reader; reader = reader->next) {
    mtasts_reader_lock(reader);
    mdb_txn_abort(reader->txn);
    reader->txn = NULL;
  }
  mtasts_env_close(cache);
  int rc = open_any(cache, cache->directory, flags, map_size);
  for (struct mtasts_reader *reader = cache->readers; reader; reader = reader->next)
    mtasts_reader_unlock(reader);
  pthread_mutex_unlock(&cache->lock);
  return rc;
}

enum mtasts_status mtasts_env_verify(const struct mtasts_cache *cache, MDB_dbi dbi,
                                     const MDB_val *key, const MDB_val *value,
                                     struct mtasts_domain *domain, struct mtasts_entry *entry) {
  struct mtasts_span name = {key->mv_data, key->mv_size};
  if (mtasts_domain_parse(name, domain) == MTASTS_OK &&
      mtasts_span_equal(name, (struct mtasts_span){domain->name, domain->len})) {
    enum mtasts_status status = mtasts_entry_decode(value->mv_data, value->mv_size, entry);
    bool good = status == MTASTS_OK && entry->has_policy == (dbi == cache->policies) &&
                mtasts_entry_check(entry);
    return good ? MTASTS_OK : MTASTS_CORRUPT;
  }
  domain->len = name.len < MTASTS_DOMAIN_MAX ? name.len : MTASTS_DOMAIN_MAX;
  for (size_t i = 0; i < domain->len; i++)
    domain->name[i] = mtasts_is_visible(name.data[i]) ? name.data[i] : '?';
  domain->name[domain->len] = '\0';
  return MTASTS_CORRUPT;
}

int mtasts_env_read_stats(const struct mtasts_cache *cache, MDB_txn *txn,
                          struct mtasts_env_stats *usage) {
  const MDB_dbi free_pages = 0; /* LMDB's own, which mdb_stat(1) reads as well */
  const MDB_dbi dbi[] = {cache->policies, cache->absent, cache->main, free_pages};
  uint64_t bytes[4];
  MDB_stat stat[4];
  MDB_envinfo info;
  int rc = mdb_env_info(cache->env, &info);
  for (int i = 0; i < 4 && rc == 0; i++)
    if ((rc = mdb_stat(txn, dbi[i], &stat[i])) == 0)
      bytes[i] = stat[i].ms_psize *
                 (stat[i].ms_branch_pages + stat[i].ms_leaf_pages + stat[i].ms_overflow_pages);
  if (rc == 0)
    *usage = (struct mtasts_env_stats){.policies = stat[0].ms_entries,
                                       .absent = stat[1].ms_entries,
                                       .policy_bytes = bytes[0],
                                       .bytes = bytes[0] + bytes[1] + bytes[2] + bytes[3],
                                       .file_bytes = (info.me_last_pgno + 1) * stat[0].ms_psize,
                                       .map_size = info.me_mapsize};
  return rc;
}
