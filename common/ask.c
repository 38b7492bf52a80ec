#include "ask.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ascii.h"
#include "netstring.h"

enum {
  BACKLOG_PAUSE = 5, /* milliseconds before the next try where the backlog is full */
};

/* Milliseconds of the monotonic clock. */
static int64_t clock_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until the socket may be ready, and at most `most` milliseconds. fd -1: just waits. */
static enum mtasts_status wait_for(int fd, short events, int64_t end, int most) {
  struct pollfd wanted = {.fd = fd, .events = events};
  int64_t left = end - clock_now();
  if (left <= 0)
    return MTASTS_TIMEOUT;
  if (poll(&wanted, 1, left < most ? (int)left : most) < 0 && errno != EINTR)
    return MTASTS_IO;
  return MTASTS_OK;
}

static enum mtasts_status status_of_connect(void) {
  switch (errno) {
  case ENOENT:
  case ENOTDIR:
  case ECONNREFUSED:
    return MTASTS_AWAY;
  case EACCES:
  case EPERM:
    return MTASTS_PERMISSION;
  default:
    return MTASTS_IO;
  }
}

/* A unix socket is connected at once, or is refused with EAGAIN while the server's backlog is
 * full; nothing tells when it no longer is. */
static enum mtasts_status connect_to(int fd, const struct sockaddr_un *address, int64_t end) {
  while (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
    if (errno == EINTR)
      continue;
    if (errno != EAGAIN)
      return status_of_connect();
    enum mtasts_status status = wait_for(-1, 0, end, BACKLOG_PAUSE);
    if (status != MTASTS_OK)
      return status;
  }
  return MTASTS_OK;
}

/* The peer has gone, or it is this machine's fault. */
static enum mtasts_status status_of_transfer(void) {
  return errno == EPIPE || errno == ECONNRESET ? MTASTS_CORRUPT : MTASTS_IO;
}

static void drop(struct msghdr *message, size_t sent) {
  for (; message->msg_iovlen > 0 && sent >= message->msg_iov->iov_len; message->msg_iovlen--)
    sent -= message->msg_iov++->iov_len;
  if (message->msg_iovlen > 0) {
    message->msg_iov->iov_base = (char *)message->msg_iov->iov_base + sent;
    message->msg_iov->iov_len -= sent;
  }
}

static enum mtasts_status send_all(int fd, struct iovec *parts, size_t count, int64_t end) {
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
  while (message.msg_iovlen > 0) {
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    enum mtasts_status status = MTASTS_OK;
    if (sent >= 0)
      drop(&message, (size_t)sent);
    else if (errno == EAGAIN)
      status = wait_for(fd, POLLOUT, end, INT_MAX);
    else if (errno != EINTR)
      status = status_of_transfer();
    if (status != MTASTS_OK)
      return status;
  }
  return MTASTS_OK;
}

static enum mtasts_status send_request(int fd, const char *map, struct mtasts_span key,
                                       int64_t end) {
  char head[MTASTS_NETSTRING_HEAD + MTASTS_ASK_MAP_MAX + 2];
  char comma = ',';
  int size = snprintf(head, sizeof head, "%zu:%s ", strlen(map) + 1 + key.len, map);
  struct iovec parts[] = {
      {head, (size_t)size},
      {(void *)(uintptr_t)key.data, key.len}, /* sendmsg only reads it */
      {&comma, 1},
  };
  return send_all(fd, parts, sizeof parts / sizeof *parts, end);
}

static enum mtasts_status read_reply(int fd, char *room, size_t room_size, int64_t end,
                                     struct mtasts_span *payload) {
  struct mtasts_span reply = {room, 0};
  while (reply.len < room_size) {
    size_t used;
    enum mtasts_status status = wait_for(fd, POLLIN, end, INT_MAX);
    if (status != MTASTS_OK)
      return status;
    ssize_t got = recv(fd, room + reply.len, room_size - reply.len, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
      continue;
    if (got < 0)
      return status_of_transfer();
    if (got == 0)
      return MTASTS_CORRUPT;
    reply.len += (size_t)got;
    switch (mtasts_netstring_read(reply, room_size, payload, &used)) {
    case MTASTS_NETSTRING_WHOLE:
      return MTASTS_OK;
    case MTASTS_NETSTRING_BAD:
      return MTASTS_CORRUPT;
    case MTASTS_NETSTRING_PART:
      break;
    }
  }
  return MTASTS_CORRUPT;
}

enum mtasts_status mtasts_ask(const char *socket_path, const char *map, struct mtasts_span key,
                              uint32_t deadline, char *room, size_t room_size,
                              struct mtasts_span *payload) {
  int64_t end = clock_now() + deadline;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t path_len = strlen(socket_path);
  size_t map_len = strlen(map);
  if (path_len >= sizeof address.sun_path || map_len > MTASTS_ASK_MAP_MAX ||
      key.len > MTASTS_NETSTRING_MAX - 1 - map_len)
    return MTASTS_TOO_LARGE;
  if (path_len == 0) /* would be a socket in the abstract name space */
    return MTASTS_AWAY;
  memcpy(address.sun_path, socket_path, path_len);

  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return MTASTS_IO;
  enum mtasts_status status = connect_to(fd, &address, end);
  if (status == MTASTS_OK)
    status = send_request(fd, map, key, end);
  if (status == MTASTS_OK)
    status = read_reply(fd, room, room_size, end, payload);
  int error = errno;
  close(fd);
  errno = error;
  return status;
}
