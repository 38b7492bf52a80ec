#include "doors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "service.h"
#include "text.h"

static const char *const kind_names[] = {"ask", "socketmap", "outcome", "metrics"};

static const char *endpoint_of(const char *path, char out[MTASTS_DOORS_ENDPOINT]) {
  snprintf(out, MTASTS_DOORS_ENDPOINT, "unix:%s", path);
  return out;
}

/* Keeps a socket where those will find it who serve at it. */
static bool keep(struct mtasts_doors *doors, enum mtasts_door_kind kind, int fd,
                 const char *where) {
  size_t used = strlen(doors->text);
  int *only = kind == MTASTS_KIND_OUTCOME   ? &doors->outcome_fd
              : kind == MTASTS_KIND_METRICS ? &doors->metrics_fd
                                            : NULL;
  if (only ? *only >= 0 : doors->listener_count == MTASTS_DOORS_MAX) {
    close(fd);
    errno = E2BIG;
    return false;
  }
  if (only)
    *only = fd;
  else
    doors->listeners[doors->listener_count++] = (struct mtasts_listener){
        fd, kind == MTASTS_KIND_ASK ? MTASTS_DOOR_ASK : MTASTS_DOOR_SOCKETMAP};
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

static enum mtasts_door_kind kind_of(const struct mtasts_service_socket *given,
                                     const struct mtasts_config *config) {
  char endpoint[MTASTS_DOORS_ENDPOINT];
  int type = SOCK_STREAM;
  socklen_t size = sizeof type;
  for (enum mtasts_door_kind kind = MTASTS_KIND_ASK; kind <= MTASTS_KIND_METRICS; kind++)
    if (strcmp(given->name, kind_names[kind]) == 0)
      return kind;
  getsockopt(given->fd, SOL_SOCKET, SO_TYPE, &type, &size);
  if (type == SOCK_DGRAM)
    return MTASTS_KIND_OUTCOME;
  if (*config->metrics.listen && is_bound_to(given->fd, config->metrics.listen))
    return MTASTS_KIND_METRICS;
  return is_bound_to(given->fd, endpoint_of(config->ask.socket, endpoint)) ? MTASTS_KIND_ASK
                                                                           : MTASTS_KIND_SOCKETMAP;
}

/* Of systemd's unix sockets, only whether they are still where they were can be known. */
static void note_given(struct mtasts_doors *doors, enum mtasts_door_kind kind, int fd) {
  struct mtasts_door_place place = {.kind = kind, .by_systemd = true, .open = true};
  struct sockaddr_un at;
  struct stat file;
  socklen_t size = sizeof place.listening.address;
  if (getsockname(fd, (struct sockaddr *)&place.listening.address, &size) != 0 ||
      place.listening.address.ss_family != AF_UNIX || doors->place_count == MTASTS_DOORS_PLACES_MAX)
    return;
  memcpy(&at, &place.listening.address, sizeof at);
  if (at.sun_path[0] != '/' || lstat(at.sun_path, &file) != 0)
    return;
  place.listening.fd = fd;
  place.listening.device = file.st_dev;
  place.listening.inode = file.st_ino;
  endpoint_of(at.sun_path, place.endpoint);
  doors->places[doors->place_count++] = place;
}

/* our own */

static bool is_given(const struct mtasts_service_socket *given, size_t count,
                     const char *endpoint) {
  for (size_t i = 0; i < count; i++)
    if (is_bound_to(given[i].fd, endpoint))
      return true;
  return false;
}

static bool try_place(const struct mtasts_doors *doors, struct mtasts_door_place *place) {
  int type = place->kind == MTASTS_KIND_OUTCOME ? SOCK_DGRAM : SOCK_STREAM;
  place->open = mtasts_listen(place->endpoint, type, place->access, doors->config,
                              &place->listening, place->why);
  place->number = place->open ? 0 : errno;
  if (place->open)
    place->why[0] = '\0';
  return place->open;
}

/* False: there are more sockets than there is room for. */
static bool open_own(struct mtasts_doors *doors, enum mtasts_door_kind kind, const char *endpoint,
                     const struct mtasts_access *access) {
  if (doors->place_count == MTASTS_DOORS_PLACES_MAX) {
    errno = E2BIG;
    return false;
  }
  struct mtasts_door_place *place = &doors->places[doors->place_count++];
  *place = (struct mtasts_door_place){.kind = kind, .access = access, .listening.fd = -1};
  snprintf(place->endpoint, sizeof place->endpoint, "%s", endpoint);
  if (try_place(doors, place))
    return keep(doors, kind, place->listening.fd, endpoint);
  mtasts_listen_explain(endpoint, place->number, place->why);
  return true;
}

static bool open_all(struct mtasts_doors *doors, const struct mtasts_service_socket *given,
                     size_t count) {
  const struct mtasts_config *config = doors->config;
  char endpoint[MTASTS_DOORS_ENDPOINT];
  endpoint_of(config->ask.socket, endpoint);
  bool room = is_given(given, count, endpoint) ||
              open_own(doors, MTASTS_KIND_ASK, endpoint, &config->ask.access);
  for (size_t i = 0; room && i < config->socketmap.listen.count; i++) {
    const char *item = config->socketmap.listen.items[i];
    room = is_given(given, count, item) ||
           open_own(doors, MTASTS_KIND_SOCKETMAP, item, &config->socketmap.access);
  }
  endpoint_of(config->outcome.socket, endpoint);
  if (room && doors->outcome_fd < 0)
    room = open_own(doors, MTASTS_KIND_OUTCOME, endpoint, &config->outcome.access);
  if (room && doors->metrics_fd < 0 && *config->metrics.listen)
    room = open_own(doors, MTASTS_KIND_METRICS, config->metrics.listen, &config->metrics.access);
  return room;
}

bool mtasts_doors_open(struct mtasts_doors *doors, const struct mtasts_config *config,
                       char error[MTASTS_ERROR_TEXT]) {
  struct mtasts_service_socket given[MTASTS_SERVICE_SOCKETS];
  *doors = (struct mtasts_doors){.outcome_fd = -1, .metrics_fd = -1, .config = config};
  size_t count = mtasts_service_sockets(given);
  for (size_t i = 0; i < count; i++) {
    enum mtasts_door_kind kind = kind_of(&given[i], config);
    if (keep(doors, kind, given[i].fd, "systemd"))
      note_given(doors, kind, given[i].fd);
  }
  if (!open_all(doors, given, count)) {
    snprintf(error, MTASTS_ERROR_TEXT, "more than %d sockets", MTASTS_DOORS_MAX);
    return false;
  }
  if (doors->listener_count > 0)
    return true;
  size_t first = 0; /* there is one: the ask socket has a place */
  while (doors->places[first].open)
    first++;
  snprintf(error, MTASTS_ERROR_TEXT, "%s", doors->places[first].why);
  errno = doors->places[first].number;
  return false;
}

/* later */

/* Nobody reaches the socket any more: its file was removed or moved, or another one is there. */
static bool is_lost(const struct mtasts_door_place *place) {
  return place->open && !mtasts_listen_in_place(&place->listening);
}

static void tell_lost(const struct mtasts_door_place *place) {
  if (place->by_systemd)
    mtasts_log(MTASTS_LOG_ERROR, "%s", place->why);
  else if (place->open)
    mtasts_log(MTASTS_LOG_WARNING, "%s was removed: a new socket is in its place", place->endpoint);
  else
    mtasts_log(MTASTS_LOG_ERROR,
               "%s was removed, and a new socket cannot be put there: %s; it is tried again every "
               "%d seconds",
               place->endpoint, place->why, MTASTS_DOORS_RETRY);
}

static void lose(const struct mtasts_doors *doors, struct mtasts_door_place *place) {
  place->open = false;
  if (place->by_systemd) {
    snprintf(place->why, sizeof place->why,
             "%s was removed: restart the socket unit, as in systemctl restart mtastsd.socket",
             place->endpoint);
  } else if (!try_place(doors, place)) {
    mtasts_listen_explain(place->endpoint, place->number, place->why);
  }
}

/* True: it has been opened, or lost. */
static bool tend(const struct mtasts_doors *doors, struct mtasts_door_place *place) {
  char before[MTASTS_ERROR_TEXT];
  int number = place->number;
  if (is_lost(place)) {
    lose(doors, place);
    tell_lost(place);
    return true;
  }
  if (place->open || place->by_systemd)
    return false;
  memcpy(before, place->why, sizeof before);
  if (try_place(doors, place)) {
    mtasts_log(MTASTS_LOG_INFO, "%s: listening there now", place->endpoint);
    return true;
  }
  /* What is known of the holder stays known while the failure is the same. */
  if (place->number == number)
    memcpy(place->why, before, sizeof before);
  return false;
}

bool mtasts_doors_tend(struct mtasts_doors *doors, mtasts_doors_give_fn *give, void *context) {
  bool changed = false;
  for (size_t i = 0; i < doors->place_count; i++) {
    struct mtasts_door_place *place = &doors->places[i];
    int old = place->listening.fd;
    if (!tend(doors, place))
      continue;
    changed = true;
    if (!place->open || give(context, place->kind, place->listening.fd, old))
      continue;
    mtasts_listen_remove(&place->listening);
    close(place->listening.fd);
    place->listening.fd = old;
    place->open = false;
    snprintf(place->why, sizeof place->why, "%s: out of memory", place->endpoint);
  }
  return changed;
}

size_t mtasts_doors_closed(const struct mtasts_doors *doors, char *lines, size_t size) {
  struct mtasts_text text = {.data = lines, .size = size};
  size_t closed = 0;
  lines[0] = '\0';
  for (size_t i = 0; i < doors->place_count; i++) {
    if (doors->places[i].open)
      continue;
    closed++;
    mtasts_text_printf(&text, "%s\n", doors->places[i].why);
  }
  return closed;
}

void mtasts_doors_remove(const struct mtasts_doors *doors) {
  for (size_t i = 0; i < doors->place_count; i++)
    if (!doors->places[i].by_systemd)
      mtasts_listen_remove(&doors->places[i].listening);
}
