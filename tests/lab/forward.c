/*
 * forward: a resolver between us and the lab's, which lies about DNSSEC or is far away.
 *
 *   forward ADDRESS UPSTREAM strip|claim|MILLISECONDS
 *
 * Passes what comes to ADDRESS port 53 on to UPSTREAM. With `claim` it claims that answers have
 * been validated (AD, RFC 4035 section 3.2.3), whatever they are; with `strip` it also asks without
 * EDNS, as old forwarders do, so that no signature comes back. Else it passes all on as it is, but
 * gives each answer so long after its query, none waiting for another, and tells on standard output
 * when it came and when it went (microseconds). UDP alone; one process a query, for 10 seconds at
 * most.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LIFETIME 10 /* seconds */

enum {
  MESSAGE_MAX = 65535,
  HEADER = 12,   /* bytes */
  FLAGS_LOW = 3, /* the byte with */
  AD = 0x20,
  ADDITIONAL = 10, /* the count of that section, two bytes */
};

enum manner {
  DELAY,
  CLAIM,
  STRIP,
};

static void die(const char *what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in port_53(const char *address) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
  if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
    die(address);
  return at;
}

/* The size of a query without what follows its question: EDNS. */
static size_t strip(unsigned char *query, size_t size) {
  size_t at = HEADER;
  while (at < size && query[at] != 0)
    at += query[at] + 1U;
  at += 1 + 4; /* the root, type and class */
  if (at > size)
    return size;
  query[ADDITIONAL] = query[ADDITIONAL + 1] = 0;
  return at;
}

static int64_t microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Passes a query on. Returns the size of the answer, or 0. */
static size_t forward(const struct sockaddr_in *upstream, unsigned char *message, size_t size) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(LIFETIME);
  int out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (out < 0 || connect(out, (const struct sockaddr *)upstream, sizeof *upstream) != 0 ||
      send(out, message, size, 0) < 0)
    return 0;
  ssize_t got = recv(out, message, MESSAGE_MAX, 0);
  return got < HEADER ? 0 : (size_t)got;
}

static void wait_until(int64_t then) {
  struct timespec at = {then / 1000000, then % 1000000 * 1000};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

int main(int argc, char **argv) {
  static unsigned char message[MESSAGE_MAX];
  enum manner manner = DELAY;
  if (argc == 4 && !strcmp(argv[3], "strip"))
    manner = STRIP;
  else if (argc == 4 && !strcmp(argv[3], "claim"))
    manner = CLAIM;
  int64_t delay = argc == 4 && manner == DELAY ? strtol(argv[3], NULL, 10) * 1000 : 0;
  if (argc != 4 || (manner == DELAY && delay <= 0)) {
    fputs("usage: forward ADDRESS UPSTREAM strip|claim|MILLISECONDS\n", stderr);
    return 64;
  }
  struct sockaddr_in at = port_53(argv[1]);
  struct sockaddr_in upstream = port_53(argv[2]);
  signal(SIGCHLD, SIG_IGN); /* children are reaped by the kernel */
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) != 0)
    die(argv[1]);
  for (;;) {
    struct sockaddr_in client;
    socklen_t client_size = sizeof client;
    ssize_t got =
        recvfrom(fd, message, sizeof message, 0, (struct sockaddr *)&client, &client_size);
    int64_t came = microseconds();
    if (got < HEADER || fork() != 0)
      continue;
    size_t size = manner == STRIP ? strip(message, (size_t)got) : (size_t)got;
    size = forward(&upstream, message, size);
    if (size == 0)
      _exit(0);
    if (manner == DELAY)
      wait_until(came + delay);
    else
      message[FLAGS_LOW] |= AD;
    sendto(fd, message, size, 0, (const struct sockaddr *)&client, client_size);
    if (manner == DELAY)
      dprintf(STDOUT_FILENO, "%lld %lld\n", (long long)came, (long long)microseconds());
    _exit(0);
  }
}
