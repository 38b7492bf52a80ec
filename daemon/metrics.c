#include "metrics.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ascii.h"
#include "health.h"
#include "http.h"
#include "netloop.h"
#include "prometheus.h"

enum {
  TICK_S = 5, /* between pings to the loops, and between steps of the policy count */
  ANSWER_HEAD_MAX = 512,
  ACCEPT_BURST = 16,
};

struct client {
  TAILQ_ENTRY(client) link;
  struct mtasts_metrics *server;
  struct event event;
  struct event deadline;
  int fd;
  char *out; /* NULL: the request is not complete yet */
  size_t out_size, sent;
  size_t in_size;
  char in[MTASTS_HTTP_HEAD_MAX];
};

struct mtasts_metrics {
  struct event_base *base;
  int fd;
  struct event accept_event;
  struct event tick;
  struct mtasts_snapshot *snapshot;
  const struct mtasts_stats *stats;
  struct mtasts_health health;
  struct mtasts_policy_counter policy_counter;
  uint64_t map_size_max; /* the setting with which the cache was opened */
  int64_t started;       /* since the epoch */
  TAILQ_HEAD(client_list, client) clients;
  unsigned count;
};

/* answers */

struct answer {
  const char *status;
  const char *fields; /* each with its CRLF */
  const char *body;
  size_t size; /* of the body */
};

#define TEXT "Content-Type: text/plain; charset=utf-8\r\n"

/* The date in the format of RFC 9110 section 5.6.7, in any locale. */
static void write_date(time_t now, char out[40]) {
  static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  struct tm t = {.tm_mday = 1};
  gmtime_r(&now, &t);
  snprintf(out, 40, "%s, %02d %s %d %02d:%02d:%02d GMT", days[t.tm_wday], t.tm_mday,
           months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* Writes the response for the client. False: no memory. */
static bool give(struct client *client, const struct answer *answer, bool head_alone) {
  char date[40];
  size_t size = ANSWER_HEAD_MAX + answer->size;
  write_date(time(NULL), date);
  client->out = malloc(size);
  if (!client->out)
    return false;
  int head = snprintf(client->out, size,
                      "HTTP/1.1 %s\r\nDate: %s\r\nConnection: close\r\nCache-Control: no-store\r\n"
                      "%sContent-Length: %zu\r\n\r\n",
                      answer->status, date, answer->fields, answer->size);
  client->out_size = (size_t)head;
  if (!head_alone) {
    memcpy(client->out + head, answer->body, answer->size);
    client->out_size += answer->size;
  }
  return true;
}

static bool give_text(struct client *client, const char *status, const char *text,
                      bool head_alone) {
  const struct answer answer = {status, TEXT, text, strlen(text)};
  return give(client, &answer, head_alone);
}

static bool refuse_method(struct client *client) {
  static const char text[] = "GET or HEAD\n";
  const struct answer answer = {"405 Method Not Allowed", TEXT "Allow: GET, HEAD\r\n", text,
                                sizeof text - 1};
  return give(client, &answer, false);
}

static size_t write_metrics(struct mtasts_metrics *server, char *out, size_t size) {
  const struct mtasts_config *config = server->snapshot->config;
  char text[MTASTS_HEALTH_TEXT];
  struct mtasts_cache_space space;
  struct mtasts_prometheus measures = {
      .stats = server->stats,
      .policy_counts = &server->policy_counter.last,
      .healthy = mtasts_health_check(&server->health, text),
      .monitor = config->site_mode == MTASTS_SITE_MONITOR,
      .map_size_max = server->map_size_max,
      .lookups_max = mtasts_netloop_lookups(config),
      .overrides = config->override_count,
      .started = server->started,
      .now = time(NULL),
  };
  if (mtasts_cache_space(server->health.cache, &space) == MTASTS_OK)
    measures.space = &space;
  for (enum mtasts_loop loop = 0; loop < MTASTS_LOOPS; loop++)
    measures.loop_up[loop] =
        mtasts_health_silence(&server->health, loop) <= MTASTS_HEALTH_SILENCE_MS;
  return mtasts_prometheus_write(&measures, out, size);
}

static bool give_metrics(struct client *client, bool head_alone) {
  char *body = malloc(MTASTS_PROMETHEUS_MAX);
  if (!body)
    return false;
  const struct answer answer = {"200 OK",
                                "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n", body,
                                write_metrics(client->server, body, MTASTS_PROMETHEUS_MAX)};
  bool given = give(client, &answer, head_alone);
  free(body);
  return given;
}

static bool give_health(struct client *client, bool head_alone) {
  char text[MTASTS_HEALTH_TEXT];
  bool well = mtasts_health_check(&client->server->health, text);
  return give_text(client, well ? "200 OK" : "503 Service Unavailable", text, head_alone);
}

static bool answer_request(struct client *client, const struct mtasts_http_request *request) {
  bool head_alone = request->method == MTASTS_HTTP_HEAD;
  if (request->method == MTASTS_HTTP_OTHER)
    return refuse_method(client);
  if (mtasts_span_equal(request->path, MTASTS_SPAN("/metrics")))
    return give_metrics(client, head_alone);
  if (mtasts_span_equal(request->path, MTASTS_SPAN("/healthz")))
    return give_health(client, head_alone);
  return give_text(client, "404 Not Found", "the pages are /metrics and /healthz\n", head_alone);
}

/* connections */

static void on_client(evutil_socket_t fd, short what, void *context);

static void close_client(struct client *client) {
  struct mtasts_metrics *server = client->server;
  TAILQ_REMOVE(&server->clients, client, link);
  server->count--;
  event_del(&client->event);
  event_del(&client->deadline);
  close(client->fd);
  free(client->out);
  free(client);
}

static bool wait_for(struct client *client, short what) {
  event_del(&client->event);
  event_assign(&client->event, client->server->base, client->fd, (short)(what | EV_PERSIST),
               on_client, client);
  return event_add(&client->event, NULL) == 0;
}

/* Sends as much as the socket takes. False: the connection must be closed. */
static bool send_on(struct client *client) {
  while (client->sent < client->out_size) {
    ssize_t n =
        send(client->fd, client->out + client->sent, client->out_size - client->sent, MSG_NOSIGNAL);
    if (n < 0)
      return errno == EAGAIN && wait_for(client, EV_WRITE);
    client->sent += (size_t)n;
  }
  /* Reads until the client closes: a connection that is closed with unread bytes is reset, and the
   * answer is lost (RFC 9112 section 9.6). */
  return shutdown(client->fd, SHUT_WR) == 0 && wait_for(client, EV_READ);
}

/* Reads a part of the request, and answers it when it is complete. */
static bool read_on(struct client *client) {
  struct mtasts_http_request request;
  ssize_t n =
      recv(client->fd, client->in + client->in_size, sizeof client->in - client->in_size, 0);
  if (n <= 0)
    return n < 0 && errno == EAGAIN;
  client->in_size += (size_t)n;
  switch (mtasts_http_read((struct mtasts_span){client->in, client->in_size}, &request)) {
  case MTASTS_HTTP_MORE:
    return true;
  case MTASTS_HTTP_READ:
    return answer_request(client, &request) && send_on(client);
  case MTASTS_HTTP_BAD:
    break;
  }
  return give_text(client, "400 Bad Request", "malformed request\n", false) && send_on(client);
}

static bool read_away(struct client *client) {
  ssize_t n = recv(client->fd, client->in, sizeof client->in, 0);
  return n > 0 || (n < 0 && errno == EAGAIN);
}

static void on_client(evutil_socket_t fd, short what, void *context) {
  struct client *client = context;
  bool good;
  (void)fd;
  if (what & EV_WRITE)
    good = send_on(client);
  else
    good = client->out ? read_away(client) : read_on(client);
  if (!good)
    close_client(client);
}

static void on_deadline(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  close_client(context);
}

static void open_client(struct mtasts_metrics *server, int fd) {
  const struct timeval max = {.tv_sec = MTASTS_METRICS_CLIENT_MS / 1000};
  struct client *client = malloc(sizeof *client);
  if (!client) {
    close(fd);
    return;
  }
  memset(client, 0, offsetof(struct client, in));
  client->server = server;
  client->fd = fd;
  event_assign(&client->event, server->base, fd, EV_READ | EV_PERSIST, on_client, client);
  event_assign(&client->deadline, server->base, -1, 0, on_deadline, client);
  TAILQ_INSERT_TAIL(&server->clients, client, link);
  server->count++;
  if (event_add(&client->event, NULL) != 0 || event_add(&client->deadline, &max) != 0)
    close_client(client);
}

static void on_accept(evutil_socket_t listening, short what, void *context) {
  struct mtasts_metrics *server = context;
  (void)what;
  for (int i = 0; i < ACCEPT_BURST; i++) {
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      /* If there are no descriptors, no connection is accepted before the next tick. */
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        event_del(&server->accept_event);
      return;
    }
    if (server->count == MTASTS_METRICS_CLIENTS_MAX)
      /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the list has a new first one each time */
      close_client(TAILQ_FIRST(&server->clients));
    open_client(server, fd);
  }
}

/* life */

static void on_tick(evutil_socket_t fd, short what, void *context) {
  struct mtasts_metrics *server = context;
  (void)fd;
  (void)what;
  mtasts_health_ask(&server->health);
  mtasts_policy_counter_step(&server->policy_counter, time(NULL));
  if (server->fd >= 0)
    event_add(&server->accept_event, NULL);
  event_add(&server->tick, &(struct timeval){.tv_sec = TICK_S});
}

struct mtasts_metrics *mtasts_metrics_new(const struct mtasts_metrics_options *options) {
  struct mtasts_metrics *made = calloc(1, sizeof *made);
  if (!made) {
    if (options->fd >= 0)
      close(options->fd);
    return NULL;
  }
  made->base = options->base;
  made->fd = options->fd;
  made->stats = options->stats;
  made->health = (struct mtasts_health){.stats = options->stats,
                                        .cache = options->cache,
                                        .listeners = options->listeners,
                                        .location = options->location};
  memcpy(made->health.inboxes, options->inboxes, sizeof made->health.inboxes);
  made->policy_counter =
      (struct mtasts_policy_counter){.cache = options->cache, .usage = options->usage};
  made->map_size_max = options->snapshot->config->cache.map_size_max;
  made->started = time(NULL);
  TAILQ_INIT(&made->clients);
  mtasts_metrics_configure(made, options->snapshot);
  event_assign(&made->accept_event, made->base, made->fd, EV_READ | EV_PERSIST, on_accept, made);
  event_assign(&made->tick, made->base, -1, 0, on_tick, made);
  /* The first tick comes at once. */
  if ((made->fd < 0 || event_add(&made->accept_event, NULL) == 0) &&
      event_add(&made->tick, &(struct timeval){0}) == 0)
    return made;
  mtasts_metrics_free(made);
  return NULL;
}

void mtasts_metrics_listen(struct mtasts_metrics *metrics, int fd) {
  event_del(&metrics->accept_event);
  if (metrics->fd >= 0)
    close(metrics->fd);
  metrics->fd = fd;
  event_assign(&metrics->accept_event, metrics->base, fd, EV_READ | EV_PERSIST, on_accept, metrics);
  event_add(&metrics->accept_event, NULL); /* or at the next tick */
}

void mtasts_metrics_configure(struct mtasts_metrics *metrics, struct mtasts_snapshot *snapshot) {
  mtasts_snapshot_unref(metrics->snapshot);
  metrics->snapshot = mtasts_snapshot_ref(snapshot);
}

void mtasts_metrics_free(struct mtasts_metrics *metrics) {
  if (!metrics)
    return;
  for (struct client *client; (client = TAILQ_FIRST(&metrics->clients));)
    close_client(client); /* NOLINT(clang-analyzer-unix.Malloc): likewise */
  event_del(&metrics->accept_event);
  event_del(&metrics->tick);
  if (metrics->fd >= 0)
    close(metrics->fd);
  mtasts_snapshot_unref(metrics->snapshot);
  free(metrics);
}
