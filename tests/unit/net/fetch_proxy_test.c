/* A proxy that does not let this host reach policy hosts. It is of this host's side, and speaks for
 * the policy host only if it says so. */
#include <arpa/inet.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fetch.h"
#include "namespace.h"
#include "scripted_https.h"
#include "unit.h"

const char *const unit_name = "net/fetch_proxy";

enum {
  PORT = 3128,
  TIMEOUT = 2, /* seconds */
};

/* What a proxy does to a connection. */
struct bad_proxy {
  const char *reply; /* to CONNECT; NULL: none, "": it closes the connection */
  bool local;
  const char *detail;
};

struct server {
  int listener;
  const char *reply;
};

static void *run_server(void *context) {
  const struct server *server = context;
  char request[1024];
  int fd = accept(server->listener, NULL, NULL);
  if (fd >= 0 && recv(fd, request, sizeof request, 0) > 0) {
    if (server->reply)
      send(fd, server->reply, strlen(server->reply), MSG_NOSIGNAL);
    else
      (void)!recv(fd, request, sizeof request, 0); /* until the client gives up */
  }
  close(fd);
  return NULL;
}

static int listen_as_proxy(int backlog) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  const int on = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  CU_ASSERT_EQUAL(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
  CU_ASSERT_EQUAL(listen(listener, backlog), 0);
  return listener;
}

struct fixture {
  struct event_base *base;
  struct mtasts_fetcher *fetcher;
  struct https_authority authority;
  char ca_file[32];
  struct mtasts_fetch_answer answer;
};

static void set_up(struct fixture *f) {
  char error[MTASTS_ERROR_TEXT];
  CU_ASSERT_TRUE_FATAL(namespace_enter());
  snprintf(f->ca_file, sizeof f->ca_file, "/tmp/mtasts-proxy-XXXXXX");
  close(mkstemp(f->ca_file));
  f->authority = https_authority("CA");
  CU_ASSERT_TRUE_FATAL(https_write_bundle(&f->authority, f->ca_file));
  f->base = event_base_new();
  const struct mtasts_fetcher_options options = {
      .ca_file = f->ca_file, .timeout = TIMEOUT, .proxy = "http://127.0.0.1:3128"};
  CU_ASSERT_EQUAL_FATAL(mtasts_fetcher_new(f->base, &options, error, &f->fetcher), MTASTS_OK);
}

static void tear_down(struct fixture *f) {
  mtasts_fetcher_free(f->fetcher);
  event_base_free(f->base);
  https_authority_free(&f->authority);
  unlink(f->ca_file);
}

static void take(void *context, const struct mtasts_fetch_answer *answer) {
  struct fixture *f = context;
  f->answer = *answer;
  event_base_loopbreak(f->base);
}

static struct mtasts_fetch *start(struct fixture *f) {
  struct mtasts_fetch *fetch = NULL;
  const struct mtasts_addresses none = {NULL, 0};
  const struct mtasts_fetch_options options = {"good.example", &none, take, NULL, f};
  CU_ASSERT_EQUAL_FATAL(mtasts_fetcher_start(f->fetcher, &options, &fetch), MTASTS_OK);
  return fetch;
}

static void check_answer(const struct fixture *f, const struct bad_proxy *bad) {
  const struct mtasts_fetch_answer *answer = &f->answer;
  unit_check(answer->error == MTASTS_ERROR_POLICY_FETCH && answer->local == bad->local &&
                 answer->status == 0 && strstr(answer->detail, bad->detail),
             "%.12s: %s%s", bad->reply ? bad->reply : "silent", answer->detail,
             answer->local ? ", local" : "");
}

static void check_proxy(struct fixture *f, const struct bad_proxy *bad) {
  struct server server = {listen_as_proxy(1), bad->reply};
  pthread_t thread;
  CU_ASSERT_EQUAL(pthread_create(&thread, NULL, run_server, &server), 0);
  start(f);
  event_base_dispatch(f->base);
  check_answer(f, bad);
  shutdown(server.listener, SHUT_RDWR);
  pthread_join(thread, NULL);
  close(server.listener);
}

static void answers(void) {
  static const struct bad_proxy proxies[] = {
      {NULL, true, "good.example was not connected to by the proxy within "},
      {"", true, "fetching from good.example"},
      {"SSH-2.0-x\r\n", true, "good.example"},
      {"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", true, "HTTP status 403"},
      {"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", true, "HTTP status 407"},
      {"HTTP/1.1 302 There\r\nLocation: https://x.example/\r\n\r\n", true, "HTTP status 302"},
      {"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", true, "HTTP status 500"},
      {"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n", true, "HTTP status 503"},
      {"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n", false,
       "the proxy does not connect to good.example: HTTP status 502"},
      {"HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n", false, "HTTP status 504"},
      /* The tunnel is there: what comes in it is the policy host's. */
      {"HTTP/1.1 200 Go\r\n\r\n", false, "TLS handshake with good.example failed"},
  };
  struct fixture f;
  set_up(&f);
  for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
    check_proxy(&f, &proxies[i]);
  tear_down(&f);
}

/* Nothing listens there; or it does not accept connections. */
static void unreachable(void) {
  static const struct bad_proxy none = {"", true,
                                        "cannot connect to the proxy: Connection refused"};
  static const struct bad_proxy full = {"", true, "good.example was not connected to by the proxy"};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  int taken[2];
  struct fixture f;
  set_up(&f);
  start(&f);
  event_base_dispatch(f.base);
  check_answer(&f, &none);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listener = listen_as_proxy(0);
  for (size_t i = 0; i < 2; i++) { /* the kernel drops who comes after those */
    taken[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(taken[i], (struct sockaddr *)&address, sizeof address);
  }
  start(&f);
  event_base_dispatch(f.base);
  check_answer(&f, &full);
  for (size_t i = 0; i < 2; i++)
    close(taken[i]);
  close(listener);
  tear_down(&f);
}

/* The look-up's deadline may come before the fetch's. */
static void given_up_before(void) {
  struct fixture f;
  set_up(&f);
  int listener = listen_as_proxy(1);
  struct mtasts_fetch *fetch = start(&f);
  CU_ASSERT_EQUAL(event_base_loopexit(f.base, &(struct timeval){.tv_usec = 200000}), 0);
  event_base_dispatch(f.base);
  CU_ASSERT_TRUE(mtasts_fetch_is_local(fetch));
  mtasts_fetch_cancel(fetch);
  close(listener);
  tear_down(&f);
}

const struct unit_test unit_tests[] = {
    {"what a proxy answers", answers},
    {"a proxy that cannot be reached", unreachable},
    {"a silent proxy, and an earlier deadline", given_up_before},
    {NULL, NULL},
};
