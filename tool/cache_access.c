#include "cache_access.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clean_shutdown.h"
#include "daemon_access.h"
#include "error_map.h"
#include "files.h"
#include "format.h"
#include "out.h"
#include "tree_check.h"

static int exit_code_of_config(enum mtasts_status status) {
  if (status == MTASTS_NO_FILE)
    return MTASTS_EXIT_NOFILE;
  return status == MTASTS_PERMISSION ? MTASTS_EXIT_DENIED : MTASTS_EXIT_CONFIG;
}

static int load_config(const struct mtasts_options *options, struct mtasts_cache_access *access) {
  char error[MTASTS_ERROR_TEXT];
  enum mtasts_status status = mtasts_config_load(options->config, error, &access->config);
  if (status == MTASTS_OK)
    return MTASTS_EXIT_OK;
  mtasts_print_error("configuration", "%s", error);
  return exit_code_of_config(status);
}

static const char *first_of(const char *path, const char *other) {
  return path && *path ? path : other;
}

int mtasts_cache_access_load(const struct mtasts_options *options,
                             enum mtasts_cache_access_mode wanted,
                             struct mtasts_cache_access *access) {
  int code = access->directory ? MTASTS_EXIT_OK : load_config(options, access);
  if (code != MTASTS_EXIT_OK || access->directory)
    return code;
  const struct mtasts_config *config = access->config;
  access->directory = first_of(options->cache, config->cache.directory);
  access->ca_file = first_of(options->ca_file, first_of(config->https.ca_file, NULL));
  access->named = options->cache || options->config;
  unsigned creates = wanted == MTASTS_CACHE_ACCESS_CREATE ? MTASTS_IDENTITY_CREATES : 0;
  return mtasts_identity_take(config, access->directory, access->plan | creates, access->ca_file,
                              &access->identity);
}

const char *mtasts_cache_access_path(const struct mtasts_cache_access *access) {
  return first_of(access->identity.path, access->directory);
}

const char *mtasts_cache_access_ca_file(const struct mtasts_cache_access *access) {
  return first_of(access->identity.ca_file, access->ca_file);
}

/* Only the user who wrote a clean-shutdown mark trusts it. If root has become that user for this
 * command, it does not count. */
static enum mtasts_status check(const struct mtasts_cache_access *access) {
  const char *path = mtasts_cache_access_path(access);
  if (access->identity.refused != 0)
    return mtasts_env_status(access->identity.refused);
  if (mtasts_format_unknown(path) != 0)
    return MTASTS_CORRUPT;
  return access->identity.changed ? mtasts_tree_check(path) : mtasts_clean_shutdown_check(path);
}

/* A backup in a directory of its own has no lock.mdb yet. Its owner makes one, as a writer would;
 * without lock.mdb there is no writer. */
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

enum mtasts_status mtasts_cache_access_read(struct mtasts_cache_access *access) {
  enum mtasts_status status = check(access);
  if (status == MTASTS_OK)
    make_lock(mtasts_cache_access_path(access));
  return status == MTASTS_OK ? mtasts_cache_open(mtasts_cache_access_path(access), &access->cache)
                             : status;
}

static void warn(void *context, const char *sentence) {
  const struct mtasts_cache_access *access = context;
  mtasts_print_error(access->directory, "%s", sentence);
}

static bool has_data(const char *directory) {
  struct stat found;
  int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  bool there = fd >= 0 && mtasts_files_find(fd, MTASTS_FILE_DATA, &found) == 0;
  if (fd >= 0)
    close(fd);
  return there;
}

static struct mtasts_store_options store_options(struct mtasts_cache_access *access) {
  const struct mtasts_config *config = access->config;
  struct mtasts_store_options options = mtasts_store_defaults;
  options.map_size = config->cache.map_size;
  options.map_size_max = config->cache.map_size_max;
  options.max_policies = config->cache.max_policies;
  options.max_absent = config->cache.max_absent;
  options.warn = warn;
  options.context = access;
  options.name = access->directory;
  return options;
}

enum mtasts_status mtasts_cache_access_write(struct mtasts_cache_access *access) {
  const struct mtasts_store_options options = store_options(access);
  access->creating = !has_data(mtasts_cache_access_path(access));
  enum mtasts_status status = check(access);
  if (status == MTASTS_OK)
    status = mtasts_store_open(mtasts_cache_access_path(access), &options, &access->store);
  if (status == MTASTS_OK)
    access->cache = mtasts_store_cache(access->store);
  return status;
}

enum mtasts_status mtasts_cache_access_recover(struct mtasts_cache_access *access,
                                               struct mtasts_salvaged *salvaged) {
  const struct mtasts_store_options options = store_options(access);
  enum mtasts_status status = mtasts_cache_recover(mtasts_cache_access_path(access), &options,
                                                   time(NULL), &access->store, salvaged);
  if (status == MTASTS_OK)
    access->cache = mtasts_store_cache(access->store);
  return status;
}

/* The file cannot be read, even if no page of it is damaged. */
static int print_corrupt(const struct mtasts_cache_access *access) {
  unsigned format = mtasts_format_unknown(mtasts_cache_access_path(access));
  if (format != 0)
    mtasts_print_error(
        access->directory,
        "data.mdb has format %u, and this version of mtasts reads format %d: it is left "
        "as it is; use the version that wrote it",
        format, MTASTS_FORMAT);
  else
    mtasts_print_error(access->directory,
                       "data.mdb is damaged, cut short or not a cache; mtasts cache "
                       "salvage puts what can be read of it into a new one");
  return MTASTS_EXIT_IO;
}

static bool is_daemons(const struct mtasts_cache_access *access) {
  return strcmp(access->directory, access->config->cache.directory) == 0 &&
         mtasts_daemon_access_is_there(access->config);
}

static int print_no_file(const struct mtasts_cache_access *access, int error) {
  if (error == ENOTDIR) {
    mtasts_print_error(access->directory, "is not a directory, or is below a file");
    return access->creating ? MTASTS_EXIT_CREATE : MTASTS_EXIT_NOFILE;
  }
  if (access->creating) {
    mtasts_print_error(access->directory,
                       "cannot create a cache here: a directory above is missing");
    return MTASTS_EXIT_CREATE;
  }
  mtasts_print_error(access->directory, "no cache here; mtasts query and mtasts warm make one");
  return MTASTS_EXIT_NOFILE;
}

static int print_no_permission(const struct mtasts_cache_access *access, int error) {
  if (error == EROFS)
    mtasts_print_error(
        access->directory,
        "the cache cannot be written: read-only file system; mount it for writing, or "
        "name another cache with --cache DIR");
  else if (error == ELOOP)
    mtasts_print_error(access->directory, "%s; remove that",
                       mtasts_env_reason(MTASTS_PERMISSION, error));
  else
    mtasts_print_error(access->directory,
                       "permission denied; run as user %s or root, or name another cache with "
                       "--cache DIR",
                       access->config->user);
  return MTASTS_EXIT_DENIED;
}

/* The disk is full or broken, or the table of readers is full. */
static int print_io_error(const struct mtasts_cache_access *access, enum mtasts_status status,
                          int error) {
  bool full = error == ENOSPC || error == EDQUOT;
  mtasts_print_error(access->directory, "the cache cannot be used: %s%s",
                     mtasts_env_reason(status, error),
                     full ? "; make room on its disk, or name another cache with --cache DIR" : "");
  return full && access->creating ? MTASTS_EXIT_CREATE : MTASTS_EXIT_IO;
}

int mtasts_cache_access_print_error(const struct mtasts_cache_access *access,
                                    enum mtasts_status status) {
  int error = errno;
  const char *where = access->directory;
  switch (status) {
  case MTASTS_NO_FILE:
    return print_no_file(access, error);
  case MTASTS_PERMISSION:
    return print_no_permission(access, error);
  case MTASTS_CORRUPT:
    return print_corrupt(access);
  case MTASTS_LOCKED:
    mtasts_print_error(where, "%s",
                       is_daemons(access)
                           ? "mtastsd is running and writes this cache; stop it first"
                           : "another process is writing this cache; try again when it "
                             "has ended");
    return MTASTS_EXIT_LATER;
  case MTASTS_FULL:
    mtasts_print_error(where, "the cache is full; raise map_size_max in the configuration, or run "
                              "mtasts cache expire");
    return MTASTS_EXIT_IO;
  case MTASTS_NO_MEMORY:
    mtasts_print_error(where, "out of memory");
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
  return print_io_error(access, status, error);
}

int mtasts_cache_access_open(const struct mtasts_options *options,
                             enum mtasts_cache_access_mode wanted,
                             struct mtasts_cache_access *access) {
  int code = mtasts_cache_access_load(options, wanted, access);
  if (code != MTASTS_EXIT_OK)
    return code;
  enum mtasts_status status = MTASTS_OK;
  if (wanted != MTASTS_CACHE_ACCESS_CREATE)
    status = mtasts_cache_access_read(access);
  if (status == MTASTS_OK && wanted != MTASTS_CACHE_ACCESS_READ) {
    /* A process may open an LMDB environment only once at a time. */
    mtasts_cache_close(access->cache);
    access->cache = NULL;
    status = mtasts_cache_access_write(access);
  }
  return status == MTASTS_OK ? MTASTS_EXIT_OK : mtasts_cache_access_print_error(access, status);
}

int mtasts_cache_access_close_cache(struct mtasts_cache_access *access, int code) {
  if (access->store) {
    enum mtasts_status status = mtasts_store_flush(access->store);
    if (status != MTASTS_OK && code == MTASTS_EXIT_OK)
      code = mtasts_cache_access_print_error(access, status);
    mtasts_store_close(access->store);
  } else {
    mtasts_cache_close(access->cache);
  }
  access->store = NULL;
  access->cache = NULL;
  return code;
}

int mtasts_cache_access_close(struct mtasts_cache_access *access, int code) {
  code = mtasts_cache_access_close_cache(access, code);
  mtasts_identity_release(&access->identity);
  mtasts_config_free(access->config);
  *access = (struct mtasts_cache_access){0};
  return code;
}
