/*
 * backup.h: copies a whole cache into one new file, while another process writes the cache.
 *
 * The copy is a data.mdb without free pages, of today's format. It has each domain as it was at one
 * moment of the copying. However large the cache is and however slow the disk, a read transaction
 * lasts for one small batch only. So the backup is no stale reader, and the writer's file does not
 * grow because of it. Domains without a policy are read first, so that a domain that gets a policy
 * meanwhile is not missed. A domain that loses its policy meanwhile may be missed: its policy had
 * expired or was removed.
 *
 * For one thread.
 */
#ifndef MTASTS_CACHE_BACKUP_H
#define MTASTS_CACHE_BACKUP_H

#include "mtasts.h"

struct mtasts_backup;

struct mtasts_backup_counts {
  uint64_t domains;
  uint64_t damaged; /* stored values that do not decode; they are left out */
  uint64_t bytes;   /* of the new file */
};

/* Called after each batch, outside of any transaction. */
typedef void mtasts_backup_fn(void *context, uint64_t domains);

/*
 * Makes an empty cache in an empty regular file that is open to read and write. The descriptor
 * stays the caller's. This function opens the file a second time, through /proc, which needs the
 * rights of the file's owner. Later calls do not need them.
 *
 *   MTASTS_NO_MEMORY, MTASTS_IO, MTASTS_PERMISSION; MTASTS_NO_FILE: there is no /proc
 */
enum mtasts_status mtasts_backup_begin(int fd, struct mtasts_backup **backup);

/*
 * Copies the whole cache and waits until the copy is on the disk. Call it once for each backup. If
 * it fails, the file is unusable.
 *
 *   MTASTS_IO  with errno, such as ENOSPC
 *   any other  as mtasts_cache_walk says
 */
enum mtasts_status mtasts_backup_copy(struct mtasts_backup *backup, struct mtasts_cache *from,
                                      mtasts_backup_fn *progress, void *context,
                                      struct mtasts_backup_counts *counts);

/* Did mtasts_backup_copy fail because of the new file, not because of the cache? */
bool mtasts_backup_file_failed(const struct mtasts_backup *backup);

/* NULL is fine. */
void mtasts_backup_free(struct mtasts_backup *backup);

#endif
