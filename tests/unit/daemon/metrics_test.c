#include "metrics.h"

#include "http.h"

#include "../cache/fixture.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

const char *const unit_name = "daemon/metrics";

/* The server and its loop, which turns while a client waits. */
static struct {
  char path[32];
  struct mtasts_store *store;
  struct mtasts_usage_filter *usage;
  struct mtasts_stats stats;
  struct mtasts_queue queues[MTASTS_LOOPS];
  struct event_base *base;
  struct mtasts_metrics *metrics;
  struct sockaddr_in address;
} fixture;

static char reply[64 << 10];

static struct mtasts_snapshot *snapshot(const char *text) {
  char error[MTASTS_ERROR_TEXT];
  struct mtasts_config *config = NULL;
  enum mtasts_status status =
      mtasts_config_parse((struct mtasts_span){text, strlen(text)}, "test", error, &config);
  unit_check(status == MTASTS_OK, "%s", error);
  CU_ASSERT_PTR_NOT_NULL_FATAL(config);
  return mtasts_snapshot_new(config);
}

/* With the smallest of buffers, so that no answer fits into one. */
static int listen_there(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  socklen_t size = sizeof fixture.address;
  int least = 1;
  fixture.address =
      (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
  CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&fixture.address, sizeof fixture.address), 0);
  CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&fixture.address, &size), 0);
  CU_ASSERT_EQUAL_FATAL(listen(fd, 64), 0);
  return fd;
}

static void fixture_up(void) {
  struct mtasts_metrics_options options;
  memset(&fixture, 0, sizeof fixture);
  directory_new(fixture.path);
  fixture.store = store_open(fixture.path);
  fixture.usage = mtasts_usage_filter_new(time(NULL));
  fixture.base = event_base_new();
  options = (struct mtasts_metrics_options){
      .base = fixture.base,
      .fd = listen_there(),
      .snapshot = snapshot(""),
      .stats = &fixture.stats,
      .cache = mtasts_store_cache(fixture.store),
      .usage = fixture.usage,
  };
  for (enum mtasts_loop loop = 0; loop < MTASTS_LOOPS; loop++) {
    CU_ASSERT_TRUE_FATAL(mtasts_queue_init(&fixture.queues[loop]));
    options.inboxes[loop] = &fixture.queues[loop];
  }
  fixture.metrics = mtasts_metrics_new(&options);
  CU_ASSERT_PTR_NOT_NULL_FATAL(fixture.metrics);
  mtasts_snapshot_unref(options.snapshot);
}

static void fixture_down(void) {
  mtasts_metrics_free(fixture.metrics);
  event_base_free(fixture.base);
  for (enum mtasts_loop loop = 0; loop < MTASTS_LOOPS; loop++)
    mtasts_queue_destroy(&fixture.queues[loop]);
  mtasts_usage_filter_free(fixture.usage);
  mtasts_store_close(fixture.store);
  directory_free(fixture.path);
}

static void turn(void) {
  event_base_loop(fixture.base, EVLOOP_NONBLOCK);
}

static int enter(void) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int least = 1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
  CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&fixture.address, sizeof fixture.address),
                        0);
  return fd;
}

static void say(int fd, const char *text) {
  CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads to the end of the connection, for so long. False: it is still open. */
static bool hear(int fd, int ms) {
  size_t used = 0;
  for (int i = 0; i <= ms; i++) {
    turn();
    struct pollfd one = {.fd = fd, .events = POLLIN};
    while (poll(&one, 1, 1) == 1) {
      ssize_t n = recv(fd, reply + used, sizeof reply - 1 - used, MSG_DONTWAIT);
      if (n <= 0) {
        reply[used] = '\0';
        return true;
      }
      used += (size_t)n;
      turn();
    }
  }
  reply[used] = '\0';
  return false;
}

static void expect(const char *request, const char *status, const char *part) {
  int fd = enter();
  say(fd, request);
  bool ended = hear(fd, 3000);
  unit_check(ended && strncmp(reply, status, strlen(status)) == 0 && strstr(reply, part),
             "%.60s: %.400s", request, reply);
  close(fd);
}

#define REQUEST(line) line " HTTP/1.1\r\nHost: a\r\n\r\n"

static size_t body_size(void) {
  const char *body = strstr(reply, "\r\n\r\n");
  return body ? strlen(body + 4) : 0;
}

static void pages(void) {
  size_t announced = 0;
  fixture_up();
  mtasts_count_set(&fixture.stats, MTASTS_COUNT_HITS, 4711);
  expect(REQUEST("GET /metrics"), "HTTP/1.1 200 OK\r\n", "\nmtasts_cache_hits_total 4711\n");
  CU_ASSERT_PTR_NOT_NULL(strstr(reply, "\r\nContent-Type: text/plain; version=0.0.4; "));
  CU_ASSERT_PTR_NOT_NULL(strstr(reply, "\r\nConnection: close\r\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(reply, "\nmtasts_policies{mode=\"enforce\"} 0\n"));
  const char *length = strstr(reply, "\r\nContent-Length: ");
  CU_ASSERT_PTR_NOT_NULL_FATAL(length);
  announced = strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
  CU_ASSERT_EQUAL(body_size(), announced);
  CU_ASSERT(announced > 6000);
  expect(REQUEST("HEAD /metrics?x"), "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: ");
  CU_ASSERT_EQUAL(body_size(), 0);
  expect(REQUEST("GET /healthz"), "HTTP/1.1 200 OK\r\n", "\r\n\r\nok\n");
  atomic_store(&fixture.stats.store_fails, true);
  expect(REQUEST("GET /healthz"), "HTTP/1.1 503 ", "\r\n\r\nthe cache cannot be written");
  expect(REQUEST("HEAD /healthz"), "HTTP/1.1 503 ", "\r\nContent-Length: 4");
  CU_ASSERT_EQUAL(body_size(), 0);
  expect(REQUEST("GET /metrics"), "HTTP/1.1 200 OK\r\n", "\nmtasts_healthy 0\n");
  fixture_down();
}

static void refusals(void) {
  static char large[MTASTS_HTTP_HEAD_MAX + 200];
  fixture_up();
  expect(REQUEST("GET /"), "HTTP/1.1 404 ", "/metrics");
  expect(REQUEST("GET /metrics/"), "HTTP/1.1 404 ", "/metrics");
  expect(REQUEST("HEAD /nowhere"), "HTTP/1.1 404 ", "");
  CU_ASSERT_EQUAL(body_size(), 0);
  expect(REQUEST("POST /metrics"), "HTTP/1.1 405 ", "\r\nAllow: GET, HEAD\r\n");
  expect("nonsense\r\n", "HTTP/1.1 400 ", "");
  expect("GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", "");
  memset(large, 'G', sizeof large - 1);
  expect(large, "HTTP/1.1 400 ", ""); /* and what is left of it is read, so that nothing is reset */
  fixture_down();
}

static void requests_come_in_pieces(void) {
  static const char request[] = REQUEST("GET /healthz");
  fixture_up();
  int fd = enter();
  for (const char *at = request; *at; at++) {
    CU_ASSERT_EQUAL(send(fd, at, 1, MSG_NOSIGNAL), 1);
    turn();
  }
  CU_ASSERT_TRUE(hear(fd, 3000));
  CU_ASSERT_PTR_NOT_NULL(strstr(reply, "\r\n\r\nok\n"));
  close(fd);
  fd = enter(); /* a client that disconnects early does no harm */
  say(fd, "GET /met");
  turn();
  close(fd);
  turn();
  expect(REQUEST("GET /healthz"), "HTTP/1.1 200 OK\r\n", "ok\n");
  fixture_down();
}

static void the_oldest_makes_room(void) {
  int fds[MTASTS_METRICS_CLIENTS_MAX];
  fixture_up();
  for (int i = 0; i < MTASTS_METRICS_CLIENTS_MAX; i++) {
    fds[i] = enter();
    turn();
  }
  CU_ASSERT_FALSE(hear(fds[0], 20));
  expect(REQUEST("GET /healthz"), "HTTP/1.1 200 OK\r\n", "ok\n");
  CU_ASSERT_TRUE(hear(fds[0], 20));
  CU_ASSERT_FALSE(hear(fds[1], 20));
  for (int i = 0; i < MTASTS_METRICS_CLIENTS_MAX; i++)
    close(fds[i]);
  fixture_down();
}

/* Neither those that do not ask, nor those that do not read, nor those that do not close. */
static void slow_clients_are_dropped(void) {
  struct timespec began, ended;
  fixture_up();
  int silent = enter();
  int deaf = enter();
  int open = enter();
  say(deaf, REQUEST("GET /metrics"));
  say(open, REQUEST("GET /healthz"));
  clock_gettime(CLOCK_MONOTONIC, &began);
  CU_ASSERT_TRUE(hear(open, 3000)); /* our side of it stays open */
  CU_ASSERT_TRUE(hear(silent, 4 * MTASTS_METRICS_CLIENT_MS));
  clock_gettime(CLOCK_MONOTONIC, &ended);
  long ms = (ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000;
  unit_check(ms > MTASTS_METRICS_CLIENT_MS - 500 && ms < 3 * MTASTS_METRICS_CLIENT_MS, "%ld ms",
             ms);
  turn();
  CU_ASSERT_EQUAL(send(open, "x", 1, MSG_NOSIGNAL), 1); /* is answered with a reset */
  usleep(1000);
  CU_ASSERT_EQUAL(send(open, "x", 1, MSG_NOSIGNAL), -1);
  CU_ASSERT_TRUE(hear(deaf, 1000));
  CU_ASSERT(body_size() < 6000);
  close(silent);
  close(deaf);
  close(open);
  fixture_down();
}

static void a_reload_is_told(void) {
  fixture_up();
  struct mtasts_snapshot *next =
      snapshot("site_mode = \"monitor\" override \"a.example\" { mode = \"none\" }");
  mtasts_metrics_configure(fixture.metrics, next);
  mtasts_snapshot_unref(next);
  expect(REQUEST("GET /metrics"), "HTTP/1.1 200 OK\r\n",
         "\nmtasts_site_mode{mode=\"monitor\"} 1\n");
  CU_ASSERT_PTR_NOT_NULL(strstr(reply, "\nmtasts_overrides 1\n"));
  fixture_down();
}

/* The port was another's at first; later it is served at, and then at another one. */
static void a_socket_comes_later(void) {
  fixture_up();
  struct sockaddr_in first = fixture.address;
  mtasts_metrics_listen(fixture.metrics, listen_there());
  expect(REQUEST("GET /healthz"), "HTTP/1.1 200 OK\r\n", "ok\n");
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&first, sizeof first), -1);
  close(fd);
  fixture_down();
}

const struct unit_test unit_tests[] = {
    {"metrics and health", pages},
    {"what is not there, not done, or no request", refusals},
    {"requests come in pieces, or not at all", requests_come_in_pieces},
    {"if all connections are taken, the oldest is closed", the_oldest_makes_room},
    {"slow clients are dropped", slow_clients_are_dropped},
    {"the configuration in force is shown", a_reload_is_told},
    {"a socket comes later", a_socket_comes_later},
    {NULL, NULL}};
