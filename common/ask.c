#include "ask.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "ascii.h"
#include "clock.h"
#include "netstring.h"

enum {
  BACKLOG_PAUSE = 5, /* milliseconds before the next try if the backlog is full */
};

/* Waits until the socket may be ready, for at most `max` milliseconds. fd -1: only waits. */
static enum mtasts_status wait_for(int fd, short events, int64_t end, int max) {
  struct pollfd wanted = {.fd = fd, .events = events};
  int64_t left = end - mtasts_clock_ms();
  if (left <= 0)
    return MTASTS_TIMEOUT;
  if (poll(&wanted, 1, left < max ? (int)left : max) < 0 && errno != EINTR)
    return MTASTS_IO;
  return MTASTS_OK;
}

enum mtasts_status mtasts_ask_status(int error) {
  switch (error) {
  case ENOENT:
  case ENOTDIR:
  case ECONNREFUSED:
    return MTASTS_AWAY;
  case EACCES:
  case EPERM:
    return MTASTS_PERMISSION;
  case EAGAIN:
    return MTASTS_TIMEOUT;
  default:
    return MTASTS_IO;
  }
}

/* A unix socket connects at once, or fails with EAGAIN while the server's backlog is full. No event
 * reports when there is room again, so this polls. */
static enum mtasts_status connect_to(int fd, const struct sockaddr_un *address, int64_t end) {
  while (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
    if (errno == EINTR)
      continue;
    if (errno != EAGAIN)
      return mtasts_ask_status(errno);
    enum mtasts_status status = wait_for(-1, 0, end, BACKLOG_PAUSE);
    if (status != MTASTS_OK)
      return status;
  }
  return MTASTS_OK;
}

/* The status of a failed transfer: the peer has gone, or this machine has a fault. */
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

/* One connection's requests and replies. */
struct talk {
  int fd;
  int64_t end; /* the deadline, by mtasts_clock_ms */
  const char *map;
  const struct mtasts_span *keys;
  size_t count;      /* of keys */
  size_t sent;       /* requests sent completely */
  size_t sent_bytes; /* of the next request */
  size_t received;   /* replies */
  char *buffer;
  size_t buffer_size;
  size_t at, filled; /* bytes of buffer: handled, and read */
  bool more;         /* bytes came after the last reply */
  mtasts_ask_fn *reply;
  void *context;
};

/* Sends as many requests as the socket takes. */
static enum mtasts_status send_some(struct talk *talk) {
  while (talk->sent < talk->count) {
    char head[MTASTS_NETSTRING_HEAD + MTASTS_ASK_MAP_MAX + 2];
    char comma = ',';
    const struct mtasts_span *key = &talk->keys[talk->sent];
    int size = snprintf(head, sizeof head, "%zu:%s ", strlen(talk->map) + 1 + key->len, talk->map);
    struct iovec parts[] = {
        {head, (size_t)size},
        {(void *)(uintptr_t)key->data, key->len}, /* sendmsg only reads it */
        {&comma, 1},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = sizeof parts / sizeof *parts};
    drop(&message, talk->sent_bytes);
    ssize_t sent = sendmsg(talk->fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0)
      return errno == EAGAIN ? MTASTS_OK : status_of_transfer();
    talk->sent_bytes += (size_t)sent;
    if (talk->sent_bytes == (size_t)size + key->len + 1) {
      talk->sent_bytes = 0;
      talk->sent++;
    }
  }
  return MTASTS_OK;
}

/* Passes on the complete replies that have been read. */
static enum mtasts_status take_replies(struct talk *talk) {
  while (talk->received < talk->sent) {
    struct mtasts_span bytes = {talk->buffer + talk->at, talk->filled - talk->at};
    struct mtasts_span payload;
    size_t used;
    switch (mtasts_netstring_read(bytes, talk->buffer_size, &payload, &used)) {
    case MTASTS_NETSTRING_BAD:
      return MTASTS_CORRUPT;
    case MTASTS_NETSTRING_PART:
      if (talk->at == 0 && talk->filled == talk->buffer_size)
        return MTASTS_CORRUPT;
      memmove(talk->buffer, bytes.data, bytes.len);
      talk->filled = bytes.len;
      talk->at = 0;
      return MTASTS_OK;
    case MTASTS_NETSTRING_WHOLE:
      talk->at += used;
      talk->reply(talk->context, talk->received++, payload);
    }
  }
  if (talk->received < talk->count && talk->at < talk->filled)
    return MTASTS_CORRUPT; /* a reply without a request */
  talk->more = talk->at < talk->filled;
  talk->at = talk->filled = 0;
  return MTASTS_OK;
}

static enum mtasts_status receive_some(struct talk *talk) {
  ssize_t got = recv(talk->fd, talk->buffer + talk->filled, talk->buffer_size - talk->filled, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return MTASTS_OK;
  if (got < 0)
    return status_of_transfer();
  if (got == 0)
    return MTASTS_CORRUPT;
  talk->filled += (size_t)got;
  return take_replies(talk);
}

/* Sends and reads at the same time: the server may stop reading until its replies are read. */
static enum mtasts_status exchange(struct talk *talk) {
  enum mtasts_status status = MTASTS_OK;
  while (status == MTASTS_OK && talk->received < talk->count) {
    status = send_some(talk);
    bool waits = talk->received < talk->sent;
    short events = (short)((talk->sent < talk->count ? POLLOUT : 0) | (waits ? POLLIN : 0));
    if (status == MTASTS_OK)
      status = wait_for(talk->fd, events, talk->end, INT_MAX);
    if (status == MTASTS_OK && waits)
      status = receive_some(talk);
  }
  return status;
}

/* kept connections */

static void close_all(struct mtasts_ask_kept *kept) {
  while (kept->count > 0)
    close(kept->fds[--kept->count]);
}

void mtasts_ask_forget(struct mtasts_ask_kept *kept) {
  pthread_mutex_lock(&kept->lock);
  close_all(kept);
  pthread_mutex_unlock(&kept->lock);
}

/* Takes out a kept connection; -1: there is none. */
static int pop(struct mtasts_ask_kept *kept, const char *path) {
  pthread_mutex_lock(&kept->lock);
  if (strcmp(kept->path, path) != 0)
    close_all(kept);
  int fd = kept->count > 0 ? kept->fds[--kept->count] : -1;
  pthread_mutex_unlock(&kept->lock);
  return fd;
}

/* Is it still open, and without unexpected bytes? */
static bool is_quiet(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static int take_kept(struct mtasts_ask_kept *kept, const char *path) {
  int fd = -1;
  while (kept && (fd = pop(kept, path)) >= 0 && !is_quiet(fd))
    close(fd);
  return fd;
}

static void keep(struct mtasts_ask_kept *kept, const char *path, int fd) {
  pthread_mutex_lock(&kept->lock);
  if (kept->count == 0)
    memcpy(kept->path, path, strlen(path) + 1);
  bool kept_it = kept->count < MTASTS_ASK_KEPT && strcmp(kept->path, path) == 0;
  if (kept_it)
    kept->fds[kept->count++] = fd;
  pthread_mutex_unlock(&kept->lock);
  if (!kept_it)
    close(fd);
}

/* Connects, and sends all requests over the new connection. */
static enum mtasts_status start(struct talk *talk, const struct sockaddr_un *address) {
  talk->sent = talk->sent_bytes = talk->at = talk->filled = 0;
  talk->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (talk->fd < 0)
    return MTASTS_IO;
  enum mtasts_status status = connect_to(talk->fd, address, talk->end);
  return status == MTASTS_OK ? exchange(talk) : status;
}

static void finish(struct talk *talk) {
  int error = errno;
  if (talk->fd >= 0)
    close(talk->fd);
  errno = error;
}

enum mtasts_status mtasts_ask_all(const struct mtasts_ask *ask, const struct mtasts_span *keys,
                                  size_t count, mtasts_ask_fn *reply, void *context) {
  struct talk talk = {
      .end = mtasts_clock_ms() + ask->deadline,
      .map = ask->map,
      .keys = keys,
      .count = count,
      .buffer = ask->buffer,
      .buffer_size = ask->buffer_size,
      .reply = reply,
      .context = context,
  };
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t path_len = strlen(ask->socket);
  size_t map_len = strlen(ask->map);
  if (path_len >= sizeof address.sun_path || map_len > MTASTS_ASK_MAP_MAX)
    return MTASTS_TOO_LARGE;
  for (size_t i = 0; i < count; i++)
    if (keys[i].len > MTASTS_NETSTRING_MAX - 1 - map_len)
      return MTASTS_TOO_LARGE;
  if (path_len == 0) /* an empty path would name a socket in the abstract name space */
    return MTASTS_AWAY;
  memcpy(address.sun_path, ask->socket, path_len);

  talk.fd = take_kept(ask->kept, ask->socket);
  bool is_kept = talk.fd >= 0;
  enum mtasts_status status = is_kept ? exchange(&talk) : start(&talk, &address);
  /* mtastsd may have ended, or closed a connection that was idle, since it was last used. */
  if (is_kept && status == MTASTS_CORRUPT && talk.received == 0) {
    finish(&talk);
    status = start(&talk, &address);
  }
  if (ask->kept && status == MTASTS_OK && !talk.more)
    keep(ask->kept, ask->socket, talk.fd);
  else
    finish(&talk);
  return status;
}

static void keep_payload(void *context, size_t index, struct mtasts_span payload) {
  (void)index;
  *(struct mtasts_span *)context = payload;
}

enum mtasts_status mtasts_ask(const struct mtasts_ask *ask, struct mtasts_span key,
                              struct mtasts_span *payload) {
  return mtasts_ask_all(ask, &key, 1, keep_payload, payload);
}
