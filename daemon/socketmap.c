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
  ACCEPT_PAUSE_MS = 100, /* if there is no room for another */
  GRACE_MS = 1000,       /* an honest peer sends its first request soon, and each of them whole */
};

struct mtasts_accept_event {
  SLIST_ENTRY(mtasts_accept_event) link;
  struct mtasts_socketmap *server;
  struct event event;
  enum mtasts_socket_kind accept_event;
  bool network; /* not a unix socket */
  int fd;
};

/* accepting */

/* Stops accepting for a moment, everywhere or over TCP. Else the loop would be woken again at once
 * for connections that it cannot accept. */
static void pause_accepting(struct mtasts_socketmap *server, bool network, const char *why) {
  struct mtasts_accept_event *accept_event = SLIST_FIRST(&server->accept_events);
  for (; accept_event; accept_event = SLIST_NEXT(accept_event, link))
    if (accept_event->network || !network)
      event_del(&accept_event->event);
  event_add(&server->pause, &(struct timeval){.tv_usec = ACCEPT_PAUSE_MS * 1000});
  if (!mtasts_ratelimit(&server->no_room, MTASTS_PEER_LOG_INTERVAL))
    return;
  mtasts_log(MTASTS_LOG_WARNING, "socketmap: new connections have to wait: %s (%u are open)", why,
             server->count);
}

static void on_pause_over(evutil_socket_t fd, short what, void *context) {
  struct mtasts_socketmap *server = context;
  struct mtasts_accept_event *accept_event = SLIST_FIRST(&server->accept_events);
  (void)fd;
  (void)what;
  for (; accept_event; accept_event = SLIST_NEXT(accept_event, link))
    event_add(&accept_event->event, NULL);
}

static bool has_lasted(const struct mtasts_peer *peer) {
  return peer && mtasts_clock_coarse_ms() - peer->since >= GRACE_MS;
}

/* The first peer whose requests were not put off. */
static struct mtasts_peer *first_of(const struct mtasts_peers *list) {
  struct mtasts_peer *peer = TAILQ_FIRST(list);
  while (peer && peer->put_off)
    peer = TAILQ_NEXT(peer, link);
  return peer;
}

/* Chooses among the peers of unix sockets, or of TCP. First choice is the one that has been stuck,
 * or has sent nothing, for longest, if that is GRACE_MS; else the one that has been idle longest.
 * NULL: all are busy. */
static struct mtasts_peer *victim_of(const struct mtasts_peers lists[MTASTS_PEER_STATES]) {
  struct mtasts_peer *partial = first_of(&lists[MTASTS_PEER_PARTIAL]);
  struct mtasts_peer *newest = first_of(&lists[MTASTS_PEER_NEW]);
  if (has_lasted(partial))
    return partial;
  return has_lasted(newest) ? newest : first_of(&lists[MTASTS_PEER_IDLE]);
}

/* Chooses the connection to close if the limit is reached. network: the limit for TCP is reached,
 * so it must be one over TCP. */
static struct mtasts_peer *victim_in(const struct mtasts_socketmap *server, bool network) {
  struct mtasts_peer *peer = network ? NULL : victim_of(server->peers);
  struct mtasts_peer *other = victim_of(server->network);
  return peer && (!other || peer->since < other->since) ? peer : other;
}

static bool evict(struct mtasts_socketmap *server, bool network) {
  struct mtasts_peer *peer = victim_in(server, network);
  if (peer)
    mtasts_peer_close(peer);
  return peer != NULL;
}

static int accept_one(struct mtasts_accept_event *accept_event, sa_family_t *family) {
  struct sockaddr_storage address;
  socklen_t len = sizeof address;
  address.ss_family = AF_UNSPEC;
  int fd =
      accept4(accept_event->fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
  *family = address.ss_family;
  return fd;
}

static bool connection_waits(const struct mtasts_accept_event *accept_event) {
  return poll(&(struct pollfd){.fd = accept_event->fd, .events = POLLIN}, 1, 0) == 1;
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

static const char busy[] = "the limit is reached, and all are busy";
static const char network_busy[] =
    "the limit over TCP, socketmap.network_connections, is reached, and all are busy";

/* Accepts one connection. False: none is left, or there is no room for it. */
static bool let_in(struct mtasts_accept_event *accept_event) {
  struct mtasts_socketmap *server = accept_event->server;
  sa_family_t family;
  bool network = accept_event->network && server->network_count >= server->network_max;
  bool full = network || server->count >= server->options.peers_max;
  if (full && !victim_in(server, network)) {
    if (connection_waits(accept_event))
      pause_accepting(server, network, network ? network_busy : busy);
    return false;
  }
  int fd = accept_one(accept_event, &family);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
    /* accept4(2) can fail with EMFILE even if no connection waits. */
    if (!connection_waits(accept_event))
      return false;
    errno = EMFILE;
    if (evict(server, false))
      fd = accept_one(accept_event, &family);
  }
  if (fd >= 0) {
    if (full)
      evict(server, network);
    mtasts_peer_open(server, fd, accept_event->accept_event, accept_event->network,
                     uid_of(fd, family));
    return true;
  }
  if (errno == EAGAIN)
    return false;
  if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
    return true; /* the peer closed before it was accepted, or a similar error */
  pause_accepting(server, false, strerror(errno));
  return false;
}

static void on_accept(evutil_socket_t listening, short what, void *context) {
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

bool mtasts_socketmap_listen(struct mtasts_socketmap *server, int fd,
                             enum mtasts_socket_kind accept_event) {
  struct mtasts_accept_event *made = calloc(1, sizeof *made);
  if (!made)
    return false;
  made->server = server;
  made->accept_event = accept_event;
  made->fd = fd;
  made->network = is_network(fd);
  event_assign(&made->event, server->options.base, fd, EV_READ | EV_PERSIST, on_accept, made);
  if (event_add(&made->event, NULL) != 0) {
    free(made);
    return false;
  }
  SLIST_INSERT_HEAD(&server->accept_events, made, link);
  return true;
}

bool mtasts_socketmap_replace(struct mtasts_socketmap *server, int old, int fd,
                              enum mtasts_socket_kind kind) {
  struct mtasts_accept_event *accept_event = SLIST_FIRST(&server->accept_events);
  while (accept_event && accept_event->fd != old)
    accept_event = SLIST_NEXT(accept_event, link);
  if (server->draining || !mtasts_socketmap_listen(server, fd, kind))
    return false;
  if (!accept_event)
    return true;
  for (int i = 0; i < SOMAXCONN && let_in(accept_event); i++)
    continue;
  SLIST_REMOVE(&server->accept_events, accept_event, mtasts_accept_event, link);
  event_del(&accept_event->event);
  close(accept_event->fd);
  free(accept_event);
  return true;
}

static void close_accept_events(struct mtasts_socketmap *server) {
  event_del(&server->pause);
  for (struct mtasts_accept_event *accept_event;
       (accept_event = SLIST_FIRST(&server->accept_events));) {
    SLIST_REMOVE_HEAD(&server->accept_events, link);
    event_del(&accept_event->event);
    close(accept_event->fd);
    free(accept_event);
  }
}

/* connections */

/* Closes those of one list; returns when the next will have been stuck for too long. */
static int64_t close_partial(struct mtasts_peers *partial, int64_t now) {
  const int64_t max = MTASTS_PEER_PARTIAL_MAX * 1000;
  struct mtasts_peer *peer;
  while ((peer = TAILQ_FIRST(partial)) && now - peer->since >= max)
    mtasts_peer_close(peer);
  return peer ? peer->since + max : INT64_MAX;
}

/* Closes peers that have been stuck for too long, and sets the timer for the next. */
static void on_sweep(evutil_socket_t fd, short what, void *context) {
  struct mtasts_socketmap *server = context;
  int64_t now = mtasts_clock_coarse_ms();
  (void)fd;
  (void)what;
  int64_t next = close_partial(&server->peers[MTASTS_PEER_PARTIAL], now);
  int64_t other = close_partial(&server->network[MTASTS_PEER_PARTIAL], now);
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

static void call_drained_if_empty(struct mtasts_socketmap *server) {
  if (server->draining && server->drained && server->count == 0)
    event_active(&server->emptied, EV_TIMEOUT, 0);
}

void mtasts_socketmap_left(struct mtasts_socketmap *server, bool network) {
  server->count--;
  server->network_count -= network;
  mtasts_count_set(server->options.stats, MTASTS_COUNT_CONNECTIONS, server->count);
  call_drained_if_empty(server);
}

/* Peers that wait or were put off are drained when their turn comes. */
static void drain_lists(struct mtasts_peers lists[MTASTS_PEER_STATES]) {
  static const enum mtasts_peer_state states[] = {MTASTS_PEER_NEW, MTASTS_PEER_IDLE,
                                                  MTASTS_PEER_PARTIAL};
  for (size_t i = 0; i < sizeof states / sizeof *states; i++)
    for (struct mtasts_peer *next, *peer = TAILQ_FIRST(&lists[states[i]]); peer; peer = next) {
      next = TAILQ_NEXT(peer, link);
      mtasts_peer_drain(peer);
    }
}

void mtasts_socketmap_drain(struct mtasts_socketmap *server, void (*drained)(void *context)) {
  close_accept_events(server);
  server->draining = true;
  server->drained = drained;
  drain_lists(server->peers);
  drain_lists(server->network);
  call_drained_if_empty(server);
}

void mtasts_socketmap_limit(struct mtasts_socketmap *server, unsigned network_peers_max,
                            unsigned network_pending_jobs_max) {
  unsigned max = server->options.peers_max - server->options.peers_max / 4;
  server->network_max = network_peers_max < max ? network_peers_max : max;
  server->clients.network_pending_jobs = network_pending_jobs_max;
}

bool mtasts_socketmap_has_time(struct mtasts_socketmap *server) {
  return mtasts_time_slice_has_time(&server->slice);
}

struct mtasts_clients *mtasts_socketmap_clients(struct mtasts_socketmap *server) {
  return &server->clients;
}

struct mtasts_socketmap *mtasts_socketmap_new(const struct mtasts_socketmap_options *options) {
  struct mtasts_socketmap *made = malloc(sizeof *made);
  if (!made)
    return NULL;
  /* Not the reply buffer: untouched pages use no memory. */
  memset(made, 0, offsetof(struct mtasts_socketmap, out));
  made->options = *options;
  for (size_t i = 0; i < MTASTS_PEER_STATES; i++) {
    TAILQ_INIT(&made->peers[i]);
    TAILQ_INIT(&made->network[i]);
  }
  mtasts_clients_init(&made->clients, options->network_pending_jobs_max);
  mtasts_time_slice_init(&made->slice, options->base, mtasts_peer_resume);
  mtasts_socketmap_limit(made, options->network_peers_max, options->network_pending_jobs_max);
  SLIST_INIT(&made->accept_events);
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
  close_accept_events(server);
  server->drained = NULL;
  for (size_t i = 0; i < MTASTS_PEER_STATES; i++) {
    close_list(&server->peers[i]);
    close_list(&server->network[i]);
  }
  mtasts_time_slice_end(&server->slice);
  event_del(&server->sweep);
  event_del(&server->emptied);
  free(server);
}
