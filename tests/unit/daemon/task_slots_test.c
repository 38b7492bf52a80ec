#include "netloop_fixture.h"

#include "../net/deaf.h"
#include "dns_message.h"
#include "scheduler_private.h"

const char *const unit_name = "daemon/task_slots";

#define HOLE "127.0.0.9"

enum {
  GOOD = 1,
  OTHER = 100,
};

static const struct dns_line hole_zone[] = {PUBLISHES("good.example", "20260101"),
                                            {"*hole.example", "TXT", RECORD("1")},
                                            {"*hole.example", "A", HOLE},
                                            {"*big.example", "TXT", RECORD("1")},
                                            {"*big.example", "A", "127.0.0.1"},
                                            {"*slow.example", "DROP", ""},
                                            {NULL, NULL, NULL}};

static struct fixture *hole_rig(unsigned dns_timeout, unsigned in_flight) {
  struct fixture *fixture = prepare();
  atomic_store(&fixture->dns.zone, hole_zone);
  fixture->dns_timeout = dns_timeout;
  start(fixture, in_flight);
  return fixture;
}

/* Each of an owner of its own. */
static void give_many(struct fixture *fixture, const char *suffix, unsigned count, bool waited) {
  char name[64];
  for (unsigned i = 0; i < count; i++) {
    snprintf(name, sizeof name, "%u%s", i, suffix);
    give(fixture, MTASTS_JOB_LOOK_UP, name, waited, OTHER + i);
  }
}

/* Waits until the good domain is answered. */
static void check_good(struct fixture *fixture, int milliseconds) {
  struct mtasts_job *job;
  give(fixture, MTASTS_JOB_LOOK_UP, "good.example", true, GOOD);
  while ((job = take(fixture, milliseconds)) && (uintptr_t)job->token != GOOD)
    mtasts_job_free(job);
  unit_check(job && job->status == MTASTS_OK && entry_of(job).has_policy, "no answer in time");
  mtasts_job_free(job);
}

static void check_idle(struct fixture *fixture) {
  unsigned long long busy = 1;
  for (int i = 0; i < 100 && busy > 0; i++) {
    usleep(50000);
    busy = counted(fixture, MTASTS_COUNT_IN_FLIGHT) + counted(fixture, MTASTS_COUNT_WAITING);
  }
  CU_ASSERT_EQUAL(busy, 0);
}

/* Six begin in a second if each keeps its place for that long: 200 would take half a minute. */
static void one_address_holds_nobody_up(void) {
  struct deaf_server hole;
  struct fixture *fixture = hole_rig(2, 8);
  struct mtasts_job *job;
  unsigned before = 0;
  CU_ASSERT_TRUE_FATAL(deaf_start(&hole, HOLE, DEAF_SILENT));
  give_many(fixture, "hole.example", 200, true);
  give(fixture, MTASTS_JOB_LOOK_UP, "good.example", true, GOOD);
  for (; (job = take(fixture, 10000)) && (uintptr_t)job->token != GOOD; before++)
    mtasts_job_free(job);
  unit_check(job && job->status == MTASTS_OK && entry_of(job).has_policy, "no answer");
  mtasts_job_free(job);
  /* Each of these took a second: two of the address at a time. */
  unit_check(before < 40, "answered behind %u of them", before);
  end(fixture);
  deaf_stop(&hole);
}

/* All waiting requests are answered, though only two fetches run at a time. */
static void healthy_provider(void) {
  enum {
    MANY = 300
  };
  struct fixture *fixture = hole_rig(5, 8);
  unsigned answered = 0;
  give_many(fixture, "big.example", MANY, true);
  for (struct mtasts_job *job; answered < MANY && (job = take(fixture, 10000)); answered++) {
    /* There is no such site, which is the domain's own fault. */
    unit_check(job->status == MTASTS_OK && !entry_of(job).local_fault, "%s: %s", job->domain.name,
               mtasts_status_name(job->status));
    mtasts_job_free(job);
  }
  CU_ASSERT_EQUAL(answered, MANY);
  check_idle(fixture);
  end(fixture);
}

/* If the DNS servers change, running look-ups begin again, and none is lost. */
static void begun_again(void) {
  enum {
    MANY = 20
  };
  struct deaf_server hole;
  struct fixture *fixture = hole_rig(2, 8);
  unsigned answered = 0;
  CU_ASSERT_TRUE_FATAL(deaf_start(&hole, HOLE, DEAF_SILENT));
  give_many(fixture, "hole.example", MANY, true);
  CU_ASSERT_TRUE(comes_true(fixture, MTASTS_COUNT_WAITING, MANY - 8, 5));
  struct mtasts_job *configure = mtasts_job_new(MTASTS_JOB_CONFIGURE);
  fixture->dns_timeout = 3;
  configure->snapshot = configuration(fixture, 8);
  configure->token = (void *)(uintptr_t)GOOD;
  mtasts_queue_give(&fixture->inbox, configure);
  for (struct mtasts_job *job; answered < MANY + 1 && (job = take(fixture, 30000)); answered++)
    mtasts_job_free(job);
  CU_ASSERT_EQUAL(answered, MANY + 1);
  check_idle(fixture);
  end(fixture);
  deaf_stop(&hole);
}

/* The one place is a refresh's, which takes long: a question has it after a second. */
static void place_of_another_kind(void) {
  struct fixture *fixture = hole_rig(30, 1);
  give(fixture, MTASTS_JOB_LOOK_UP, "slow.example", false, OTHER);
  CU_ASSERT_TRUE(comes_true(fixture, MTASTS_COUNT_IN_FLIGHT, 1, 5));
  check_good(fixture, 15000);
  end(fixture);
}

/* A task that is ended for others: its requests get no answer, and nothing of the domain is stored.
 */
static void ended_for_others(void) {
  struct fixture *fixture = hole_rig(60, 4);
  struct mtasts_entry entry;
  give_many(fixture, "slow.example", 24, true);
  struct mtasts_job *job = take(fixture, 20000);
  CU_ASSERT_PTR_NOT_NULL_FATAL(job);
  CU_ASSERT_EQUAL(job->status, MTASTS_TIMEOUT);
  CU_ASSERT_PTR_NULL(job->value);
  struct mtasts_domain name = job->domain;
  mtasts_job_free(job);
  check_good(fixture, 30000); /* after a commit */
  CU_ASSERT_EQUAL(mtasts_reader_get(fixture->reader, &name, &entry), MTASTS_ABSENT);
  end(fixture);
}

/* Neither LMDB nor its file can be read: that does not mean that the domain has no policy, and
 * nobody is asked what could take its place. */
static void unreadable_cache(void) {
  struct fixture *fixture = hole_rig(5, 4);
  struct mtasts_cache *cache = mtasts_store_cache(fixture->store);
  char path[64];
  char away[64];
  check_good(fixture, 10000);
  snprintf(path, sizeof path, "%s/data.mdb", fixture->path);
  snprintf(away, sizeof away, "%s/away.mdb", fixture->path);
  stop(fixture); /* the loop's own thread alone uses the environment */
  mtasts_netloop_free(fixture->loop);
  start(fixture, 4);
  MDB_env *env = cache->env;
  cache->env = NULL;
  CU_ASSERT_EQUAL(rename(path, away), 0);
  unsigned queries = fixture->dns.asked[MTASTS_RR_TXT];
  give(fixture, MTASTS_JOB_REFRESH, "good.example", true, GOOD);
  struct mtasts_job *job = take_token(fixture, GOOD);
  unit_check(job->status != MTASTS_OK && !job->value, "%s", mtasts_status_name(job->status));
  mtasts_job_free(job);
  CU_ASSERT_EQUAL(fixture->dns.asked[MTASTS_RR_TXT], queries);
  CU_ASSERT_EQUAL(rename(away, path), 0);
  cache->env = env;
  end(fixture);
}

static void do_nothing(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  (void)context;
}

/* A look-up that begins again is admitted a second time, perhaps with another address of its policy
 * host. It has one share of one address all the same, and gives it back. */
static void admitted_twice(void) {
  struct mtasts_scheduler scheduler = {.in_flight = 4};
  struct event_base *base = event_base_new();
  struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}};
  struct mtasts_domain one = domain("one.example");
  struct mtasts_domain other = domain("other.example");
  scheduler.slow_timer = evtimer_new(base, do_nothing, NULL);
  mtasts_tasks_init(&scheduler.tasks, &scheduler);
  struct mtasts_task *first = mtasts_tasks_add(&scheduler.tasks, &one, MTASTS_TASK_RUNNING);
  struct mtasts_task *second = mtasts_tasks_add(&scheduler.tasks, &other, MTASTS_TASK_RUNNING);
  CU_ASSERT_FATAL(first && second);
  for (int i = 0; i < 3; i++)
    CU_ASSERT_TRUE(mtasts_task_slots_admit(first, &address));
  CU_ASSERT_FALSE(mtasts_task_slots_admit(second, &address)); /* one of four slots an address */
  address.s6_addr[15] = 2;
  CU_ASSERT_TRUE(mtasts_task_slots_admit(first, &address));
  address.s6_addr[15] = 1;
  CU_ASSERT_TRUE(mtasts_task_slots_admit(second, &address));
  CU_ASSERT_EQUAL(second->list, MTASTS_TASK_RUNNING_SLOW);
  mtasts_task_slots_leave(&scheduler, first);
  mtasts_task_slots_leave(&scheduler, second);
  CU_ASSERT_PTR_NULL(scheduler.origins.tree);
  mtasts_tasks_remove(&scheduler.tasks, first);
  mtasts_tasks_remove(&scheduler.tasks, second);
  event_free(scheduler.slow_timer);
  event_base_free(base);
}

/* The means for another resolver are missing for a moment: it is made when they are there. */
static void renewed_later(void) {
  static struct dns_server second;
  struct fixture *fixture = hole_rig(2, 4);
  struct rlimit limit;
  CU_ASSERT_TRUE_FATAL(dns_start(&second, 5353, changed_zone));
  CU_ASSERT_STRING_EQUAL(ask(fixture, MTASTS_JOB_LOOK_UP, "good.example").policy_id, "20260101");
  struct mtasts_job *configure = mtasts_job_new(MTASTS_JOB_CONFIGURE);
  fixture->servers = "servers = {\"127.0.0.1@5353\"}";
  configure->snapshot = configuration(fixture, 4);
  CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
  CU_ASSERT_EQUAL(
      setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 1, .rlim_max = limit.rlim_max}), 0);
  enum mtasts_status status = finish_job(fixture, configure);
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
  CU_ASSERT_EQUAL(status, MTASTS_OK);
  check_logged(fixture, 1, "the earlier DNS servers stay in use, and this is tried again");
  bool renewed = false;
  for (int i = 0; i < 100 && !renewed; i++) {
    usleep(100000);
    renewed = strcmp(ask(fixture, MTASTS_JOB_REFRESH, "good.example").policy_id, "20260202") == 0;
  }
  CU_ASSERT_TRUE(renewed);
  end(fixture);
  dns_stop(&second);
}

const struct unit_test unit_tests[] = {
    {"one address holds up its own domains alone", one_address_holds_nobody_up},
    {"many domains at a healthy address are all looked up", healthy_provider},
    {"those that are held begin again with other servers", begun_again},
    {"a slot is taken from a look-up of another kind", place_of_another_kind},
    {"one that is ended for others is no failure of the domain", ended_for_others},
    {"a cache that cannot be read is no word of the domain", unreadable_cache},
    {"one that is admitted twice has one share", admitted_twice},
    {"a resolver that could not be made is made later", renewed_later},
    {NULL, NULL},
};
