#include "server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum mtasts_status mtasts_server_parse(const char *text, struct mtasts_server *server) {
  char host[NI_MAXHOST] = "";
  size_t length = strcspn(text, "@");
  const char *port = text[length] == '@' ? text + length + 1 : "53";
  if (length >= sizeof host)
    return MTASTS_INVALID;
  memcpy(host, text, length);

  /* getaddrinfo also takes 127.1, which nobody means. */
  struct in_addr ipv4;
  if (!strchr(host, ':') && inet_pton(AF_INET, host, &ipv4) != 1)
    return MTASTS_INVALID;
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM};
  struct addrinfo *found = NULL;
  size_t digits = strspn(port, "0123456789");
  if (digits < 1 || digits > 5 || port[digits] || getaddrinfo(host, port, &hints, &found) != 0)
    return MTASTS_INVALID;

  struct mtasts_server parsed = {.size = found->ai_addrlen};
  memcpy(&parsed.address, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  in_port_t number = parsed.address.ss_family == AF_INET
                         ? ((struct sockaddr_in *)&parsed.address)->sin_port
                         : ((struct sockaddr_in6 *)&parsed.address)->sin6_port;
  if (number == 0)
    return MTASTS_INVALID;
  snprintf(parsed.text, sizeof parsed.text, "%s@%u", host, (unsigned)ntohs(number));
  *server = parsed;
  return MTASTS_OK;
}

enum mtasts_status mtasts_server_resolvconf(const char *path, size_t most,
                                            struct mtasts_server *servers, size_t *count) {
  static const char keyword[] = "nameserver";
  char *line = NULL;
  size_t size = 0;
  size_t found = 0;
  FILE *file = fopen(path, "re");
  if (!file)
    return MTASTS_IO;
  while (found < most && getline(&line, &size, file) > 0) {
    if (strncmp(line, keyword, sizeof keyword - 1) != 0)
      continue;
    char *address = line + sizeof keyword - 1;
    size_t space = strspn(address, " \t");
    address += space;
    address[strcspn(address, " \t\r\n#;")] = '\0';
    if (space > 0 && mtasts_server_parse(address, &servers[found]) == MTASTS_OK)
      found++;
  }
  free(line);
  fclose(file);
  if (found == 0 && mtasts_server_parse("127.0.0.1", &servers[found]) == MTASTS_OK)
    found++;
  *count = found;
  return MTASTS_OK;
}

/* The NS records of the root: what every resolver knows. */
static const unsigned char root_query[] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1};

enum {
  SERVERS_MAX = 16,
  RESEND_MS = 1000,
};

static int64_t milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void send_all(const struct pollfd *sockets, size_t count, const unsigned char *id) {
  unsigned char query[sizeof root_query];
  memcpy(query, root_query, sizeof query);
  memcpy(query, id, 2);
  for (size_t i = 0; i < count; i++)
    if (sockets[i].fd >= 0)
      (void)send(sockets[i].fd, query, sizeof query, MSG_NOSIGNAL);
}

static bool received(struct pollfd *sockets, size_t count, const unsigned char *id) {
  unsigned char reply[512];
  for (size_t i = 0; i < count; i++)
    if (sockets[i].revents != 0 && recv(sockets[i].fd, reply, sizeof reply, MSG_DONTWAIT) >= 12 &&
        memcmp(reply, id, 2) == 0)
      return true;
  return false;
}

bool mtasts_server_answers(const struct mtasts_server *servers, size_t count, uint32_t timeout) {
  struct pollfd sockets[SERVERS_MAX];
  unsigned char id[2];
  bool answered = false;
  int64_t now = milliseconds();
  int64_t end = now + (int64_t)timeout * 1000;
  if (count > SERVERS_MAX)
    count = SERVERS_MAX;
  if (getrandom(id, sizeof id, 0) != sizeof id)
    return false;
  for (size_t i = 0; i < count; i++) {
    int fd = socket(servers[i].address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 &&
        connect(fd, (const struct sockaddr *)&servers[i].address, servers[i].size) != 0) {
      close(fd);
      fd = -1;
    }
    sockets[i] = (struct pollfd){.fd = fd, .events = POLLIN};
  }
  /* A refused port is an error to recv, and is asked again: the server may be starting. */
  for (int64_t resend = now; !answered && now < end; now = milliseconds()) {
    if (now >= resend) {
      send_all(sockets, count, id);
      resend = now + RESEND_MS;
    }
    int64_t next = resend < end ? resend : end;
    if (poll(sockets, count, (int)(next - now)) > 0)
      answered = received(sockets, count, id);
  }
  for (size_t i = 0; i < count; i++)
    if (sockets[i].fd >= 0)
      close(sockets[i].fd);
  return answered;
}
