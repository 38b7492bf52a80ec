#include "error_map.h"

#include <errno.h>
#include <lmdb.h>
#include <string.h>

static int errno_of(int rc) {
  if (rc == MDB_READERS_FULL)
    return EUSERS;
  return rc > 0 ? rc : EIO;
}

enum mtasts_status mtasts_env_status(int rc) {
  if (rc != 0)
    errno = errno_of(rc);
  switch (rc) {
  case 0:
    return MTASTS_OK;
  case MDB_NOTFOUND:
    return MTASTS_ABSENT;
  case MDB_INVALID:
  case MDB_VERSION_MISMATCH:
  case MDB_CORRUPTED:
  case MDB_PAGE_NOTFOUND:
  case MDB_INCOMPATIBLE:
    return MTASTS_CORRUPT;
  case MDB_MAP_FULL:
    return MTASTS_FULL;
  case EWOULDBLOCK:
    return MTASTS_LOCKED;
  case EACCES:
  case EPERM:
  case EROFS:
  case ELOOP:
    return MTASTS_PERMISSION;
  case ENOENT:
  case ENOTDIR:
    return MTASTS_NO_FILE;
  case ENOMEM:
    return MTASTS_NO_MEMORY;
  default:
    return MTASTS_IO;
  }
}

const char *mtasts_env_reason(enum mtasts_status status, int error) {
  bool told = status == MTASTS_IO || status == MTASTS_PERMISSION || status == MTASTS_NO_FILE;
  if (error == EUSERS && status == MTASTS_IO)
    return "all reader slots (lock.mdb) are taken by running processes; list them with "
           "`fuser -v lock.mdb`, and end those that are too many";
  if (error == ELOOP)
    return "a symbolic link, or something else that is no regular file, is in the place of a file";
  return told && error != 0 ? strerror(error) : mtasts_status_name(status);
}
