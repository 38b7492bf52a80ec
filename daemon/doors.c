#include "doors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "service.h"

enum door_kind {
  KIND_ASK,
  KIND_SOCKETMAP,
  KIND_OUTCOME,
  KIND_METRICS,
};

static const char *const kind_names[] = {"ask", "socketmap", "outcome", "metrics"};

static const char *endpoint_of(const char *path, char out[128]) {
  snprintf(out, 128, "unix:%s", path);
  return out;
}

/* Keeps a socket where those will find it who serve at it. */
static bool keep(struct mtasts_doors *doors, enum door_kind kind, int fd, const char *where) {
  size_t used = strlen(doors->text);
  int *only = kind == KIND_OUTCOME   ? &doors->outcome_fd
              : kind == KIND_METRICS ? &doors->metrics_fd
                                     : NULL;
  if (only ? *only >= 0 : doors->listener_count == MTASTS_DOORS_MAX) {
    close(fd);
    errno = E2BIG;
    return false;
  }
  if (only)
    *only = fd;
  else
    doors->listeners[doors->listener_count++] =
        (struct mtasts_listener){fd, kind == KIND_ASK ? MTASTS_DOOR_ASK : MTASTS_DOOR_SOCKETMAP};
  snprintf(doors->text + used, sizeof doors->text - used, "%s%s=%s", used > 0 ? " " : "",
           kind_names[kind], where);
  return true;
}

/* systemd's */

static bool is_bound_to(int fd, const char *endpoint) {
  struct sockaddr_storage wanted = {0};
  struct sockaddr_storage bound = {0};
  socklen_t wanted_size;
  socklen_t size = sizeof bound;
  return mtasts_endpoint_parse(endpoint, &wanted, &wanted_size) &&
         getsockname(fd, (struct sockaddr *)&bound, &size) == 0 &&
         memcmp(&wanted, &bound, sizeof bound) == 0;
}

static enum door_kind kind_of(const struct mtasts_service_socket *given,
                              const struct mtasts_config *config) {
  char endpoint[128];
  int type = SOCK_STREAM;
  socklen_t size = sizeof type;
  for (enum door_kind kind = KIND_ASK; kind <= KIND_METRICS; kind++)
    if (strcmp(given->name, kind_names[kind]) == 0)
      return kind;
  getsockopt(given->fd, SOL_SOCKET, SO_TYPE, &type, &size);
  if (type == SOCK_DGRAM)
    return KIND_OUTCOME;
  if (*config->metrics.listen && is_bound_to(given->fd, config->metrics.listen))
    return KIND_METRICS;
  return is_bound_to(given->fd, endpoint_of(config->ask.socket, endpoint)) ? KIND_ASK
                                                                           : KIND_SOCKETMAP;
}

/* our own */

static bool is_given(const struct mtasts_service_socket *given, size_t count,
                     const char *endpoint) {
  for (size_t i = 0; i < count; i++)
    if (is_bound_to(given[i].fd, endpoint))
      return true;
  return false;
}

static bool open_own(struct mtasts_doors *doors, enum door_kind kind, const char *endpoint,
                     const struct mtasts_access *access, const struct mtasts_config *config,
                     char *error) {
  struct mtasts_listening made;
  int type = kind == KIND_OUTCOME ? SOCK_DGRAM : SOCK_STREAM;
  if (!mtasts_listen(endpoint, type, access, config, &made, error))
    return false;
  doors->own[doors->own_count++] = made;
  if (keep(doors, kind, made.fd, endpoint))
    return true;
  snprintf(error, MTASTS_LISTEN_ERROR, "%s: more than %d sockets", endpoint, MTASTS_DOORS_MAX);
  return false;
}

bool mtasts_doors_open(struct mtasts_doors *doors, const struct mtasts_config *config,
                       char error[MTASTS_LISTEN_ERROR]) {
  struct mtasts_service_socket given[MTASTS_SERVICE_SOCKETS];
  char endpoint[128];
  *doors = (struct mtasts_doors){.outcome_fd = -1, .metrics_fd = -1};
  size_t count = mtasts_service_sockets(given);
  for (size_t i = 0; i < count; i++)
    keep(doors, kind_of(&given[i], config), given[i].fd, "systemd");

  endpoint_of(config->ask.socket, endpoint);
  if (!is_given(given, count, endpoint) &&
      !open_own(doors, KIND_ASK, endpoint, &config->ask.access, config, error))
    return false;
  for (size_t i = 0; i < config->socketmap.listen.count; i++) {
    const char *item = config->socketmap.listen.items[i];
    if (!is_given(given, count, item) &&
        !open_own(doors, KIND_SOCKETMAP, item, &config->socketmap.access, config, error))
      return false;
  }
  endpoint_of(config->outcome.socket, endpoint);
  if (doors->outcome_fd < 0 &&
      !open_own(doors, KIND_OUTCOME, endpoint, &config->outcome.access, config, error))
    return false;
  return doors->metrics_fd >= 0 || !*config->metrics.listen ||
         open_own(doors, KIND_METRICS, config->metrics.listen, &config->metrics.access, config,
                  error);
}

void mtasts_doors_remove(const struct mtasts_doors *doors) {
  for (size_t i = 0; i < doors->own_count; i++)
    mtasts_listen_remove(&doors->own[i]);
}
