/*
 * files.h: making and finding the files of a cache directory.
 *
 * No function here follows a symbolic link in place of a file, or accepts anything but a regular
 * file (ELOOP). Functions return 0 or an errno.
 */
#ifndef MTASTS_CACHE_FILES_H
#define MTASTS_CACHE_FILES_H

#include <sys/stat.h>

#define MTASTS_FILE_DATA    "data.mdb"
#define MTASTS_FILE_LOCK    "lock.mdb"
#define MTASTS_FILE_WRITER  "writer.lock"
#define MTASTS_FILE_SALVAGE "salvage" /* exists while a salvage runs */
#define MTASTS_FILE_DAMAGED "data.mdb.damaged"
#define MTASTS_FILE_NEW     "data.new" /* becomes data.mdb */

enum {
  MTASTS_MODE_DIRECTORY = 0750,
  MTASTS_MODE_DATA = 0640,
  MTASTS_MODE_LOCK = 0660,
};

/* The owner of files that root creates; (uid_t)-1, (gid_t)-1: root keeps them. */
struct mtasts_owner {
  uid_t uid;
  gid_t gid;
};

/* Opens a directory; makes it first if it is missing. */
int mtasts_files_directory(const char *path, const struct mtasts_owner *owner, int *fd);

/* ENOENT if there is no such file. */
int mtasts_files_find(int directory, const char *name, struct stat *found);

/* Opens a file to read and write; makes it first if it is missing, with exactly this mode, whatever
 * the umask. */
int mtasts_files_open(int directory, const char *name, mode_t mode,
                      const struct mtasts_owner *owner, int *fd);

/*
 * Allocates disk space for a file that will be mapped and written to: for its whole length, or for
 * `size` bytes if it is empty. Without that, a write through the map on a full disk raises SIGBUS.
 * ENOSPC, EDQUOT: there is no space. Any other fault of the file is left to the code that opens it.
 */
int mtasts_files_reserve(int directory, const char *name, off_t size);

#endif
