#include "tick.h"

#include "../../sim/daemon/scripted_lookup.h"
#include "../cache/fixture.h"
#include "log.h"

const char *const unit_name = "daemon/tick";

enum {
  DAY = 86400,
};

static int64_t clock_time;

static int64_t clock_now(void) {
  return clock_time;
}

/* A daemon of one domain, with a script in the place of the Internet. */
struct site {
  char path[32];
  struct world_member member;
  struct mtasts_domain domain;
  struct mtasts_resolver script;
  struct mtasts_stats stats;
  struct mtasts_usage_filter *usage;
  struct mtasts_scheduler scheduler;
  struct mtasts_tick tick;
  unsigned asked, fetches; /* for the record, for the policy */
};

static void see(void *context, uint32_t number, enum scripted_event event, bool forced) {
  struct site *site = context;
  (void)number;
  (void)forced;
  site->asked += event == SCRIPTED_TXT;
  site->fetches += event == SCRIPTED_FETCH;
}

static struct site *site_new(enum world_kind kind, uint32_t max_age) {
  struct site *site = calloc(1, sizeof *site);
  CU_ASSERT_PTR_NOT_NULL_FATAL(site);
  mtasts_log_open("rounds_test", MTASTS_LOG_STDERR, MTASTS_LOG_ERROR);
  clock_time = NOW;
  directory_new(site->path);
  site->domain = world_name(0);
  site->member = (struct world_member){.kind = kind,
                                       .mode = MTASTS_MODE_ENFORCE,
                                       .ttl = 300,
                                       .max_age = max_age,
                                       .from = INT64_MAX,
                                       .until = INT64_MAX};
  site->script = (struct mtasts_resolver){.members = &site->member, .tell = see, .context = site};
  scripted_net_init(&site->script);
  site->usage = mtasts_usage_filter_new(NOW);
  site->scheduler = (struct mtasts_scheduler){
      .base = event_base_new(),
      .net = {.resolver = &site->script,
              .settings = {.refresh_interval = DAY, .retry_min = 300, .retry_max = DAY},
              .now = clock_now},
      .store = store_open(site->path),
      .usage = site->usage,
      .stats = &site->stats,
      .in_flight = 4};
  CU_ASSERT_TRUE_FATAL(mtasts_scheduler_open(&site->scheduler) &&
                       mtasts_tick_open(&site->tick, &site->scheduler, site->usage));
  return site;
}

static void site_free(struct site *site) {
  struct mtasts_store *store = site->scheduler.store;
  struct event_base *base = site->scheduler.base;
  mtasts_scheduler_close(&site->scheduler);
  mtasts_tick_close(&site->tick);
  mtasts_store_close(store);
  event_base_free(base);
  mtasts_usage_filter_free(site->usage);
  directory_free(site->path);
  free(site);
}

static void request(struct site *site, enum mtasts_job_kind kind) {
  CU_ASSERT_EQUAL(mtasts_scheduler_request(&site->scheduler, &site->domain, kind,
                                           MTASTS_URGENCY_BACKGROUND, NULL),
                  MTASTS_OK);
  mtasts_scheduler_start(&site->scheduler);
}

/* So many seconds later, whatever had to happen has happened. A task alone is committed at once,
 * so there is no timer to wait for. */
static void pass(struct site *site, int64_t seconds) {
  clock_time += seconds;
  scripted_net_pass(&site->script, clock_time);
  do
    event_base_loop(site->scheduler.base, EVLOOP_NONBLOCK);
  while (event_base_get_num_events(site->scheduler.base, EVENT_BASE_COUNT_ACTIVE) > 0);
}

static void go(struct site *site, int64_t seconds) {
  pass(site, seconds);
  mtasts_tick_run(&site->tick, clock_time, (uint64_t)seconds * 1000);
  pass(site, 0);
}

/* What only peers over TCP wait for has half of the places, whatever comes from there. */
static void leaves_places_beside_the_network(void) {
  struct site *site = site_new(WORLD_HTTPS_DOWN, WEEK);
  struct mtasts_scheduler *scheduler = &site->scheduler;
  const size_t *counts = scheduler->tasks.counts;
  for (int i = 0; i < 8; i++) {
    struct mtasts_domain other = {.name = "n0.test"};
    other.name[1] = (char)('0' + i);
    other.name[6] = (char)('a' + i); /* each of an owner of its own */
    other.len = 7;
    enum mtasts_urgency urgency = i < 4    ? MTASTS_URGENCY_NETWORK
                                  : i == 4 ? MTASTS_URGENCY_WAITED
                                           : MTASTS_URGENCY_BACKGROUND;
    CU_ASSERT_EQUAL(mtasts_scheduler_request(scheduler, &other, MTASTS_JOB_LOOK_UP, urgency, NULL),
                    MTASTS_OK);
    mtasts_scheduler_start(scheduler);
    /* Another waits for what a peer over TCP has asked for: it is not held up for that. */
    if (i == 3) {
      CU_ASSERT_TRUE(counts[MTASTS_TASK_RUNNING_NETWORK] == 2 &&
                     counts[MTASTS_TASK_QUEUED_NETWORK] == 2);
      mtasts_scheduler_request(scheduler, &other, MTASTS_JOB_LOOK_UP, MTASTS_URGENCY_WAITED, NULL);
      CU_ASSERT_TRUE(counts[MTASTS_TASK_QUEUED] == 1 && counts[MTASTS_TASK_QUEUED_NETWORK] == 1);
    }
  }
  CU_ASSERT_EQUAL(counts[MTASTS_TASK_RUNNING_NETWORK], 2);
  CU_ASSERT_EQUAL(counts[MTASTS_TASK_RUNNING], 1);
  CU_ASSERT_EQUAL(counts[MTASTS_TASK_RUNNING_BACKGROUND], 1);
  site_free(site);
}

static void leaves_a_failed_host_alone(void) {
  struct site *site = site_new(WORLD_HTTPS_DOWN, WEEK);
  request(site, MTASTS_JOB_LOOK_UP);
  pass(site, 0);
  CU_ASSERT_EQUAL(site->fetches, 1);
  site->member.from = NOW;
  clock_time += 2 * DAY;
  request(site, MTASTS_JOB_LOOK_UP); /* a use, whose fetch takes its time */
  pass(site, 0);
  CU_ASSERT_EQUAL(site->fetches, 2);
  request(site, MTASTS_JOB_REFRESH); /* the sweep visits it meanwhile */
  pass(site, SCRIPTED_TIMEOUT);
  CU_ASSERT_EQUAL(site->fetches, 2);
  go(site, 299);
  CU_ASSERT_EQUAL(site->fetches, 2);
  go(site, 1); /* RFC 8461 section 3.3: five minutes */
  CU_ASSERT_EQUAL(site->fetches, 3);
  site_free(site);
}

static void refreshes_after_a_mere_check(void) {
  struct site *site = site_new(WORLD_DNS_DOWN, WEEK);
  request(site, MTASTS_JOB_LOOK_UP);
  pass(site, 0);
  site->member.from = NOW;
  clock_time += DAY * 3 / 4;
  request(site, MTASTS_JOB_LOOK_UP); /* the TTL is over, the policy is not due for a use */
  pass(site, 0);
  CU_ASSERT_EQUAL(site->asked, 2);
  request(site, MTASTS_JOB_REFRESH);
  pass(site, SCRIPTED_TIMEOUT);
  CU_ASSERT_EQUAL(site->fetches, 1);
  pass(site, SCRIPTED_TIMEOUT);
  CU_ASSERT_EQUAL(site->fetches, 2);
  site_free(site);
}

/* Without a use, and by the sweep alone if the due queue does not apply. */
static void keeps_the_short_lived(void) {
  static const uint32_t lives[] = {3600, DAY / 2, DAY, DAY * 3 / 2};
  for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
    struct site *site = site_new(WORLD_LASTING, lives[i]);
    struct mtasts_entry entry;
    request(site, MTASTS_JOB_LOOK_UP);
    pass(site, 0);
    CU_ASSERT_EQUAL(mtasts_due_queue_count(site->scheduler.due_queue), lives[i] < DAY);
    for (int64_t passed = 0; passed < 3 * DAY; passed += 60) {
      go(site, 60);
      const struct mtasts_entry *known =
          mtasts_scheduler_cached(&site->scheduler, &site->domain, &entry);
      unit_check(known && mtasts_entry_live(known, clock_time), "%u lost after %ld s",
                 (unsigned)lives[i], (long)passed);
    }
    /* Twice in a life, or a little more often. */
    unit_check(site->fetches >= 6 * DAY / lives[i] - 1 && site->fetches <= 6 * DAY / lives[i] + 3,
               "%u: %u fetches", (unsigned)lives[i], site->fetches);
    site_free(site);
  }
}

/* A store that is full, or spares what room it has, says so itself: that is no failure of the
 * cache. */
static void full_is_no_failure(void) {
  struct site *site = site_new(WORLD_HTTPS_DOWN, WEEK);
  CU_ASSERT_EQUAL(mtasts_scheduler_log_store_error(&site->scheduler, MTASTS_FULL), MTASTS_FULL);
  CU_ASSERT_EQUAL(mtasts_count_get(site->scheduler.stats, MTASTS_COUNT_STORE_FAILURES), 0);
  CU_ASSERT_EQUAL(mtasts_scheduler_log_store_error(&site->scheduler, MTASTS_CORRUPT),
                  MTASTS_CORRUPT);
  CU_ASSERT_EQUAL(mtasts_count_get(site->scheduler.stats, MTASTS_COUNT_STORE_FAILURES), 1);
  site_free(site);
}

/* With dnssec off what is cached of DANE is nothing that is known: the front asks for MX hosts
 * again, and must not be notified that they are there. */
static void dane_of_before_is_unknown(void) {
  struct site *site = site_new(WORLD_LASTING, WEEK);
  struct sample sample;
  struct mtasts_entry entry;
  policy(&sample, "1");
  sample.entry.dane = MTASTS_DANE_USABLE;
  sample.entry.dane_expires = sample.entry.mx_expires = NOW + DAY;
  CU_ASSERT_EQUAL(mtasts_store_put(site->scheduler.store, &site->domain, &sample.entry, NOW),
                  MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_flush(site->scheduler.store), MTASTS_OK);
  const struct mtasts_entry *known =
      mtasts_scheduler_cached(&site->scheduler, &site->domain, &entry);
  CU_ASSERT_PTR_NOT_NULL_FATAL(known);
  CU_ASSERT_TRUE(known->mx_state == MTASTS_MX_UNKNOWN && known->dane_expires == 0);
  CU_ASSERT_NOT_EQUAL(
      mtasts_discover_due(&site->scheduler.net.settings, known, NOW) & MTASTS_NEED_MX, 0);
  site_free(site);
}

const struct unit_test unit_tests[] = {
    {"TCP cannot stop other questions", leaves_places_beside_the_network},
    {"DANE of before dnssec was off is unknown", dane_of_before_is_unknown},
    {"a full store is no failure", full_is_no_failure},
    {"leaves a failed host alone", leaves_a_failed_host_alone},
    {"refreshes after a mere check", refreshes_after_a_mere_check},
    {"keeps the short-lived", keeps_the_short_lived},
    {NULL, NULL},
};
