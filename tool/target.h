/*
 * target.h: makes a file completely, or not at all.
 *
 * It is written under a temporary name in the same directory, and renamed when it is complete and
 * on the disk. An existing file is replaced only if it is empty or an earlier backup of a cache. It
 * is not replaced if it is a file of another kind, a link, or the data.mdb of a cache. If the
 * process is root, symbolic links are not followed on the path either: a user who may change one
 * could choose what root writes.
 */
#ifndef MTASTS_TOOL_TARGET_H
#define MTASTS_TOOL_TARGET_H

#include "command.h"

enum {
  MTASTS_TARGET_NAME = 256, /* bytes, with the NUL */
};

struct mtasts_target {
  const char *path; /* as the user named it */
  int directory;
  int fd; /* of the new file, to read and write; mode 0600 */
  char name[MTASTS_TARGET_NAME];
  char temporary[MTASTS_TARGET_NAME];
};

/* On failure prints an error and returns an exit code. The path must outlive the target. */
int mtasts_target_open(const char *path, struct mtasts_target *target);

/* Gives the file its name, and closes the target. On failure prints an error; returns an exit code.
 */
int mtasts_target_keep(struct mtasts_target *target);

/* Removes what was written, and closes the target. */
void mtasts_target_drop(struct mtasts_target *target);

#endif
