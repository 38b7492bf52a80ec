#include "socketmap_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ascii.h"
#include "log.h"
#include "stats.h"

/* life */

static void on_event(evutil_socket_t fd, short what, void *context);

/* Watches for EV_READ, EV_WRITE or nothing. False: the kernel refuses it. */
static bool watch(struct mtasts_peer *peer, short what) {
  if (peer->watched == what)
    return true;
  if (peer->watched)
    event_del(&peer->event);
  peer->watched = what;
  if (!what)
    return true;
  event_assign(&peer->event, peer->server->options.base, peer->fd, (short)(what | EV_PERSIST),
               on_event, peer);
  return event_add(&peer->event, NULL) == 0;
}

/* A peer that has just been active goes to the end of its state's list. */
static void enter(struct mtasts_peer *peer, enum mtasts_peer_state state, bool did_something) {
  struct mtasts_socketmap *server = peer->server;
  int64_t now = mtasts_clock_coarse_ms();
  if (state == peer->state && (!did_something || now == peer->since))
    return;
  TAILQ_REMOVE(&peer->lists[peer->state], peer, link);
  TAILQ_INSERT_TAIL(&peer->lists[state], peer, link);
  peer->state = state;
  peer->since = now;
  if (state == MTASTS_PEER_PARTIAL && !event_pending(&server->sweep, EV_TIMEOUT, NULL))
    event_add(&server->sweep, &(struct timeval){.tv_sec = MTASTS_PEER_PARTIAL_MAX});
}

static enum mtasts_origin origin_of(enum mtasts_socket_kind socket_kind, bool network) {
  if (network)
    return MTASTS_ORIGIN_NETWORK;
  return socket_kind == MTASTS_SOCKET_ASK ? MTASTS_ORIGIN_ASK : MTASTS_ORIGIN_SOCKETMAP;
}

struct mtasts_peer *mtasts_peer_open(struct mtasts_socketmap *server, int fd,
                                     enum mtasts_socket_kind socket_kind, bool network, uid_t uid) {
  struct mtasts_peer *peer = malloc(sizeof *peer);
  if (!peer) {
    close(fd);
    return NULL;
  }
  /* Not its buffer: clearing that would double the cost. */
  memset(peer, 0, offsetof(struct mtasts_peer, own));
  peer->server = server;
  peer->socket_kind = socket_kind;
  peer->uid = uid;
  peer->fd = fd;
  peer->input = peer->own;
  peer->input_capacity = sizeof peer->own;
  peer->since = mtasts_clock_coarse_ms();
  peer->lists = network ? server->network : server->peers;
  peer->client = mtasts_clients_ref(&server->clients, origin_of(socket_kind, network), uid);
  TAILQ_INSERT_TAIL(&peer->lists[MTASTS_PEER_NEW], peer, link);
  server->count++;
  server->network_count += network;
  mtasts_count_set(server->options.stats, MTASTS_COUNT_CONNECTIONS, server->count);
  if (watch(peer, EV_READ))
    return peer;
  mtasts_peer_close(peer);
  return NULL;
}

void mtasts_peer_close(struct mtasts_peer *peer) {
  struct mtasts_socketmap *server = peer->server;
  if (peer->state == MTASTS_PEER_WAITING)
    server->options.gone(server->options.context, peer);
  watch(peer, 0);
  close(peer->fd);
  bool network = peer->lists == server->network;
  mtasts_time_slice_forget(&server->slice, peer);
  mtasts_clients_unref(peer->client);
  TAILQ_REMOVE(&peer->lists[peer->state], peer, link);
  if (peer->input != peer->own)
    free(peer->input);
  free(peer->unsent);
  free(peer);
  mtasts_socketmap_left(server, network);
}

static void name_peer(const struct mtasts_peer *peer, char *out, size_t size) {
  struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
  struct ucred who;
  socklen_t len = sizeof who;
  char text[INET6_ADDRSTRLEN] = "?";
  if (peer->uid != (uid_t)-1 && getsockopt(peer->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0) {
    snprintf(out, size, "uid %lu pid %ld", (unsigned long)who.uid, (long)who.pid);
    return;
  }
  len = sizeof address;
  if (getpeername(peer->fd, (struct sockaddr *)&address, &len) == 0) {
    const void *bytes = &((const struct sockaddr_in6 *)&address)->sin6_addr;
    if (address.ss_family == AF_INET)
      bytes = &((const struct sockaddr_in *)&address)->sin_addr;
    inet_ntop(address.ss_family, bytes, text, sizeof text);
  }
  snprintf(out, size, "%s", text);
}

static void close_malformed(struct mtasts_peer *peer, const char *why) {
  struct mtasts_socketmap *server = peer->server;
  char name[64];
  mtasts_count(server->options.stats, MTASTS_COUNT_MALFORMED);
  if (mtasts_ratelimit(&server->malformed, MTASTS_PEER_LOG_INTERVAL)) {
    name_peer(peer, name, sizeof name);
    mtasts_log(MTASTS_LOG_WARNING, "%s: closed the connection from %s: %s (%lu more before)",
               peer->socket_kind == MTASTS_SOCKET_ASK ? "ask" : "socketmap", name, why,
               server->malformed.suppressed);
    server->malformed.suppressed = 0;
  }
  mtasts_peer_close(peer);
}

/* replies out */

static char *reply_place(struct mtasts_socketmap *server) {
  return server->out + server->out_to + MTASTS_NETSTRING_HEAD;
}

/* A payload of so many bytes was written at reply_place: adds it to the gathered replies. */
static void gather(struct mtasts_socketmap *server, size_t size) {
  struct mtasts_span whole = mtasts_netstring_frame(reply_place(server), size);
  if (server->out_from == server->out_to)
    server->out_from = server->out_to = (size_t)(whole.data - server->out);
  else
    memmove(server->out + server->out_to, whole.data, whole.len);
  server->out_to += whole.len;
}

/* Returns the bytes that the socket took; -1: the connection is broken. */
static ssize_t send_some(const struct mtasts_peer *peer, const char *bytes, size_t size) {
  ssize_t n;
  do
    n = send(peer->fd, bytes, size, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n < 0 && errno == EAGAIN ? 0 : n;
}

/* Appends the bytes that the socket did not take to those that are already kept. False: no memory.
 */
static bool keep_unsent(struct mtasts_peer *peer, const char *bytes, size_t size) {
  char *kept = malloc(peer->unsent_size + size);
  if (!kept)
    return false;
  if (peer->unsent)
    memcpy(kept, peer->unsent + peer->unsent_at, peer->unsent_size);
  memcpy(kept + peer->unsent_size, bytes, size);
  free(peer->unsent);
  peer->unsent = kept;
  peer->unsent_at = 0;
  peer->unsent_size += size;
  return true;
}

/* Sends the gathered replies, or as much as the socket takes. False: the connection is lost. */
static bool send_gathered(struct mtasts_peer *peer) {
  struct mtasts_socketmap *server = peer->server;
  const char *bytes = server->out + server->out_from;
  size_t size = server->out_to - server->out_from;
  ssize_t sent = 0;
  server->out_from = server->out_to = 0;
  if (size == 0)
    return true;
  if (!peer->unsent && (sent = send_some(peer, bytes, size)) < 0)
    return false;
  size_t left = size - (size_t)sent;
  return left == 0 || keep_unsent(peer, bytes + sent, left);
}

/* requests in */

/* On the ask socket a request may be long if its beginning shows that it is an import. */
static size_t request_limit(const struct mtasts_peer *peer, struct mtasts_span bytes) {
  static const char import[] = {'i', 'm', 'p', 'o', 'r', 't', ' '};
  if (peer->socket_kind != MTASTS_SOCKET_ASK)
    return MTASTS_REQUEST_MAX;
  size_t head = bytes.len < MTASTS_NETSTRING_HEAD ? bytes.len : MTASTS_NETSTRING_HEAD;
  const char *colon = memchr(bytes.data, ':', head);
  size_t background = colon ? bytes.len - (size_t)(colon + 1 - bytes.data) : 0;
  if (background > sizeof import)
    background = sizeof import;
  return background == 0 || memcmp(colon + 1, import, background) == 0 ? MTASTS_REQUEST_IMPORT_MAX
                                                                       : MTASTS_REQUEST_MAX;
}

enum {
  AHEAD_MAX = 128, /* requests after one that waits, whose look-ups are started ahead */
};

enum go {
  GO_ON,       /* all complete requests were answered */
  GO_MORE,     /* its time is over, and a complete request is left */
  GO_WAIT,     /* the last request is answered later */
  GO_CLOSE,    /* broken, or refused */
  GO_NO_FRAME, /* malformed */
  GO_NO_MAP,
};

static enum go answer_one(struct mtasts_peer *peer, struct mtasts_span payload) {
  struct mtasts_socketmap *server = peer->server;
  struct mtasts_request request;
  if (!mtasts_request_read(payload, &request))
    return GO_NO_MAP;
  size_t size =
      server->options.request(server->options.context, peer, &request, reply_place(server));
  if (size == MTASTS_REPLY_LATER)
    return GO_WAIT;
  if (size > MTASTS_REPLY_MAX)
    return GO_CLOSE;
  gather(server, size);
  bool enough = server->out_to - server->out_from >= MTASTS_PEER_GATHER;
  return enough && !send_gathered(peer) ? GO_CLOSE : GO_ON;
}

/* Answers the complete requests in the buffer, in order. *at: the bytes that are done. */
static enum go answer_all(struct mtasts_peer *peer, size_t *at) {
  enum go go = GO_ON;
  while (go == GO_ON && !peer->unsent && *at < peer->input_len) {
    struct mtasts_span bytes = {peer->input + *at, peer->input_len - *at};
    struct mtasts_span payload;
    size_t used;
    switch (mtasts_netstring_read(bytes, request_limit(peer, bytes), &payload, &used)) {
    case MTASTS_NETSTRING_PART:
      return GO_ON;
    case MTASTS_NETSTRING_BAD:
      return GO_NO_FRAME;
    case MTASTS_NETSTRING_WHOLE:
      break;
    }
    if (!mtasts_time_slice_peer_has_time(&peer->server->slice))
      return GO_MORE;
    *at += used;
    go = answer_one(peer, payload);
  }
  return go;
}

/* Keeps the rest of the input, in a buffer no larger than necessary. False: no memory. */
static bool keep_rest(struct mtasts_peer *peer, size_t at) {
  char *from = peer->input;
  size_t left = peer->input_len - at;
  bool full = left > 0 && left == peer->input_capacity && !peer->unsent && !peer->more &&
              peer->state != MTASTS_PEER_WAITING;
  peer->input_len = left;
  peer->ahead = peer->ahead > at ? peer->ahead - at : 0;
  if (full) {
    /* A part of a request that is longer than the buffer. Memory grows with its bytes. */
    bool own = from == peer->own;
    char *grown = realloc(own ? NULL : from, 2 * left);
    if (!grown)
      return false;
    if (own)
      memcpy(grown, from, left);
    peer->input = grown;
    peer->input_capacity = 2 * left;
  } else if (from != peer->own && left < sizeof peer->own) {
    memcpy(peer->own, from + at, left);
    peer->input = peer->own;
    peer->input_capacity = sizeof peer->own;
    free(from);
  } else if (at > 0) {
    memmove(from, from + at, left);
  }
  return true;
}

/* Replies go out in order, so while one request waits, the later ones wait too. Their look-ups are
 * started meanwhile; past AHEAD_MAX, when the waiting one is answered. */
static void look_ahead(struct mtasts_peer *peer) {
  const struct mtasts_socketmap_options *options = &peer->server->options;
  struct mtasts_request request;
  for (unsigned i = 0; i < AHEAD_MAX && peer->ahead < peer->input_len &&
                       mtasts_time_slice_has_time(&peer->server->slice);
       i++) {
    struct mtasts_span bytes = {peer->input + peer->ahead, peer->input_len - peer->ahead};
    struct mtasts_span payload;
    size_t used;
    if (mtasts_netstring_read(bytes, request_limit(peer, bytes), &payload, &used) !=
            MTASTS_NETSTRING_WHOLE ||
        !mtasts_request_read(payload, &request))
      return;
    peer->ahead += used;
    options->ahead(options->context, peer, &request);
  }
}

/* Sets the state of the connection after a turn, or closes it. */
static void settle(struct mtasts_peer *peer, bool did_something) {
  bool waits = peer->state == MTASTS_PEER_WAITING;
  short what = EV_READ;
  if (waits)
    look_ahead(peer);
  if (!waits && !peer->unsent && !peer->more && (peer->ended || peer->server->draining)) {
    mtasts_peer_close(peer);
    return;
  }
  if (peer->unsent)
    what = EV_WRITE;
  else if (peer->ended || peer->more || peer->input_len == peer->input_capacity)
    what = 0;
  if (!watch(peer, what)) {
    mtasts_peer_close(peer);
    return;
  }
  if (waits)
    return;
  if (peer->more && !peer->unsent) {
    enter(peer, MTASTS_PEER_PUT_OFF, did_something);
    mtasts_time_slice_put_off(&peer->server->slice, peer);
  } else if (peer->unsent || peer->input_len > 0) {
    enter(peer, MTASTS_PEER_PARTIAL, did_something);
  } else if (peer->state != MTASTS_PEER_NEW || did_something) {
    enter(peer, MTASTS_PEER_IDLE, did_something);
  }
}

/* Sends the gathered replies to requests that took the first `at` bytes of the input, and keeps the
 * rest. */
static void finish(struct mtasts_peer *peer, enum go go, size_t at, bool did_something) {
  peer->more = go == GO_MORE;
  if (go == GO_WAIT)
    enter(peer, MTASTS_PEER_WAITING, true);
  /* Requests before a malformed one are answered. */
  if (!send_gathered(peer) || go == GO_CLOSE || !keep_rest(peer, at))
    mtasts_peer_close(peer);
  else if (go == GO_NO_FRAME)
    close_malformed(peer, "not a netstring, or too long");
  else if (go == GO_NO_MAP)
    close_malformed(peer, "not a request: map name and space are missing");
  else
    settle(peer, did_something || at > 0);
}

/* Answers the requests in the buffer, and sends these and the gathered replies together. */
static void serve(struct mtasts_peer *peer) {
  size_t at = 0;
  bool did_something = peer->server->out_to > 0;
  mtasts_time_slice_begin_peer(&peer->server->slice);
  enum go go = answer_all(peer, &at);
  finish(peer, go, at, did_something);
}

/* The peer has shut down its sending side. If it waits, it may still read its reply, unless it has
 * closed the whole connection; for TCP that is only known after a write. */
static void end_input(struct mtasts_peer *peer) {
  struct pollfd closed = {.fd = peer->fd};
  peer->ended = true;
  if (peer->state == MTASTS_PEER_WAITING && poll(&closed, 1, 0) == 0)
    watch(peer, 0);
  else
    mtasts_peer_close(peer);
}

static void take(struct mtasts_peer *peer) {
  ssize_t n =
      recv(peer->fd, peer->input + peer->input_len, peer->input_capacity - peer->input_len, 0);
  if (n > 0) {
    peer->input_len += (size_t)n;
    if (peer->state == MTASTS_PEER_WAITING)
      settle(peer, false);
    else
      serve(peer);
  } else if (n == 0) {
    end_input(peer);
  } else if (errno == EAGAIN || errno == EINTR) {
    settle(peer, false);
  } else {
    mtasts_peer_close(peer);
  }
}

/* Sends the bytes that the socket did not take before. */
static void give(struct mtasts_peer *peer) {
  ssize_t sent = send_some(peer, peer->unsent + peer->unsent_at, peer->unsent_size);
  if (sent < 0) {
    mtasts_peer_close(peer);
    return;
  }
  peer->unsent_at += (size_t)sent;
  peer->unsent_size -= (size_t)sent;
  if (peer->unsent_size == 0) {
    free(peer->unsent);
    peer->unsent = NULL;
  }
  if (peer->unsent || peer->state == MTASTS_PEER_WAITING)
    settle(peer, sent > 0);
  else
    serve(peer);
}

static void on_event(evutil_socket_t fd, short what, void *context) {
  struct mtasts_peer *peer = context;
  (void)fd;
  if (!mtasts_time_slice_has_time(&peer->server->slice)) {
    watch(peer, 0);
    mtasts_time_slice_put_off(&peer->server->slice, peer);
  } else if (what & EV_WRITE) {
    give(peer);
  } else {
    take(peer);
  }
}

void mtasts_peer_resume(struct mtasts_peer *peer) {
  if (peer->unsent)
    give(peer);
  else if (peer->more)
    serve(peer);
  else
    take(peer);
}

void mtasts_peer_drain(struct mtasts_peer *peer) {
  if (peer->watched == EV_READ && peer->state != MTASTS_PEER_WAITING)
    take(peer);
}

void mtasts_peer_reply(struct mtasts_peer *peer, struct mtasts_span payload) {
  struct mtasts_socketmap *server = peer->server;
  size_t size = payload.len < MTASTS_REPLY_MAX ? payload.len : MTASTS_REPLY_MAX;
  peer->token = NULL;
  enter(peer, MTASTS_PEER_IDLE, true);
  memcpy(reply_place(server), payload.data, size);
  gather(server, size);
  if (mtasts_time_slice_has_time(&server->slice))
    serve(peer);
  else
    finish(peer, peer->input_len > 0 ? GO_MORE : GO_ON, 0, true);
}

struct mtasts_client *mtasts_peer_client(const struct mtasts_peer *peer) {
  return peer->client;
}

enum mtasts_socket_kind mtasts_peer_socket_kind(const struct mtasts_peer *peer) {
  return peer->socket_kind;
}

uid_t mtasts_peer_uid(const struct mtasts_peer *peer) {
  return peer->uid;
}

void mtasts_peer_set_token(struct mtasts_peer *peer, void *token) {
  peer->token = token;
}

void *mtasts_peer_token(const struct mtasts_peer *peer) {
  return peer->token;
}
