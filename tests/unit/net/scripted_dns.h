/*
 * scripted_dns.h: a DNS server in a thread, over UDP and TCP, that answers from a
 * table and misbehaves as the table says.
 */
#ifndef TEST_SCRIPTED_DNS_H
#define TEST_SCRIPTED_DNS_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "signed_tree.h"

/*
 * TXT, MX ("10 mx.example"), A, AAAA, CNAME: a record. Of a whole name: RCODE (data: its number,
 * and the type that it is for where it is for one), DROP (no answer; data: a type, or all), LOSSY
 * (the first query of each run is dropped), TRUNCATE (over UDP), NOEDNS (FORMERR to EDNS), GARBAGE,
 * CHECKED (SERVFAIL but with the CD bit, as of a resolver that validates and has found it bogus),
 * SLOW (data: after so many milliseconds). `*.` at the front stands for anything. What the table
 * does not settle is answered from the tree, where there is one.
 */
struct dns_line {
  const char *name;
  const char *type;
  const char *data;
};

struct dns_server {
  const struct dns_line *_Atomic zone; /* ends with a NULL name */
  atomic_uint queries;
  atomic_uint tcp_queries;
  atomic_bool lost;
  const struct tree *_Atomic tree;
  atomic_bool claims;    /* that it validates: the AD bit in the tree's answers */
  atomic_bool strips;    /* signatures and proofs out of the tree's answers */
  atomic_uint asked[64]; /* queries of each type below that */
  int udp;
  int tcp;
  int stop[2];
  pthread_t thread;
};

enum {
  DNS_TTL = 3600,
  DNS_NEGATIVE_TTL = 300, /* SOA's minimum; its TTL is 600 */
};

struct dns_packet {
  unsigned char bytes[65535];
  size_t size;
};

static void dns_put(struct dns_packet *to, const void *bytes, size_t size) {
  if (size > sizeof to->bytes - to->size)
    abort();
  memcpy(to->bytes + to->size, bytes, size);
  to->size += size;
}

static void dns_put_u16(struct dns_packet *to, unsigned value) {
  dns_put(to, (unsigned char[]){(unsigned char)(value >> 8), (unsigned char)value}, 2);
}

static void dns_put_u32(struct dns_packet *to, uint32_t value) {
  dns_put_u16(to, value >> 16);
  dns_put_u16(to, value & 0xffff);
}

static void dns_put_name(struct dns_packet *to, const char *name) {
  while (*name) {
    size_t length = strcspn(name, ".");
    dns_put(to, &(unsigned char){(unsigned char)length}, 1);
    dns_put(to, name, length);
    name += length + (name[length] == '.');
  }
  dns_put(to, "", 1);
}

static unsigned dns_type(const char *name) {
  static const struct {
    const char *name;
    unsigned type;
  } types[] = {{"A", 1},     {"CNAME", 5}, {"MX", 15},     {"TXT", 16},
               {"AAAA", 28}, {"DS", 43},   {"DNSKEY", 48}, {"TLSA", 52}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (strcmp(types[i].name, name) == 0)
      return types[i].type;
  return 0;
}

static void dns_put_record(struct dns_packet *to, const struct dns_line *line, const char *owner) {
  unsigned char address[16];
  unsigned type = dns_type(line->type);
  dns_put_name(to, owner);
  dns_put_u16(to, type);
  dns_put_u16(to, 1);
  dns_put_u32(to, DNS_TTL);
  size_t length_at = to->size;
  dns_put_u16(to, 0);
  if (type == 15) {
    char *exchange;
    dns_put_u16(to, (unsigned)strtoul(line->data, &exchange, 10));
    dns_put_name(to, exchange + 1);
  } else if (type == 5) {
    dns_put_name(to, line->data);
  } else if (type == 16) {
    for (size_t left = strlen(line->data), at = 0; left > 0;) {
      size_t chunk = left > 255 ? 255 : left;
      dns_put(to, &(unsigned char){(unsigned char)chunk}, 1);
      dns_put(to, line->data + at, chunk);
      at += chunk;
      left -= chunk;
    }
  } else if (inet_pton(type == 1 ? AF_INET : AF_INET6, line->data, address) == 1) {
    dns_put(to, address, type == 1 ? 4 : 16);
  }
  size_t length = to->size - length_at - 2;
  to->bytes[length_at] = (unsigned char)(length >> 8);
  to->bytes[length_at + 1] = (unsigned char)length;
}

/* An answer from the tree under way. */
struct dns_sections {
  struct dns_packet *packet;
  unsigned answers;
  unsigned authorities;
};

static void dns_put_tree(struct dns_packet *to, const struct tree_record *record,
                         const char *owner) {
  dns_put_name(to, owner);
  dns_put_u16(to, record->type);
  dns_put_u16(to, 1);
  dns_put_u32(to, record->ttl);
  dns_put_u16(to, (unsigned)record->size);
  dns_put(to, record->rdata, record->size);
}

static void dns_put_answer(void *context, const struct tree_record *record, const char *owner) {
  struct dns_sections *sections = context;
  dns_put_tree(sections->packet, record, owner);
  sections->answers++;
}

static void dns_put_authority(void *context, const struct tree_record *record, const char *owner) {
  struct dns_sections *sections = context;
  dns_put_tree(sections->packet, record, owner);
  sections->authorities++;
}

static void dns_answer_tree(const struct dns_server *server, const char *name, unsigned type,
                            struct dns_packet *to) {
  struct dns_sections sections = {.packet = to};
  unsigned rcode = tree_answer(server->tree, name, type, !server->strips, dns_put_answer,
                               dns_put_authority, &sections);
  to->bytes[3] |= (unsigned char)(rcode | (server->claims ? 0x20U : 0));
  to->bytes[6] = (unsigned char)(sections.answers >> 8);
  to->bytes[7] = (unsigned char)sections.answers;
  to->bytes[8] = (unsigned char)(sections.authorities >> 8);
  to->bytes[9] = (unsigned char)sections.authorities;
}

static bool dns_matches(const char *pattern, const char *name) {
  if (pattern[0] != '*')
    return strcasecmp(pattern, name) == 0;
  size_t tail = strlen(pattern) - 1;
  size_t length = strlen(name);
  return length > tail && strcasecmp(pattern + 1, name + length - tail) == 0;
}

static const struct dns_line *dns_find(const struct dns_line *zone, const char *name,
                                       const char *type) {
  for (; zone->name; zone++)
    if (dns_matches(zone->name, name) && (!type || strcmp(zone->type, type) == 0))
      return zone;
  return NULL;
}

/* Has the table a record of that name? */
static bool dns_has_record(const struct dns_line *zone, const char *name) {
  for (; zone->name; zone++)
    if (dns_matches(zone->name, name) && dns_type(zone->type) != 0)
      return true;
  return false;
}

/* The name of the question, and the offset after it. */
static size_t dns_question(const unsigned char *query, size_t size, char *name) {
  size_t at = 12;
  size_t length = 0;
  while (at < size && query[at] != 0 && at + query[at] < size && length + query[at] < 255) {
    memcpy(name + length, query + at + 1, query[at]);
    length += query[at];
    name[length++] = '.';
    at += query[at] + 1U;
  }
  name[length > 0 ? length - 1 : 0] = '\0';
  return at + 5;
}

/* Answers into *to; returns false if there is no answer to send. */
static bool dns_answer(struct dns_server *server, const unsigned char *query, size_t size, bool tcp,
                       struct dns_packet *to) {
  char name[256];
  const struct dns_line *zone = server->zone;
  size_t end = dns_question(query, size, name);
  unsigned type = (unsigned)query[end - 4] << 8 | query[end - 3];
  unsigned answers = 0;
  bool checking = !(query[3] & 0x10);
  server->asked[type % 64]++;
  to->size = 0;
  dns_put(to, query, end);
  memcpy(to->bytes + 2, "\x81\x80\0\1\0\0\0\0\0\0", 10);
  const struct dns_line *line;
  const struct dns_line *drop = dns_find(zone, name, "DROP");
  if ((drop && (!drop->data[0] || dns_type(drop->data) == type)) ||
      (dns_find(zone, name, "LOSSY") && !atomic_exchange(&server->lost, true)))
    return false;
  if ((line = dns_find(zone, name, "SLOW")))
    usleep((unsigned)strtoul(line->data, NULL, 10) * 1000);
  line = dns_find(zone, name, "RCODE");
  if (line && (!line->data[1] || dns_type(line->data + 2) == type)) {
    to->bytes[3] |= (unsigned char)(line->data[0] - '0');
    return true;
  }
  if (dns_find(zone, name, "CHECKED") && checking) {
    to->bytes[3] |= 2;
    return true;
  }
  if (dns_find(zone, name, "NOEDNS") && query[11] > 0) {
    to->bytes[3] |= 1;
    return true;
  }
  if (dns_find(zone, name, "TRUNCATE") && !tcp) {
    to->bytes[2] |= 2;
    return true;
  }
  if (dns_find(zone, name, "GARBAGE")) {
    to->bytes[7] = 9;
    return true;
  }
  if (server->tree && !dns_has_record(zone, name)) {
    dns_answer_tree(server, name, type, to);
    return true;
  }
  const char *owner = name;
  if ((line = dns_find(zone, name, "CNAME"))) {
    dns_put_record(to, line, owner);
    owner = line->data;
    answers++;
  }
  for (line = zone; line->name; line++)
    if (dns_matches(line->name, owner) && dns_type(line->type) == type) {
      dns_put_record(to, line, owner);
      answers++;
    }
  to->bytes[6] = (unsigned char)(answers >> 8);
  to->bytes[7] = (unsigned char)answers;
  if (answers == 0 || (owner != name && answers == 1)) {
    if (!dns_find(zone, owner, NULL))
      to->bytes[3] |= 3;
    to->bytes[9] = 1;
    dns_put(to, "\0\0\6\0\1\0\0\2\x58\0\x16\0\0", 13); /* SOA of the root, TTL 600 */
    for (uint32_t i = 1; i <= 5; i++)
      dns_put_u32(to, i == 5 ? DNS_NEGATIVE_TTL : i);
  }
  return true;
}

static void dns_serve_tcp(struct dns_server *server, struct dns_packet *reply) {
  unsigned char query[2048];
  int fd = accept(server->tcp, NULL, NULL);
  ssize_t size = recv(fd, query, 2, MSG_WAITALL);
  if (size == 2) {
    size = recv(fd, query, sizeof query, 0);
    server->queries++;
    server->tcp_queries++;
    if (size > 16 && dns_answer(server, query, (size_t)size, true, reply)) {
      unsigned char length[2] = {(unsigned char)(reply->size >> 8), (unsigned char)reply->size};
      send(fd, length, 2, MSG_NOSIGNAL | MSG_MORE);
      send(fd, reply->bytes, reply->size, MSG_NOSIGNAL);
    }
  }
  close(fd);
}

static void *dns_run(void *context) {
  struct dns_server *server = context;
  struct dns_packet *reply = malloc(sizeof *reply);
  struct pollfd sockets[] = {
      {.fd = server->stop[0], .events = POLLIN},
      {.fd = server->udp, .events = POLLIN},
      {.fd = server->tcp, .events = POLLIN},
  };
  while (reply && poll(sockets, 3, -1) > 0 && !sockets[0].revents) {
    if (sockets[1].revents) {
      unsigned char query[2048];
      struct sockaddr_storage from;
      socklen_t length = sizeof from;
      ssize_t size =
          recvfrom(server->udp, query, sizeof query, 0, (struct sockaddr *)&from, &length);
      server->queries++;
      if (size > 16 && dns_answer(server, query, (size_t)size, false, reply))
        sendto(server->udp, reply->bytes, reply->size, 0, (struct sockaddr *)&from, length);
    }
    if (sockets[2].revents)
      dns_serve_tcp(server, reply);
  }
  free(reply);
  return NULL;
}

/* Serves at an address. */
static bool dns_serve(struct dns_server *server, const struct sockaddr *address, socklen_t size,
                      const struct dns_line *zone) {
  memset(server, 0, sizeof *server);
  server->zone = zone;
  server->udp = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  server->tcp = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(server->tcp, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  return bind(server->udp, address, size) == 0 && bind(server->tcp, address, size) == 0 &&
         listen(server->tcp, 64) == 0 && pipe(server->stop) == 0 &&
         pthread_create(&server->thread, NULL, dns_run, server) == 0;
}

/* Serves at 127.0.0.1 and that port. */
__attribute__((unused)) static bool dns_start(struct dns_server *server, uint16_t port,
                                              const struct dns_line *zone) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return dns_serve(server, (const struct sockaddr *)&address, sizeof address, zone);
}

__attribute__((unused)) static void dns_stop(struct dns_server *server) {
  if (write(server->stop[1], "", 1) == 1)
    pthread_join(server->thread, NULL);
  close(server->stop[0]);
  close(server->stop[1]);
  close(server->udp);
  close(server->tcp);
}

#endif
