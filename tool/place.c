#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "files.h"
#include "format.h"
#include "out.h"
#include "stamp.h"
#include "status.h"
#include "tree_check.h"

static int exit_code_of_config(enum mtasts_status status) {
  if (status == MTASTS_NO_FILE)
    return MTASTS_EXIT_NOFILE;
  return status == MTASTS_PERMISSION ? MTASTS_EXIT_DENIED : MTASTS_EXIT_CONFIG;
}

static int load_config(const struct mtasts_options *options, struct mtasts_place *place) {
  char error[MTASTS_ERROR_TEXT];
  enum mtasts_status status = mtasts_config_load(options->config, error, &place->config);
  if (status == MTASTS_OK)
    return MTASTS_EXIT_OK;
  mtasts_complain("configuration", "%s", error);
  return exit_code_of_config(status);
}

static const char *first_of(const char *path, const char *other) {
  return path && *path ? path : other;
}

int mtasts_place_load(const struct mtasts_options *options, enum mtasts_access_wanted wanted,
                      struct mtasts_place *place) {
  int code = place->directory ? MTASTS_EXIT_OK : load_config(options, place);
  if (code != MTASTS_EXIT_OK || place->directory)
    return code;
  const struct mtasts_config *config = place->config;
  place->directory = first_of(options->cache, config->cache.directory);
  place->ca_file = first_of(options->ca_file, first_of(config->https.ca_file, NULL));
  place->named = options->cache || options->config;
  return mtasts_identity_take(config, place->directory, wanted == MTASTS_CREATE, place->ca_file,
                              &place->identity);
}

const char *mtasts_place_path(const struct mtasts_place *place) {
  return first_of(place->identity.path, place->directory);
}

const char *mtasts_place_ca_file(const struct mtasts_place *place) {
  return first_of(place->identity.ca_file, place->ca_file);
}

/* A stamp is believed by the user alone whose it is, and root has only become that user. */
static enum mtasts_status check(const struct mtasts_place *place) {
  const char *path = mtasts_place_path(place);
  if (place->identity.refused != 0)
    return mtasts_env_status(place->identity.refused);
  if (mtasts_format_unknown(path) != 0)
    return MTASTS_CORRUPT;
  return place->identity.changed ? mtasts_tree_check(path) : mtasts_stamp_check(path);
}

/* A backup in a directory of its own has no lock.mdb yet. Its owner makes one, as a writer would;
 * without one there is no writer. */
static void make_lock(const char *directory) {
  const struct mtasts_owner owner = {(uid_t)-1, (gid_t)-1};
  struct stat found;
  int lock;
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return;
  if (mtasts_files_find(fd, MTASTS_FILE_DATA, &found) == 0 && found.st_uid == geteuid() &&
      mtasts_files_find(fd, MTASTS_FILE_LOCK, &found) == ENOENT &&
      mtasts_files_open(fd, MTASTS_FILE_LOCK, MTASTS_MODE_LOCK, &owner, &lock) == 0)
    close(lock); /* harmless: the environment is not open, so no lock of LMDB's is lost */
  close(fd);
}

enum mtasts_status mtasts_place_read(struct mtasts_place *place) {
  enum mtasts_status status = check(place);
  if (status == MTASTS_OK)
    make_lock(mtasts_place_path(place));
  return status == MTASTS_OK ? mtasts_cache_open(mtasts_place_path(place), &place->cache) : status;
}

static void warn(void *context, const char *sentence) {
  const struct mtasts_place *place = context;
  mtasts_complain(place->directory, "%s", sentence);
}

static bool has_data(const char *directory) {
  struct stat found;
  int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  bool there = fd >= 0 && mtasts_files_find(fd, MTASTS_FILE_DATA, &found) == 0;
  if (fd >= 0)
    close(fd);
  return there;
}

static struct mtasts_store_options store_options(struct mtasts_place *place) {
  const struct mtasts_config *config = place->config;
  struct mtasts_store_options options = mtasts_store_defaults;
  options.map_size = config->cache.map_size;
  options.map_size_max = config->cache.map_size_max;
  options.max_policies = config->cache.max_policies;
  options.max_absent = config->cache.max_absent;
  options.warn = warn;
  options.context = place;
  options.name = place->directory;
  return options;
}

enum mtasts_status mtasts_place_write(struct mtasts_place *place) {
  const struct mtasts_store_options options = store_options(place);
  place->creating = !has_data(mtasts_place_path(place));
  enum mtasts_status status = check(place);
  if (status == MTASTS_OK)
    status = mtasts_store_open(mtasts_place_path(place), &options, &place->store);
  if (status == MTASTS_OK)
    place->cache = mtasts_store_cache(place->store);
  return status;
}

enum mtasts_status mtasts_place_recover(struct mtasts_place *place,
                                        struct mtasts_salvaged *salvaged) {
  const struct mtasts_store_options options = store_options(place);
  enum mtasts_status status =
      mtasts_cache_recover(mtasts_place_path(place), &options, time(NULL), &place->store, salvaged);
  if (status == MTASTS_OK)
    place->cache = mtasts_store_cache(place->store);
  return status;
}

/* Of what cannot be read, although a page may have nothing wrong with it. */
static int complain_corrupt(const struct mtasts_place *place) {
  unsigned format = mtasts_format_unknown(mtasts_place_path(place));
  if (format != 0)
    mtasts_complain(
        place->directory,
        "data.mdb has format %u, and this version of mtasts reads format %d: it is left "
        "as it is; use the version that wrote it",
        format, MTASTS_FORMAT);
  else
    mtasts_complain(place->directory, "data.mdb is damaged, cut short or not a cache; mtasts cache "
                                      "salvage puts what can be read of it into a new one");
  return MTASTS_EXIT_IO;
}

static bool is_daemons(const struct mtasts_place *place) {
  return strcmp(place->directory, place->config->cache.directory) == 0 &&
         mtasts_daemon_is_there(place->config);
}

static int complain_no_file(const struct mtasts_place *place, int error) {
  if (error == ENOTDIR) {
    mtasts_complain(place->directory, "is not a directory, or what stands above it is none");
    return place->creating ? MTASTS_EXIT_CREATE : MTASTS_EXIT_NOFILE;
  }
  if (place->creating) {
    mtasts_complain(place->directory, "cannot create a cache here: a directory above is missing");
    return MTASTS_EXIT_CREATE;
  }
  mtasts_complain(place->directory, "no cache here; mtasts query and mtasts warm make one");
  return MTASTS_EXIT_NOFILE;
}

static int complain_permission(const struct mtasts_place *place, int error) {
  if (error == EROFS)
    mtasts_complain(place->directory,
                    "the cache cannot be written: read-only file system; mount it for writing, or "
                    "name another cache with --cache DIR");
  else if (error == ELOOP)
    mtasts_complain(place->directory, "%s; remove that",
                    mtasts_env_reason(MTASTS_PERMISSION, error));
  else
    mtasts_complain(place->directory,
                    "permission denied; run as user %s or root, or name another cache with "
                    "--cache DIR",
                    place->config->user);
  return MTASTS_EXIT_DENIED;
}

/* The disk is full, or broken; or the table of readers is full. */
static int complain_io(const struct mtasts_place *place, enum mtasts_status status, int error) {
  bool full = error == ENOSPC || error == EDQUOT;
  mtasts_complain(place->directory, "the cache cannot be used: %s%s",
                  mtasts_env_reason(status, error),
                  full ? "; make room on its disk, or name another cache with --cache DIR" : "");
  return full && place->creating ? MTASTS_EXIT_CREATE : MTASTS_EXIT_IO;
}

int mtasts_place_complain(const struct mtasts_place *place, enum mtasts_status status) {
  int error = errno;
  const char *where = place->directory;
  switch (status) {
  case MTASTS_NO_FILE:
    return complain_no_file(place, error);
  case MTASTS_PERMISSION:
    return complain_permission(place, error);
  case MTASTS_CORRUPT:
    return complain_corrupt(place);
  case MTASTS_LOCKED:
    mtasts_complain(where, "%s",
                    is_daemons(place) ? "mtastsd is running and writes this cache; stop it first"
                                      : "another process is writing this cache; try again when it "
                                        "has ended");
    return MTASTS_EXIT_LATER;
  case MTASTS_FULL:
    mtasts_complain(where, "the cache is full; raise map_size_max in the configuration, or run "
                           "mtasts cache expire");
    return MTASTS_EXIT_IO;
  case MTASTS_NO_MEMORY:
    mtasts_complain(where, "out of memory");
    return MTASTS_EXIT_MEMORY;
  case MTASTS_OK:
  case MTASTS_ABSENT:
  case MTASTS_NO_POLICY:
  case MTASTS_NOT_ASCII:
  case MTASTS_INVALID:
  case MTASTS_TOO_LARGE:
  case MTASTS_FORKED:
  case MTASTS_AWAY:
  case MTASTS_TIMEOUT:
  case MTASTS_IO:
    break;
  }
  return complain_io(place, status, error);
}

int mtasts_place_open(const struct mtasts_options *options, enum mtasts_access_wanted wanted,
                      struct mtasts_place *place) {
  int code = mtasts_place_load(options, wanted, place);
  if (code != MTASTS_EXIT_OK)
    return code;
  enum mtasts_status status = MTASTS_OK;
  if (wanted != MTASTS_CREATE)
    status = mtasts_place_read(place);
  if (status == MTASTS_OK && wanted != MTASTS_READ) {
    /* One environment is open once in a process at a time. */
    mtasts_cache_close(place->cache);
    place->cache = NULL;
    status = mtasts_place_write(place);
  }
  return status == MTASTS_OK ? MTASTS_EXIT_OK : mtasts_place_complain(place, status);
}

int mtasts_place_close_cache(struct mtasts_place *place, int code) {
  if (place->store) {
    enum mtasts_status status = mtasts_store_flush(place->store);
    if (status != MTASTS_OK && code == MTASTS_EXIT_OK)
      code = mtasts_place_complain(place, status);
    mtasts_store_close(place->store);
  } else {
    mtasts_cache_close(place->cache);
  }
  place->store = NULL;
  place->cache = NULL;
  return code;
}

int mtasts_place_close(struct mtasts_place *place, int code) {
  code = mtasts_place_close_cache(place, code);
  mtasts_identity_release(&place->identity);
  mtasts_config_free(place->config);
  *place = (struct mtasts_place){0};
  return code;
}
