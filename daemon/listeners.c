#include "listeners.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "service.h"
#include "strbuf.h"

static const char *const kind_names[] = {"ask", "socketmap", "outcome", "metrics"};

static const char *endpoint_of(const char *path, char out[MTASTS_LISTENERS_ENDPOINT]) {
  snprintf(out, MTASTS_LISTENERS_ENDPOINT, "unix:%s", path);
  return out;
}

/* Stores a socket for the thread that will serve it. */
static bool keep(struct mtasts_listeners *listeners, enum mtasts_listener_kind kind, int fd,
                 const char *where) {
  size_t used = strlen(listeners->text);
  int *only = kind == MTASTS_LISTENER_OUTCOME   ? &listeners->outcome_fd
              : kind == MTASTS_LISTENER_METRICS ? &listeners->metrics_fd
                                                : NULL;
  if (only ? *only >= 0 : listeners->listener_count == MTASTS_LISTENERS_MAX) {
    close(fd);
    errno = E2BIG;
    return false;
  }
  if (only)
    *only = fd;
  else
    listeners->listeners[listeners->listener_count++] = (struct mtasts_listener){
        fd, kind == MTASTS_LISTENER_ASK ? MTASTS_SOCKET_ASK : MTASTS_SOCKET_SOCKETMAP};
  snprintf(listeners->text + used, sizeof listeners->text - used, "%s%s=%s", used > 0 ? " " : "",
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

static enum mtasts_listener_kind kind_of(const struct mtasts_service_socket *given,
                                         const struct mtasts_config *config) {
  char endpoint[MTASTS_LISTENERS_ENDPOINT];
  int type = SOCK_STREAM;
  socklen_t size = sizeof type;
  for (enum mtasts_listener_kind kind = MTASTS_LISTENER_ASK; kind <= MTASTS_LISTENER_METRICS;
       kind++)
    if (strcmp(given->name, kind_names[kind]) == 0)
      return kind;
  getsockopt(given->fd, SOL_SOCKET, SO_TYPE, &type, &size);
  if (type == SOCK_DGRAM)
    return MTASTS_LISTENER_OUTCOME;
  if (*config->metrics.listen && is_bound_to(given->fd, config->metrics.listen))
    return MTASTS_LISTENER_METRICS;
  return is_bound_to(given->fd, endpoint_of(config->ask.socket, endpoint))
             ? MTASTS_LISTENER_ASK
             : MTASTS_LISTENER_SOCKETMAP;
}

/* For systemd's unix sockets, the only check is whether their files still exist. */
static void mark_given(struct mtasts_listeners *listeners, enum mtasts_listener_kind kind, int fd) {
  struct mtasts_listener_address address = {.kind = kind, .by_systemd = true, .open = true};
  struct sockaddr_un at;
  struct stat file;
  socklen_t size = sizeof address.listening.address;
  if (getsockname(fd, (struct sockaddr *)&address.listening.address, &size) != 0 ||
      address.listening.address.ss_family != AF_UNIX ||
      listeners->address_count == MTASTS_LISTENERS_ADDRESSES_MAX)
    return;
  memcpy(&at, &address.listening.address, sizeof at);
  if (at.sun_path[0] != '/' || lstat(at.sun_path, &file) != 0)
    return;
  address.listening.fd = fd;
  address.listening.device = file.st_dev;
  address.listening.inode = file.st_ino;
  endpoint_of(at.sun_path, address.endpoint);
  listeners->addresses[listeners->address_count++] = address;
}

/* our own */

static bool is_given(const struct mtasts_service_socket *given, size_t count,
                     const char *endpoint) {
  for (size_t i = 0; i < count; i++)
    if (is_bound_to(given[i].fd, endpoint))
      return true;
  return false;
}

static bool try_address(const struct mtasts_listeners *listeners,
                        struct mtasts_listener_address *address) {
  int type = address->kind == MTASTS_LISTENER_OUTCOME ? SOCK_DGRAM : SOCK_STREAM;
  address->open = mtasts_listen(address->endpoint, type, address->access, listeners->config,
                                &address->listening, address->why);
  address->number = address->open ? 0 : errno;
  if (address->open)
    address->why[0] = '\0';
  return address->open;
}

/* False: there are more sockets than there is room for. */
static bool open_own(struct mtasts_listeners *listeners, enum mtasts_listener_kind kind,
                     const char *endpoint, const struct mtasts_access *access) {
  if (listeners->address_count == MTASTS_LISTENERS_ADDRESSES_MAX) {
    errno = E2BIG;
    return false;
  }
  struct mtasts_listener_address *address = &listeners->addresses[listeners->address_count++];
  *address = (struct mtasts_listener_address){.kind = kind, .access = access, .listening.fd = -1};
  snprintf(address->endpoint, sizeof address->endpoint, "%s", endpoint);
  if (try_address(listeners, address))
    return keep(listeners, kind, address->listening.fd, endpoint);
  mtasts_listen_explain(endpoint, address->number, address->why);
  return true;
}

static bool open_all(struct mtasts_listeners *listeners, const struct mtasts_service_socket *given,
                     size_t count) {
  const struct mtasts_config *config = listeners->config;
  char endpoint[MTASTS_LISTENERS_ENDPOINT];
  endpoint_of(config->ask.socket, endpoint);
  bool has_room = is_given(given, count, endpoint) ||
                  open_own(listeners, MTASTS_LISTENER_ASK, endpoint, &config->ask.access);
  for (size_t i = 0; has_room && i < config->socketmap.listen.count; i++) {
    const char *item = config->socketmap.listen.items[i];
    has_room = is_given(given, count, item) ||
               open_own(listeners, MTASTS_LISTENER_SOCKETMAP, item, &config->socketmap.access);
  }
  endpoint_of(config->outcome.socket, endpoint);
  if (has_room && listeners->outcome_fd < 0)
    has_room = open_own(listeners, MTASTS_LISTENER_OUTCOME, endpoint, &config->outcome.access);
  if (has_room && listeners->metrics_fd < 0 && *config->metrics.listen)
    has_room = open_own(listeners, MTASTS_LISTENER_METRICS, config->metrics.listen,
                        &config->metrics.access);
  return has_room;
}

bool mtasts_listeners_open(struct mtasts_listeners *listeners, const struct mtasts_config *config,
                           char error[MTASTS_ERROR_TEXT]) {
  struct mtasts_service_socket given[MTASTS_SERVICE_SOCKETS];
  *listeners = (struct mtasts_listeners){.outcome_fd = -1, .metrics_fd = -1, .config = config};
  size_t count = mtasts_service_sockets(given);
  for (size_t i = 0; i < count; i++) {
    enum mtasts_listener_kind kind = kind_of(&given[i], config);
    if (keep(listeners, kind, given[i].fd, "systemd"))
      mark_given(listeners, kind, given[i].fd);
  }
  if (!open_all(listeners, given, count)) {
    snprintf(error, MTASTS_ERROR_TEXT, "more than %d sockets", MTASTS_LISTENERS_MAX);
    return false;
  }
  if (listeners->listener_count > 0)
    return true;
  size_t first = 0; /* there is one: the ask socket always has an address */
  while (listeners->addresses[first].open)
    first++;
  snprintf(error, MTASTS_ERROR_TEXT, "%s", listeners->addresses[first].why);
  errno = listeners->addresses[first].number;
  return false;
}

/* later */

/* Is the socket unreachable, because its file was removed, moved or replaced? */
static bool is_lost(const struct mtasts_listener_address *address) {
  return address->open && !mtasts_listen_is_current(&address->listening);
}

static void log_lost(const struct mtasts_listener_address *address) {
  if (address->by_systemd)
    mtasts_log(MTASTS_LOG_ERROR, "%s", address->why);
  else if (address->open)
    mtasts_log(MTASTS_LOG_WARNING, "%s was removed: a new socket is in its place",
               address->endpoint);
  else
    mtasts_log(MTASTS_LOG_ERROR,
               "%s was removed, and a new socket cannot be put there: %s; it is tried again every "
               "%d seconds",
               address->endpoint, address->why, MTASTS_LISTENERS_RETRY);
}

static void lose(const struct mtasts_listeners *listeners,
                 struct mtasts_listener_address *address) {
  address->open = false;
  if (address->by_systemd) {
    snprintf(address->why, sizeof address->why,
             "%s was removed: restart the socket unit, as in systemctl restart mtastsd.socket",
             address->endpoint);
  } else if (!try_address(listeners, address)) {
    mtasts_listen_explain(address->endpoint, address->number, address->why);
  }
}

/* True: the socket was opened, or lost. */
static bool check(const struct mtasts_listeners *listeners,
                  struct mtasts_listener_address *address) {
  char before[MTASTS_ERROR_TEXT];
  int number = address->number;
  if (is_lost(address)) {
    lose(listeners, address);
    log_lost(address);
    return true;
  }
  if (address->open || address->by_systemd)
    return false;
  memcpy(before, address->why, sizeof before);
  if (try_address(listeners, address)) {
    mtasts_log(MTASTS_LOG_INFO, "%s: listening there now", address->endpoint);
    return true;
  }
  /* While the failure is the same, the text that names the holder of the address is kept. */
  if (address->number == number)
    memcpy(address->why, before, sizeof before);
  return false;
}

bool mtasts_listeners_check(struct mtasts_listeners *listeners, mtasts_listeners_give_fn *give,
                            void *context) {
  bool changed = false;
  for (size_t i = 0; i < listeners->address_count; i++) {
    struct mtasts_listener_address *address = &listeners->addresses[i];
    int old = address->listening.fd;
    if (!check(listeners, address))
      continue;
    changed = true;
    if (!address->open || give(context, address->kind, address->listening.fd, old))
      continue;
    mtasts_listen_remove(&address->listening);
    close(address->listening.fd);
    address->listening.fd = old;
    address->open = false;
    snprintf(address->why, sizeof address->why, "%s: out of memory", address->endpoint);
  }
  return changed;
}

size_t mtasts_listeners_failed(const struct mtasts_listeners *listeners, char *lines, size_t size) {
  struct mtasts_strbuf text = {.data = lines, .size = size};
  size_t closed = 0;
  lines[0] = '\0';
  for (size_t i = 0; i < listeners->address_count; i++) {
    if (listeners->addresses[i].open)
      continue;
    closed++;
    mtasts_strbuf_printf(&text, "%s\n", listeners->addresses[i].why);
  }
  return closed;
}

void mtasts_listeners_remove(const struct mtasts_listeners *listeners) {
  for (size_t i = 0; i < listeners->address_count; i++)
    if (!listeners->addresses[i].by_systemd)
      mtasts_listen_remove(&listeners->addresses[i].listening);
}
