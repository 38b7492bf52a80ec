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
#include "socketmap_private.h"
#include "stats.h"

enum {
  ACCEPT_BURST = 16,     /* connections accepted in a row */
  ACCEPT_PAUSE_MS = 100, /* where there is no room for another */
  GRACE_MS = 1000,       /* an honest peer sends its first request soon, and each of them whole */
};

struct mtasts_door_event {
  SLIST_ENTRY(mtasts_door_event) link;
  struct mtasts_socketmap *server;
  struct event event;
  enum mtasts_door door;
  bool network; /* not a unix socket */
  int fd;
};

/* accepting */

/* Accepts nothing for a moment, or nothing over TCP, rather than be woken again at once for what it
 * cannot do. */
static void pause_accepting(struct mtasts_socketmap *server, bool network, const char *why) {
  struct mtasts_door_event *door = SLIST_FIRST(&server->doors);
  for (; door; door = SLIST_NEXT(door, link))
    if (door->network || !network)
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

static bool has_lasted(const struct mtasts_peer *peer) {
  return peer && mtasts_uptime() - peer->since >= GRACE_MS;
}

/* The first whose request is not put off by us. */
static struct mtasts_peer *first_of(const struct mtasts_peers *list) {
  struct mtasts_peer *peer = TAILQ_FIRST(list);
  while (peer && peer->put_off)
    peer = TAILQ_NEXT(peer, link);
  return peer;
}

/* Of unix sockets or of TCP: the one that has been stuck longest, or has sent nothing for longest,
 * unless it has only just begun, else the one that has been idle longest. NULL: all are busy. */
static struct mtasts_peer *dispensable_of(const struct mtasts_peers lists[MTASTS_PEER_STATES]) {
  struct mtasts_peer *stuck = first_of(&lists[MTASTS_PEER_STUCK]);
  struct mtasts_peer *fresh = first_of(&lists[MTASTS_PEER_FRESH]);
  if (has_lasted(stuck))
    return stuck;
  return has_lasted(fresh) ? fresh : first_of(&lists[MTASTS_PEER_IDLE]);
}

/* Who makes room if there is none. network: none for TCP, so it is to be one of TCP. */
static struct mtasts_peer *dispensable(const struct mtasts_socketmap *server, bool network) {
  struct mtasts_peer *peer = network ? NULL : dispensable_of(server->peers);
  struct mtasts_peer *other = dispensable_of(server->network);
  return peer && (!other || peer->since < other->since) ? peer : other;
}

static bool shed(struct mtasts_socketmap *server, bool network) {
  struct mtasts_peer *peer = dispensable(server, network);
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

static bool somebody_knocks(const struct mtasts_door_event *door) {
  return poll(&(struct pollfd){.fd = door->fd, .events = POLLIN}, 1, 0) == 1;
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

static const char busy[] = "as many as may be are open, and all are busy";
static const char network_busy[] =
    "as many over TCP as socketmap.network_connections allows are open, and all are busy";

/* Accepts one connection. False: none is left, or there is no place for it. */
static bool let_in(struct mtasts_door_event *door) {
  struct mtasts_socketmap *server = door->server;
  sa_family_t family;
  bool network = door->network && server->network_count >= server->network_max;
  bool full = network || server->count >= server->options.peers_max;
  if (full && !dispensable(server, network)) {
    if (somebody_knocks(door))
      pause_accepting(server, network, network ? network_busy : busy);
    return false;
  }
  int fd = accept_one(door, &family);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
    /* That is said even where nobody knocks any more. */
    if (!somebody_knocks(door))
      return false;
    errno = EMFILE;
    if (shed(server, false))
      fd = accept_one(door, &family);
  }
  if (fd >= 0) {
    if (full)
      shed(server, network);
    mtasts_peer_open(server, fd, door->door, door->network, uid_of(fd, family));
    return true;
  }
  if (errno == EAGAIN)
    return false;
  if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
    return true; /* somebody went away before we came, or the like */
  pause_accepting(server, false, strerror(errno));
  return false;
}

static void on_knock(evutil_socket_t listening, short what, void *context) {
  (void)listening;
  (void)what;
  for (int i = 0; i < ACCEPT_BURST && let_in(context); i++)
    continue;
}

static bool is_network(int fd) {
  struct sockaddr_storage address = {.ss_family = AF_UNIX};
  socklen_t len = sizeof address;
  return getsockname(fd, (struct sockaddr *)&address, &len) == 0 && address.ss_family != AF_UNIX;
}

bool mtasts_socketmap_listen(struct mtasts_socketmap *server, int fd, enum mtasts_door door) {
  struct mtasts_door_event *made = calloc(1, sizeof *made);
  if (!made)
    return false;
  made->server = server;
  made->door = door;
  made->fd = fd;
  made->network = is_network(fd);
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

/* Of one list; returns when the next has been stuck for too long. */
static int64_t close_stuck(struct mtasts_peers *stuck, int64_t now) {
  const int64_t most = MTASTS_PEER_STUCK_MAX * 1000;
  struct mtasts_peer *peer;
  while ((peer = TAILQ_FIRST(stuck)) && now - peer->since >= most)
    mtasts_peer_close(peer);
  return peer ? peer->since + most : INT64_MAX;
}

/* Closes those that have been stuck for too long, and comes back for the next. */
static void on_sweep(evutil_socket_t fd, short what, void *context) {
  struct mtasts_socketmap *server = context;
  int64_t now = mtasts_uptime();
  (void)fd;
  (void)what;
  int64_t next = close_stuck(&server->peers[MTASTS_PEER_STUCK], now);
  int64_t other = close_stuck(&server->network[MTASTS_PEER_STUCK], now);
  if (other < next)
    next = other;
  if (next == INT64_MAX)
    return;
  int64_t wait = next - now;
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

void mtasts_socketmap_left(struct mtasts_socketmap *server, bool network) {
  server->count--;
  server->network_count -= network;
  mtasts_count_set(server->options.stats, MTASTS_COUNT_CONNECTIONS, server->count);
  tell_if_empty(server);
}

/* Those that wait or were put off are seen to when they come. */
static void drain_lists(struct mtasts_peers lists[MTASTS_PEER_STATES]) {
  static const enum mtasts_peer_state states[] = {MTASTS_PEER_FRESH, MTASTS_PEER_IDLE,
                                                  MTASTS_PEER_STUCK};
  for (size_t i = 0; i < sizeof states / sizeof *states; i++)
    for (struct mtasts_peer *next, *peer = TAILQ_FIRST(&lists[states[i]]); peer; peer = next) {
      next = TAILQ_NEXT(peer, link);
      mtasts_peer_drain(peer);
    }
}

void mtasts_socketmap_drain(struct mtasts_socketmap *server, void (*drained)(void *context)) {
  close_doors(server);
  server->draining = true;
  server->drained = drained;
  drain_lists(server->peers);
  drain_lists(server->network);
  tell_if_empty(server);
}

void mtasts_socketmap_limit(struct mtasts_socketmap *server, unsigned network_peers_max,
                            unsigned network_errands_max) {
  unsigned most = server->options.peers_max - server->options.peers_max / 4;
  server->network_max = network_peers_max < most ? network_peers_max : most;
  server->clients.network_errands = network_errands_max;
}

bool mtasts_socketmap_has_time(struct mtasts_socketmap *server) {
  return mtasts_turns_has_time(&server->turns);
}

struct mtasts_clients *mtasts_socketmap_clients(struct mtasts_socketmap *server) {
  return &server->clients;
}

struct mtasts_socketmap *mtasts_socketmap_new(const struct mtasts_socketmap_options *options) {
  struct mtasts_socketmap *made = malloc(sizeof *made);
  if (!made)
    return NULL;
  /* Pages of the buffer for replies are the kernel's until they are needed. */
  memset(made, 0, offsetof(struct mtasts_socketmap, out));
  made->options = *options;
  for (size_t i = 0; i < MTASTS_PEER_STATES; i++) {
    TAILQ_INIT(&made->peers[i]);
    TAILQ_INIT(&made->network[i]);
  }
  mtasts_clients_init(&made->clients, options->network_errands_max);
  mtasts_turns_init(&made->turns, options->base, mtasts_peer_go_on);
  mtasts_socketmap_limit(made, options->network_peers_max, options->network_errands_max);
  SLIST_INIT(&made->doors);
  event_assign(&made->pause, options->base, -1, 0, on_pause_over, made);
  event_assign(&made->sweep, options->base, -1, 0, on_sweep, made);
  event_assign(&made->emptied, options->base, -1, 0, on_emptied, made);
  return made;
}

static void close_list(struct mtasts_peers *list) {
  for (struct mtasts_peer *peer; (peer = TAILQ_FIRST(list));)
    mtasts_peer_close(peer);
}

void mtasts_socketmap_free(struct mtasts_socketmap *server) {
  if (!server)
    return;
  close_doors(server);
  server->drained = NULL;
  for (size_t i = 0; i < MTASTS_PEER_STATES; i++) {
    close_list(&server->peers[i]);
    close_list(&server->network[i]);
  }
  mtasts_turns_end(&server->turns);
  event_del(&server->sweep);
  event_del(&server->emptied);
  free(server);
}
