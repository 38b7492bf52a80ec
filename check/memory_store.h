/*
 * memory_store.h: memories of domains as plain files, one for each domain, in a directory of their
 * own. A file is written whole under another name and renamed. So it is never half written, and
 * programs that run side by side do no harm; they take turns by a lock on the directory.
 *
 * errno is set if a function fails. The directory is a descriptor that the caller closes.
 */
#ifndef MTASTS_MEMORY_STORE_H
#define MTASTS_MEMORY_STORE_H

#include "memory.h"

/* Opens the directory, and makes it and those above it if they are missing. -1: it failed. */
int mtasts_memory_open(const char *directory);

/* Makes the directories above it, as far as that is possible. */
void mtasts_memory_make_above(const char *directory);

/* Waits for the turn of this program, a second at most: a program that hangs must not stop others.
 * Between load and save no other program changes a memory, if all of them have waited for less. */
void mtasts_memory_lock(int directory);
void mtasts_memory_unlock(int directory);

/*
 * Unless it is MTASTS_OK, *memory is that of a domain that has never been seen.
 *   MTASTS_OK
 *   MTASTS_ABSENT      there is none yet
 *   MTASTS_CORRUPT     not what this program writes; errno is 0
 *   MTASTS_PERMISSION, MTASTS_IO, MTASTS_NO_MEMORY
 */
enum mtasts_status mtasts_memory_load(int directory, const struct mtasts_domain *domain,
                                      struct mtasts_memory *memory);

/*
 *   MTASTS_OK
 *   MTASTS_PERMISSION, MTASTS_IO, MTASTS_NO_MEMORY  the file is what it was
 */
enum mtasts_status mtasts_memory_save(int directory, const struct mtasts_domain *domain,
                                      const struct mtasts_memory *memory);

#endif
