/*
 * handshake_bench: bare TLS handshakes a second, the yardstick for cold look-ups.
 *
 *   handshake_bench CA ADDRESS COUNT
 *
 * Connects to ADDRESS port 443 as a client of mta-sts.h0.bench.example and so on, COUNT
 * hosts, 64 at a time in one thread; verifies each certificate and its name, and hangs up.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define IN_FLIGHT 64

struct client {
  int fd;
  SSL *tls;
};

static struct sockaddr_in server = {.sin_family = AF_INET};
static SSL_CTX *context;
static int loop;

static void die(const char *what) {
  perror(what);
  ERR_print_errors_fp(stderr);
  exit(EX_SOFTWARE);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void wait_for(struct client *client, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = client};
  if (epoll_ctl(loop, operation, client->fd, &event) != 0)
    die("epoll_ctl");
}

static void start(struct client *client, long number) {
  char host[64];
  snprintf(host, sizeof host, "mta-sts.h%ld.bench.example", number);
  client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  client->tls = SSL_new(context);
  if (client->fd < 0 || !client->tls || !SSL_set_fd(client->tls, client->fd) ||
      !SSL_set_tlsext_host_name(client->tls, host) || !SSL_set1_host(client->tls, host))
    die(host);
  if (connect(client->fd, (const struct sockaddr *)&server, sizeof server) != 0 &&
      errno != EINPROGRESS)
    die("connect");
  SSL_set_connect_state(client->tls);
  wait_for(client, EPOLL_CTL_ADD, EPOLLOUT);
}

/* Takes the handshake a step further; true when it is done. */
static int step(struct client *client) {
  int result = SSL_do_handshake(client->tls);
  if (result == 1) {
    SSL_free(client->tls);
    close(client->fd);
    return 1;
  }
  switch (SSL_get_error(client->tls, result)) {
  case SSL_ERROR_WANT_READ:
    wait_for(client, EPOLL_CTL_MOD, EPOLLIN);
    return 0;
  case SSL_ERROR_WANT_WRITE:
    wait_for(client, EPOLL_CTL_MOD, EPOLLOUT);
    return 0;
  default:
    die("handshake");
    return 0;
  }
}

int main(int argc, char **argv) {
  long count = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
  if (count <= 0 || inet_pton(AF_INET, argv[2], &server.sin_addr) != 1) {
    fputs("usage: handshake_bench CA ADDRESS COUNT\n", stderr);
    return 64;
  }
  server.sin_port = htons(443);
  double began = seconds();
  context = SSL_CTX_new(TLS_client_method());
  loop = epoll_create1(EPOLL_CLOEXEC);
  if (loop < 0 || !context || !SSL_CTX_load_verify_locations(context, argv[1], NULL) ||
      !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION))
    die(argv[1]);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);

  struct client clients[IN_FLIGHT];
  long started = 0, done = 0;
  while (started < count && started < IN_FLIGHT) {
    start(&clients[started], started);
    started++;
  }
  while (done < count) {
    struct epoll_event events[IN_FLIGHT];
    int ready = epoll_wait(loop, events, IN_FLIGHT, 10000);
    if (ready <= 0)
      die("no server answers");
    for (int i = 0; i < ready; i++) {
      if (!step(events[i].data.ptr))
        continue;
      done++;
      if (started < count)
        start(events[i].data.ptr, started++);
    }
  }
  printf("%.1f handshakes a second\n", (double)count / (seconds() - began));
  SSL_CTX_free(context);
  close(loop);
  return 0;
}
