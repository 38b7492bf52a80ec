#include "dns_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

enum {
  RECENT = 2, /* seconds after a change in which the file time may not show another change */
};

/* The index of the interface, by its name or else its number. 0: there is none. */
static uint32_t scope_of(const char *text) {
  char name[IF_NAMESIZE];
  uint32_t number = 0;
  if (strlen(text) >= sizeof name)
    return 0;
  uint32_t index = if_nametoindex(text);
  if (index > 0)
    return index;
  size_t digits = strspn(text, "0123456789");
  if (digits < 1 || digits > 9 || text[digits])
    return 0;
  for (size_t i = 0; i < digits; i++)
    number = number * 10 + (uint32_t)(text[i] - '0');
  return if_indextoname(number, name) ? number : 0;
}

static bool read_port(const char *text, in_port_t *port) {
  uint32_t number = 0;
  size_t digits = strspn(text, "0123456789");
  if (digits < 1 || digits > 5 || text[digits])
    return false;
  for (size_t i = 0; i < digits; i++)
    number = number * 10 + (uint32_t)(text[i] - '0');
  *port = htons((uint16_t)number);
  return number > 0 && number <= UINT16_MAX;
}

static enum mtasts_status parse_ipv6(const char *host, const char *scope, in_port_t port,
                                     struct mtasts_dns_server *server) {
  struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = port};
  unsigned number = ntohs(port);
  if (inet_pton(AF_INET6, host, &ipv6.sin6_addr) != 1 ||
      IN6_IS_ADDR_LINKLOCAL(&ipv6.sin6_addr) != (scope != NULL))
    return MTASTS_INVALID;
  if (scope) {
    if (!*scope || strlen(scope) >= IF_NAMESIZE)
      return MTASTS_INVALID;
    ipv6.sin6_scope_id = scope_of(scope);
    if (ipv6.sin6_scope_id == 0)
      return MTASTS_ABSENT;
    snprintf(server->text, sizeof server->text, "%.45s%%%.15s@%u", host, scope, number);
    snprintf(server->forward, sizeof server->forward, "%.45s%%%u@%u", host,
             (unsigned)ipv6.sin6_scope_id, number);
  }
  memcpy(&server->address, &ipv6, sizeof ipv6);
  server->size = sizeof ipv6;
  return MTASTS_OK;
}

enum mtasts_status mtasts_dns_server_parse(const char *text, struct mtasts_dns_server *server) {
  char host[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];
  struct mtasts_dns_server parsed = {.size = sizeof(struct sockaddr_in)};
  struct sockaddr_in ipv4 = {.sin_family = AF_INET};
  size_t length = strcspn(text, "@");
  in_port_t port;
  if (length >= sizeof host || !read_port(text[length] ? text + length + 1 : "53", &port))
    return MTASTS_INVALID;
  memcpy(host, text, length);
  host[length] = '\0';
  char *scope = strchr(host, '%');
  if (scope)
    *scope++ = '\0';
  ipv4.sin_port = port;
  if (!scope && inet_pton(AF_INET, host, &ipv4.sin_addr) == 1) {
    memcpy(&parsed.address, &ipv4, sizeof ipv4);
  } else {
    enum mtasts_status status = parse_ipv6(host, scope, port, &parsed);
    if (status != MTASTS_OK)
      return status;
  }
  if (!*parsed.text) {
    snprintf(parsed.text, sizeof parsed.text, "%.45s@%u", host, (unsigned)ntohs(port));
    memcpy(parsed.forward, parsed.text, sizeof parsed.forward);
  }
  *server = parsed;
  return MTASTS_OK;
}

/* Like the C library's resolver: if the file is missing or may not be read, this machine is asked.
 */
static bool is_no_file(int error) {
  return error == ENOENT || error == ENOTDIR || error == EACCES || error == EPERM ||
         error == ELOOP || error == EISDIR;
}

enum mtasts_status mtasts_resolvconf_read(const char *path, size_t max,
                                          struct mtasts_dns_server *servers, size_t *count) {
  static const char keyword[] = "nameserver";
  char *line = NULL;
  size_t size = 0;
  size_t found = 0;
  FILE *file = fopen(path, "re");
  int error = file ? 0 : errno;
  if (!file && !is_no_file(error))
    return MTASTS_IO;
  errno = 0;
  while (file && found < max && getline(&line, &size, file) > 0) {
    if (strncmp(line, keyword, sizeof keyword - 1) != 0)
      continue;
    char *address = line + sizeof keyword - 1;
    size_t space = strspn(address, " \t");
    address += space;
    address[strcspn(address, " \t\r\n#;")] = '\0';
    if (space > 0 && mtasts_dns_server_parse(address, &servers[found]) == MTASTS_OK)
      found++;
  }
  if (file && ferror(file))
    error = errno;
  free(line);
  if (file)
    fclose(file);
  if (error != 0 && !is_no_file(error)) {
    errno = error;
    return MTASTS_IO;
  }
  if (found == 0 && mtasts_dns_server_parse("127.0.0.1", &servers[found]) == MTASTS_OK)
    found++;
  *count = found;
  errno = error;
  return MTASTS_OK;
}

static bool same_time(struct timespec a, struct timespec b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool mtasts_resolvconf_changed(const char *path, struct mtasts_resolvconf_state *state) {
  struct mtasts_resolvconf_state now = {.error = 0};
  const struct stat *old = &state->file;
  if (stat(path, &now.file) != 0) {
    now.error = errno;
    memset(&now.file, 0, sizeof now.file);
  }
  /* File times are as coarse as the kernel's tick, or as a second on some file systems. */
  time_t age = time(NULL) - now.file.st_ctim.tv_sec;
  now.recently_written = now.error == 0 && age < RECENT && age > -RECENT;
  bool changed = state->recently_written || now.error != state->error ||
                 now.file.st_dev != old->st_dev || now.file.st_ino != old->st_ino ||
                 now.file.st_size != old->st_size || now.file.st_mode != old->st_mode ||
                 now.file.st_uid != old->st_uid || now.file.st_gid != old->st_gid ||
                 !same_time(now.file.st_mtim, old->st_mtim) ||
                 !same_time(now.file.st_ctim, old->st_ctim);
  *state = now;
  return changed;
}

int mtasts_dns_server_route(const struct mtasts_dns_server *server) {
  int error = 0;
  int fd = socket(server->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return errno;
  if (connect(fd, (const struct sockaddr *)&server->address, server->size) != 0)
    error = errno;
  close(fd);
  return error;
}

/* A query for the root's NS records, which every working resolver can answer. */
static const unsigned char root_query[] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1};

enum {
  SERVERS_MAX = 16,
  RESEND_MS = 1000,
};

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

bool mtasts_dns_server_answers(const struct mtasts_dns_server *servers, size_t count,
                               uint32_t timeout) {
  struct pollfd sockets[SERVERS_MAX];
  unsigned char id[2];
  bool answered = false;
  int64_t now = mtasts_clock_ms();
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
  /* If the port is refused, recv fails and the query is sent again: the server may be starting. */
  for (int64_t resend = now; !answered && now < end; now = mtasts_clock_ms()) {
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
