#include "socketmap.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "peer.h"
#include "stats.h"

enum {
  ACCEPT_BURST = 16,     /* connections accepted in a row */
  ACCEPT_PAUSE_MS = 100, /* where there is no room for another */
  STUCK_GRACE_MS = 1000, /* an honest peer sends its requests whole */
};

struct mtasts_door_event {
  SLIST_ENTRY(mtasts_door_event) link;
  struct mtasts_socketmap *server;
  struct event event;
  enum mtasts_door door;
  int fd;
};

/* accepting */

/* Accepts nothing for a moment, rather than be woken again at once for what it cannot do. */
static void pause_accepting(struct mtasts_socketmap *server, const char *why) {
  struct mtasts_door_event *door = SLIST_FIRST(&server->doors);
  for (; door; door = SLIST_NEXT(door, link))
    event_del(&door->event);
  event_add(&server->pause, &(struct timeval){.tv_usec = ACCEPT_PAUSE_MS * 1000});
  if (!mtasts_seldom(&server->no_room, MTASTS_COMPLAINT_PAUSE))
    return;
  mtasts_log(MTASTS_LOG_WARNING, "socketmap: new connections have to wait: %s (%u are open)", why,
             server->count);
}

static void on_pause_over(evutil_socket_t fd, short what, void *context) {
  struct mtasts_socketmap *server = context;
  struct mtasts_door_event *door = SLIST_FIRST(&server->doors);
  (void)fd;
  (void)what;
  for (; door; door = SLIST_NEXT(door, link))
    event_add(&door->event, NULL);
}

/* Who makes room where there is none: the one that has been stuck longest, unless it has only just
 * begun, else the one that has been idle longest. NULL: all are busy. */
static struct mtasts_peer *dispensable(const struct mtasts_socketmap *server) {
  struct mtasts_peer *stuck = TAILQ_FIRST(&server->peers[MTASTS_PEER_STUCK]);
  if (stuck && mtasts_uptime() - stuck->since >= STUCK_GRACE_MS)
    return stuck;
  return TAILQ_FIRST(&server->peers[MTASTS_PEER_IDLE]);
}

static bool shed(struct mtasts_socketmap *server) {
  struct mtasts_peer *peer = dispensable(server);
  if (peer)
    mtasts_peer_close(peer);
  return peer != NULL;
}

static int accept_one(struct mtasts_door_event *door, sa_family_t *family) {
  struct sockaddr_storage address;
  socklen_t len = sizeof address;
  address.ss_family = AF_UNSPEC;
  int fd = accept4(door->fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
  *family = address.ss_family;
  return fd;
}

static uid_t uid_of(int fd, sa_family_t family) {
  struct ucred who;
  socklen_t len = sizeof who;
  int on = 1;
  if (family == AF_UNIX && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
    return who.uid;
  if (family != AF_UNIX)
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return (uid_t)-1;
}

/* One connection more. False: enough for now. */
static bool let_in(struct mtasts_door_event *door) {
  struct mtasts_socketmap *server = door->server;
  sa_family_t family;
  bool full = server->count >= server->options.peers_max;
  if (full && !dispensable(server)) {
    pause_accepting(server, "as many as may be are open, and all are busy");
    return false;
  }
  int fd = accept_one(door, &family);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
    /* That is said even where nobody knocks any more. */
    if (poll(&(struct pollfd){.fd = door->fd, .events = POLLIN}, 1, 0) < 1)
      return false;
    errno = EMFILE;
    if (shed(server))
      fd = accept_one(door, &family);
  }
  if (fd >= 0) {
    if (full)
      shed(server);
    mtasts_peer_open(server, fd, door->door, uid_of(fd, family));
    return true;
  }
  if (errno == EAGAIN)
    return false;
  if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
    return true; /* somebody went away before we came, or the like */
  pause_accepting(server, strerror(errno));
  return false;
}

static void on_knock(evutil_socket_t listening, short what, void *context) {
  (void)listening;
  (void)what;
  for (int i = 0; i < ACCEPT_BURST && let_in(context); i++)
    continue;
}

bool mtasts_socketmap_listen(struct mtasts_socketmap *server, int fd, enum mtasts_door door) {
  struct mtasts_door_event *made = calloc(1, sizeof *made);
  if (!made)
    return false;
  made->server = server;
  made->door = door;
  made->fd = fd;
  event_assign(&made->event, server->options.base, fd, EV_READ | EV_PERSIST, on_knock, made);
  if (event_add(&made->event, NULL) != 0) {
    free(made);
    return false;
  }
  SLIST_INSERT_HEAD(&server->doors, made, link);
  return true;
}

bool mtasts_socketmap_replace(struct mtasts_socketmap *server, int old, int fd,
                              enum mtasts_door kind) {
  struct mtasts_door_event *door = SLIST_FIRST(&server->doors);
  while (door && door->fd != old)
    door = SLIST_NEXT(door, link);
  if (server->draining || !mtasts_socketmap_listen(server, fd, kind))
    return false;
  if (!door)
    return true;
  for (int i = 0; i < SOMAXCONN && let_in(door); i++)
    continue;
  SLIST_REMOVE(&server->doors, door, mtasts_door_event, link);
  event_del(&door->event);
  close(door->fd);
  free(door);
  return true;
}

static void close_doors(struct mtasts_socketmap *server) {
  event_del(&server->pause);
  for (struct mtasts_door_event *door; (door = SLIST_FIRST(&server->doors));) {
    SLIST_REMOVE_HEAD(&server->doors, link);
    event_del(&door->event);
    close(door->fd);
    free(door);
  }
}

/* connections */

/* Closes those that have been stuck for too long, and comes back for the next. */
static void on_sweep(evutil_socket_t fd, short what, void *context) {
  struct mtasts_socketmap *server = context;
  const int64_t most = MTASTS_PEER_STUCK_MAX * 1000;
  int64_t now = mtasts_uptime();
  struct mtasts_peer *peer;
  (void)fd;
  (void)what;
  while ((peer = TAILQ_FIRST(&server->peers[MTASTS_PEER_STUCK])) && now - peer->since >= most)
    mtasts_peer_close(peer);
  if (!peer)
    return;
  int64_t wait = peer->since + most - now;
  event_add(&server->sweep,
            &(struct timeval){.tv_sec = wait / 1000, .tv_usec = wait % 1000 * 1000});
}

static void on_emptied(evutil_socket_t fd, short what, void *context) {
  struct mtasts_socketmap *server = context;
  (void)fd;
  (void)what;
  server->drained(server->options.context);
}

static void tell_if_empty(struct mtasts_socketmap *server) {
  if (server->draining && server->drained && server->count == 0)
    event_active(&server->emptied, EV_TIMEOUT, 0);
}

void mtasts_socketmap_left(struct mtasts_socketmap *server) {
  server->count--;
  mtasts_count_set(server->options.stats, MTASTS_COUNT_CONNECTIONS, server->count);
  tell_if_empty(server);
}

void mtasts_socketmap_drain(struct mtasts_socketmap *server, void (*drained)(void *context)) {
  static const enum mtasts_peer_state states[] = {MTASTS_PEER_IDLE, MTASTS_PEER_STUCK};
  close_doors(server);
  server->draining = true;
  server->drained = drained;
  for (size_t i = 0; i < sizeof states / sizeof *states; i++)
    for (struct mtasts_peer *next, *peer = TAILQ_FIRST(&server->peers[states[i]]); peer;
         peer = next) {
      next = TAILQ_NEXT(peer, link);
      mtasts_peer_drain(peer);
    }
  tell_if_empty(server);
}

struct mtasts_socketmap *mtasts_socketmap_new(const struct mtasts_socketmap_options *options) {
  struct mtasts_socketmap *made = malloc(sizeof *made);
  if (!made)
    return NULL;
  /* Pages of the buffer for replies are the kernel's until they are needed. */
  memset(made, 0, offsetof(struct mtasts_socketmap, out));
  made->options = *options;
  for (size_t i = 0; i < MTASTS_PEER_STATES; i++)
    TAILQ_INIT(&made->peers[i]);
  SLIST_INIT(&made->doors);
  event_assign(&made->pause, options->base, -1, 0, on_pause_over, made);
  event_assign(&made->sweep, options->base, -1, 0, on_sweep, made);
  event_assign(&made->emptied, options->base, -1, 0, on_emptied, made);
  return made;
}

void mtasts_socketmap_free(struct mtasts_socketmap *server) {
  if (!server)
    return;
  close_doors(server);
  server->drained = NULL;
  for (size_t i = 0; i < MTASTS_PEER_STATES; i++)
    for (struct mtasts_peer *peer; (peer = TAILQ_FIRST(&server->peers[i]));)
      mtasts_peer_close(peer);
  event_del(&server->sweep);
  event_del(&server->emptied);
  free(server);
}
