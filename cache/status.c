#include "status.h"

#include <errno.h>
#include <lmdb.h>

enum mtasts_status mtasts_env_status(int rc) {
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
    errno = rc > 0 ? rc : EIO;
    return MTASTS_IO;
  }
}
