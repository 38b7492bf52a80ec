/*
 * Asks mtastsd for the first so many domains of fill.h, each once: eight connections, sixteen
 * requests at a time on each.
 *
 *   ask_bench SOCKET DOMAINS
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "fill.h"

enum {
  CONNECTIONS = 8,
  AT_ONCE = 16,
};

static void send_batch(const struct client *client, size_t from, size_t to) {
  char requests[AT_ONCE * CLIENT_REQUEST_MAX];
  size_t size = 0;
  for (size_t i = from; i < to; i++) {
    char name[FILL_NAME_SIZE];
    fill_name(i, name);
    size += client_request(requests + size, "postfix", name);
  }
  client_send(client, requests, size);
}

static void take_batch(struct client *client, size_t count) {
  while (count > 0) {
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    if (poll(&ready, 1, 10000) <= 0)
      die("no answer");
    count -= client_take(client);
  }
}

int main(int argc, char **argv) {
  struct client clients[CONNECTIONS];
  size_t domains = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
  if (domains == 0 || domains > FILL_MOST) {
    fprintf(stderr, "usage: ask_bench SOCKET DOMAINS\n");
    return 64;
  }
  for (size_t i = 0; i < CONNECTIONS; i++)
    client_open(&clients[i], argv[1]);
  for (size_t at = 0; at < domains;) {
    size_t counts[CONNECTIONS];
    for (size_t i = 0; i < CONNECTIONS; i++) {
      counts[i] = domains - at < AT_ONCE ? domains - at : AT_ONCE;
      send_batch(&clients[i], at, at + counts[i]);
      at += counts[i];
    }
    for (size_t i = 0; i < CONNECTIONS; i++)
      take_batch(&clients[i], counts[i]);
  }
  for (size_t i = 0; i < CONNECTIONS; i++)
    client_close(&clients[i]);
  return 0;
}
