/*
 * client.h: for the benches, the client's side of the socketmap protocol, and what is made of the
 * figures.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stddef.h>
#include <stdint.h>

struct client {
  int fd;
  size_t length; /* of the reply whose head is being read */
  size_t skip;   /* bytes of it that are still to come */
};

__attribute__((noreturn)) void die(const char *what);

/* Connects to a unix socket; the descriptor does not block. */
void client_open(struct client *client, const char *path);
void client_close(struct client *client);

/* Writes the netstring of a request to out (CLIENT_REQUEST_MAX bytes); returns its bytes. */
enum {
  CLIENT_REQUEST_MAX = 320
};
size_t client_request(char *out, const char *map, const char *key);
void client_send(const struct client *client, const char *requests, size_t size);

/* Reads what has come, and returns how many replies are whole by that. */
size_t client_take(struct client *client);

/* Asks once, and waits for the reply, netstring and all; returns its bytes. */
size_t client_sample(const char *path, const char *map, const char *key, char *reply, size_t size);

/* One of the cached domains at random; name: 64 bytes. */
void client_domain(uint64_t *random, size_t domains, char *name);

double seconds(void);
/* Sorts the values; the one below which that share of them lies. */
double quantile(double *values, size_t count, double share);

#endif
