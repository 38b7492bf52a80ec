/*
 * target.h: a file that a command makes whole, or not at all.
 *
 * It is written under another name beside its own, which it gets when it is whole and on the disk.
 * What stands there is replaced only if it is an empty file or an earlier backup of a cache: not a
 * file of another kind, a link, or the data.mdb of a cache. For root no symbolic link is followed
 * on the way either: whoever may change one on the way could choose what root writes.
 */
#ifndef MTASTS_TOOL_TARGET_H
#define MTASTS_TOOL_TARGET_H

#include "command.h"

enum {
  MTASTS_TARGET_NAME = 256, /* bytes, with the NUL */
};

struct mtasts_target {
  const char *path; /* as it was named */
  int directory;
  int fd; /* of the new file, to read and write; mode 0600 */
  char name[MTASTS_TARGET_NAME];
  char temporary[MTASTS_TARGET_NAME];
};

/* Complains, and returns an exit code on failure. The path must outlive the target. */
int mtasts_target_open(const char *path, struct mtasts_target *target);

/* Gives the file its name; an exit code, after complaining. Closes the target. */
int mtasts_target_keep(struct mtasts_target *target);

/* Removes what was written, and closes the target. */
void mtasts_target_drop(struct mtasts_target *target);

#endif
