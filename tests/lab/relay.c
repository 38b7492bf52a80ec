/*
 * relay: adds a delay between the tested program and one of the lab's servers.
 *
 *   relay ADDRESS UPSTREAM PORT MILLISECONDS
 *
 * Passes connections to ADDRESS on to UPSTREAM, both at PORT. Bytes of the client are forwarded at
 * once, bytes of the server MILLISECONDS later. In a fetch by HTTPS these are its part of the
 * handshake, and the response.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  CHUNK = 16384, /* bytes that are read at a time */
  EVENTS = 256,
};

struct link;

struct end {
  int fd;
  struct link *link;
};

/* Bytes of the server, or with none their end; the link's last ones free it. */
struct chunk {
  STAILQ_ENTRY(chunk) next;
  struct link *link;
  int64_t due; /* microseconds */
  size_t size;
  char bytes[];
};

struct link {
  struct end client, server;
  bool over; /* the server has said all, or the client has gone */
};

static STAILQ_HEAD(chunks, chunk) chunks = STAILQ_HEAD_INITIALIZER(chunks); /* first due first */
static int loop;
static int64_t delay; /* microseconds */

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int64_t microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct sockaddr_in address_of(const char *address, const char *port) {
  struct sockaddr_in at = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
  if (inet_pton(AF_INET, address, &at.sin_addr) != 1 || at.sin_port == 0)
    die(address);
  return at;
}

static void watch(int fd, void *what) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
  if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0)
    die("epoll_ctl");
}

/* Never blocks: the bytes that pass here fit into the kernel's buffers. */
static void pass_on(int to, const char *bytes, size_t size) {
  if (send(to, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)size && errno == EAGAIN)
    die("a peer that does not read");
}

static void accept_client(int listener, const struct sockaddr_in *upstream) {
  struct link *link = calloc(1, sizeof *link);
  if (!link)
    die("calloc");
  link->client = (struct end){accept4(listener, NULL, NULL, SOCK_CLOEXEC), link};
  link->server = (struct end){socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), link};
  if (link->client.fd < 0 || link->server.fd < 0 ||
      connect(link->server.fd, (const struct sockaddr *)upstream, sizeof *upstream) != 0)
    die("connection");
  watch(link->client.fd, &link->client);
  watch(link->server.fd, &link->server);
}

static void keep(struct link *link, const char *bytes, size_t size) {
  struct chunk *chunk = malloc(sizeof *chunk + size);
  if (!chunk)
    die("malloc");
  *chunk = (struct chunk){.link = link, .due = microseconds() + delay, .size = size};
  memcpy(chunk->bytes, bytes, size);
  STAILQ_INSERT_TAIL(&chunks, chunk, next);
}

/* Whichever end goes first, nothing more is read from either. */
static void finish(struct link *link) {
  link->over = true;
  epoll_ctl(loop, EPOLL_CTL_DEL, link->client.fd, NULL);
  epoll_ctl(loop, EPOLL_CTL_DEL, link->server.fd, NULL);
  keep(link, "", 0);
}

static void take(struct end *end) {
  char bytes[CHUNK];
  struct link *link = end->link;
  if (link->over) /* in the same round of events */
    return;
  ssize_t got = recv(end->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (got <= 0)
    finish(link);
  else if (end == &link->server)
    keep(link, bytes, (size_t)got);
  else
    pass_on(link->server.fd, bytes, (size_t)got);
}

/* Gives what is due. Returns the milliseconds until more is, or -1. */
static int give_due(void) {
  struct chunk *chunk;
  for (int64_t now = microseconds(); (chunk = STAILQ_FIRST(&chunks)) && chunk->due <= now;) {
    STAILQ_REMOVE_HEAD(&chunks, next);
    if (chunk->size > 0) {
      pass_on(chunk->link->client.fd, chunk->bytes, chunk->size);
    } else {
      close(chunk->link->client.fd);
      close(chunk->link->server.fd);
      free(chunk->link);
    }
    free(chunk);
  }
  return chunk ? (int)((chunk->due - microseconds()) / 1000) + 1 : -1;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fputs("usage: relay ADDRESS UPSTREAM PORT MILLISECONDS\n", stderr);
    return 64;
  }
  const struct sockaddr_in at = address_of(argv[1], argv[3]);
  const struct sockaddr_in upstream = address_of(argv[2], argv[3]);
  const int yes = 1;
  delay = strtol(argv[4], NULL, 10) * 1000;
  loop = epoll_create1(EPOLL_CLOEXEC);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (loop < 0 || listener < 0 ||
      setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      bind(listener, (const struct sockaddr *)&at, sizeof at) != 0 ||
      listen(listener, SOMAXCONN) != 0)
    die(argv[1]);
  watch(listener, NULL);
  for (;;) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(loop, events, EVENTS, give_due());
    for (int i = 0; i < ready; i++) {
      if (events[i].data.ptr)
        take(events[i].data.ptr);
      else
        accept_client(listener, &upstream);
    }
  }
}
