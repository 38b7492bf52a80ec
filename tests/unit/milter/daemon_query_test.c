#include "daemon_query.h"

#include <fcntl.h>
#include <poll.h>
#include <time.h>

#include "../cache/fixture.h"
#include "ascii.h"
#include "ask_server.h"
#include "clock.h"
#include "netstring.h"

const char *const unit_name = "milter/daemon_query";

enum {
  DEADLINE = 200,     /* milliseconds: the daemon's own; */
  ALL = DEADLINE + 1, /* a message's milliseconds if that deadline may pass; */
  LONG = 20000,       /* if it may not */
  SLACK = 1000,       /* what a busy machine may add */
  THREADS = 8,
};

static struct mtasts_daemon_query daemon_query;
static char cache_path[32];
static char log_path[] = "/tmp/mtasts-inquiry-XXXXXX";
static int log_fd = -1;

static struct mtasts_config config = {
    .ask = {.deadline = DEADLINE, .on_unknown = MTASTS_UNKNOWN_DELIVER},
};

/* what is known, by the daemon and by the cache */

/* The id shows whether mtastsd or the cache answered. risk: the policy lists none of the MX hosts.
 */
static const struct mtasts_entry *policy_now(struct sample *sample, const char *id, bool risk) {
  struct mtasts_entry *entry = &sample->entry;
  int64_t now = time(NULL);
  policy(sample, id);
  entry->fetched = entry->checked = now - 60;
  entry->expires = entry->fetched + WEEK;
  entry->next_check = entry->mx_expires = entry->dane_expires = now + WEEK;
  if (risk)
    entry->policy.mx.size = pack(sample->patterns, "mx.elsewhere.example"),
    entry->policy.mx.count = 1;
  return entry;
}

static const struct mtasts_entry *absent_now(struct sample *sample) {
  absent(sample);
  sample->entry.checked = time(NULL) - 60;
  sample->entry.next_check = time(NULL) + WEEK;
  return &sample->entry;
}

static void begin(void) {
  struct sample sample;
  daemon_query = (struct mtasts_daemon_query){.away = false};
  config.ask.socket = server_path;
  config.ask.on_unknown = MTASTS_UNKNOWN_DELIVER;
  config.cache.directory = cache_path;
  directory_new(cache_path);
  struct mtasts_store *store = store_open(cache_path);
  store_put(store, "good.example", policy_now(&sample, "cached", false));
  store_put(store, "risk.example", policy_now(&sample, "cached", true));
  store_put(store, "none.example", absent_now(&sample));
  mtasts_store_close(store);
}

static void end(void) {
  directory_free(cache_path);
}

/* the daemon */

enum {
  RULES,     /* answers each request */
  DRIPS,     /* the same, byte by byte */
  REFUSES,   /* each request */
  BABBLES,   /* answers what is no reply */
  RULES_ONE, /* and then nothing */
  STALLS,
};
static atomic_int behaviour;
static atomic_bool rechecks; /* it can */
static atomic_uint entries_asked, rechecks_asked;

static void reply(int fd, const char *payload, size_t size) {
  static char framed[MTASTS_ENTRY_REPLY_MAX + 16];
  size_t head = (size_t)snprintf(framed, sizeof framed, "%zu:", size);
  memcpy(framed + head, payload, size);
  framed[head + size] = ',';
  for (size_t at = 0, most = behaviour == DRIPS ? 7 : sizeof framed; at < head + size + 1;) {
    size_t left = head + size + 1 - at;
    at += (size_t)send(fd, framed + at, left < most ? left : most, MSG_NOSIGNAL);
    if (behaviour == DRIPS)
      pause_ms(1);
  }
}

static void rule(int fd, struct mtasts_span domain) {
  static char payload[MTASTS_ENTRY_REPLY_MAX];
  struct sample sample;
  struct mtasts_entry_reply entry_reply = {.has_entry = true, .freshness = MTASTS_ASKED};
  if (mtasts_span_equal(domain, MTASTS_SPAN("none.example")))
    entry_reply.entry = *absent_now(&sample);
  else
    entry_reply.entry =
        *policy_now(&sample, "asked", mtasts_span_equal(domain, MTASTS_SPAN("risk.example")));
  reply(fd, payload, mtasts_entry_reply_write(&entry_reply, payload));
}

static bool serve_request(int fd, const struct mtasts_request *request) {
  if (mtasts_span_equal(request->map, MTASTS_SPAN("recheck"))) {
    atomic_fetch_add(&rechecks_asked, 1);
    if (behaviour == STALLS)
      return false;
    reply(fd, rechecks ? "OK {}" : "TEMP no", rechecks ? 5 : 7);
    return true;
  }
  unsigned before = atomic_fetch_add(&entries_asked, 1);
  CU_ASSERT(mtasts_span_equal(request->map, MTASTS_SPAN("entry")));
  if (behaviour == STALLS || (behaviour == RULES_ONE && before > 0))
    return false;
  if (behaviour == BABBLES)
    say(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
  else if (behaviour == REFUSES)
    reply(fd, "TEMP not now", 12);
  else
    rule(fd, request->key);
  return true;
}

/* One connection at a time: one that is kept idle ends, for the next one. */
static bool is_idle(int fd) {
  struct pollfd wanted = {.fd = fd, .events = POLLIN};
  return poll(&wanted, 1, 20) == 0;
}

static void serve(int fd) {
  char bytes[4096];
  size_t filled = 0;
  ssize_t got;
  while (!is_idle(fd) && (got = recv(fd, bytes + filled, sizeof bytes - filled, 0)) > 0) {
    struct mtasts_span payload;
    size_t used;
    size_t at = 0;
    filled += (size_t)got;
    while (mtasts_netstring_read((struct mtasts_span){bytes + at, filled - at}, sizeof bytes,
                                 &payload, &used) == MTASTS_NETSTRING_WHOLE) {
      struct mtasts_request request;
      CU_ASSERT_FATAL(mtasts_request_read(payload, &request));
      if (!serve_request(fd, &request)) {
        wait_for_end(fd);
        return;
      }
      at += used;
    }
    memmove(bytes, bytes + at, filled - at);
    filled -= at;
  }
}

static struct server server;

static void start(int how) {
  behaviour = how;
  rechecks = true;
  atomic_store(&entries_asked, 0);
  atomic_store(&rechecks_asked, 0);
  server = (struct server){.serve = serve, .count = 100000};
  server_start(&server);
}

/* what is asked */

static const struct mtasts_span domains[] = {
    {"[192.0.2.1]", 11}, {"good.example", 12}, {"none.example", 12}, {"other.example", 13}};
enum {
  LITERAL,
  GOOD,
  NONE,
  OTHER, /* not in the cache */
  COUNT
};
static struct mtasts_assessment assessments[COUNT];

/* Milliseconds that it took. */
static long ask(uint32_t deadline) {
  int64_t began = mtasts_clock_ms();
  memset(assessments, 0xff, sizeof assessments);
  mtasts_daemon_query_ask(&daemon_query, &config, domains, COUNT, began + deadline, assessments);
  return (long)(mtasts_clock_ms() - began);
}

static void check_fate(const char *what, const struct mtasts_assessment *assessment,
                       enum mtasts_verdict verdict, const char *id) {
  unit_check(assessment->verdict == verdict && strcmp(assessment->id, id) == 0, "%s: %s: %s, id %s",
             what, assessment->domain, mtasts_verdict_name(assessment->verdict), assessment->id);
}

static void check_asked(const char *what) {
  check_fate(what, &assessments[LITERAL], MTASTS_VERDICT_NONE, "");
  check_fate(what, &assessments[GOOD], MTASTS_VERDICT_ENFORCE, "asked");
  check_fate(what, &assessments[NONE], MTASTS_VERDICT_NONE, "");
  check_fate(what, &assessments[OTHER], MTASTS_VERDICT_ENFORCE, "asked");
  CU_ASSERT_STRING_EQUAL(assessments[LITERAL].domain, "[192.0.2.1]");
  CU_ASSERT_STRING_EQUAL(assessments[GOOD].domain, "good.example");
}

static void check_cached(const char *what) {
  check_fate(what, &assessments[LITERAL], MTASTS_VERDICT_NONE, "");
  check_fate(what, &assessments[GOOD], MTASTS_VERDICT_ENFORCE, "cached");
  check_fate(what, &assessments[NONE], MTASTS_VERDICT_NONE, "");
  check_fate(what, &assessments[OTHER], MTASTS_VERDICT_UNKNOWN, "");
  CU_ASSERT(assessments[GOOD].protected);
}

/* what was logged */

static int stderr_before = -1;

static void catch_log(void) {
  fflush(stderr);
  stderr_before = dup(2);
  CU_ASSERT_FATAL(ftruncate(log_fd, 0) == 0 && dup2(log_fd, 2) == 2);
}

static unsigned logged(const char *words) {
  char text[8192];
  ssize_t size = pread(log_fd, text, sizeof text - 1, 0);
  unsigned count = 0;
  text[size > 0 ? size : 0] = '\0';
  for (const char *at = text; (at = strstr(at, words)); at++)
    count++;
  return count;
}

static void let_log(void) {
  dup2(stderr_before, 2);
  close(stderr_before);
}

/* the tests */

static void whole_and_split(void) {
  begin();
  start(RULES);
  ask(LONG);
  check_asked("whole");
  CU_ASSERT_EQUAL(atomic_load(&entries_asked), 3); /* not for the address literal */
  server_stop(&server);
  start(DRIPS);
  ask(LONG);
  check_asked("split");
  server_stop(&server);
  end();
}

static void wrong(void) {
  begin();
  catch_log();
  start(REFUSES);
  ask(LONG);
  check_cached("refused");
  server_stop(&server);
  CU_ASSERT_EQUAL(logged("does not answer"), 0);
  start(BABBLES);
  unit_check(ask(LONG) < SLACK, "it is not waited for");
  check_cached("no ruling");
  ask(LONG);
  check_cached("no ruling");
  server_stop(&server);
  CU_ASSERT_EQUAL(logged("does not answer"), 1);
  let_log();
  end();
}

static void away_and_back(void) {
  begin();
  catch_log();
  for (int i = 0; i < 3; i++) {
    unit_check(ask(LONG) < SLACK, "no peer is waited for");
    check_cached("away");
  }
  CU_ASSERT_EQUAL(logged("does not answer"), 1);
  CU_ASSERT_EQUAL(logged("answers again"), 0);
  start(RULES);
  for (int i = 0; i < 3; i++) {
    ask(LONG);
    check_asked("back");
  }
  server_stop(&server);
  CU_ASSERT_EQUAL(logged("does not answer"), 1);
  CU_ASSERT_EQUAL(logged("answers again"), 1);
  ask(LONG);
  CU_ASSERT_EQUAL(logged("does not answer"), 2);
  let_log();
  end();
}

static void stalled(void) {
  begin();
  catch_log();
  start(STALLS);
  long took = ask(ALL);
  unit_check(took >= DEADLINE && took < ALL + SLACK, "the deadline: %ld ms", took);
  check_cached("stalled");
  for (int i = 0; i < 3; i++) {
    took = ask(LONG);
    unit_check(took < DEADLINE, "the next does not wait: %ld ms", took);
    check_cached("stalled");
  }
  server_stop(&server);
  CU_ASSERT_EQUAL(logged("does not answer"), 1);
  start(RULES);
  ask(LONG);
  check_cached("not asked again yet");
  atomic_store(&daemon_query.stalled_till, mtasts_clock_ms() / 1000); /* the pause is over */
  ask(LONG);
  check_asked("asked again");
  CU_ASSERT_EQUAL(logged("answers again"), 1);
  server_stop(&server);
  let_log();
  end();
}

/* A daemon that has answered something, or that had not all its time, has not stalled. */
static void slow(void) {
  begin();
  start(RULES_ONE);
  long took = ask(ALL);
  unit_check(took >= DEADLINE && took < ALL + SLACK, "the deadline: %ld ms", took);
  check_fate("one reply", &assessments[GOOD], MTASTS_VERDICT_ENFORCE, "asked");
  check_fate("one reply", &assessments[NONE], MTASTS_VERDICT_NONE, "");
  check_fate("one reply", &assessments[OTHER], MTASTS_VERDICT_UNKNOWN, "");
  server_stop(&server);
  start(STALLS);
  ask(DEADLINE / 10);
  check_cached("no time");
  ask(0);
  check_cached("no time at all");
  server_stop(&server);
  start(RULES);
  ask(LONG);
  check_asked("after that");
  server_stop(&server);
  end();
}

static void nothing_known(void) {
  struct mtasts_assessment assessment;
  begin();
  ask(LONG);
  CU_ASSERT_FALSE(assessments[OTHER].wait);
  config.ask.on_unknown = MTASTS_UNKNOWN_DEFER;
  ask(LONG);
  CU_ASSERT(assessments[OTHER].wait);
  CU_ASSERT_FALSE(assessments[GOOD].wait || assessments[NONE].wait || assessments[LITERAL].wait);
  config.cache.directory = "/nonexistent/cache";
  mtasts_daemon_query_ask(&daemon_query, &config, &domains[GOOD], 1, mtasts_clock_ms() + LONG,
                          &assessment);
  CU_ASSERT(assessment.wait && assessment.verdict == MTASTS_VERDICT_UNKNOWN);
  end();
}

/* Rechecks risk.example and good.example. */
static void recheck(struct mtasts_assessment both[2], uint32_t deadline) {
  static const struct mtasts_span names[] = {{"good.example", 12}, {"risk.example", 12}};
  int64_t end_of_it = mtasts_clock_ms() + deadline;
  mtasts_daemon_query_ask(&daemon_query, &config, names, 2, mtasts_clock_ms() + LONG, both);
  CU_ASSERT(both[1].at_risk && both[1].certain && !both[0].at_risk);
  mtasts_daemon_query_recheck(&daemon_query, &config, names, 2, end_of_it, both);
}

static void rechecked(void) {
  struct mtasts_assessment both[2];
  begin();
  start(RULES);
  recheck(both, LONG);
  CU_ASSERT(both[1].at_risk && both[1].certain);
  CU_ASSERT_EQUAL(atomic_load(&rechecks_asked), 1);
  CU_ASSERT_EQUAL(atomic_load(&entries_asked), 3);
  rechecks = false;
  recheck(both, LONG);
  CU_ASSERT(both[1].at_risk && !both[1].certain && both[0].certain);
  server_stop(&server);
  recheck(both, LONG); /* by the cache */
  CU_ASSERT(both[1].at_risk && !both[1].certain);
  CU_ASSERT_STRING_EQUAL(both[1].id, "cached");
  end();
}

/* The recheck takes all the time that there is: that is not the daemon's standstill. */
static void recheck_too_slow(void) {
  static const struct mtasts_span name = {"risk.example", 12};
  struct mtasts_assessment assessment;
  begin();
  start(RULES);
  int64_t deadline = mtasts_clock_ms() + ALL;
  mtasts_daemon_query_ask(&daemon_query, &config, &name, 1, deadline, &assessment);
  behaviour = STALLS;
  mtasts_daemon_query_recheck(&daemon_query, &config, &name, 1, deadline, &assessment);
  CU_ASSERT(mtasts_clock_ms() < deadline + SLACK);
  CU_ASSERT(assessment.at_risk && !assessment.certain);
  server_stop(&server);
  start(RULES);
  ask(LONG);
  check_asked("after that");
  server_stop(&server);
  end();
}

static void *ask_often(void *failures) {
  struct mtasts_assessment own[COUNT];
  for (int i = 0; i < 50; i++) {
    mtasts_daemon_query_ask(&daemon_query, &config, domains, COUNT, mtasts_clock_ms() + LONG, own);
    if (own[LITERAL].verdict != MTASTS_VERDICT_NONE || strcmp(own[GOOD].id, "asked") != 0 ||
        own[NONE].verdict != MTASTS_VERDICT_NONE || strcmp(own[OTHER].id, "asked") != 0)
      atomic_fetch_add((atomic_uint *)failures, 1);
  }
  return NULL;
}

static void several_threads(void) {
  pthread_t threads[THREADS];
  atomic_uint failures = 0;
  begin();
  unsigned descriptors = open_descriptors();
  start(RULES);
  for (size_t i = 0; i < THREADS; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ask_often, &failures), 0);
  for (size_t i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  CU_ASSERT_EQUAL(atomic_load(&failures), 0);
  CU_ASSERT_EQUAL(atomic_load(&entries_asked), THREADS * 50 * 3);
  server_stop(&server);
  mtasts_ask_forget(&daemon_query.kept);
  CU_ASSERT_EQUAL(open_descriptors(), descriptors);
  end();
}

__attribute__((constructor)) static void open_log(void) {
  log_fd = mkostemp(log_path, O_CLOEXEC | O_APPEND);
  unlink(log_path);
}

const struct unit_test unit_tests[] = {
    {"replies whole and split", whole_and_split},
    {"no entry reply: the cache is read", wrong},
    {"away, and back: each is logged once", away_and_back},
    {"stalled: the deadline holds, and others do not wait", stalled},
    {"slow is not stalled", slow},
    {"nothing known: on_unknown", nothing_known},
    {"a recheck makes certain, or not", rechecked},
    {"a recheck that takes too long", recheck_too_slow},
    {"several threads", several_threads},
    {NULL, NULL}};
