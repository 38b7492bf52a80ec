/*
 * socketmap_fixture.h: a server for its test to drive, and peers that talk to it.
 */
#ifndef SOCKETMAP_FIXTURE_H
#define SOCKETMAP_FIXTURE_H

#include "socketmap.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "socketmap_private.h"
#include "stats.h"
#include "unit.h"

enum {
  READ_MAX = 4 << 20,
  WAIT_MAX = 8,
  NETWORK_MAX = 3, /* connections over TCP */
  MID = 60000,
  SLOW_US = 3000,
};

/* A server of two unix sockets and one of TCP, driven by the test itself. Its maps: `echo`,
 * `later`, `slow`, `mid`, `big`, `refuse`. */
static struct {
  struct event_base *base;
  struct mtasts_socketmap *server;
  struct mtasts_stats stats;
  struct sockaddr_un addresses[2];
  struct sockaddr_in network;
  struct mtasts_peer *waiting[WAIT_MAX];
  size_t waiting_count;
  unsigned asked, gone, drained;
  unsigned slow; /* of those that were asked for */
  size_t key_len;
  unsigned ahead;                    /* requests announced, */
  char ahead_key[MTASTS_PEER_INPUT]; /* and the last of them */
} fixture;

static char received[READ_MAX + 1];

static void ahead(void *context, const struct mtasts_peer *peer,
                  const struct mtasts_request *request) {
  (void)peer;
  CU_ASSERT_PTR_EQUAL(context, &fixture);
  CU_ASSERT_FATAL(request->key.len < sizeof fixture.ahead_key);
  snprintf(fixture.ahead_key, sizeof fixture.ahead_key, "%.*s", (int)request->key.len,
           request->key.data);
  fixture.ahead++;
}

static size_t answer(void *context, struct mtasts_peer *peer, const struct mtasts_request *request,
                     char *out) {
  CU_ASSERT_PTR_EQUAL(context, &fixture);
  fixture.asked++;
  fixture.key_len = request->key.len;
  if (memcmp(request->map.data, "later", 5) == 0) {
    CU_ASSERT_FATAL(fixture.waiting_count < WAIT_MAX);
    mtasts_peer_set_token(peer, &fixture);
    fixture.waiting[fixture.waiting_count++] = peer;
    return MTASTS_REPLY_LATER;
  }
  if (memcmp(request->map.data, "slow", 4) == 0) {
    usleep(SLOW_US);
    fixture.slow++;
  }
  if (memcmp(request->map.data, "refuse", 6) == 0)
    return MTASTS_REPLY_REFUSE;
  if (memcmp(request->map.data, "big", 3) == 0 || memcmp(request->map.data, "mid", 3) == 0) {
    size_t size = *request->map.data == 'b' ? MTASTS_REPLY_MAX : MID;
    memset(out, 'x', size);
    return size;
  }
  size_t size = request->key.len < 100 ? request->key.len : 100;
  memcpy(out, "OK ", 3);
  memcpy(out + 3, request->key.data, size);
  return 3 + size;
}

static void forget(void *context, struct mtasts_peer *peer) {
  (void)context;
  CU_ASSERT_PTR_EQUAL(mtasts_peer_token(peer), &fixture);
  for (size_t i = 0; i < fixture.waiting_count; i++)
    if (fixture.waiting[i] == peer)
      fixture.waiting[i] = NULL;
  fixture.gone++;
}

static void on_drained(void *context) {
  (void)context;
  fixture.drained++;
}

static int listen_at(struct sockaddr_un *address, int i) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  /* An abstract name: no file is left over. */
  snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "mtasts-test-%ld-%d",
           (long)getpid(), i);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
  CU_ASSERT_EQUAL_FATAL(listen(fd, 128), 0);
  return fd;
}

static int listen_to_network(void) {
  socklen_t size = sizeof fixture.network;
  fixture.network =
      (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&fixture.network, size), 0);
  CU_ASSERT_EQUAL_FATAL(listen(fd, 128), 0);
  CU_ASSERT_EQUAL(getsockname(fd, (struct sockaddr *)&fixture.network, &size), 0);
  return fd;
}

static void fixture_up(unsigned peers_max) {
  memset(&fixture, 0, sizeof fixture);
  mtasts_log_open("test", MTASTS_LOG_STDERR, MTASTS_LOG_ERROR);
  fixture.base = event_base_new();
  struct mtasts_socketmap_options options = {.base = fixture.base,
                                             .stats = &fixture.stats,
                                             .request = answer,
                                             .ahead = ahead,
                                             .gone = forget,
                                             .context = &fixture,
                                             .peers_max = peers_max,
                                             .network_peers_max = NETWORK_MAX,
                                             .network_pending_jobs_max = 1};
  fixture.server = mtasts_socketmap_new(&options);
  CU_ASSERT_PTR_NOT_NULL_FATAL(fixture.server);
  for (int i = 0; i < 2; i++)
    CU_ASSERT_TRUE(mtasts_socketmap_listen(fixture.server, listen_at(&fixture.addresses[i], i),
                                           i ? MTASTS_SOCKET_ASK : MTASTS_SOCKET_SOCKETMAP));
  CU_ASSERT_TRUE(
      mtasts_socketmap_listen(fixture.server, listen_to_network(), MTASTS_SOCKET_SOCKETMAP));
}

static void fixture_down(void) {
  mtasts_socketmap_free(fixture.server);
  event_base_free(fixture.base);
  CU_ASSERT_EQUAL(mtasts_count_get(&fixture.stats, MTASTS_COUNT_CONNECTIONS), 0);
}

static void pump(void) {
  for (int i = 0; i < 4; i++)
    event_base_loop(fixture.base, EVLOOP_NONBLOCK);
}

static int connect_to(enum mtasts_socket_kind socket_kind) {
  const struct sockaddr_un *address = &fixture.addresses[socket_kind == MTASTS_SOCKET_ASK];
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL_FATAL(connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
  return fd;
}

static inline int connect_over_network(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&fixture.network, sizeof fixture.network),
                        0);
  CU_ASSERT_EQUAL(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
  return fd;
}

/* Makes all peers in a state older by so many milliseconds. */
static inline void age(enum mtasts_peer_state state, int64_t milliseconds) {
  struct mtasts_peer *peer;
  TAILQ_FOREACH(peer, &fixture.server->peers[state], link) {
    peer->since -= milliseconds;
  }
  TAILQ_FOREACH(peer, &fixture.server->network[state], link) {
    peer->since -= milliseconds;
  }
}

static void say_bytes(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
    unit_check(n > 0 || errno == EAGAIN, "send: %s", strerror(errno));
    if (n < 0 && errno != EAGAIN)
      return;
    bytes += n > 0 ? n : 0;
    size -= n > 0 ? (size_t)n : 0;
    pump();
  }
}

static void say(int fd, const char *text) {
  say_bytes(fd, text, strlen(text));
}

/* All that comes until nothing does; received[] holds it. *closed: the server has. */
static size_t hear(int fd, bool *closed) {
  size_t len = 0;
  *closed = false;
  for (int quiet = 0; quiet < 3 && len < READ_MAX;) {
    pump();
    ssize_t n = recv(fd, received + len, READ_MAX - len, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
      *closed = true;
      break;
    }
    quiet = n > 0 ? 0 : quiet + 1;
    len += n > 0 ? (size_t)n : 0;
  }
  received[len] = '\0';
  return len;
}

static void expect(int fd, const char *text, bool closing, const char *what) {
  bool closed;
  hear(fd, &closed);
  unit_check(strcmp(received, text) == 0, "%s: heard '%.200s', not '%.200s'", what, received, text);
  unit_check(closed == closing, "%s: %s", what, closed ? "was closed" : "was not closed");
}

static size_t netstring(char *out, size_t size, const char *payload) {
  return (size_t)snprintf(out, size, "%zu:%s,", strlen(payload), payload);
}

#endif
