/*
 * deaf.h: servers that cannot be talked to: one that swallows SYNs, and one that
 * accepts a connection and then says nothing, or resets it.
 */
#ifndef TEST_DEAF_H
#define TEST_DEAF_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum deaf_manner {
  DEAF_SILENT, /* no answer to a SYN */
  DEAF_MUTE,   /* accepts, and says nothing */
  DEAF_RESETS, /* accepts, and ends by RST */
};

enum {
  DEAF_FILLERS = 4,
};

struct deaf_server {
  enum deaf_manner manner;
  int listener;
  int fillers[DEAF_FILLERS]; /* what fills the queue of a silent one */
  int stop[2];
  pthread_t thread;
};

static socklen_t deaf_address(const char *text, struct sockaddr_storage *address) {
  struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(443)};
  struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(443)};
  memset(address, 0, sizeof *address);
  if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1) {
    memcpy(address, &ipv4, sizeof ipv4);
    return sizeof ipv4;
  }
  inet_pton(AF_INET6, text, &ipv6.sin6_addr);
  memcpy(address, &ipv6, sizeof ipv6);
  return sizeof ipv6;
}

static void *deaf_run(void *context) {
  struct deaf_server *server = context;
  struct pollfd fds[2] = {{.fd = server->stop[0], .events = POLLIN},
                          {.fd = server->listener, .events = POLLIN}};
  while (poll(fds, 2, -1) > 0 && !fds[0].revents) {
    int fd = accept(server->listener, NULL, NULL);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(fd);
  }
  return NULL;
}

/* At port 443 of the address. */
static bool deaf_start(struct deaf_server *server, const char *text, enum deaf_manner manner) {
  struct sockaddr_storage address;
  socklen_t size = deaf_address(text, &address);
  memset(server, 0, sizeof *server);
  server->manner = manner;
  server->listener = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (bind(server->listener, (struct sockaddr *)&address, size) != 0 ||
      listen(server->listener, manner == DEAF_SILENT ? 0 : 64) != 0 || pipe(server->stop) != 0) {
    perror(text);
    return false;
  }
  /* Linux drops the SYNs for a queue that is full. */
  for (size_t i = 0; manner == DEAF_SILENT && i < DEAF_FILLERS; i++) {
    server->fillers[i] = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(server->fillers[i], (struct sockaddr *)&address, size) != 0 && errno != EINPROGRESS)
      return false;
  }
  return manner != DEAF_RESETS || pthread_create(&server->thread, NULL, deaf_run, server) == 0;
}

static void deaf_stop(struct deaf_server *server) {
  if (server->manner == DEAF_RESETS && write(server->stop[1], "", 1) == 1)
    pthread_join(server->thread, NULL);
  for (size_t i = 0; server->manner == DEAF_SILENT && i < DEAF_FILLERS; i++)
    close(server->fillers[i]);
  close(server->stop[0]);
  close(server->stop[1]);
  close(server->listener);
}

#endif
