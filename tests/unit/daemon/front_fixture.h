/*
 * front_fixture.h: a front loop in a thread of its own with a real cache, for its tests. The test
 * is everybody else: the clients at the two sockets, and the net loop that takes the jobs.
 */
#ifndef FRONT_FIXTURE_H
#define FRONT_FIXTURE_H

#include "cache/fixture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "entry_codec.h"
#include "entry_reply.h"
#include "front.h"

enum {
  PATIENCE_MS = 10000, /* for what must come */
  SILENCE_MS = 60,     /* for what must not */
};

static struct {
  char path[32];
  struct mtasts_store *store;
  struct mtasts_queue to_net, to_outcomes, inbox;
  struct mtasts_jobs jobs; /* taken of to_net, not looked at yet */
  struct mtasts_usage_filter *usage;
  struct mtasts_stats stats;
  struct mtasts_front *front;
  pthread_t thread;
  struct sockaddr_un listeners[2];
  int outcomes; /* the sender's end */
} fixture;

/* What the last reply said. */
static char payload[MTASTS_REPLY_MAX + 1];
static size_t payload_size;

/* DANE is not looked up, unless the text says something of dnssec. */
static inline struct mtasts_snapshot *snapshot(const char *words) {
  char error[MTASTS_ERROR_TEXT];
  char text[1024];
  snprintf(text, sizeof text, "%s%s", strstr(words, "dnssec") ? "" : "dns { dnssec = \"off\" }\n",
           words);
  struct mtasts_config *config = NULL;
  enum mtasts_status status =
      mtasts_config_parse((struct mtasts_span){text, strlen(text)}, "test", error, &config);
  unit_check(status == MTASTS_OK, "%s", error);
  CU_ASSERT_PTR_NOT_NULL_FATAL(config);
  return mtasts_snapshot_new(config);
}

static inline void *run_front(void *context) {
  (void)context;
  mtasts_front_run(fixture.front);
  return NULL;
}

static inline int listen_at(enum mtasts_socket_kind socket_kind) {
  struct sockaddr_un *address = &fixture.listeners[socket_kind];
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "mtasts-front-%ld-%d",
           (long)getpid(), socket_kind);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
  CU_ASSERT_EQUAL_FATAL(listen(fd, 512), 0);
  return fd;
}

static inline void front_up(const char *configuration) {
  struct mtasts_listener listeners[2];
  int pair[2];
  char error[MTASTS_ERROR_TEXT] = "";
  directory_new(fixture.path);
  fixture.store = store_open(fixture.path);
  memset(&fixture.stats, 0, sizeof fixture.stats);
  CU_ASSERT_TRUE_FATAL(mtasts_queue_init(&fixture.to_net) && mtasts_queue_init(&fixture.inbox) &&
                       mtasts_queue_init(&fixture.to_outcomes));
  CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
  STAILQ_INIT(&fixture.jobs);
  fixture.usage = mtasts_usage_filter_new(time(NULL));
  fixture.outcomes = pair[1];
  for (int i = 0; i < 2; i++) {
    enum mtasts_socket_kind socket_kind = i == 0 ? MTASTS_SOCKET_SOCKETMAP : MTASTS_SOCKET_ASK;
    listeners[i] = (struct mtasts_listener){listen_at(socket_kind), socket_kind};
  }
  struct mtasts_snapshot *first = snapshot(configuration);
  struct mtasts_front_options options = {
      .snapshot = first,
      .cache = mtasts_store_cache(fixture.store),
      .to_net = &fixture.to_net,
      .to_outcomes = &fixture.to_outcomes,
      .inbox = &fixture.inbox,
      .usage = fixture.usage,
      .stats = &fixture.stats,
      .listeners = listeners,
      .listener_count = 2,
      .outcome_fd = pair[0],
      .peers_max = MTASTS_PEERS_MAX,
  };
  unit_check(mtasts_front_new(&options, error, &fixture.front) == MTASTS_OK, "%s", error);
  mtasts_snapshot_unref(first);
  CU_ASSERT_EQUAL_FATAL(pthread_create(&fixture.thread, NULL, run_front, NULL), 0);
}

static inline void front_down(void) {
  mtasts_queue_give(&fixture.inbox, mtasts_job_new(MTASTS_JOB_STOP));
  pthread_join(fixture.thread, NULL);
  mtasts_front_free(fixture.front);
  for (struct mtasts_job *left; (left = STAILQ_FIRST(&fixture.jobs)); mtasts_job_free(left))
    STAILQ_REMOVE_HEAD(&fixture.jobs, link);
  mtasts_queue_destroy(&fixture.to_net);
  mtasts_queue_destroy(&fixture.inbox);
  mtasts_queue_destroy(&fixture.to_outcomes);
  mtasts_usage_filter_free(fixture.usage);
  mtasts_store_close(fixture.store);
  close(fixture.outcomes);
  directory_free(fixture.path);
}

static inline void configure(const char *text) {
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_CONFIGURE);
  job->snapshot = snapshot(text);
  mtasts_queue_give(&fixture.inbox, job);
}

/* the cache */

static inline void known(const char *name, const struct mtasts_entry *entry) {
  store_put(fixture.store, name, entry);
  CU_ASSERT_EQUAL(mtasts_store_flush(fixture.store), MTASTS_OK);
}

/* Of the fixture's, with times that hold now. */
static inline struct mtasts_entry *governing(struct sample *sample) {
  int64_t now = time(NULL);
  policy(sample, "20260101");
  sample->entry.fetched = sample->entry.checked = now - 10;
  sample->entry.expires = now - 10 + WEEK;
  sample->entry.next_check = sample->entry.mx_expires = now + 300;
  sample->entry.dane_expires = 0;
  return &sample->entry;
}

static inline struct mtasts_entry *recordless(struct sample *sample) {
  absent(sample);
  sample->entry.checked = time(NULL) - 10;
  sample->entry.next_check = time(NULL) + 300;
  sample->entry.dane_expires = 0;
  return &sample->entry;
}

/* the net loop */

static inline bool readable(int fd, int ms) {
  struct pollfd one = {.fd = fd, .events = POLLIN};
  return poll(&one, 1, ms) == 1;
}

/* The next job for the net loop, which must be the one described. */
static inline struct mtasts_job *job(enum mtasts_job_kind kind, const char *name, bool waited) {
  if (STAILQ_EMPTY(&fixture.jobs) && readable(fixture.to_net.fd, PATIENCE_MS))
    mtasts_queue_take(&fixture.to_net, &fixture.jobs);
  struct mtasts_job *next = STAILQ_FIRST(&fixture.jobs);
  unit_check(next != NULL, "no job for %s", name);
  CU_ASSERT_PTR_NOT_NULL_FATAL(next);
  STAILQ_REMOVE_HEAD(&fixture.jobs, link);
  unit_check(next->kind == kind && strcmp(next->domain.name, name) == 0 && next->waited == waited,
             "kind %d, %s, waited %d, in place of kind %d, %s", next->kind, next->domain.name,
             next->waited, kind, name);
  return next;
}

static inline void no_job(const char *why) {
  bool none = STAILQ_EMPTY(&fixture.jobs) && !readable(fixture.to_net.fd, SILENCE_MS);
  unit_check(none, "a job, though %s", why);
}

/* Answers it; entry may be NULL. */
static inline void done(struct mtasts_job *job, enum mtasts_status status,
                        const struct mtasts_entry *entry, enum mtasts_freshness freshness) {
  job->status = status;
  job->freshness = freshness;
  if (entry) {
    free(job->value);
    job->value = malloc(mtasts_entry_size(entry));
    job->value_size = mtasts_entry_encode(entry, job->value);
  }
  mtasts_queue_give(&fixture.inbox, job);
}

/* the clients */

static inline int enter(enum mtasts_socket_kind socket_kind) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL_FATAL(connect(fd, (const struct sockaddr *)&fixture.listeners[socket_kind],
                                sizeof fixture.listeners[socket_kind]),
                        0);
  return fd;
}

static inline void say_span(int fd, const char *text, size_t size) {
  char head[16];
  int len = snprintf(head, sizeof head, "%zu:", size);
  struct iovec parts[] = {
      {head, (size_t)len}, {(void *)(uintptr_t)text, size}, {(void *)(uintptr_t) ",", 1}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
  CU_ASSERT_EQUAL(sendmsg(fd, &message, MSG_NOSIGNAL), (ssize_t)((size_t)len + size + 1));
}

static inline void say(int fd, const char *text) {
  say_span(fd, text, strlen(text));
}

/* Reads one reply to `payload`. False: none came in time, or the connection was closed. */
static inline bool hear_within(int fd, int ms) {
  size_t size = 0;
  char c;
  payload_size = 0;
  payload[0] = '\0';
  for (;; size = size * 10 + (size_t)(c - '0')) {
    if (!readable(fd, ms) || recv(fd, &c, 1, 0) != 1)
      return false;
    if (c == ':')
      break;
  }
  CU_ASSERT_FATAL(size <= MTASTS_REPLY_MAX);
  while (payload_size < size) {
    ssize_t n = recv(fd, payload + payload_size, size - payload_size, 0);
    if (n <= 0)
      return false;
    payload_size += (size_t)n;
  }
  payload[size] = '\0';
  return recv(fd, &c, 1, 0) == 1 && c == ',';
}

static inline void expect(int fd, const char *text) {
  bool heard = hear_within(fd, PATIENCE_MS);
  unit_check(heard && strcmp(payload, text) == 0, "heard '%.250s', not '%.250s'", payload, text);
}

/* The reply begins so, and holds this as well. */
static inline void expect_like(int fd, const char *start, const char *part) {
  bool heard = hear_within(fd, PATIENCE_MS);
  unit_check(heard && strncmp(payload, start, strlen(start)) == 0 && strstr(payload, part),
             "heard '%.400s', not '%.80s', '%.80s'", payload, start, part);
}

static inline void silence(int fd, const char *why) {
  unit_check(!readable(fd, SILENCE_MS), "a reply, though %s", why);
}

/* One question on a connection of its own. */
static inline void ask(enum mtasts_socket_kind socket_kind, const char *request, const char *text) {
  int fd = enter(socket_kind);
  say(fd, request);
  bool heard = hear_within(fd, PATIENCE_MS);
  unit_check(heard && strcmp(payload, text) == 0, "%s: '%.250s', not '%.250s'", request, payload,
             text);
  close(fd);
}

static inline void ask_like(enum mtasts_socket_kind socket_kind, const char *request,
                            const char *start, const char *part) {
  int fd = enter(socket_kind);
  say(fd, request);
  expect_like(fd, start, part);
  close(fd);
}

static inline struct mtasts_entry_reply ask_ruling(const char *request) {
  struct mtasts_entry_reply entry_reply = {.has_entry = false};
  int fd = enter(MTASTS_SOCKET_ASK);
  say(fd, request);
  CU_ASSERT_TRUE(hear_within(fd, PATIENCE_MS));
  enum mtasts_status status =
      mtasts_entry_reply_read((struct mtasts_span){payload, payload_size}, &entry_reply);
  unit_check(status == MTASTS_OK, "%s: '%.40s'", request, payload);
  close(fd);
  return entry_reply;
}

static inline unsigned long long counted(enum mtasts_counter counter) {
  return mtasts_count_get(&fixture.stats, counter);
}

#endif
