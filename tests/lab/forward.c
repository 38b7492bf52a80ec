/*
 * forward: a resolver between the tested program and the lab's resolver. It lies about DNSSEC, or
 * delays answers.
 *
 *   forward ADDRESS UPSTREAM strip|claim|MILLISECONDS
 *
 * Passes what comes to ADDRESS port 53 on to UPSTREAM. With `claim` it claims that answers have
 * been validated (AD, RFC 4035 section 3.2.3), whatever they are; with `strip` it also asks without
 * EDNS, as old forwarders do, so that no signature comes back. Else it passes all on as it is, but
 * delays each answer by MILLISECONDS, independently of others, and prints when it arrived and when
 * it was sent (microseconds). UDP only; it remembers the client of the last 65536 queries.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
  MESSAGE_MAX = 65535,
  HEADER = 12,   /* bytes */
  FLAGS_LOW = 3, /* the byte with */
  AD = 0x20,
  ADDITIONAL = 10, /* the count of that section, two bytes */
  QUERIES = 65536, /* as many as there are ids */
  BUFFER = 4 << 20,
};

enum manner {
  DELAY,
  CLAIM,
  STRIP,
};

/* A query; upstream its id is its place. All wait equally long, so those that came first go first.
 */
struct query {
  struct sockaddr_in client;
  unsigned char id[2];
  int64_t came;          /* microseconds; 0: there is none */
  unsigned char *answer; /* that waits */
  size_t size;
};

static struct query queries[QUERIES];
static uint16_t next, oldest; /* the place of the next query, and of the oldest that is not due */
static int clients, server;   /* sockets */
static enum manner manner;
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

/* With room for what a thousand look-ups ask at once; without the right to that, what is allowed.
 */
static int open_socket(const char *address, bool ours) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
  int room = BUFFER;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1)
    die(address);
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  const struct sockaddr *end = (const struct sockaddr *)&at;
  if ((ours ? bind(fd, end, sizeof at) : connect(fd, end, sizeof at)) != 0)
    die(address);
  return fd;
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

static void take_query(unsigned char *message) {
  struct query *query = &queries[next];
  socklen_t client_size = sizeof query->client;
  struct sockaddr_in client;
  ssize_t got =
      recvfrom(clients, message, MESSAGE_MAX, 0, (struct sockaddr *)&client, &client_size);
  if (got < HEADER)
    return;
  free(query->answer);
  *query = (struct query){.client = client, .came = microseconds()};
  memcpy(query->id, message, sizeof query->id);
  message[0] = (unsigned char)(next >> 8);
  message[1] = (unsigned char)next;
  next++;
  size_t size = manner == STRIP ? strip(message, (size_t)got) : (size_t)got;
  send(server, message, size, 0); /* if one is lost, the client asks again */
}

static void give_answer(struct query *query, unsigned char *message, size_t size) {
  memcpy(message, query->id, sizeof query->id);
  if (manner != DELAY)
    message[FLAGS_LOW] |= AD;
  sendto(clients, message, size, 0, (const struct sockaddr *)&query->client, sizeof query->client);
  if (manner == DELAY && delay > 0)
    printf("%lld %lld\n", (long long)query->came, (long long)microseconds());
  query->came = 0;
}

/* An answer that comes when it is due, or later, goes on at once. */
static void take_answer(unsigned char *message) {
  ssize_t got = recv(server, message, MESSAGE_MAX, 0);
  if (got < HEADER)
    return;
  struct query *query = &queries[message[0] << 8 | message[1]];
  size_t size = (size_t)got;
  if (query->came == 0 || query->answer)
    return;
  if (microseconds() >= query->came + delay) {
    give_answer(query, message, size);
    return;
  }
  query->answer = malloc(size);
  if (!query->answer)
    die("malloc");
  memcpy(query->answer, message, size);
  query->size = size;
}

/* Gives the answers that are due. Returns the microseconds until the next may be, or -1. */
static int64_t give_due(void) {
  for (int64_t now = microseconds(); oldest != next; oldest++) {
    struct query *query = &queries[oldest];
    if (query->came > now - delay)
      return query->came + delay - now;
    if (query->answer)
      give_answer(query, query->answer, query->size);
    free(query->answer);
    query->answer = NULL;
  }
  return -1;
}

int main(int argc, char **argv) {
  static unsigned char message[MESSAGE_MAX];
  char *end = NULL;
  if (argc == 4 && !strcmp(argv[3], "strip"))
    manner = STRIP;
  else if (argc == 4 && !strcmp(argv[3], "claim"))
    manner = CLAIM;
  else if (argc == 4)
    delay = strtol(argv[3], &end, 10) * 1000;
  if (argc != 4 || (manner == DELAY && (end == argv[3] || *end || delay < 0))) {
    fputs("usage: forward ADDRESS UPSTREAM strip|claim|MILLISECONDS\n", stderr);
    return 64;
  }
  clients = open_socket(argv[1], true);
  server = open_socket(argv[2], false);
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (;;) {
    int64_t wait = give_due();
    struct timespec time = {wait / 1000000, wait % 1000000 * 1000};
    struct pollfd ready[] = {{.fd = clients, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    if (ppoll(ready, 2, wait < 0 ? NULL : &time, NULL) <= 0)
      continue;
    if (ready[0].revents)
      take_query(message);
    if (ready[1].revents)
      take_answer(message);
  }
}
