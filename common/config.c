#include "config_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum mtasts_status status_of(int number) {
  switch (number) {
  case ENOENT:
  case ENOTDIR:
    return MTASTS_NO_FILE;
  case EACCES:
  case EPERM:
    return MTASTS_PERMISSION;
  case ENOMEM:
    return MTASTS_NO_MEMORY;
  default:
    return MTASTS_IO;
  }
}

/* Reads up to `size` bytes, fewer at the end of the file; -1 with errno. */
static ssize_t read_all(int fd, char *bytes, size_t size) {
  size_t got = 0;
  while (got < size) {
    ssize_t n = read(fd, bytes + got, size - got);
    if (n == 0)
      break;
    if (n < 0 && errno != EINTR)
      return -1;
    if (n > 0)
      got += (size_t)n;
  }
  return (ssize_t)got;
}

/* Reads up to one byte more than a file may have, so that the parser can refuse it. */
static enum mtasts_status read_file(int fd, const char *path, bool accounts,
                                    char error[MTASTS_ERROR_TEXT], struct mtasts_config **config) {
  struct stat info;
  if (fstat(fd, &info) == 0 && !S_ISREG(info.st_mode)) {
    snprintf(error, MTASTS_ERROR_TEXT, "%s: is not a regular file", path);
    return MTASTS_PERMISSION;
  }
  char *bytes = malloc(MTASTS_CONFIG_MAX + 1);
  if (!bytes) {
    snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
    return MTASTS_NO_MEMORY;
  }
  enum mtasts_status status;
  ssize_t size = read_all(fd, bytes, MTASTS_CONFIG_MAX + 1);
  if (size >= 0) {
    status = mtasts_config_read((struct mtasts_span){bytes, (size_t)size}, path, accounts, error,
                                config);
  } else {
    status = status_of(errno);
    snprintf(error, MTASTS_ERROR_TEXT, "%s: %s", path, strerror(errno));
  }
  free(bytes);
  return status;
}

static enum mtasts_status load(const char *path, bool accounts, char error[MTASTS_ERROR_TEXT],
                               struct mtasts_config **config) {
  const char *name = path ? path : MTASTS_CONFIG_PATH;
  /* O_NONBLOCK: a FIFO in place of the file must not block the program. */
  int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    enum mtasts_status status = status_of(errno);
    if (!path && status == MTASTS_NO_FILE)
      return mtasts_config_read((struct mtasts_span){"", 0}, name, accounts, error, config);
    snprintf(error, MTASTS_ERROR_TEXT, "%s: %s", name, strerror(errno));
    return status;
  }
  enum mtasts_status status = read_file(fd, name, accounts, error, config);
  close(fd);
  return status;
}

enum mtasts_status mtasts_config_load(const char *path, char error[MTASTS_ERROR_TEXT],
                                      struct mtasts_config **config) {
  return load(path, true, error, config);
}

enum mtasts_status mtasts_config_load_guest(const char *path, char error[MTASTS_ERROR_TEXT],
                                            struct mtasts_config **config) {
  return load(path, false, error, config);
}

/* The configuration owns this memory, although readers see it as constant. */
static void release(const void *memory) {
  free((void *)(uintptr_t)memory);
}

void mtasts_config_free(struct mtasts_config *config) {
  if (!config)
    return;
  for (size_t i = 0; i < config->override_count; i++)
    release(config->overrides[i].override.policy.mx.data);
  release(config->overrides);
  release(config->dns.servers.items);
  release(config->dns.insecure.items);
  release(config->socketmap.listen.items);
  release(config->milter.networks.items);
  release(config->milter.local_mailers.items);
  release(config->milter.local_domains.items);
  release(config->report.suppress.items);
  release(config->watch.domains.items);
  mtasts_config_free_tree(config->tree);
  free(config);
}

struct mtasts_discover_settings mtasts_config_settings(const struct mtasts_config *config) {
  return (struct mtasts_discover_settings){
      .refresh_interval = config->refresh.interval,
      .retry_min = config->refresh.retry_min,
      .retry_max = config->refresh.retry_max,
      .dane = config->dns.dnssec != MTASTS_DNSSEC_OFF,
  };
}

static int compare(const void *name, const void *item) {
  return strcmp(name, ((const struct mtasts_domain_override *)item)->domain.name);
}

const struct mtasts_override *mtasts_config_override(const struct mtasts_config *config,
                                                     const struct mtasts_domain *domain) {
  const struct mtasts_domain_override *found = NULL;
  if (config->override_count > 0)
    found = bsearch(domain->name, config->overrides, config->override_count,
                    sizeof *config->overrides, compare);
  return found ? &found->override : NULL;
}

const struct mtasts_override *mtasts_config_override_at(const struct mtasts_config *config,
                                                        const struct mtasts_domain *domain,
                                                        int64_t now) {
  const struct mtasts_override *override = mtasts_config_override(config, domain);
  return override && now < override->until ? override : NULL;
}
