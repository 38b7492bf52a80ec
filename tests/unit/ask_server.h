/* ask_server.h: a server at a unix socket that replaces mtastsd and follows a test's script. */
#ifndef ASK_SERVER_H
#define ASK_SERVER_H

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

static char server_path[64]; /* of the server's socket */

__attribute__((constructor)) static void name_path(void) {
  snprintf(server_path, sizeof server_path, "/tmp/mtasts-unit-%ld.sock", (long)getpid());
}

static inline void pause_ms(long milliseconds) {
  struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  while (nanosleep(&left, &left) != 0)
    continue;
}

static inline int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline unsigned open_descriptors(void) {
  unsigned count = 0;
  DIR *listing = opendir("/proc/self/fd");
  CU_ASSERT_PTR_NOT_NULL_FATAL(listing);
  while (readdir(listing))
    count++;
  closedir(listing);
  return count;
}

static inline void say(int fd, const char *text) {
  (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Until the client has gone. */
static inline void wait_for_end(int fd) {
  char bytes[4096];
  while (recv(fd, bytes, sizeof bytes, 0) > 0)
    continue;
}

struct server {
  int fd; /* listening */
  void (*serve)(int fd);
  const char *reply; /* sent before the server waits for the end, if serve is NULL */
  long delay;        /* milliseconds before it accepts */
  unsigned count;    /* of connections that it serves, one after the other; 0: one */
  pthread_t thread;
};

static inline void *serve_all(void *context) {
  const struct server *server = context;
  pause_ms(server->delay);
  for (unsigned i = 0; i < server->count + !server->count; i++) {
    int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
      break;
    if (server->serve) {
      server->serve(fd);
    } else {
      say(fd, server->reply);
      wait_for_end(fd);
    }
    close(fd);
  }
  return NULL;
}

static inline struct sockaddr_un address_of(const char *where) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, where, strlen(where));
  return address;
}

static inline int bound(int type) {
  struct sockaddr_un name = address_of(server_path);
  int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  unlink(server_path);
  CU_ASSERT_FATAL(fd >= 0 && bind(fd, (const struct sockaddr *)&name, sizeof name) == 0);
  return fd;
}

static inline void server_start(struct server *server) {
  sigset_t all;
  sigset_t before;
  server->fd = bound(SOCK_STREAM);
  CU_ASSERT_EQUAL_FATAL(listen(server->fd, 4), 0);
  sigfillset(&all); /* the client gets the signals */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  CU_ASSERT_EQUAL_FATAL(pthread_create(&server->thread, NULL, serve_all, server), 0);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Connections that did not come are not waited for. */
static inline void server_stop(struct server *server) {
  shutdown(server->fd, SHUT_RDWR);
  pthread_join(server->thread, NULL);
  close(server->fd);
  unlink(server_path);
}

#endif
