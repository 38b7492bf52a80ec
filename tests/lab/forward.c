/*
 * forward: a resolver between us and the lab's, which lies about DNSSEC.
 *
 *   forward ADDRESS UPSTREAM strip|claim
 *
 * Passes what comes to ADDRESS port 53 on to UPSTREAM. Whatever the answers are, it claims that
 * they have been validated (AD, RFC 4035 section 3.2.3); and with `strip` it asks without EDNS, as
 * old forwarders do, so that no signature comes back. UDP alone; one process a query, for 10
 * seconds at most.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIFETIME 10 /* seconds */

enum {
  MESSAGE_MAX = 65535,
  HEADER = 12,   /* bytes */
  FLAGS_LOW = 3, /* the byte with */
  AD = 0x20,
  ADDITIONAL = 10, /* the count of that section, two bytes */
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

static void forward(int fd, const struct sockaddr_in *upstream, unsigned char *message, size_t size,
                    const struct sockaddr_in *client) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(LIFETIME);
  int out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (out < 0 || connect(out, (const struct sockaddr *)upstream, sizeof *upstream) != 0 ||
      send(out, message, size, 0) < 0)
    return;
  ssize_t got = recv(out, message, MESSAGE_MAX, 0);
  if (got < HEADER)
    return;
  message[FLAGS_LOW] |= AD;
  sendto(fd, message, (size_t)got, 0, (const struct sockaddr *)client, sizeof *client);
}

int main(int argc, char **argv) {
  static unsigned char message[MESSAGE_MAX];
  bool stripping = argc == 4 && !strcmp(argv[3], "strip");
  if (!stripping && !(argc == 4 && !strcmp(argv[3], "claim"))) {
    fputs("usage: forward ADDRESS UPSTREAM strip|claim\n", stderr);
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
    if (got < HEADER)
      continue;
    size_t size = stripping ? strip(message, (size_t)got) : (size_t)got;
    if (fork() == 0) {
      forward(fd, &upstream, message, size, &client);
      _exit(0);
    }
  }
}
