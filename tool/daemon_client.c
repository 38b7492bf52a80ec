#include "daemon_client.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ask.h"
#include "daemon_access.h"
#include "netstring.h"

struct line {
  LIST_ENTRY(line) link;
  struct mtasts_daemon_client *client;
  struct bufferevent *io;
  mtasts_daemon_client_fn *done; /* NULL: idle */
  void *context;
};

LIST_HEAD(lines, line);

struct mtasts_daemon_client {
  struct event_base *base;
  const char *path;
  struct lines idle, busy;
};

struct mtasts_daemon_client *mtasts_daemon_client_new(struct event_base *base, const char *path) {
  struct mtasts_daemon_client *client = calloc(1, sizeof *client);
  if (!client)
    return NULL;
  signal(SIGPIPE, SIG_IGN); /* libevent writes with writev */
  client->base = base;
  client->path = path;
  LIST_INIT(&client->idle);
  LIST_INIT(&client->busy);
  return client;
}

static void hang_up(struct line *line) {
  LIST_REMOVE(line, link);
  bufferevent_free(line->io);
  free(line);
}

static void free_lines(struct lines *lines) {
  for (struct line *next, *line = LIST_FIRST(lines); line; line = next) {
    next = LIST_NEXT(line, link);
    bufferevent_free(line->io);
    free(line);
  }
}

void mtasts_daemon_client_free(struct mtasts_daemon_client *client) {
  if (!client)
    return;
  free_lines(&client->idle);
  free_lines(&client->busy);
  free(client);
}

/* Ends the connection, and with it the request on it. */
static void fail(struct line *line, enum mtasts_status status) {
  mtasts_daemon_client_fn *done = line->done;
  void *context = line->context;
  hang_up(line);
  if (done)
    done(context, status, (struct mtasts_span){"", 0});
}

static void rest(struct line *line) {
  line->done = NULL;
  bufferevent_set_timeouts(line->io, NULL, NULL);
  LIST_REMOVE(line, link);
  LIST_INSERT_HEAD(&line->client->idle, line, link);
}

static void on_read(struct bufferevent *io, void *context) {
  struct line *line = context;
  struct evbuffer *input = bufferevent_get_input(io);
  size_t size = evbuffer_get_length(input);
  struct mtasts_span bytes = {(const char *)evbuffer_pullup(input, -1), size};
  struct mtasts_span reply;
  size_t used;
  enum mtasts_netstring state = MTASTS_NETSTRING_BAD;
  if (line->done && bytes.data)
    state = mtasts_netstring_read(bytes, MTASTS_DAEMON_ACCESS_REPLY_MAX, &reply, &used);
  if (state == MTASTS_NETSTRING_PART)
    return;
  if (state == MTASTS_NETSTRING_BAD || used < size) { /* more bytes than one reply */
    fail(line, MTASTS_CORRUPT);
    return;
  }
  mtasts_daemon_client_fn *done = line->done;
  rest(line); /* `done` may send the next request on it at once */
  bufferevent_incref(io);
  done(line->context, MTASTS_OK, reply);
  evbuffer_drain(input, used);
  bufferevent_decref(io);
}

static void on_event(struct bufferevent *io, short what, void *context) {
  (void)io;
  fail(context, what & BEV_EVENT_TIMEOUT ? MTASTS_TIMEOUT : MTASTS_AWAY);
}

/* Returns a descriptor, or -1 with errno set. A unix socket connects at once, or fails if too many
 * connections wait to be accepted. */
static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t len = strlen(path);
  if (len >= sizeof address.sun_path)
    return errno = ENAMETOOLONG, -1;
  memcpy(address.sun_path, path, len);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
    int error = errno;
    close(fd);
    errno = error;
    fd = -1;
  }
  return fd;
}

static enum mtasts_status open_line(struct mtasts_daemon_client *client) {
  int fd = connect_to(client->path);
  if (fd < 0)
    return mtasts_ask_status(errno);
  struct line *line = calloc(1, sizeof *line);
  if (line)
    line->io = bufferevent_socket_new(client->base, fd, BEV_OPT_CLOSE_ON_FREE);
  if (!line || !line->io) {
    close(fd);
    free(line);
    return MTASTS_NO_MEMORY;
  }
  line->client = client;
  bufferevent_setcb(line->io, on_read, NULL, on_event, line);
  bufferevent_enable(line->io, EV_READ | EV_WRITE);
  LIST_INSERT_HEAD(&client->idle, line, link);
  return MTASTS_OK;
}

enum mtasts_status mtasts_daemon_client_ask(struct mtasts_daemon_client *client, const char *map,
                                            struct mtasts_span key, uint32_t timeout,
                                            mtasts_daemon_client_fn *done, void *context) {
  struct timeval wait = {timeout / 1000, (suseconds_t)(timeout % 1000) * 1000};
  if (LIST_EMPTY(&client->idle)) {
    enum mtasts_status status = open_line(client);
    if (status != MTASTS_OK)
      return status;
  }
  struct line *line = LIST_FIRST(&client->idle);
  struct evbuffer *output = bufferevent_get_output(line->io);
  if (evbuffer_add_printf(output, "%zu:%s ", strlen(map) + 1 + key.len, map) < 0 ||
      evbuffer_add(output, key.data, key.len) != 0 || evbuffer_add(output, ",", 1) != 0) {
    hang_up(line);
    return MTASTS_NO_MEMORY;
  }
  line->done = done;
  line->context = context;
  bufferevent_set_timeouts(line->io, &wait, NULL);
  LIST_REMOVE(line, link);
  LIST_INSERT_HEAD(&client->busy, line, link);
  return MTASTS_OK;
}
