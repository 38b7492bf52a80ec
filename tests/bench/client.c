#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "constant.h"

void die(const char *what) {
  perror(what);
  exit(EX_SOFTWARE);
}

void client_open(struct client *client, const char *path) {
  struct sockaddr_un address = constant_address(path);
  *client = (struct client){.fd = socket(AF_UNIX, SOCK_STREAM, 0)};
  if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) ||
      fcntl(client->fd, F_SETFL, O_NONBLOCK))
    die(path);
}

void client_close(struct client *client) {
  close(client->fd);
}

size_t client_request(char *out, const char *map, const char *key) {
  size_t payload = strlen(map) + 1 + strlen(key);
  int size = snprintf(out, CLIENT_REQUEST_MAX, "%zu:%s %s,", payload, map, key);
  return (size_t)size;
}

void client_send(const struct client *client, const char *requests, size_t size) {
  if (send(client->fd, requests, size, MSG_NOSIGNAL) != (ssize_t)size)
    die("send");
}

size_t client_take(struct client *client) {
  static char bytes[256 << 10];
  size_t replies = 0;
  ssize_t got = recv(client->fd, bytes, sizeof bytes, 0);
  if (got < 0 && errno == EAGAIN)
    return 0;
  if (got <= 0)
    die("a server has gone");
  for (size_t i = 0; i < (size_t)got;) {
    if (client->skip == 0) {
      char c = bytes[i++];
      if (c == ':')
        client->skip = client->length + 1; /* and the comma */
      else
        client->length = client->length * 10 + (size_t)(c - '0');
      continue;
    }
    size_t step = (size_t)got - i < client->skip ? (size_t)got - i : client->skip;
    i += step;
    client->skip -= step;
    if (client->skip == 0) {
      client->length = 0;
      replies++;
    }
  }
  return replies;
}

size_t client_sample(const char *path, const char *map, const char *key, char *reply, size_t size) {
  char request[CLIENT_REQUEST_MAX];
  struct client client;
  size_t used = 0;
  size_t wanted = 0;
  client_open(&client, path);
  client_send(&client, request, client_request(request, map, key));
  while (wanted == 0 || used < wanted) {
    struct pollfd one = {.fd = client.fd, .events = POLLIN};
    ssize_t got = poll(&one, 1, 10000) == 1 ? recv(client.fd, reply + used, size - used, 0) : 0;
    if (got <= 0)
      die("no reply");
    used += (size_t)got;
    const char *colon = memchr(reply, ':', used);
    if (wanted == 0 && colon)
      wanted = strtoul(reply, NULL, 10) + (size_t)(colon - reply) + 2;
  }
  client_close(&client);
  return used;
}

void client_domain(uint64_t *random, size_t domains, char *name) {
  *random = *random * 6364136223846793005U + 1442695040888963407U;
  snprintf(name, 64, "domain-%06zu.mail.example.com", (size_t)(*random >> 33) % domains);
}

double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

double quantile(double *values, size_t count, double share) {
  qsort(values, count, sizeof *values, by_value);
  size_t at = (size_t)((double)count * share);
  return values[at < count ? at : count - 1];
}
