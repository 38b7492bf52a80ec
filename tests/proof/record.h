/*
 * record.h: a record of all that a process does to the files of one directory.
 *
 * What this module defines (open, openat, write, writev, pwrite, ftruncate, fsync, fdatasync,
 * renameat, unlinkat) comes before libc's functions of the same names, also for libraries, if the
 * program is linked with -rdynamic. Each does what libc's does, and records it. One thread.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stddef.h>
#include <stdint.h>

enum kind {
  CREATE,   /* name, inode; also of a file that is opened for the first time */
  WRITE,    /* inode, offset, data */
  TRUNCATE, /* inode, offset: the new length */
  SYNC,     /* inode */
  SYNC_DIRECTORY,
  RENAME, /* name, other */
  UNLINK, /* name */
  SENT,   /* the caller's: inode: a domain, offset: its version */
  ACKNOWLEDGED,
};

enum {
  INODES = 512, /* more are not recorded: the process ends with 75 */
};

/* One call that changed something. Inodes count from 1. */
struct change {
  enum kind kind;
  unsigned inode;
  uint64_t offset, size; /* bytes; size: of data */
  char name[16], other[16];
  unsigned char data[];
};

/* Makes the record, in memory that children share. Ends the process if there is none. */
void record_open(void);

/* From now on, what this process does to files of the directory is recorded. */
void record_begin(const char *directory);

struct change *record_append(enum kind kind, unsigned inode, uint64_t offset, const void *data,
                             size_t size);

/* Places in the record: bytes. The change at `place` ends where the next one begins. */
size_t record_end(void);
const struct change *record_at(size_t place);
size_t record_next(size_t place);

#endif
