/*
 * dns_server.h: the addresses of DNS servers, from options or resolv.conf, and whether there is a
 * route to them. Only mtasts_dns_server_answers waits.
 */
#ifndef MTASTS_DNS_SERVER_H
#define MTASTS_DNS_SERVER_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "mtasts.h"

enum {
  MTASTS_DNS_SERVER_TEXT = INET6_ADDRSTRLEN + 1 + 16 + sizeof "@65535", /* with %INTERFACE */
};

struct mtasts_dns_server {
  struct sockaddr_storage address;
  socklen_t size;
  char text[MTASTS_DNS_SERVER_TEXT]; /* ADDR@PORT, for people: with the scope as written */
  char
      forward[MTASTS_DNS_SERVER_TEXT]; /* likewise, as libunbound takes it: the scope is a number */
};

#define MTASTS_RESOLVCONF "/etc/resolv.conf"

/*
 * Reads ADDR[@PORT]. A link-local address must have a scope, and no other address may (RFC 4007
 * section 11). The scope is the name or number of an interface: fe80::53%eth0.
 *   MTASTS_INVALID  it is not such an address
 *   MTASTS_ABSENT   this machine has no such interface now
 */
enum mtasts_status mtasts_dns_server_parse(const char *text, struct mtasts_dns_server *server);

/*
 * Reads at most `max` name servers of a resolv.conf(5): those that are addresses and can be asked.
 * If there are none, returns the one on this machine, as resolv.conf(5) says. It does the same if
 * the file is missing or may not be read; errno is then the file's error, else 0.
 *   MTASTS_IO  the file cannot be read now: no memory, no descriptors; errno is set
 */
enum mtasts_status mtasts_resolvconf_read(const char *path, size_t max,
                                          struct mtasts_dns_server *servers, size_t *count);

/* The state of a file at one check: which file it is, after all links, and its metadata. */
struct mtasts_resolvconf_state {
  struct stat file;
  int error;             /* errno, if there was no file */
  bool recently_written; /* it was written to so shortly before that its time may not show a later
                            write */
};

/* Has the file changed since the state was taken, or may it have? Costs one stat(2), and takes a
 * new state. */
bool mtasts_resolvconf_changed(const char *path, struct mtasts_resolvconf_state *state);

/* Is there a route to the server? Returns 0, or the errno that sending a packet would give. Sends
 * nothing. */
int mtasts_dns_server_route(const struct mtasts_dns_server *server);

/* Does any of the servers send any answer to a plain query within `timeout` seconds? */
bool mtasts_dns_server_answers(const struct mtasts_dns_server *servers, size_t count,
                               uint32_t timeout);

#endif
