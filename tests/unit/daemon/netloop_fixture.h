/*
 * netloop_fixture.h: what stands around the net loop in its test: a DNS server and an HTTPS server
 * in a namespace of the test, a store, the queues, and the log in a file.
 */
#ifndef NETLOOP_FIXTURE_H
#define NETLOOP_FIXTURE_H

#include "netloop.h"
#include "unstored.h"

#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "../cache/fixture.h"
#include "../net/namespace.h"
#include "../net/scripted_dns.h"
#include "../net/scripted_https.h"

#define RECORD(id) "v=STSv1; id=" id ";"
#define PUBLISHES(domain, id)                                                                      \
  {"_mta-sts." domain, "TXT", RECORD(id)}, {                                                       \
    "mta-sts." domain, "A", "127.0.0.1"                                                            \
  }

#define COMMON                                                                                     \
  {"*slow.example", "DROP", ""}, {"*late.example", "SLOW", "300"},                                 \
      {"_mta-sts.refused.example", "TXT", RECORD("1")},                                            \
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

struct fixture {
  char path[32];
  char ca_file[64];
  unsigned dns_timeout;             /* seconds: how long slow.example takes */
  unsigned https_timeout, deadline; /* seconds */
  unsigned interval;                /* of refreshes, seconds */
  const char *dnssec;               /* what mtasts.conf says of it */
  const char *servers;              /* likewise */
  const char *proxy;                /* likewise; NULL: nothing */
  struct dns_server dns;
  struct https_authority known, unknown;
  struct https_server https;
  struct mtasts_store *store;
  struct mtasts_reader *reader; /* the front loop's, as it were */
  struct mtasts_usage_filter *usage;
  struct mtasts_stats stats;
  struct mtasts_queue inbox, to_front;
  struct mtasts_jobs answers;
  struct mtasts_unstored unstored; /* what the store did not take */
  struct mtasts_netloop *loop;
  pthread_t thread;
  FILE *stderr_before;
  int log;
};

static struct mtasts_snapshot *configuration(const struct fixture *fixture, unsigned in_flight) {
  char text[1024];
  char error[MTASTS_ERROR_TEXT] = "";
  struct mtasts_config *config = NULL;
  int length = snprintf(text, sizeof text,
                        "dns {\n %s\n timeout = %u\n %s\n}\n"
                        "https {\n ca_file = \"%s\"\n allow_private = true\n timeout = %u\n %s\n}\n"
                        "refresh {\n interval = %u\n in_flight = %u\n deadline = %u\n}\n",
                        fixture->servers, fixture->dns_timeout, fixture->dnssec, fixture->ca_file,
                        fixture->https_timeout, fixture->proxy ? fixture->proxy : "",
                        fixture->interval, in_flight, fixture->deadline);
  enum mtasts_status status =
      mtasts_config_parse((struct mtasts_span){text, (size_t)length}, "test", error, &config);
  unit_check(status == MTASTS_OK, "configuration: %s", error);
  CU_ASSERT_EQUAL_FATAL(status, MTASTS_OK);
  return mtasts_snapshot_new(config);
}

static void *run(void *loop) {
  mtasts_netloop_run(loop);
  return NULL;
}

/* What is logged goes to a file in memory; what a sanitizer has to say does not. */
static void capture_log(struct fixture *fixture) {
  fixture->log = memfd_create("log", MFD_CLOEXEC);
  fixture->stderr_before = stderr;
  stderr = fdopen(dup(fixture->log), "a");
  setvbuf(stderr, NULL, _IONBF, 0);
}

static void start(struct fixture *fixture, unsigned in_flight) {
  char error[MTASTS_ERROR_TEXT] = "";
  struct mtasts_snapshot *snapshot = configuration(fixture, in_flight);
  const struct mtasts_netloop_options options = {.snapshot = snapshot,
                                                 .store = fixture->store,
                                                 .inbox = &fixture->inbox,
                                                 .to_front = &fixture->to_front,
                                                 .usage = fixture->usage,
                                                 .stats = &fixture->stats};
  enum mtasts_status status = mtasts_netloop_new(&options, error, &fixture->loop);
  unit_check(status == MTASTS_OK, "net loop: %s", error);
  CU_ASSERT_EQUAL_FATAL(status, MTASTS_OK);
  mtasts_snapshot_unref(snapshot);
  CU_ASSERT_EQUAL_FATAL(pthread_create(&fixture->thread, NULL, run, fixture->loop), 0);
}

/* Everything but the loop. */
static struct fixture *prepare(void) {
  struct fixture *fixture = calloc(1, sizeof *fixture);
  CU_ASSERT_PTR_NOT_NULL_FATAL(fixture);
  CU_ASSERT_TRUE_FATAL(namespace_enter());
  fixture->dns_timeout = 1;
  fixture->https_timeout = 2;
  fixture->deadline = 20;
  fixture->interval = 300;
  fixture->dnssec = "dnssec = \"off\"";
  fixture->servers = "servers = {\"127.0.0.1\"}";
  directory_new(fixture->path);
  snprintf(fixture->ca_file, sizeof fixture->ca_file, "/tmp/mtasts-netloop-XXXXXX");
  close(mkstemp(fixture->ca_file));
  fixture->known = https_authority("Test CA");
  fixture->unknown = https_authority("Nobody");
  CU_ASSERT_TRUE_FATAL(https_write_bundle(&fixture->known, fixture->ca_file));
  CU_ASSERT_TRUE_FATAL(dns_start(&fixture->dns, 53, zone));
  CU_ASSERT_TRUE_FATAL(https_start(&fixture->https, "127.0.0.1", GLOBAL_ADDRESS, sites,
                                   &fixture->known, &fixture->unknown));
  fixture->store = store_open(fixture->path);
  fixture->usage = mtasts_usage_filter_new(time(NULL));
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(mtasts_store_cache(fixture->store), &fixture->reader),
                        MTASTS_OK);
  CU_ASSERT_TRUE_FATAL(mtasts_queue_init(&fixture->inbox) && mtasts_queue_init(&fixture->to_front));
  mtasts_unstored_init(&fixture->unstored);
  STAILQ_INIT(&fixture->answers);
  capture_log(fixture);
  return fixture;
}

__attribute__((unused)) static struct fixture *fixture_up(unsigned in_flight) {
  struct fixture *fixture = prepare();
  start(fixture, in_flight);
  return fixture;
}

__attribute__((unused)) static void give(struct fixture *fixture, enum mtasts_job_kind kind,
                                         const char *name, bool waited, uintptr_t token) {
  struct mtasts_job *job = mtasts_job_new(kind);
  job->domain = domain("%s", name);
  job->waited = waited;
  job->token = (void *)token;
  mtasts_queue_give(&fixture->inbox, job);
}

static struct mtasts_job *take_any(struct fixture *fixture, int milliseconds) {
  struct pollfd ready = {.fd = fixture->to_front.fd, .events = POLLIN};
  if (STAILQ_EMPTY(&fixture->answers) && poll(&ready, 1, milliseconds) > 0)
    mtasts_queue_take(&fixture->to_front, &fixture->answers);
  struct mtasts_job *job = STAILQ_FIRST(&fixture->answers);
  if (job)
    STAILQ_REMOVE_HEAD(&fixture->answers, link);
  return job;
}

/* The next answer, or NULL after so many milliseconds. Other messages to the front loop are kept as
 * it would do. */
static struct mtasts_job *take(struct fixture *fixture, int milliseconds) {
  struct mtasts_job *job;
  while ((job = take_any(fixture, milliseconds)) && job->kind == MTASTS_JOB_UNSTORED) {
    mtasts_unstored_set(&fixture->unstored, &job->domain, job->value, job->value_size);
    job->value = NULL;
    mtasts_job_free(job);
  }
  return job;
}

static struct mtasts_job *take_token(struct fixture *fixture, uintptr_t token) {
  struct mtasts_job *job = take(fixture, 5000);
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

static enum mtasts_status finish_job(struct fixture *fixture, struct mtasts_job *job) {
  job->token = fixture;
  mtasts_queue_give(&fixture->inbox, job);
  mtasts_job_free(answer);
  answer = take_token(fixture, (uintptr_t)fixture);
  return answer->status;
}

static struct mtasts_entry ask(struct fixture *fixture, enum mtasts_job_kind kind,
                               const char *name) {
  struct mtasts_job *job = mtasts_job_new(kind);
  job->domain = domain("%s", name);
  job->waited = true;
  CU_ASSERT_EQUAL(finish_job(fixture, job), MTASTS_OK);
  return entry_of(answer);
}

__attribute__((unused)) static enum mtasts_status import(struct fixture *fixture, const char *name,
                                                         const struct mtasts_entry *entry) {
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_IMPORT);
  job->domain = domain("%s", name);
  job->value_size = mtasts_entry_size(entry);
  job->value = malloc(job->value_size);
  mtasts_entry_encode(entry, job->value);
  return finish_job(fixture, job);
}

/* A policy under id 1, fetched so many seconds ago. */
__attribute__((unused)) static struct mtasts_entry *
aged(struct sample *sample, enum mtasts_mode mode, uint32_t max_age, int64_t age) {
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

static unsigned long long counted(const struct fixture *fixture, enum mtasts_counter counter) {
  return mtasts_count_get(&fixture->stats, counter);
}

/* How many lines of the log have these words in them. */
static unsigned logged(const struct fixture *fixture, const char *words) {
  char text[65536];
  ssize_t length = pread(fixture->log, text, sizeof text - 1, 0);
  unsigned count = 0;
  text[length > 0 ? length : 0] = '\0';
  for (const char *at = text; (at = strstr(at, words)); at++)
    count++;
  return count;
}

__attribute__((unused)) static void check_logged(const struct fixture *fixture, unsigned times,
                                                 const char *words) {
  unsigned found = logged(fixture, words);
  unit_check(found == times, "%u lines, not %u: %s", found, times, words);
}

static void stop(struct fixture *fixture) {
  mtasts_queue_give(&fixture->inbox, mtasts_job_new(MTASTS_JOB_STOP));
  pthread_join(fixture->thread, NULL);
}

static void fixture_down(struct fixture *fixture) {
  mtasts_job_free(answer);
  answer = NULL;
  mtasts_netloop_free(fixture->loop);
  for (struct mtasts_job *job; (job = take(fixture, 0));)
    mtasts_job_free(job);
  mtasts_queue_destroy(&fixture->inbox);
  mtasts_queue_destroy(&fixture->to_front);
  mtasts_unstored_free(&fixture->unstored);
  mtasts_reader_free(fixture->reader);
  mtasts_usage_filter_free(fixture->usage);
  mtasts_store_close(fixture->store);
  https_stop(&fixture->https);
  dns_stop(&fixture->dns);
  https_authority_free(&fixture->known);
  https_authority_free(&fixture->unknown);
  fclose(stderr);
  stderr = fixture->stderr_before;
  close(fixture->log);
  unlink(fixture->ca_file);
  directory_free(fixture->path);
  free(fixture);
}

static void end(struct fixture *fixture) {
  stop(fixture);
  fixture_down(fixture);
}

__attribute__((unused)) static bool comes_true(const struct fixture *fixture,
                                               enum mtasts_counter counter,
                                               unsigned long long least, int seconds) {
  for (int i = 0; i < 50 * seconds && counted(fixture, counter) < least; i++)
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  return counted(fixture, counter) >= least;
}

#endif
