/* The net loop with real look-ups: a DNS server and an HTTPS server in a namespace of the test. */
#include "netloop.h"

#include <poll.h>
#include <sys/mman.h>
#include <time.h>

#include "../cache/fixture.h"
#include "../net/namespace.h"
#include "../net/scripted_dns.h"
#include "../net/scripted_https.h"

const char *const unit_name = "daemon/netloop";

#define RECORD(id) "v=STSv1; id=" id ";"
#define PUBLISHES(domain, id)                                                                      \
  {"_mta-sts." domain, "TXT", RECORD(id)}, {                                                       \
    "mta-sts." domain, "A", "127.0.0.1"                                                            \
  }

#define COMMON                                                                                     \
  {"*slow.example", "DROP", ""}, {"_mta-sts.refused.example", "TXT", RECORD("1")},                 \
      {"mta-sts.refused.example", "A", "127.0.0.9"}, {"_mta-sts.servfail.example", "RCODE", "2"},  \
      {"_mta-sts.old.example", "TXT", RECORD("1")}, {"mta-sts.old.example", "A", "127.0.0.9"},     \
      {"_mta-sts.leaving.example", "TXT", RECORD("1")},                                            \
      {"mta-sts.leaving.example", "A", "127.0.0.9"}, {"*.bulk.example", "TXT", RECORD("1")}, {     \
    "*.bulk.example", "A", "127.0.0.9"                                                             \
  }

static const struct dns_line zone[] = {
    PUBLISHES("good.example", "20260101"), COMMON, {NULL, NULL, NULL}};
static const struct dns_line changed_zone[] = {
    PUBLISHES("good.example", "20260202"), COMMON, {NULL, NULL, NULL}};

static const struct https_site sites[] = {{.host = "mta-sts.good.example"}, {.host = NULL}};

struct rig {
  char path[32];
  char ca_file[64];
  unsigned dns_timeout; /* seconds: how long slow.example takes */
  struct dns_server dns;
  struct https_authority known, unknown;
  struct https_server https;
  struct mtasts_store *store;
  struct mtasts_reader *reader; /* the front loop's, as it were */
  struct mtasts_use *use;
  struct mtasts_stats stats;
  struct mtasts_queue inbox, to_front;
  struct mtasts_jobs answers;
  struct mtasts_netloop *loop;
  pthread_t thread;
  FILE *stderr_before;
  int log;
};

static struct mtasts_snapshot *configuration(const struct rig *rig, unsigned in_flight) {
  char text[512];
  char error[256] = "";
  struct mtasts_config *config = NULL;
  int length = snprintf(text, sizeof text,
                        "dns {\n servers = {\"127.0.0.1\"}\n timeout = %u\n}\n"
                        "https {\n ca_file = \"%s\"\n allow_private = true\n timeout = 2\n}\n"
                        "refresh {\n interval = 300\n in_flight = %u\n}\n",
                        rig->dns_timeout, rig->ca_file, in_flight);
  enum mtasts_status status = mtasts_config_parse((struct mtasts_span){text, (size_t)length},
                                                  "test", error, sizeof error, &config);
  unit_check(status == MTASTS_OK, "configuration: %s", error);
  CU_ASSERT_EQUAL_FATAL(status, MTASTS_OK);
  return mtasts_snapshot_new(config);
}

static void *run(void *loop) {
  mtasts_netloop_run(loop);
  return NULL;
}

/* What is logged goes to a file in memory; what a sanitizer has to say does not. */
static void capture_log(struct rig *rig) {
  rig->log = memfd_create("log", MFD_CLOEXEC);
  rig->stderr_before = stderr;
  stderr = fdopen(dup(rig->log), "a");
  setvbuf(stderr, NULL, _IONBF, 0);
}

static void start(struct rig *rig, unsigned in_flight) {
  char error[256] = "";
  struct mtasts_snapshot *snapshot = configuration(rig, in_flight);
  const struct mtasts_netloop_options options = {.snapshot = snapshot,
                                                 .store = rig->store,
                                                 .inbox = &rig->inbox,
                                                 .to_front = &rig->to_front,
                                                 .use = rig->use,
                                                 .stats = &rig->stats};
  enum mtasts_status status = mtasts_netloop_new(&options, error, &rig->loop);
  unit_check(status == MTASTS_OK, "net loop: %s", error);
  CU_ASSERT_EQUAL_FATAL(status, MTASTS_OK);
  mtasts_snapshot_release(snapshot);
  CU_ASSERT_EQUAL_FATAL(pthread_create(&rig->thread, NULL, run, rig->loop), 0);
}

/* Everything but the loop. */
static struct rig *prepare(void) {
  struct rig *rig = calloc(1, sizeof *rig);
  CU_ASSERT_PTR_NOT_NULL_FATAL(rig);
  CU_ASSERT_TRUE_FATAL(namespace_enter());
  rig->dns_timeout = 1;
  directory_new(rig->path);
  snprintf(rig->ca_file, sizeof rig->ca_file, "/tmp/mtasts-netloop-XXXXXX");
  close(mkstemp(rig->ca_file));
  rig->known = https_authority("Test CA");
  rig->unknown = https_authority("Nobody");
  CU_ASSERT_TRUE_FATAL(https_write_bundle(&rig->known, rig->ca_file));
  CU_ASSERT_TRUE_FATAL(dns_start(&rig->dns, 53, zone));
  CU_ASSERT_TRUE_FATAL(
      https_start(&rig->https, "127.0.0.1", GLOBAL_ADDRESS, sites, &rig->known, &rig->unknown));
  rig->store = store_open(rig->path);
  rig->use = mtasts_use_new(time(NULL));
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(mtasts_store_cache(rig->store), &rig->reader), MTASTS_OK);
  CU_ASSERT_TRUE_FATAL(mtasts_queue_init(&rig->inbox) && mtasts_queue_init(&rig->to_front));
  STAILQ_INIT(&rig->answers);
  capture_log(rig);
  return rig;
}

static struct rig *rig_new(unsigned in_flight) {
  struct rig *rig = prepare();
  start(rig, in_flight);
  return rig;
}

static void give(struct rig *rig, enum mtasts_job_kind kind, const char *name, bool waited,
                 uintptr_t token) {
  struct mtasts_job *job = mtasts_job_new(kind);
  job->domain = domain("%s", name);
  job->waited = waited;
  job->token = (void *)token;
  mtasts_queue_give(&rig->inbox, job);
}

/* The next answer, or NULL after so many milliseconds. */
static struct mtasts_job *take(struct rig *rig, int milliseconds) {
  struct pollfd ready = {.fd = rig->to_front.fd, .events = POLLIN};
  if (STAILQ_EMPTY(&rig->answers) && poll(&ready, 1, milliseconds) > 0)
    mtasts_queue_take(&rig->to_front, &rig->answers);
  struct mtasts_job *job = STAILQ_FIRST(&rig->answers);
  if (job)
    STAILQ_REMOVE_HEAD(&rig->answers, link);
  return job;
}

static struct mtasts_job *take_token(struct rig *rig, uintptr_t token) {
  struct mtasts_job *job = take(rig, 5000);
  CU_ASSERT_PTR_NOT_NULL_FATAL(job);
  unit_check((uintptr_t)job->token == token, "%s: answer %lu, not %lu", job->domain.name,
             (unsigned long)(uintptr_t)job->token, (unsigned long)token);
  return job;
}

/* Each answer that comes frees the one before. */
static struct mtasts_job *answer;

static struct mtasts_entry entry_of(const struct mtasts_job *job) {
  struct mtasts_entry entry = {0};
  unit_check(job->status == MTASTS_OK && job->value &&
                 mtasts_entry_decode(job->value, job->value_size, &entry) == MTASTS_OK,
             "%s: %s", job->domain.name, mtasts_status_name(job->status));
  return entry;
}

static enum mtasts_status finish_job(struct rig *rig, struct mtasts_job *job) {
  job->token = rig;
  mtasts_queue_give(&rig->inbox, job);
  mtasts_job_free(answer);
  answer = take_token(rig, (uintptr_t)rig);
  return answer->status;
}

static struct mtasts_entry ask(struct rig *rig, enum mtasts_job_kind kind, const char *name) {
  struct mtasts_job *job = mtasts_job_new(kind);
  job->domain = domain("%s", name);
  job->waited = true;
  CU_ASSERT_EQUAL(finish_job(rig, job), MTASTS_OK);
  return entry_of(answer);
}

static enum mtasts_status import(struct rig *rig, const char *name,
                                 const struct mtasts_entry *entry) {
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_IMPORT);
  job->domain = domain("%s", name);
  job->value_size = mtasts_entry_size(entry);
  job->value = malloc(job->value_size);
  mtasts_entry_encode(entry, job->value);
  return finish_job(rig, job);
}

/* A policy under id 1, fetched so many seconds ago. */
static struct mtasts_entry *aged(struct sample *sample, enum mtasts_mode mode, uint32_t max_age,
                                 int64_t age) {
  int64_t now = time(NULL);
  struct mtasts_entry *entry = &sample->entry;
  policy(sample, "1");
  entry->policy.mode = mode;
  entry->policy.max_age = max_age;
  entry->fetched = entry->checked = now - age;
  entry->expires = entry->fetched + max_age;
  entry->next_check = now;
  entry->mx_expires = entry->dane_expires = now;
  return entry;
}

static unsigned long long counted(const struct rig *rig, enum mtasts_counter counter) {
  return mtasts_counted(&rig->stats, counter);
}

/* How many lines of the log have these words in them. */
static unsigned logged(const struct rig *rig, const char *words) {
  char text[65536];
  ssize_t length = pread(rig->log, text, sizeof text - 1, 0);
  unsigned count = 0;
  text[length > 0 ? length : 0] = '\0';
  for (const char *at = text; (at = strstr(at, words)); at++)
    count++;
  return count;
}

static void check_logged(const struct rig *rig, unsigned times, const char *words) {
  unsigned found = logged(rig, words);
  unit_check(found == times, "%u lines, not %u: %s", found, times, words);
}

static void stop(struct rig *rig) {
  mtasts_queue_give(&rig->inbox, mtasts_job_new(MTASTS_JOB_STOP));
  pthread_join(rig->thread, NULL);
}

static void rig_free(struct rig *rig) {
  mtasts_job_free(answer);
  answer = NULL;
  mtasts_netloop_free(rig->loop);
  for (struct mtasts_job *job; (job = take(rig, 0));)
    mtasts_job_free(job);
  mtasts_queue_destroy(&rig->inbox);
  mtasts_queue_destroy(&rig->to_front);
  mtasts_reader_free(rig->reader);
  mtasts_use_free(rig->use);
  mtasts_store_close(rig->store);
  https_stop(&rig->https);
  dns_stop(&rig->dns);
  https_authority_free(&rig->known);
  https_authority_free(&rig->unknown);
  fclose(stderr);
  stderr = rig->stderr_before;
  close(rig->log);
  unlink(rig->ca_file);
  directory_free(rig->path);
  free(rig);
}

static void end(struct rig *rig) {
  stop(rig);
  rig_free(rig);
}

static bool comes_true(const struct rig *rig, enum mtasts_counter counter, unsigned long long least,
                       int seconds) {
  for (int i = 0; i < 50 * seconds && counted(rig, counter) < least; i++)
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  return counted(rig, counter) >= least;
}

/* the tests */

static void answers_after_the_commit(void) {
  enum {
    MANY = 300
  };
  struct rig *rig = rig_new(64);
  char name[32];
  for (unsigned i = 1; i <= MANY; i++) {
    snprintf(name, sizeof name, "n%u.example", i);
    give(rig, MTASTS_JOB_LOOK_UP, name, true, i);
  }
  for (unsigned i = 1; i <= MANY; i++) {
    struct mtasts_entry entry;
    struct mtasts_job *job = take(rig, 5000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(job);
    CU_ASSERT_EQUAL(job->status, MTASTS_OK);
    CU_ASSERT_EQUAL(job->freshness, MTASTS_ASKED);
    CU_ASSERT_EQUAL(entry_of(job).record, MTASTS_RECORD_ABSENT);
    unit_check(mtasts_reader_get(rig->reader, &job->domain, &entry) == MTASTS_OK &&
                   entry.record == MTASTS_RECORD_ABSENT,
               "%s is answered, and not in the cache", job->domain.name);
    mtasts_job_free(job);
  }
  MDB_envinfo info;
  mdb_env_info(mtasts_store_cache(rig->store)->env, &info);
  unit_check(info.me_last_txnid < MANY / 2, "%lu commits", (unsigned long)info.me_last_txnid);
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_LOOKUPS), MANY);
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_REFRESHES), 0);
  /* Nothing is due any more: answered without asking. */
  unsigned queries = rig->dns.queries;
  CU_ASSERT_EQUAL(ask(rig, MTASTS_JOB_LOOK_UP, "n1.example").record, MTASTS_RECORD_ABSENT);
  CU_ASSERT_EQUAL(answer->freshness, MTASTS_CACHED);
  CU_ASSERT_EQUAL(rig->dns.queries, queries);
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_IN_FLIGHT), 0);
  end(rig);
}

static void is_one_flight_for_many(void) {
  struct rig *rig = rig_new(4);
  for (unsigned i = 1; i <= 20; i++)
    give(rig, MTASTS_JOB_LOOK_UP, "slow.example", true, i);
  give(rig, MTASTS_JOB_RECHECK, "slow.example", true, 21); /* it is being looked at */
  give(rig, MTASTS_JOB_LOOK_UP, "slow.example", false, 0); /* wants no answer */
  for (unsigned i = 1; i <= 21; i++) {
    struct mtasts_job *job = take_token(rig, i);
    CU_ASSERT_EQUAL(entry_of(job).failures, 1);
    mtasts_job_free(job);
  }
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_LOOKUPS), 1);
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_DNS_FAILURES), 1);
  end(rig);
}

/* One place: whoever waits is served in between. */
static void serves_the_waiting_first(void) {
  static const uintptr_t order[] = {1, 12, 15, 11, 13, 14};
  struct rig *rig = rig_new(64);
  struct mtasts_job *configure = mtasts_job_new(MTASTS_JOB_CONFIGURE);
  configure->snapshot = configuration(rig, 1);
  CU_ASSERT_EQUAL(finish_job(rig, configure), MTASTS_OK);
  give(rig, MTASTS_JOB_LOOK_UP, "slow.example", true, 1);
  give(rig, MTASTS_JOB_LOOK_UP, "b1.example", false, 11);
  give(rig, MTASTS_JOB_LOOK_UP, "b2.example", false, 12);
  give(rig, MTASTS_JOB_LOOK_UP, "b3.example", false, 13);
  give(rig, MTASTS_JOB_LOOK_UP, "b4.example", false, 14);
  give(rig, MTASTS_JOB_LOOK_UP, "b2.example", true, 0); /* now somebody waits for it */
  give(rig, MTASTS_JOB_LOOK_UP, "w1.example", true, 15);
  for (size_t i = 0; i < sizeof order / sizeof *order; i++)
    mtasts_job_free(take_token(rig, order[i]));
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_REFRESHES), 3);
  end(rig);
}

static void is_full_some_time_and_stops(void) {
  enum {
    HALF = MTASTS_NET_WAITING_MAX / 2,
    MORE = 10
  };
  struct rig *rig = prepare();
  unsigned full = 0;
  unsigned cut = 0;
  char name[32];
  rig->dns_timeout = 60;
  start(rig, 1);
  give(rig, MTASTS_JOB_LOOK_UP, "slow.example", true, 1);
  CU_ASSERT_TRUE(comes_true(rig, MTASTS_COUNT_IN_FLIGHT, 1, 5));
  for (unsigned i = 0; i < 2 * (HALF + MORE); i++) {
    snprintf(name, sizeof name, "n%u.example", i);
    give(rig, MTASTS_JOB_LOOK_UP, name, i >= HALF + MORE, 2);
  }
  stop(rig);
  for (struct mtasts_job *job; (job = take(rig, 0)); mtasts_job_free(job)) {
    full += job->status == MTASTS_FULL;
    cut += job->status == MTASTS_TIMEOUT;
  }
  CU_ASSERT_EQUAL(full, 2 * MORE);
  CU_ASSERT_EQUAL(cut, 1 + MTASTS_NET_WAITING_MAX);
  rig_free(rig);
}

static void does_a_refresh_after_a_look_up(void) {
  struct rig *rig = rig_new(4);
  give(rig, MTASTS_JOB_LOOK_UP, "slow.example", true, 1);
  CU_ASSERT_TRUE(comes_true(rig, MTASTS_COUNT_IN_FLIGHT, 1, 5));
  give(rig, MTASTS_JOB_REFRESH, "slow.example", true, 2);
  give(rig, MTASTS_JOB_REFRESH, "slow.example", true, 3);
  give(rig, MTASTS_JOB_LOOK_UP, "slow.example", true, 4);
  for (unsigned i = 0; i < 4; i++) {
    static const uintptr_t order[] = {1, 4, 2, 3};
    struct mtasts_job *job = take_token(rig, order[i]);
    CU_ASSERT_EQUAL(entry_of(job).failures, i < 2 ? 1 : 2);
    mtasts_job_free(job);
  }
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_LOOKUPS), 2);
  end(rig);
}

static void rechecks_once_a_minute(void) {
  struct rig *rig = rig_new(4);
  struct sample sample;
  CU_ASSERT_EQUAL(ask(rig, MTASTS_JOB_LOOK_UP, "good.example").policy.mode, MTASTS_MODE_ENFORCE);
  CU_ASSERT_EQUAL(answer->freshness, MTASTS_FETCHED);
  unsigned queries = rig->dns.queries;
  CU_ASSERT_TRUE(ask(rig, MTASTS_JOB_RECHECK, "good.example").has_policy);
  CU_ASSERT_EQUAL(answer->freshness, MTASTS_CACHED);
  CU_ASSERT_EQUAL(rig->dns.queries, queries);
  aged(&sample, MTASTS_MODE_ENFORCE, 604800, MTASTS_RECHECK_EVERY)->next_check += 300;
  snprintf(sample.entry.policy_id, sizeof sample.entry.policy_id, "20260101");
  snprintf(sample.entry.record_id, sizeof sample.entry.record_id, "20260101");
  CU_ASSERT_EQUAL(import(rig, "good.example", &sample.entry), MTASTS_OK);
  rig->dns.zone = changed_zone;
  ask(rig, MTASTS_JOB_LOOK_UP, "good.example");
  CU_ASSERT_NOT_EQUAL(answer->freshness, MTASTS_FETCHED); /* its TTL is not over */
  CU_ASSERT_STRING_EQUAL(ask(rig, MTASTS_JOB_RECHECK, "good.example").policy_id, "20260202");
  CU_ASSERT_EQUAL(answer->freshness, MTASTS_FETCHED);
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_RECHECKS), 1);
  ask(rig, MTASTS_JOB_RECHECK, "good.example");
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_RECHECKS), 1);
  ask(rig, MTASTS_JOB_RECHECK, "nowhere.example"); /* unknown: looked up */
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_RECHECKS), 2);
  end(rig);
}

static void changes_the_cache(void) {
  struct rig *rig = rig_new(4);
  struct mtasts_entry entry;
  struct sample sample;
  struct mtasts_domain name = domain("slow.example");
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_REMOVE);
  job->domain = name;
  CU_ASSERT_EQUAL(finish_job(rig, job), MTASTS_ABSENT);
  CU_ASSERT_EQUAL(import(rig, "slow.example", aged(&sample, MTASTS_MODE_TESTING, 604800, 60)),
                  MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_reader_get(rig->reader, &name, &entry), MTASTS_OK);

  /* What is in the air knows a policy that is removed meanwhile, and must not bring it back. */
  give(rig, MTASTS_JOB_REFRESH, "slow.example", true, 1);
  CU_ASSERT_TRUE(comes_true(rig, MTASTS_COUNT_IN_FLIGHT, 1, 5));
  give(rig, MTASTS_JOB_REMOVE, "slow.example", true, 2);
  job = take_token(rig, 2);
  CU_ASSERT_EQUAL(job->status, MTASTS_OK);
  mtasts_job_free(job);
  CU_ASSERT_EQUAL(mtasts_reader_get(rig->reader, &name, &entry), MTASTS_ABSENT);
  job = take_token(rig, 1);
  CU_ASSERT_FALSE(entry_of(job).has_policy);
  mtasts_job_free(job);

  aged(&sample, MTASTS_MODE_TESTING, 604800, 60)->policy_id[0] = ' ';
  CU_ASSERT_EQUAL(import(rig, "forged.example", &sample.entry), MTASTS_INVALID);
  job = mtasts_job_new(MTASTS_JOB_IMPORT);
  job->domain = name;
  CU_ASSERT_EQUAL(finish_job(rig, job), MTASTS_CORRUPT);
  end(rig);
}

static void tells_what_is_new(void) {
  struct rig *rig = rig_new(4);
  ask(rig, MTASTS_JOB_LOOK_UP, "good.example");
  check_logged(rig, 1, "policy domain=good.example mode=enforce id=20260101 max_age=604800 mx=1\n");
  ask(rig, MTASTS_JOB_REFRESH, "good.example");
  check_logged(rig, 1, "policy domain=");
  rig->dns.zone = changed_zone;
  ask(rig, MTASTS_JOB_REFRESH, "good.example");
  check_logged(rig, 1, "id=20260202 max_age=604800 mx=1 was_mode=enforce was_id=20260101\n");
  ask(rig, MTASTS_JOB_LOOK_UP, "refused.example");
  ask(rig, MTASTS_JOB_REFRESH, "refused.example");
  check_logged(rig, 1,
               "lookup domain=refused.example error=sts-policy-fetch-error detail=\"cannot connect "
               "to mta-sts.refused.example: Connection refused\"\n");
  ask(rig, MTASTS_JOB_LOOK_UP, "servfail.example");
  ask(rig, MTASTS_JOB_LOOK_UP, "nowhere.example");
  check_logged(rig, 3, "mtasts: "); /* that was all */
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_FETCH_FAILURES), 2);
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_DNS_FAILURES), 1);
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_ALERTS), 0);
  end(rig);
}

static void alerts_before_the_end(void) {
  struct rig *rig = rig_new(4);
  struct sample sample;
  /* Failing, but with more than half of its life before it. */
  CU_ASSERT_EQUAL(import(rig, "refused.example", aged(&sample, MTASTS_MODE_ENFORCE, 1200, 60)),
                  MTASTS_OK);
  CU_ASSERT_TRUE(ask(rig, MTASTS_JOB_REFRESH, "refused.example").has_policy);
  check_logged(rig, 1,
               "refresh domain=refused.example error=sts-policy-fetch-error detail=\"cannot "
               "connect to mta-sts.refused.example: Connection refused\" expires=2");
  check_logged(rig, 0, "alert=");
  /* Near its end. */
  CU_ASSERT_EQUAL(import(rig, "refused.example", aged(&sample, MTASTS_MODE_ENFORCE, 1200, 700)),
                  MTASTS_OK);
  ask(rig, MTASTS_JOB_LOOK_UP, "refused.example");
  check_logged(rig, 2, "refresh domain=refused.example");
  check_logged(rig, 1, "alert=policy-expiring domain=refused.example expires=2");
  check_logged(rig, 1,
               ": its mail will be sent without MTA-STS from then on; check "
               "https://mta-sts.refused.example/.well-known/mta-sts.txt from this machine\n");
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_ALERTS), 1);
  /* At its end: told once. */
  aged(&sample, MTASTS_MODE_ENFORCE, 1200, 1300);
  sample.entry.failures = 3;
  sample.entry.error = MTASTS_ERROR_POLICY_FETCH;
  CU_ASSERT_EQUAL(import(rig, "old.example", &sample.entry), MTASTS_OK);
  ask(rig, MTASTS_JOB_LOOK_UP, "old.example");
  ask(rig, MTASTS_JOB_REFRESH, "old.example");
  check_logged(rig, 1, "alert=policy-expired domain=old.example expires=2");
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_ALERTS), 2);
  /* RFC 8461 section 3.3: nobody is alarmed of a domain that leaves. */
  CU_ASSERT_EQUAL(import(rig, "leaving.example", aged(&sample, MTASTS_MODE_NONE, 1200, 700)),
                  MTASTS_OK);
  ask(rig, MTASTS_JOB_LOOK_UP, "leaving.example");
  check_logged(rig, 0, "domain=leaving.example");
  end(rig);
}

/* Half of its life passes long before the hand comes: nobody asks, and it is fetched. */
static void follows_the_agenda(void) {
  struct rig *rig = rig_new(4);
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_domain name = domain("good.example");
  CU_ASSERT_EQUAL(import(rig, "good.example", aged(&sample, MTASTS_MODE_ENFORCE, 590, 301)),
                  MTASTS_OK);
  CU_ASSERT_TRUE(comes_true(rig, MTASTS_COUNT_REFRESHES, 1, 4));
  ask(rig, MTASTS_JOB_LOOK_UP, "good.example"); /* behind the commit */
  CU_ASSERT_EQUAL(mtasts_reader_get(rig->reader, &name, &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(entry.policy.max_age, 604800);
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_LOOKUPS), 1);
  end(rig);
}

static void lets_the_hand_go_round(void) {
  enum {
    MANY = 1500
  }; /* five a second */
  struct rig *rig = prepare();
  struct sample sample;
  char name[32];
  for (unsigned i = 0; i < MANY; i++) {
    snprintf(name, sizeof name, "n%u.bulk.example", i);
    aged(&sample, MTASTS_MODE_TESTING, 604800, 86400);
    store_put(rig->store, name, &sample.entry);
    absent(&sample);
    sample.entry.checked = sample.entry.next_check = time(NULL) - 2 * 86400;
    snprintf(name, sizeof name, "n%u.gone.example", i);
    store_put(rig->store, name, &sample.entry);
  }
  CU_ASSERT_EQUAL(mtasts_store_flush(rig->store), MTASTS_OK);
  start(rig, 64);
  CU_ASSERT_TRUE(comes_true(rig, MTASTS_COUNT_REFRESHES, 5, 5));
  stop(rig);
  unsigned long long refreshed = counted(rig, MTASTS_COUNT_REFRESHES);
  unit_check(refreshed < 30, "%llu at once", refreshed);
  CU_ASSERT_EQUAL(counted(rig, MTASTS_COUNT_FETCH_FAILURES), refreshed);
  struct mtasts_cache_stats stats = count(mtasts_store_cache(rig->store));
  CU_ASSERT_EQUAL(stats.policies, MANY);
  unit_check(stats.absent <= MANY - 5 && stats.absent > MANY - 30, "%lu are left",
             (unsigned long)stats.absent);
  rig_free(rig);
}

const struct unit_test unit_tests[] = {
    {"answers after the commit, and commits in groups", answers_after_the_commit},
    {"one look-up a domain, however many ask", is_one_flight_for_many},
    {"what somebody waits for goes first", serves_the_waiting_first},
    {"takes no more than it may, and stops at once", is_full_some_time_and_stops},
    {"a refresh during a look-up is done after it", does_a_refresh_after_a_look_up},
    {"a recheck asks at most once a minute", rechecks_once_a_minute},
    {"imports and removes, also under a look-up", changes_the_cache},
    {"tells of new policies and of first failures", tells_what_is_new},
    {"alerts before an enforce policy ends, and at its end", alerts_before_the_end},
    {"a short-lived policy is fetched ahead", follows_the_agenda},
    {"the hand refreshes and removes", lets_the_hand_go_round},
    {NULL, NULL},
};
