/*
 * files.h: making and finding the files of a cache directory.
 *
 * Nothing here follows a symbolic link in the place of a file, or takes anything but a
 * regular file for one (ELOOP). Functions return 0 or an errno.
 */
#ifndef MTASTS_CACHE_FILES_H
#define MTASTS_CACHE_FILES_H

#include <sys/stat.h>

#define MTASTS_FILE_DATA    "data.mdb"
#define MTASTS_FILE_LOCK    "lock.mdb"
#define MTASTS_FILE_WRITER  "writer.lock"
#define MTASTS_FILE_SALVAGE "salvage"  /* is there while one is under way */
#define MTASTS_FILE_NEW     "data.new" /* becomes data.mdb */

enum {
  MTASTS_MODE_DIRECTORY = 0750,
  MTASTS_MODE_DATA = 0640,
  MTASTS_MODE_LOCK = 0660,
};

/* Who is to own what root creates; (uid_t)-1, (gid_t)-1: nobody else. */
struct mtasts_owner {
  uid_t uid;
  gid_t gid;
};

/* Opens a directory, which is made first where it is missing. */
int mtasts_files_directory(const char *path, const struct mtasts_owner *owner, int *fd);

/* ENOENT where there is no such file. */
int mtasts_files_find(int directory, const char *name, struct stat *found);

/* Opens a file for reading and writing, which is made first where it is missing: with just
 * this mode, whatever the umask. */
int mtasts_files_open(int directory, const char *name, mode_t mode,
                      const struct mtasts_owner *owner, int *fd);

/*
 * Gives a file that will be mapped and written to its place on the disk, from its beginning to its
 * end, or to `size` bytes where it is empty: who writes through a map where the disk is full dies
 * of SIGBUS. ENOSPC, EDQUOT: there is no room. Anything else that is wrong with the file is left
 * for who opens it to say.
 */
int mtasts_files_reserve(int directory, const char *name, off_t size);

#endif
