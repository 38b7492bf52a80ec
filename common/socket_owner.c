#include "socket_owner.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "ascii.h"
#include "printable.h"

enum {
  STATE_LISTEN = 10,      /* TCP_LISTEN, in /proc/net/tcp */
  FLAG_ACCEPTS = 0x10000, /* __SO_ACCEPTCON, in /proc/net/unix */
  LINE_MAX_BYTES = 512,
  NAME_MAX_BYTES = 16, /* of a process's name in the kernel */
};

struct found {
  unsigned long inode; /* 0: none */
  long uid;            /* -1: not known */
};

/* the socket */

/* The kernel writes an address as 32-bit words in its own byte order, in hexadecimal. */
static bool read_address(const char *text, struct in6_addr *address) {
  size_t description = strlen(text) / 8;
  unsigned word[4];
  memset(address, 0, sizeof *address);
  if (description != 1 && description != 4)
    return false;
  for (size_t i = 0; i < description; i++)
    /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote it */
    if (sscanf(text + 8 * i, "%8x", &word[i]) != 1)
      return false;
  if (description == 1) {
    address->s6_addr[10] = address->s6_addr[11] = 0xff;
    memcpy(address->s6_addr + 12, word, 4);
  } else {
    memcpy(address, word, sizeof word);
  }
  return true;
}

static bool is_any(const struct in6_addr *address) {
  static const unsigned char v4[16] = {[10] = 0xff, [11] = 0xff};
  return IN6_IS_ADDR_UNSPECIFIED(address) || memcmp(address, v4, sizeof v4) == 0;
}

static bool is_v4(const struct in6_addr *address) {
  return IN6_IS_ADDR_V4MAPPED(address);
}

/* Does a listener at `one` block `two`? One at :: may take IPv4 as well. */
static bool collide(const struct in6_addr *one, const struct in6_addr *two) {
  if (memcmp(one, two, sizeof *one) == 0)
    return true;
  if (is_v4(one) == is_v4(two))
    return is_any(one) || is_any(two);
  return IN6_IS_ADDR_UNSPECIFIED(is_v4(one) ? two : one);
}

static unsigned port_of(const struct sockaddr_storage *at, struct in6_addr *address) {
  struct sockaddr_in6 v6;
  struct sockaddr_in v4;
  if (at->ss_family == AF_INET6) {
    memcpy(&v6, at, sizeof v6);
    *address = v6.sin6_addr;
    return ntohs(v6.sin6_port);
  }
  memcpy(&v4, at, sizeof v4);
  memset(address, 0, sizeof *address);
  address->s6_addr[10] = address->s6_addr[11] = 0xff;
  memcpy(address->s6_addr + 12, &v4.sin_addr, 4);
  return ntohs(v4.sin_port);
}

static struct found find_inet(const char *table, const struct sockaddr_storage *at) {
  struct found found = {0, -1};
  struct in6_addr wanted;
  struct in6_addr bound;
  char line[LINE_MAX_BYTES];
  char address[33];
  unsigned wanted_port = port_of(at, &wanted);
  unsigned port;
  unsigned state;
  unsigned uid;
  unsigned long inode;
  FILE *file = fopen(table, "re");
  while (file && found.inode == 0 && fgets(line, sizeof line, file))
    /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote these numbers */
    if (sscanf(line, " %*u: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x %u %*u %lu",
               address, &port, &state, &uid, &inode) == 5 &&
        state == STATE_LISTEN && port == wanted_port && read_address(address, &bound) &&
        collide(&bound, &wanted))
      found = (struct found){inode, (long)uid};
  if (file)
    fclose(file);
  return found;
}

/* Connections that were accepted at a socket have its path too. */
static struct found find_unix(const struct sockaddr_storage *at) {
  struct found found = {0, -1};
  struct sockaddr_un wanted;
  char line[LINE_MAX_BYTES];
  unsigned flags;
  unsigned type;
  unsigned long inode;
  int path;
  memcpy(&wanted, at, sizeof wanted);
  FILE *file = fopen("/proc/self/net/unix", "re");
  while (file && found.inode == 0 && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    path = 0;
    /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote these numbers */
    if (sscanf(line, "%*[^:]: %*x %*x %x %x %*x %lu %n", &flags, &type, &inode, &path) >= 3 &&
        path > 0 && strcmp(line + path, wanted.sun_path) == 0 &&
        (type == SOCK_DGRAM || (flags & FLAG_ACCEPTS)))
      found.inode = inode;
  }
  if (file)
    fclose(file);
  return found;
}

/* the process */

static bool is_number(const char *name) {
  for (const char *c = name; *c; c++)
    if (!mtasts_is_digit(*c))
      return false;
  return *name != '\0';
}

static bool has_descriptor(const char *pid, const char *socket) {
  char path[64];
  char target[64];
  bool has = false;
  snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
  DIR *descriptors = opendir(path);
  for (struct dirent *entry; descriptors && !has && (entry = readdir(descriptors));) {
    ssize_t len = readlinkat(dirfd(descriptors), entry->d_name, target, sizeof target - 1);
    target[len > 0 ? len : 0] = '\0';
    has = strcmp(target, socket) == 0;
  }
  if (descriptors)
    closedir(descriptors);
  return has;
}

/* "1" is systemd, which may hold a socket together with its service. */
static bool find_process(unsigned long inode, char pid[21]) {
  char socket[64];
  pid[0] = '\0';
  snprintf(socket, sizeof socket, "socket:[%lu]", inode);
  DIR *processes = opendir("/proc");
  for (struct dirent *entry; processes && (entry = readdir(processes));)
    if (is_number(entry->d_name) && has_descriptor(entry->d_name, socket)) {
      snprintf(pid, 21, "%.20s", entry->d_name);
      if (strcmp(pid, "1") != 0)
        break;
    }
  if (processes)
    closedir(processes);
  return pid[0] != '\0';
}

static void put_process(const char *pid, char description[MTASTS_SOCKET_OWNER_TEXT]) {
  char self[21];
  char path[64];
  char name[NAME_MAX_BYTES + 1] = "";
  char shown[4 * NAME_MAX_BYTES + 1];
  snprintf(self, sizeof self, "%ld", (long)getpid());
  if (strcmp(pid, self) == 0) {
    snprintf(description, MTASTS_SOCKET_OWNER_TEXT, "this process itself");
    return;
  }
  snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t len = fd >= 0 ? read(fd, name, sizeof name) : 0;
  if (fd >= 0)
    close(fd);
  if (len > 0 && name[len - 1] == '\n')
    len--;
  mtasts_printable((struct mtasts_span){name, len > 0 ? (size_t)len : 0}, shown, sizeof shown);
  snprintf(description, MTASTS_SOCKET_OWNER_TEXT, "process %.20s (%s)", pid, shown);
}

static void put_user(long uid, char description[MTASTS_SOCKET_OWNER_TEXT]) {
  const struct passwd *user = getpwuid((uid_t)uid);
  if (user)
    snprintf(description, MTASTS_SOCKET_OWNER_TEXT, "a process of user %.60s", user->pw_name);
  else
    snprintf(description, MTASTS_SOCKET_OWNER_TEXT, "a process of user %ld", uid);
}

bool mtasts_socket_owner_find(const struct sockaddr_storage *address,
                              char description[MTASTS_SOCKET_OWNER_TEXT]) {
  struct found found;
  char pid[21];
  description[0] = '\0';
  if (address->ss_family == AF_UNIX) {
    found = find_unix(address);
  } else {
    found = find_inet("/proc/self/net/tcp", address);
    if (found.inode == 0)
      found = find_inet("/proc/self/net/tcp6", address);
  }
  if (found.inode != 0 && find_process(found.inode, pid))
    put_process(pid, description);
  else if (found.inode != 0 && found.uid >= 0)
    put_user(found.uid, description);
  return description[0] != '\0';
}
