#include "netloop_fixture.h"

#include "dns_message.h"
#include "scheduler.h"

const char *const unit_name = "daemon/netloop";

/* the tests */

static void answers_after_the_commit(void) {
  enum {
    MANY = 300
  };
  struct fixture *fixture = fixture_up(64);
  char name[32];
  for (unsigned i = 1; i <= MANY; i++) {
    snprintf(name, sizeof name, "n%u.example", i);
    give(fixture, MTASTS_JOB_LOOK_UP, name, true, i);
  }
  for (unsigned i = 1; i <= MANY; i++) {
    struct mtasts_entry entry;
    struct mtasts_job *job = take(fixture, 5000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(job);
    CU_ASSERT_EQUAL(job->status, MTASTS_OK);
    CU_ASSERT_EQUAL(job->freshness, MTASTS_ASKED);
    CU_ASSERT_EQUAL(entry_of(job).record, MTASTS_RECORD_ABSENT);
    unit_check(mtasts_reader_get(fixture->reader, &job->domain, &entry) == MTASTS_OK &&
                   entry.record == MTASTS_RECORD_ABSENT,
               "%s is answered, and not in the cache", job->domain.name);
    mtasts_job_free(job);
  }
  MDB_envinfo info;
  mdb_env_info(mtasts_store_cache(fixture->store)->env, &info);
  unit_check(info.me_last_txnid < MANY / 2, "%lu commits", (unsigned long)info.me_last_txnid);
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_LOOKUPS), MANY);
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_REFRESHES), 0);
  /* Nothing is due any more: answered without asking. */
  unsigned queries = fixture->dns.queries;
  CU_ASSERT_EQUAL(ask(fixture, MTASTS_JOB_LOOK_UP, "n1.example").record, MTASTS_RECORD_ABSENT);
  CU_ASSERT_EQUAL(answer->freshness, MTASTS_CACHED);
  CU_ASSERT_EQUAL(fixture->dns.queries, queries);
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_IN_FLIGHT), 0);
  end(fixture);
}

static void is_one_flight_for_many(void) {
  struct fixture *fixture = fixture_up(4);
  for (unsigned i = 1; i <= 20; i++)
    give(fixture, MTASTS_JOB_LOOK_UP, "slow.example", true, i);
  give(fixture, MTASTS_JOB_RECHECK, "slow.example", true, 21); /* it is being looked at */
  give(fixture, MTASTS_JOB_LOOK_UP, "slow.example", false, 0); /* wants no answer */
  for (unsigned i = 1; i <= 21; i++) {
    struct mtasts_job *job = take_token(fixture, i);
    CU_ASSERT_EQUAL(entry_of(job).failures, 1);
    mtasts_job_free(job);
  }
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_LOOKUPS), 1);
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_DNS_FAILURES), 1);
  end(fixture);
}

/* With one slot: a request that waits is served in between. */
static void serves_the_waiting_first(void) {
  static const uintptr_t order[] = {1, 12, 15, 11, 13, 14};
  struct fixture *fixture = fixture_up(64);
  struct mtasts_job *configure = mtasts_job_new(MTASTS_JOB_CONFIGURE);
  configure->snapshot = configuration(fixture, 1);
  CU_ASSERT_EQUAL(finish_job(fixture, configure), MTASTS_OK);
  give(fixture, MTASTS_JOB_LOOK_UP, "late.example", true, 1);
  give(fixture, MTASTS_JOB_LOOK_UP, "b1.example", false, 11);
  give(fixture, MTASTS_JOB_LOOK_UP, "b2.example", false, 12);
  give(fixture, MTASTS_JOB_LOOK_UP, "b3.example", false, 13);
  give(fixture, MTASTS_JOB_LOOK_UP, "b4.example", false, 14);
  give(fixture, MTASTS_JOB_LOOK_UP, "b2.example", true, 0); /* now a request waits for it */
  give(fixture, MTASTS_JOB_LOOK_UP, "w1.example", true, 15);
  for (size_t i = 0; i < sizeof order / sizeof *order; i++)
    mtasts_job_free(take_token(fixture, order[i]));
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_REFRESHES), 3);
  end(fixture);
}

/* Three of four places are taken by hosts that do not answer; one is not theirs to take. */
static void refreshes_beside_questions(void) {
  struct fixture *fixture = prepare();
  fixture->dns_timeout = 60;
  start(fixture, 4);
  give(fixture, MTASTS_JOB_LOOK_UP, "aslow.example", true, 1);
  give(fixture, MTASTS_JOB_LOOK_UP, "bslow.example", true, 1);
  give(fixture, MTASTS_JOB_LOOK_UP, "cslow.example", true, 1);
  give(fixture, MTASTS_JOB_LOOK_UP, "dslow.example", true, 1);
  give(fixture, MTASTS_JOB_LOOK_UP, "n1.example", false, 2);
  mtasts_job_free(take_token(fixture, 2));
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_IN_FLIGHT), 3);
  end(fixture);
}

/* Looks up a good domain while many wait for servers that answer nothing. */
static void check_beside(const char *names, unsigned count) {
  enum {
    TIMEOUT = 30,       /* seconds: of the slow ones */
    IN_TIME_MS = 12000, /* the good one; on a quiet machine two seconds at most */
    GOOD = 1,
    SLOW = 100
  };
  struct fixture *fixture = prepare();
  struct mtasts_job *job;
  char name[64];
  fixture->dns_timeout = TIMEOUT;
  start(fixture, 8);
  for (unsigned i = 0; i < count; i++) {
    snprintf(name, sizeof name, "%u%s", i, names);
    give(fixture, MTASTS_JOB_LOOK_UP, name, true, SLOW + i);
  }
  give(fixture, MTASTS_JOB_LOOK_UP, "good.example", true, GOOD);
  while ((job = take(fixture, IN_TIME_MS)) && (uintptr_t)job->token != GOOD)
    mtasts_job_free(job);
  unit_check(job && job->status == MTASTS_OK, "%u of *%s: no answer in time", count, names);
  mtasts_job_free(job);
  end(fixture);
}

static void is_not_held_up(void) {
  check_beside(".slow.example", 500);
  check_beside("slow.example", 24); /* each of an owner of its own */
}

static void is_full_some_time_and_stops(void) {
  enum {
    HALF = MTASTS_NET_WAITING_MAX / 2,
    MORE = 10
  };
  struct fixture *fixture = prepare();
  unsigned full = 0;
  unsigned cut = 0;
  char name[32];
  fixture->dns_timeout = 60;
  start(fixture, 1);
  give(fixture, MTASTS_JOB_LOOK_UP, "slow.example", true, 1);
  CU_ASSERT_TRUE(comes_true(fixture, MTASTS_COUNT_IN_FLIGHT, 1, 5));
  for (unsigned i = 0; i < 2 * (HALF + MORE); i++) {
    snprintf(name, sizeof name, "n%u.example", i);
    give(fixture, MTASTS_JOB_LOOK_UP, name, i >= HALF + MORE, 2);
  }
  stop(fixture);
  for (struct mtasts_job *job; (job = take(fixture, 0)); mtasts_job_free(job)) {
    full += job->status == MTASTS_FULL;
    cut += job->status == MTASTS_TIMEOUT;
  }
  CU_ASSERT_EQUAL(full, 2 * MORE);
  CU_ASSERT_EQUAL(cut, 1 + MTASTS_NET_WAITING_MAX);
  fixture_down(fixture);
}

static void does_a_refresh_after_a_look_up(void) {
  struct fixture *fixture = fixture_up(4);
  give(fixture, MTASTS_JOB_LOOK_UP, "slow.example", true, 1);
  CU_ASSERT_TRUE(comes_true(fixture, MTASTS_COUNT_IN_FLIGHT, 1, 5));
  give(fixture, MTASTS_JOB_REFRESH, "slow.example", true, 2);
  give(fixture, MTASTS_JOB_REFRESH, "slow.example", true, 3);
  give(fixture, MTASTS_JOB_LOOK_UP, "slow.example", true, 4);
  for (unsigned i = 0; i < 4; i++) {
    static const uintptr_t order[] = {1, 4, 2, 3};
    struct mtasts_job *job = take_token(fixture, order[i]);
    CU_ASSERT_EQUAL(entry_of(job).failures, i < 2 ? 1 : 2);
    mtasts_job_free(job);
  }
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_LOOKUPS), 2);
  end(fixture);
}

static void rechecks_once_a_minute(void) {
  struct fixture *fixture = fixture_up(4);
  struct sample sample;
  CU_ASSERT_EQUAL(ask(fixture, MTASTS_JOB_LOOK_UP, "good.example").policy.mode,
                  MTASTS_MODE_ENFORCE);
  CU_ASSERT_EQUAL(answer->freshness, MTASTS_FETCHED);
  unsigned queries = fixture->dns.queries;
  CU_ASSERT_TRUE(ask(fixture, MTASTS_JOB_RECHECK, "good.example").has_policy);
  CU_ASSERT_EQUAL(answer->freshness, MTASTS_CACHED);
  CU_ASSERT_EQUAL(fixture->dns.queries, queries);
  aged(&sample, MTASTS_MODE_ENFORCE, 604800, MTASTS_RECHECK_EVERY)->next_check += 300;
  snprintf(sample.entry.policy_id, sizeof sample.entry.policy_id, "20260101");
  snprintf(sample.entry.record_id, sizeof sample.entry.record_id, "20260101");
  CU_ASSERT_EQUAL(import(fixture, "good.example", &sample.entry), MTASTS_OK);
  fixture->dns.zone = changed_zone;
  ask(fixture, MTASTS_JOB_LOOK_UP, "good.example");
  CU_ASSERT_NOT_EQUAL(answer->freshness, MTASTS_FETCHED); /* its TTL is not over */
  CU_ASSERT_STRING_EQUAL(ask(fixture, MTASTS_JOB_RECHECK, "good.example").policy_id, "20260202");
  CU_ASSERT_EQUAL(answer->freshness, MTASTS_FETCHED);
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_RECHECKS), 1);
  ask(fixture, MTASTS_JOB_RECHECK, "good.example");
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_RECHECKS), 1);
  ask(fixture, MTASTS_JOB_RECHECK, "nowhere.example"); /* unknown: looked up */
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_RECHECKS), 2);
  end(fixture);
}

static void remove_nothing(struct fixture *fixture) {
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_REMOVE);
  job->domain = domain("nowhere.example");
  CU_ASSERT_EQUAL(finish_job(fixture, job), MTASTS_ABSENT);
}

/* The outcomes of a busy MTA's failures, while the first look-up is under way. */
static void keeps_no_job_that_nobody_wants(void) {
  struct fixture *fixture = fixture_up(4);
  give(fixture, MTASTS_JOB_RECHECK, "slow.example", false, 0);
  CU_ASSERT_TRUE(comes_true(fixture, MTASTS_COUNT_IN_FLIGHT, 1, 5));
  remove_nothing(fixture); /* LMDB has its buffers then */
  size_t before = mallinfo2().uordblks;
  for (unsigned i = 0; i < 4000; i++)
    give(fixture, MTASTS_JOB_RECHECK, "slow.example", false, 0);
  remove_nothing(fixture); /* after all of them */
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_IN_FLIGHT), 1);
  size_t after = mallinfo2().uordblks;
  unit_check(after < before + 100000, "%zu bytes more", after - before);
  end(fixture);
}

static void changes_the_cache(void) {
  struct fixture *fixture = fixture_up(4);
  struct mtasts_entry entry;
  struct sample sample;
  struct mtasts_domain name = domain("slow.example");
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_REMOVE);
  job->domain = name;
  CU_ASSERT_EQUAL(finish_job(fixture, job), MTASTS_ABSENT);
  CU_ASSERT_EQUAL(import(fixture, "slow.example", aged(&sample, MTASTS_MODE_TESTING, 604800, 60)),
                  MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_reader_get(fixture->reader, &name, &entry), MTASTS_OK);

  /* What is running knows a policy that is removed meanwhile, and must not bring it back. */
  give(fixture, MTASTS_JOB_REFRESH, "slow.example", true, 1);
  CU_ASSERT_TRUE(comes_true(fixture, MTASTS_COUNT_IN_FLIGHT, 1, 5));
  give(fixture, MTASTS_JOB_REMOVE, "slow.example", true, 2);
  job = take_token(fixture, 2);
  CU_ASSERT_EQUAL(job->status, MTASTS_OK);
  mtasts_job_free(job);
  CU_ASSERT_EQUAL(mtasts_reader_get(fixture->reader, &name, &entry), MTASTS_ABSENT);
  job = take_token(fixture, 1);
  CU_ASSERT_FALSE(entry_of(job).has_policy);
  mtasts_job_free(job);

  aged(&sample, MTASTS_MODE_TESTING, 604800, 60)->policy_id[0] = ' ';
  CU_ASSERT_EQUAL(import(fixture, "forged.example", &sample.entry), MTASTS_INVALID);
  job = mtasts_job_new(MTASTS_JOB_IMPORT);
  job->domain = name;
  CU_ASSERT_EQUAL(finish_job(fixture, job), MTASTS_CORRUPT);
  end(fixture);
}

/* From here on no file takes bytes beyond its first 4 KiB; or all are free to grow again. */
static void fill_disk(bool full) {
  struct rlimit limit;
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = full ? 4096 : limit.rlim_max;
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void remembers_what_is_not_stored(void) {
  static const char *const names[] = {"good.example", "refused.example", "nowhere.example"};
  struct fixture *fixture = fixture_up(4);
  struct mtasts_entry entry;
  fill_disk(true);
  for (size_t i = 0; i < 3; i++) {
    struct mtasts_domain name = domain("%s", names[i]);
    ask(fixture, MTASTS_JOB_LOOK_UP, names[i]);
    CU_ASSERT_NOT_EQUAL(answer->freshness, MTASTS_CACHED);
    CU_ASSERT_EQUAL(mtasts_reader_get(fixture->reader, &name, &entry), MTASTS_ABSENT);
  }
  unsigned queries = fixture->dns.queries;
  for (size_t i = 0; i < 12; i++)
    CU_ASSERT_EQUAL(
        ask(fixture, i < 6 ? MTASTS_JOB_LOOK_UP : MTASTS_JOB_RECHECK, names[i % 3]).has_policy,
        i % 3 == 0);
  CU_ASSERT_EQUAL(answer->freshness, MTASTS_CACHED);
  CU_ASSERT_EQUAL(fixture->dns.queries, queries);
  check_logged(fixture, 1, "the cache fails");
  struct mtasts_domain good = domain("good.example");
  CU_ASSERT_EQUAL(fixture->unstored.count, 3);
  CU_ASSERT_TRUE(mtasts_unstored_get(&fixture->unstored, &good, &entry) && entry.has_policy);

  /* A removed entry is no longer announced, and not tried again. */
  struct mtasts_job *removal = mtasts_job_new(MTASTS_JOB_REMOVE);
  removal->domain = domain("nowhere.example");
  finish_job(fixture, removal);
  CU_ASSERT_PTR_NULL(take(fixture, 100));
  CU_ASSERT_EQUAL(fixture->unstored.count, 2);

  /* It is stored as soon as possible, and the front loop gets a message. */
  fill_disk(false);
  for (int i = 0; i < 100 && fixture->unstored.count > 0; i++)
    CU_ASSERT_PTR_NULL_FATAL(take(fixture, 100));
  CU_ASSERT_EQUAL(fixture->unstored.count, 0);
  for (size_t i = 0; i < 2; i++) {
    struct mtasts_domain name = domain("%s", names[i]);
    CU_ASSERT_EQUAL(mtasts_reader_get(fixture->reader, &name, &entry), MTASTS_OK);
  }
  CU_ASSERT_EQUAL(fixture->dns.queries, queries);
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_REMOVE);
  job->domain = domain("good.example");
  CU_ASSERT_EQUAL(finish_job(fixture, job), MTASTS_OK);
  ask(fixture, MTASTS_JOB_LOOK_UP, "good.example");
  CU_ASSERT_EQUAL(answer->freshness, MTASTS_FETCHED);
  end(fixture);
}

static void tells_what_is_new(void) {
  struct fixture *fixture = fixture_up(4);
  ask(fixture, MTASTS_JOB_LOOK_UP, "good.example");
  check_logged(fixture, 1,
               "policy domain=good.example mode=enforce id=20260101 max_age=604800 mx=1\n");
  ask(fixture, MTASTS_JOB_REFRESH, "good.example");
  check_logged(fixture, 1, "policy domain=");
  fixture->dns.zone = changed_zone;
  ask(fixture, MTASTS_JOB_REFRESH, "good.example");
  check_logged(fixture, 1, "id=20260202 max_age=604800 mx=1 was_mode=enforce was_id=20260101\n");
  ask(fixture, MTASTS_JOB_LOOK_UP, "refused.example");
  ask(fixture, MTASTS_JOB_REFRESH, "refused.example");
  check_logged(fixture, 1,
               "lookup domain=refused.example error=sts-policy-fetch-error detail=\"cannot connect "
               "to mta-sts.refused.example: Connection refused\"\n");
  ask(fixture, MTASTS_JOB_LOOK_UP, "servfail.example");
  ask(fixture, MTASTS_JOB_LOOK_UP, "nowhere.example");
  check_logged(fixture, 3, "mtasts: "); /* that was all */
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_FETCH_FAILURES), 2);
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_DNS_FAILURES), 1);
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_ALERTS), 0);
  end(fixture);
}

static void alerts_before_the_end(void) {
  struct fixture *fixture = fixture_up(4);
  struct sample sample;
  /* Failing, but with more than half of its life before it. */
  CU_ASSERT_EQUAL(import(fixture, "refused.example", aged(&sample, MTASTS_MODE_ENFORCE, 1200, 60)),
                  MTASTS_OK);
  CU_ASSERT_TRUE(ask(fixture, MTASTS_JOB_REFRESH, "refused.example").has_policy);
  check_logged(fixture, 1,
               "refresh domain=refused.example error=sts-policy-fetch-error detail=\"cannot "
               "connect to mta-sts.refused.example: Connection refused\" expires=2");
  check_logged(fixture, 0, "alert=");
  /* Near its end. */
  CU_ASSERT_EQUAL(import(fixture, "refused.example", aged(&sample, MTASTS_MODE_ENFORCE, 1200, 700)),
                  MTASTS_OK);
  ask(fixture, MTASTS_JOB_LOOK_UP, "refused.example");
  check_logged(fixture, 2, "refresh domain=refused.example");
  check_logged(fixture, 1, "alert=policy-expiring domain=refused.example expires=2");
  check_logged(fixture, 1,
               ": its mail will be sent without MTA-STS from then on; check "
               "https://mta-sts.refused.example/.well-known/mta-sts.txt from this machine\n");
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_ALERTS), 1);
  /* At the end of its life: logged once. */
  aged(&sample, MTASTS_MODE_ENFORCE, 1200, 1300);
  sample.entry.failures = 3;
  sample.entry.error = MTASTS_ERROR_POLICY_FETCH;
  CU_ASSERT_EQUAL(import(fixture, "old.example", &sample.entry), MTASTS_OK);
  ask(fixture, MTASTS_JOB_LOOK_UP, "old.example");
  ask(fixture, MTASTS_JOB_REFRESH, "old.example");
  check_logged(fixture, 1, "alert=policy-expired domain=old.example expires=2");
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_ALERTS), 2);
  /* RFC 8461 section 3.3: no alarm for a domain that withdraws its policy. */
  CU_ASSERT_EQUAL(import(fixture, "leaving.example", aged(&sample, MTASTS_MODE_NONE, 1200, 700)),
                  MTASTS_OK);
  ask(fixture, MTASTS_JOB_LOOK_UP, "leaving.example");
  check_logged(fixture, 0, "domain=leaving.example");
  end(fixture);
}

/* Half of its life passes long before the sweep comes: it is fetched without a request. */
static void follows_the_due_queue(void) {
  struct fixture *fixture = prepare();
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_domain name = domain("good.example");
  fixture->interval = 86400;
  start(fixture, 4);
  CU_ASSERT_EQUAL(import(fixture, "good.example", aged(&sample, MTASTS_MODE_ENFORCE, 590, 301)),
                  MTASTS_OK);
  CU_ASSERT_TRUE(comes_true(fixture, MTASTS_COUNT_REFRESHES, 1, 4));
  ask(fixture, MTASTS_JOB_LOOK_UP, "good.example"); /* after the commit */
  CU_ASSERT_EQUAL(mtasts_reader_get(fixture->reader, &name, &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(entry.policy.max_age, 604800);
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_LOOKUPS), 1);
  end(fixture);
}

static bool comes_to_fail(struct fixture *fixture, bool fails) {
  for (int i = 0; i < 200 && atomic_load(&fixture->stats.store_fails) != fails; i++)
    usleep(100000);
  return atomic_load(&fixture->stats.store_fails) == fails;
}

/* No request comes, so only the position of the sweep must be written. */
static void tells_that_writing_fails(void) {
  struct fixture *fixture = prepare();
  struct sample sample;
  char name[32];
  for (unsigned i = 0; i < 600; i++) { /* two a second */
    snprintf(name, sizeof name, "n%u.bulk.example", i);
    store_put(fixture->store, name, aged(&sample, MTASTS_MODE_TESTING, 604800, 60));
  }
  CU_ASSERT_EQUAL(mtasts_store_flush(fixture->store), MTASTS_OK);
  fill_disk(true);
  start(fixture, 4);
  CU_ASSERT_TRUE(comes_to_fail(fixture, true));
  fill_disk(false);
  CU_ASSERT_TRUE(comes_to_fail(fixture, false));
  end(fixture);
}

static void lets_the_sweep_go_round(void) {
  enum {
    MANY = 1500
  }; /* five a second */
  struct fixture *fixture = prepare();
  struct sample sample;
  char name[32];
  for (unsigned i = 0; i < MANY; i++) {
    snprintf(name, sizeof name, "n%u.bulk.example", i);
    aged(&sample, MTASTS_MODE_TESTING, 604800, 86400);
    store_put(fixture->store, name, &sample.entry);
    absent(&sample);
    sample.entry.checked = sample.entry.next_check = time(NULL) - 2 * 86400;
    snprintf(name, sizeof name, "n%u.gone.example", i);
    store_put(fixture->store, name, &sample.entry);
  }
  CU_ASSERT_EQUAL(mtasts_store_flush(fixture->store), MTASTS_OK);
  start(fixture, 64);
  CU_ASSERT_TRUE(comes_true(fixture, MTASTS_COUNT_REFRESHES, 5, 5));
  stop(fixture);
  unsigned long long refreshed = counted(fixture, MTASTS_COUNT_REFRESHES);
  unit_check(refreshed < 30, "%llu at once", refreshed);
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_FETCH_FAILURES), refreshed);
  struct mtasts_cache_stats stats = count(mtasts_store_cache(fixture->store));
  CU_ASSERT_EQUAL(stats.policies, MANY);
  unit_check(stats.absent <= MANY - 5 && stats.absent > MANY - 30, "%lu are left",
             (unsigned long)stats.absent);
  fixture_down(fixture);
}

/* A loop before the signed zones, with one of their anchors. */
static struct fixture *signed_fixture(const struct tree *tree, const char *anchor,
                                      const char *dnssec, bool strips) {
  static char text[512];
  struct fixture *fixture = prepare();
  char *here = getcwd(NULL, 0);
  fixture->dns.tree = tree;
  fixture->dns.strips = strips;
  snprintf(text, sizeof text, "dnssec = \"%s\" trust_anchor = \"%s/tests/data/dnssec/%s\"", dnssec,
           here, anchor);
  fixture->dnssec = text;
  free(here);
  start(fixture, 4);
  return fixture;
}

static void looks_dane_up(void) {
  struct tree *tree = tree_load("tests/data/dnssec/tree.txt");
  CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
  struct fixture *fixture = signed_fixture(tree, "root.key", "auto", false);
  struct mtasts_entry entry = ask(fixture, MTASTS_JOB_LOOK_UP, "implicit.example");
  CU_ASSERT_EQUAL(entry.dane, MTASTS_DANE_USABLE);
  struct mtasts_mx_host host;
  size_t cursor = 0;
  CU_ASSERT_TRUE(mtasts_mx_next(&entry.mx, &cursor, &host) && host.dane == MTASTS_DANE_USABLE);
  CU_ASSERT_EQUAL(ask(fixture, MTASTS_JOB_LOOK_UP, "unsigned.example").dane, MTASTS_DANE_NONE);
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_DANE_FAILURES), 0);
  for (unsigned i = 1; i <= 2; i++) {
    CU_ASSERT_EQUAL(ask(fixture, MTASTS_JOB_REFRESH, "badsig.example").dane, MTASTS_DANE_BOGUS);
    check_logged(fixture, 1, "dane domain=badsig.example state=bogus detail=\"MX badsig.example: ");
  }
  CU_ASSERT_TRUE(counted(fixture, MTASTS_COUNT_DANE_FAILURES) > 0);
  CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_DNSSEC_BROKEN), 0);
  check_logged(fixture, 0, "dnssec=");
  end(fixture);
  free(tree);
}

/* An obstacle to validation is logged once, whatever is asked, and is not taken for an answer of
 * the domains. */
static void tells_of_broken_dnssec(void) {
  static const struct {
    const char *anchor;
    const char *dnssec;
    bool strips;
    enum mtasts_dane dane;
    const char *lines[2];
  } cases[] = {
      {"root.key",
       "auto",
       true,
       MTASTS_DANE_UNKNOWN,
       {"dnssec=broken detail=\"the root's DNSKEY comes without signatures\": the DNS server",
        "and MTA-STS alone decides"}},
      {"root.key",
       "require",
       true,
       MTASTS_DANE_BOGUS,
       {"dnssec=broken", "all mail is deferred, as dns.dnssec is require"}},
      {"retired.key",
       "auto",
       false,
       MTASTS_DANE_UNKNOWN,
       {"dnssec=broken detail=\"the root's DNSKEY does not match ", "retired.key"}},
      {"missing.key",
       "auto",
       false,
       MTASTS_DANE_UNKNOWN,
       {"dnssec=broken", "missing.key: No such file or directory\": apt install dns-root-data"}},
  };
  struct tree *tree = tree_load("tests/data/dnssec/tree.txt");
  CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture *fixture =
        signed_fixture(tree, cases[i].anchor, cases[i].dnssec, cases[i].strips);
    enum mtasts_dane dane = ask(fixture, MTASTS_JOB_LOOK_UP, "implicit.example").dane;
    unit_check(dane == cases[i].dane, "%s: DANE %d", cases[i].lines[1], dane);
    ask(fixture, MTASTS_JOB_LOOK_UP, "unsigned.example");
    check_logged(fixture, 1, cases[i].lines[0]);
    check_logged(fixture, 1, cases[i].lines[1]);
    CU_ASSERT_EQUAL(counted(fixture, MTASTS_COUNT_DNSSEC_BROKEN), 1);
    end(fixture);
  }
  struct fixture *fixture = signed_fixture(tree, "root.key", "off", false);
  struct mtasts_entry entry = ask(fixture, MTASTS_JOB_LOOK_UP, "implicit.example");
  CU_ASSERT_TRUE(entry.dane == MTASTS_DANE_NONE && entry.dane_expires == 0);
  CU_ASSERT_EQUAL(fixture->dns.asked[MTASTS_RR_DNSKEY], 0);
  check_logged(fixture, 0, "dnssec=");
  end(fixture);
  free(tree);
}

const struct unit_test unit_tests[] = {
    {"answers after the commit, and commits in groups", answers_after_the_commit},
    {"one look-up a domain, however many ask", is_one_flight_for_many},
    {"what a peer waits for goes first", serves_the_waiting_first},
    {"questions cannot stop all refreshing", refreshes_beside_questions},
    {"slow domains hold up others for moments", is_not_held_up},
    {"takes no more than it may, and stops at once", is_full_some_time_and_stops},
    {"a refresh during a look-up is done after it", does_a_refresh_after_a_look_up},
    {"a recheck asks at most once a minute", rechecks_once_a_minute},
    {"keeps no job that no peer wants an answer to", keeps_no_job_that_nobody_wants},
    {"imports and removes, also under a look-up", changes_the_cache},
    {"a store that fails costs one look-up", remembers_what_is_not_stored},
    {"reports that writing fails until it works", tells_that_writing_fails},
    {"logs new policies and first failures", tells_what_is_new},
    {"alerts before an enforce policy ends, and at its end", alerts_before_the_end},
    {"a short-lived policy is fetched ahead", follows_the_due_queue},
    {"the sweep refreshes and removes", lets_the_sweep_go_round},
    {"DANE is looked up, and its failures are logged", looks_dane_up},
    {"if DNSSEC does not work, that is logged once", tells_of_broken_dnssec},
    {NULL, NULL},
};
