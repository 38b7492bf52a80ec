#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "socket_owner.h"

enum {
  MODE_DIRECTORY = 0755,
  MODE_ALL = 07777,
  PORT_FREE = 1024, /* those below are for root */
};

__attribute__((format(printf, 2, 3))) static bool fail(char error[MTASTS_ERROR_TEXT],
                                                       const char *format, ...) {
  int saved = errno;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error, MTASTS_ERROR_TEXT, format, arguments);
  va_end(arguments);
  errno = saved;
  return false;
}

static bool by_root(void) {
  return geteuid() == 0;
}

/* directory */

/* Sets the owner and mode of a new directory. */
static bool give_directory(const char *path, const struct mtasts_config *config) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return false;
  bool given =
      (!by_root() || fchown(fd, config->uid, config->gid) == 0) && fchmod(fd, MODE_DIRECTORY) == 0;
  int saved = errno;
  close(fd);
  errno = saved;
  return given;
}

static bool make_directory(const char *path, const struct mtasts_config *config,
                           char error[MTASTS_ERROR_TEXT]) {
  char directory[sizeof((struct sockaddr_un *)NULL)->sun_path];
  size_t len = (size_t)(strrchr(path, '/') - path);
  if (len == 0)
    return true;
  memcpy(directory, path, len);
  directory[len] = '\0';
  if (mkdir(directory, MODE_DIRECTORY) != 0)
    return errno == EEXIST ||
           fail(error, "the directory %s cannot be made: %s", directory, strerror(errno));
  return give_directory(directory, config) ||
         fail(error, "the directory %s cannot be given its owner: %s", directory, strerror(errno));
}

/* unix sockets */

/* Does no process listen at it any more? A datagram socket refuses like a listening one. */
static bool is_dead(const struct sockaddr_un *at, int type) {
  int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  bool dead =
      fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) != 0 && errno == ECONNREFUSED;
  if (fd >= 0)
    close(fd);
  return dead;
}

static bool remove_stale(const struct sockaddr_un *at, int type, char error[MTASTS_ERROR_TEXT]) {
  struct stat found;
  if (lstat(at->sun_path, &found) != 0)
    return errno == ENOENT || fail(error, "%s: %s", at->sun_path, strerror(errno));
  if (!S_ISSOCK(found.st_mode)) {
    errno = EEXIST;
    return fail(error, "%s is not a socket; move it away", at->sun_path);
  }
  if (!is_dead(at, type)) {
    errno = EADDRINUSE;
    return fail(error, "%s: another server listens there", at->sun_path);
  }
  return unlink(at->sun_path) == 0 || errno == ENOENT ||
         fail(error, "the dead socket %s cannot be removed: %s", at->sun_path, strerror(errno));
}

/* Sets the mode again, because the umask may have reduced it. Uses the descriptor, because the name
 * may be another file's by now. fchmod does not work on an O_PATH descriptor, but its name under
 * /proc does. */
static bool give_mode(int fd, const struct stat *file, mode_t mode) {
  char name[32];
  if ((file->st_mode & MODE_ALL) == mode)
    return true;
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  return chmod(name, mode) == 0;
}

/*
 * Sets the owner and group of the new socket, and records which file it is. The descriptor of the
 * file ensures that this is neither a link nor another file, whatever the owner of the directory
 * does meanwhile.
 */
static bool give_socket(const char *path, const struct mtasts_access *access,
                        const struct mtasts_config *config,
                        struct mtasts_listen_socket *listening) {
  struct stat file = {0};
  uid_t uid = by_root() ? config->uid : (uid_t)-1;
  gid_t gid = by_root() || access->gid != config->gid ? access->gid : (gid_t)-1;
  int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return false;
  errno = EPERM;
  bool given = fstat(fd, &file) == 0 && S_ISSOCK(file.st_mode) && file.st_nlink == 1 &&
               file.st_uid == geteuid() && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0 &&
               give_mode(fd, &file, access->mode);
  int saved = errno;
  close(fd);
  errno = saved;
  listening->device = file.st_dev;
  listening->inode = file.st_ino;
  return given;
}

/* Permissions are safe from the start. A stream socket does not accept connections yet. A datagram
 * socket's file never has more than the right mode, because bind gives it the socket's own mode
 * (unix_bind_bsd in Linux). */
static bool bind_unix(int type, const struct mtasts_access *access,
                      const struct mtasts_config *config, struct mtasts_listen_socket *listening,
                      char error[MTASTS_ERROR_TEXT]) {
  struct sockaddr_un at;
  memcpy(&at, &listening->address, sizeof at);
  if (!make_directory(at.sun_path, config, error) || !remove_stale(&at, type, error))
    return false;
  if (fchmod(listening->fd, access->mode) != 0 ||
      bind(listening->fd, (const struct sockaddr *)&at, sizeof at) != 0)
    return fail(error, "%s: %s", at.sun_path, strerror(errno));
  if (!give_socket(at.sun_path, access, config, listening)) {
    fail(error, "%s cannot be given its owner and group: %s", at.sun_path, strerror(errno));
    int saved = errno;
    mtasts_listen_remove(listening);
    errno = saved;
    return false;
  }
  return true;
}

bool mtasts_listen_is_current(const struct mtasts_listen_socket *listening) {
  struct sockaddr_un at;
  struct stat found;
  if (listening->address.ss_family != AF_UNIX)
    return true;
  memcpy(&at, &listening->address, sizeof at);
  return lstat(at.sun_path, &found) == 0 && S_ISSOCK(found.st_mode) &&
         found.st_dev == listening->device && found.st_ino == listening->inode;
}

void mtasts_listen_remove(const struct mtasts_listen_socket *listening) {
  struct sockaddr_un at;
  if (listening->address.ss_family != AF_UNIX || !mtasts_listen_is_current(listening))
    return;
  memcpy(&at, &listening->address, sizeof at);
  unlink(at.sun_path);
}

/* all sockets */

static bool bind_inet(const char *endpoint, socklen_t size,
                      const struct mtasts_listen_socket *listening, char error[MTASTS_ERROR_TEXT]) {
  const int on = 1;
  int fd = listening->fd;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      (listening->address.ss_family != AF_INET6 ||
       setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
      bind(fd, (const struct sockaddr *)&listening->address, size) == 0)
    return true;
  return fail(error, "%s: %s", endpoint, strerror(errno));
}

bool mtasts_listen(const char *endpoint, int type, const struct mtasts_access *access,
                   const struct mtasts_config *config, struct mtasts_listen_socket *listening,
                   char error[MTASTS_ERROR_TEXT]) {
  struct mtasts_listen_socket made = {.fd = -1};
  socklen_t size;
  if (!mtasts_endpoint_parse(endpoint, &made.address, &size)) {
    errno = EINVAL;
    return fail(error, "%s: not unix:/PATH of at most 107 bytes or inet:ADDRESS:PORT", endpoint);
  }
  int family = made.address.ss_family;
  made.fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (made.fd < 0)
    return fail(error, "%s: %s", endpoint, strerror(errno));
  bool bound = family == AF_UNIX ? bind_unix(type, access, config, &made, error)
                                 : bind_inet(endpoint, size, &made, error);
  if (bound && type == SOCK_STREAM && listen(made.fd, SOMAXCONN) != 0) {
    bound = fail(error, "%s: %s", endpoint, strerror(errno));
    mtasts_listen_remove(&made);
  }
  if (!bound) {
    int saved = errno;
    close(made.fd);
    errno = saved;
    return false;
  }
  *listening = made;
  return true;
}

/* errors */

static unsigned port_of(const struct sockaddr_storage *address) {
  struct sockaddr_in at; /* the port of IPv6 is at the same offset */
  memcpy(&at, address, sizeof at);
  return ntohs(at.sin_port);
}

void mtasts_listen_explain(const char *endpoint, int number, char error[MTASTS_ERROR_TEXT]) {
  struct sockaddr_storage address;
  socklen_t size;
  char holder[MTASTS_SOCKET_OWNER_TEXT];
  size_t used = strlen(error);
  const char *more = NULL;
  if (!mtasts_endpoint_parse(endpoint, &address, &size))
    return;
  bool is_unix = address.ss_family == AF_UNIX;
  if (number == EADDRINUSE && mtasts_socket_owner_find(&address, holder))
    snprintf(error + used, MTASTS_ERROR_TEXT - used, ": %s%s", holder,
             is_unix ? "" : " listens there");
  else if (number == EADDRNOTAVAIL)
    more = "this host does not have that address, or not yet";
  else if (number == EAFNOSUPPORT)
    more = "this host has no IPv6";
  else if (number == EACCES && !is_unix && port_of(&address) < PORT_FREE)
    more = "ports below 1024 are for root; take another one";
  if (more)
    snprintf(error + used, MTASTS_ERROR_TEXT - used, ": %s", more);
}
