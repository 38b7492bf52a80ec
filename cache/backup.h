/*
 * backup.h: a copy of a whole cache in one new file, while another process writes the cache.
 *
 * The copy is a data.mdb without free pages, of today's format. It has each domain as it was at one
 * moment of the copying. No read transaction outlives a small batch, however large the cache is and
 * however slow the disk: so the writer's file does not grow meanwhile, and no reader lags. Domains
 * without a policy are read first, so that one that gets a policy meanwhile is not missed. One that
 * loses its policy meanwhile may be: its policy had ended, or somebody removed it.
 *
 * For one thread.
 */
#ifndef MTASTS_CACHE_BACKUP_H
#define MTASTS_CACHE_BACKUP_H

#include "mtasts.h"

struct mtasts_backup;

struct mtasts_backup_counts {
  uint64_t domains;
  uint64_t damaged; /* stored values that do not decode, and are left out */
  uint64_t bytes;   /* of the new file */
};

/* Called after each batch, outside of any transaction. */
typedef void mtasts_backup_fn(void *context, uint64_t domains);

/*
 * Makes an empty cache in an empty regular file that is open to read and write, which stays the
 * caller's. This opens the file a second time, through /proc: so it needs the rights of the file's
 * owner, and nothing later does.
 *
 *   MTASTS_NO_MEMORY, MTASTS_IO, MTASTS_PERMISSION; MTASTS_NO_FILE: there is no /proc
 */
enum mtasts_status mtasts_backup_begin(int fd, struct mtasts_backup **backup);

/*
 * Copies all that is in the cache, once for each backup, and waits until it is on the disk. If that
 * fails the file is of no use.
 *
 *   MTASTS_IO  with errno, such as ENOSPC
 *   any other  as mtasts_cache_walk says
 */
enum mtasts_status mtasts_backup_copy(struct mtasts_backup *backup, struct mtasts_cache *from,
                                      mtasts_backup_fn *progress, void *context,
                                      struct mtasts_backup_counts *counts);

/* Was it the new file that mtasts_backup_copy failed with, not the cache? */
bool mtasts_backup_file_failed(const struct mtasts_backup *backup);

/* NULL is fine. */
void mtasts_backup_free(struct mtasts_backup *backup);

#endif
