/*
 * dns_server.h: the addresses of the DNS servers to ask, from options or resolv.conf, and what can
 * be said of them without asking. Nothing here waits but mtasts_dns_server_answers.
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
  char text[MTASTS_DNS_SERVER_TEXT]; /* ADDR@PORT, for people: the scope as it was given */
  char
      forward[MTASTS_DNS_SERVER_TEXT]; /* likewise, as libunbound takes it: the scope is a number */
};

#define MTASTS_RESOLVCONF "/etc/resolv.conf"

/*
 * Reads ADDR[@PORT]. A link-local address has a scope, and no other has one (RFC 4007 section 11):
 * fe80::53%eth0, by the name of an interface or by its number.
 *   MTASTS_INVALID  it is none
 *   MTASTS_ABSENT   this machine has no such interface now
 */
enum mtasts_status mtasts_dns_server_parse(const char *text, struct mtasts_dns_server *server);

/*
 * The name servers of a resolv.conf(5), those of them that are addresses and can be asked, at most
 * `max`. If there are none, the one on this machine, as resolv.conf(5) says; also if the file is
 * missing, or may not be read. errno is then what is wrong with the file, else 0.
 *   MTASTS_IO  the file cannot be read now: no memory, no descriptors; errno is set
 */
enum mtasts_status mtasts_resolvconf_read(const char *path, size_t max,
                                          struct mtasts_dns_server *servers, size_t *count);

/* What a file was like when it was looked at: which file behind all links, and its state. */
struct mtasts_resolvconf_state {
  struct stat file;
  int error;             /* errno, if there was no file */
  bool recently_written; /* it had been written to so shortly before that a later write may not show
                          */
};

/* Has the file changed since the state was taken, or may it have? One stat(2). Takes a new state.
 */
bool mtasts_resolvconf_changed(const char *path, struct mtasts_resolvconf_state *state);

/* Is there a way to the server? 0, or the errno that a packet to it would meet. Sends nothing. */
int mtasts_dns_server_route(const struct mtasts_dns_server *server);

/* Does one of them answer anything to a plain query within `timeout` seconds? */
bool mtasts_dns_server_answers(const struct mtasts_dns_server *servers, size_t count,
                               uint32_t timeout);

#endif
