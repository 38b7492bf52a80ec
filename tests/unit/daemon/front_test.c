#include "front.h"

#include "front_fixture.h"

const char *const unit_name = "daemon/front";

static const enum mtasts_socket_kind MTA = MTASTS_SOCKET_SOCKETMAP;
static const enum mtasts_socket_kind ASK = MTASTS_SOCKET_ASK;

static const char SECURE[] = "OK secure match=mx1.example.com:.example.com servername=hostname";

static void test_hits(void) {
  struct sample sample;
  front_up("");
  known("a.example", governing(&sample));
  known("none.example", recordless(&sample));
  governing(&sample)->policy.mode = MTASTS_MODE_TESTING;
  known("testing.example", &sample.entry);
  governing(&sample)->error = MTASTS_ERROR_POLICY_FETCH;
  known("stale.example", &sample.entry);
  recordless(&sample)->record = MTASTS_RECORD_ERROR;
  known("failing.example", &sample.entry);
  known("xn--mnchen-3ya.example", governing(&sample));

  ask(MTA, "postfix a.example", SECURE);
  ask(MTA, "QUERY A.Example.", SECURE);
  ask(MTA, "sts a.example", SECURE);
  ask(MTA, "postfix-mine a.example", SECURE);
  ask(ASK, "postfix a.example", SECURE);
  ask(MTA, "postfix [a.example]:587", SECURE);
  ask(MTA, "postfix a.example:25", SECURE);
  ask(MTA, "postfix m\xc3\xbcnchen.example", SECURE);
  ask(MTA, "postfix stale.example", SECURE);
  ask(MTA, "postfix none.example", "NOTFOUND ");
  ask(MTA, "postfix testing.example", "NOTFOUND ");
  ask(MTA, "sts failing.example", "NOTFOUND ");
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_HITS), 12);
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_STALE), 1);

  /* What never has a policy, and what is no domain. */
  ask(MTA, "postfix .example", "NOTFOUND ");
  ask(MTA, "postfix [192.0.2.1]", "NOTFOUND ");
  ask(MTA, "postfix no domain", "NOTFOUND ");
  ask(MTA, "sts ", "NOTFOUND ");
  ask(ASK, "decision a b", "PERM malformed domain");
  ask(ASK, "entry ..", "PERM malformed domain");
  ask(ASK, "refresh \xff", "PERM malformed domain");
  ask(ASK, "remove a=b", "PERM malformed domain");
  ask(ASK, "remove [192.0.2.1]", "NOTFOUND ");
  ask_like(ASK, "decision [192.0.2.1]", "OK {\"domain\":\"[192.0.2.1]\",\"policy_domain\":null,",
           "\"verdict\":\"none\",\"source\":\"none\"");

  ask_like(ASK, "decision A.example",
           "OK {\"domain\":\"A.example\",\"policy_domain\":\"a.example\",",
           "\"verdict\":\"enforce\",\"source\":\"cache\"");
  ask_like(ASK, "decision stale.example", "OK {", "\"source\":\"stale\"");
  ask_like(ASK, "decision failing.example", "OK {", "\"verdict\":\"none\",\"source\":\"cache\"");
  /* Names of the ask socket's maps are any names at the other. */
  ask(MTA, "entry a.example", SECURE);
  ask(MTA, "remove a.example", SECURE);
  ask(MTA, "stats a.example", SECURE);
  ask(MTA, "decision a.example", SECURE);
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_MISSES), 0);
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_UNKNOWN), 0);
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_REQUESTS), 29);
  no_job("all was cached and fresh");
  front_down();
}

static void test_rulings(void) {
  struct sample sample;
  front_up("ask { deadline = 0.05 }");
  known("a.example", governing(&sample));
  struct mtasts_entry_reply entry_reply = ask_ruling("entry a.example");
  struct mtasts_decision decision = mtasts_entry_reply_decide(&entry_reply, time(NULL));
  CU_ASSERT_TRUE(entry_reply.has_entry);
  CU_ASSERT_EQUAL(entry_reply.freshness, MTASTS_CACHED);
  CU_ASSERT_FALSE(entry_reply.overridden || entry_reply.monitor || entry_reply.defer);
  CU_ASSERT_EQUAL(decision.verdict, MTASTS_VERDICT_ENFORCE);
  CU_ASSERT_EQUAL(entry_reply.entry.mx.count, 2);

  entry_reply = ask_ruling("entry [192.0.2.1]");
  CU_ASSERT_EQUAL(mtasts_entry_reply_decide(&entry_reply, time(NULL)).verdict, MTASTS_VERDICT_NONE);
  entry_reply = ask_ruling("entry late.example");
  CU_ASSERT_FALSE(entry_reply.has_entry);
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_UNKNOWN), 1);
  /* Until the first rotation all domains count as used. */
  mtasts_usage_filter_rotate(fixture.usage, time(NULL) + MTASTS_USAGE_FILTER_PERIOD);
  CU_ASSERT_TRUE(
      mtasts_usage_filter_in_use(fixture.usage, &(struct mtasts_domain){"a.example", 9}));
  CU_ASSERT_TRUE(
      mtasts_usage_filter_in_use(fixture.usage, &(struct mtasts_domain){"late.example", 12}));
  CU_ASSERT_FALSE(
      mtasts_usage_filter_in_use(fixture.usage, &(struct mtasts_domain){"never.example", 13}));
  front_down();
}

static bool is_used_again(const char *name) {
  struct mtasts_domain asked = domain("%s", name);
  return mtasts_usage_filter_asked_again(fixture.usage, &asked);
}

/* What the cache has known for a while is in use; what one mail asks for is not. */
static void test_use(void) {
  struct sample sample;
  front_up("ask { deadline = 0.05 }");
  known("young.example", governing(&sample)); /* checked recently */
  sample.entry.checked -= 60;
  known("old.example", &sample.entry);
  recordless(&sample);
  sample.entry.checked -= 60;
  known("popular.example", &sample.entry);
  ask_ruling("entry young.example");
  ask_ruling("entry old.example");
  ask_ruling("entry popular.example");
  ask_ruling("entry junk.example");
  CU_ASSERT_FALSE(is_used_again("young.example"));
  CU_ASSERT_TRUE(is_used_again("old.example"));
  CU_ASSERT_TRUE(is_used_again("popular.example"));
  CU_ASSERT_FALSE(is_used_again("junk.example"));
  front_down();
}

/* Replies keep their order, and no look-up waits for another. */
static void test_ahead(void) {
  struct sample sample;
  front_up("override \"ours.example\" { mode = \"none\" }");
  known("known.example", governing(&sample));
  int fd = enter(ASK);
  say(fd, "entry one.example");
  say(fd, "entry known.example");
  say(fd, "entry ours.example");
  say(fd, "remove gone.example");
  say(fd, "decision two.example");
  say(fd, "entry one.example");
  struct mtasts_job *one = job(MTASTS_JOB_LOOK_UP, "one.example", true);
  struct mtasts_job *two = job(MTASTS_JOB_LOOK_UP, "two.example", false);
  no_job("the others are known, or not to be looked up, or on their way");
  done(two, MTASTS_OK, recordless(&sample), MTASTS_ASKED);
  silence(fd, "the first waits");
  store_put(fixture.store, "two.example", recordless(&sample));
  CU_ASSERT_EQUAL(mtasts_store_flush(fixture.store), MTASTS_OK);
  done(one, MTASTS_OK, recordless(&sample), MTASTS_ASKED);
  expect_like(fd, "OK asked", "");
  expect_like(fd, "OK cached", "");
  expect_like(fd, "OK cached override", "");
  done(job(MTASTS_JOB_REMOVE, "gone.example", true), MTASTS_OK, NULL, MTASTS_ASKED);
  expect(fd, "OK removed");
  expect_like(fd, "OK {", "two.example");
  done(job(MTASTS_JOB_LOOK_UP, "one.example", true), MTASTS_OK, recordless(&sample), MTASTS_ASKED);
  expect_like(fd, "OK asked", "");
  close(fd);
  front_down();
}

static void test_miss(void) {
  enum {
    WAITERS = 40
  };
  struct sample sample;
  int fds[WAITERS];
  front_up("");
  known("known.example", governing(&sample));
  for (int i = 0; i < WAITERS; i++) {
    fds[i] = enter(i % 4 == 1 ? MTA : ASK);
    say(fds[i], i % 4 < 2 ? "postfix New.example" : "decision New.example");
    say(fds[i], "sts known.example");
  }
  struct mtasts_job *asked = job(MTASTS_JOB_LOOK_UP, "new.example", true);
  no_job("there is one for the domain");
  silence(fds[0], "the look-up is under way");
  done(asked, MTASTS_OK, governing(&sample), MTASTS_FETCHED);
  for (int i = 0; i < WAITERS; i++) {
    if (i % 4 < 2)
      expect(fds[i], SECURE);
    else
      expect_like(fds[i], "OK {\"domain\":\"New.example\",\"policy_domain\":\"new.example\"",
                  "\"verdict\":\"enforce\",\"source\":\"network\"");
    expect(fds[i], SECURE);
    close(fds[i]);
  }
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_MISSES), WAITERS);
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_HITS), WAITERS);

  /* A client that has disconnected before the answer gets none. */
  int gone = enter(MTA);
  int stays = enter(MTA);
  say(gone, "postfix gone.example");
  asked = job(MTASTS_JOB_LOOK_UP, "gone.example", true);
  say(stays, "postfix gone.example");
  close(gone);
  silence(stays, "the look-up is under way");
  done(asked, MTASTS_OK, recordless(&sample), MTASTS_ASKED);
  expect(stays, "NOTFOUND ");
  close(stays);
  front_down();
}

/* An entry that says no more what the domain says now. */
static void test_lapsed(void) {
  struct sample sample;
  front_up("");
  recordless(&sample)->next_check = time(NULL) - 1;
  known("absent.example", &sample.entry);
  recordless(&sample)->record = MTASTS_RECORD_ERROR;
  sample.entry.next_check = time(NULL) - 1;
  known("failing.example", &sample.entry);
  governing(&sample)->fetched -= 2 * WEEK;
  sample.entry.expires -= 2 * WEEK;
  known("expired.example", &sample.entry);
  static const char *const names[] = {"absent.example", "failing.example", "expired.example"};
  for (size_t i = 0; i < 3; i++) {
    char request[64];
    int fd = enter(MTA);
    snprintf(request, sizeof request, "postfix %s", names[i]);
    say(fd, request);
    done(job(MTASTS_JOB_LOOK_UP, names[i], true), MTASTS_OK, governing(&sample), MTASTS_FETCHED);
    expect(fd, SECURE);
    close(fd);
  }
  front_down();
}

static void test_due(void) {
  struct sample sample;
  front_up("");
  governing(&sample)->next_check = time(NULL) - 1;
  known("due.example", &sample.entry);
  ask(MTA, "postfix due.example", SECURE);
  struct mtasts_job *background = job(MTASTS_JOB_LOOK_UP, "due.example", false);
  ask(MTA, "postfix due.example", SECURE);
  ask(ASK, "sts due.example", SECURE);
  no_job("the domain is being looked up");
  done(background, MTASTS_FULL, NULL, MTASTS_CACHED);
  /* On the loop before the next question: the answer was given first. */
  usleep(20000);
  ask(MTA, "postfix due.example", SECURE);
  background = job(MTASTS_JOB_LOOK_UP, "due.example", false);
  known("due.example", governing(&sample));
  done(background, MTASTS_OK, &sample.entry, MTASTS_ASKED);
  usleep(20000);
  ask(MTA, "postfix due.example", SECURE);
  no_job("it was checked just now");

  /* Only the MX hosts: of interest to a policy, and to nothing else. */
  governing(&sample)->mx_expires = time(NULL) - 1;
  known("mx.example", &sample.entry);
  recordless(&sample)->mx_expires = time(NULL) - 1;
  known("none.example", &sample.entry);
  ask(MTA, "postfix none.example", "NOTFOUND ");
  ask(MTA, "postfix mx.example", SECURE);
  done(job(MTASTS_JOB_LOOK_UP, "mx.example", false), MTASTS_OK, NULL, MTASTS_ASKED);
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_MISSES), 0);
  front_down();
}

/* The net loop could not: a policy that is there by now governs; else nothing is known. */
static void test_failed(void) {
  static const enum mtasts_status statuses[] = {MTASTS_FULL, MTASTS_TIMEOUT, MTASTS_NO_MEMORY};
  struct sample sample;
  front_up("");
  for (size_t i = 0; i < 3; i++) {
    int fd = enter(ASK);
    say(fd, "decision b.example");
    done(job(MTASTS_JOB_LOOK_UP, "b.example", true), statuses[i], NULL, MTASTS_CACHED);
    expect_like(fd, "OK {", "\"verdict\":\"unknown\",\"source\":\"none\"");
    close(fd);
  }
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_UNKNOWN), 3);
  int fd = enter(ASK);
  recordless(&sample)->next_check = time(NULL) - 1;
  known("lapsed.example", &sample.entry);
  say(fd, "decision lapsed.example");
  done(job(MTASTS_JOB_LOOK_UP, "lapsed.example", true), MTASTS_FULL, NULL, MTASTS_CACHED);
  expect_like(fd, "OK {", "\"verdict\":\"unknown\",\"source\":\"none\"");
  say(fd, "postfix b.example");
  struct mtasts_job *asked = job(MTASTS_JOB_LOOK_UP, "b.example", true);
  known("b.example", governing(&sample));
  done(asked, MTASTS_FULL, NULL, MTASTS_CACHED);
  expect(fd, SECURE);

  /* An answer that is none. */
  say(fd, "postfix c.example");
  asked = job(MTASTS_JOB_LOOK_UP, "c.example", true);
  asked->value = malloc(1);
  asked->value_size = 1;
  done(asked, MTASTS_OK, NULL, MTASTS_CACHED);
  expect(fd, "NOTFOUND ");
  close(fd);
  front_down();
}

static void test_deadlines(void) {
  front_up("ask { deadline = 0.2 on_unknown = \"defer\" }");
  struct timespec begin;
  struct timespec end;
  int sts = enter(MTA);
  int postfix = enter(MTA);
  int entry = enter(ASK);
  int refresh = enter(ASK);
  int import = enter(ASK);
  clock_gettime(CLOCK_MONOTONIC, &begin);
  say(sts, "sts slow.example");
  say(postfix, "postfix slow.example");
  say(entry, "postfix slow.example");
  say(refresh, "refresh slow.example");
  say(import, "remove slow.example");
  expect_like(entry, "TEMP ", "slow.example could not be looked up in time");
  expect(refresh, "TEMP not finished yet: check again later");
  expect(import, "TEMP not finished yet: check again later");
  silence(sts, "Sendmail has time");
  expect_like(sts, "TEMP ", "mtasts query slow.example");
  clock_gettime(CLOCK_MONOTONIC, &end);
  long ms = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
  unit_check(ms >= 3900 && ms < 4600, "sts was answered after %ld ms", ms);
  silence(postfix, "Postfix has more time");
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_UNKNOWN), 2);

  /* When the daemon ends, a waiting client gets what is known. */
  struct mtasts_job *asked = job(MTASTS_JOB_LOOK_UP, "slow.example", true);
  mtasts_queue_give(&fixture.inbox, mtasts_job_new(MTASTS_JOB_STOP));
  clock_gettime(CLOCK_MONOTONIC, &begin);
  expect_like(postfix, "TEMP ", "mtasts query slow.example");
  clock_gettime(CLOCK_MONOTONIC, &end);
  CU_ASSERT(end.tv_sec - begin.tv_sec <= 3);
  done(asked, MTASTS_TIMEOUT, NULL, MTASTS_CACHED);
  close(sts);
  close(postfix);
  close(entry);
  close(refresh);
  close(import);
  front_down();
}

static void test_on_unknown(void) {
  front_up("ask { deadline = 0.03 on_unknown = \"deliver\" }");
  ask(ASK, "postfix slow.example", "NOTFOUND ");
  ask(ASK, "sts slow.example", "NOTFOUND ");
  ask_like(ASK, "decision slow.example", "OK {", "\"verdict\":\"unknown\",\"source\":\"none\"");
  CU_ASSERT_FALSE(ask_ruling("entry slow.example").defer);
  front_down();

  front_up("ask { deadline = 0.03 on_unknown = \"defer\" }");
  ask_like(ASK, "postfix slow.example", "TEMP ", "slow.example");
  ask_like(ASK, "sts slow.example", "TEMP ", "slow.example");
  ask_like(ASK, "decision slow.example", "OK {", "\"verdict\":\"unknown\",\"source\":\"none\"");
  CU_ASSERT_TRUE(ask_ruling("entry slow.example").defer);
  front_down();
}

static void test_overrides(void) {
  struct sample sample;
  front_up("ask { deadline = 0.03 }\n"
           "override \"mine.example\" { mode = \"enforce\" mx = {\"*.mine.example\"} }\n"
           "override \"off.example\" { mode = \"none\" until = \"2099-01-01\" }\n"
           "override \"past.example\" { mode = \"none\" until = \"2020-01-01\" }\n");
  known("off.example", governing(&sample));
  known("past.example", governing(&sample));
  ask(MTA, "postfix mine.example", "OK secure match=.mine.example servername=hostname");
  ask(MTA, "postfix off.example", "NOTFOUND ");
  ask(MTA, "postfix past.example", SECURE);
  ask_like(ASK, "decision off.example", "OK {", "\"verdict\":\"none\",\"source\":\"override\"");
  ask_like(ASK, "decision off.example", "OK {", "\"host\":\"mx1.example.com\"");
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_OVERRIDES), 4);
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_HITS), 1);
  no_job("an override is in force");

  struct mtasts_entry_reply entry_reply = ask_ruling("entry mine.example");
  CU_ASSERT_TRUE(entry_reply.has_entry && entry_reply.overridden && entry_reply.entry.has_policy);
  CU_ASSERT_EQUAL(entry_reply.entry.policy.mode, MTASTS_MODE_ENFORCE);
  CU_ASSERT_EQUAL(entry_reply.entry.policy.max_age, MTASTS_MAX_AGE_MAX);
  CU_ASSERT_EQUAL(entry_reply.entry.mx.count, 0);
  CU_ASSERT_STRING_EQUAL(entry_reply.entry.policy_id, "override");
  CU_ASSERT_EQUAL(mtasts_entry_reply_decide(&entry_reply, time(NULL)).verdict,
                  MTASTS_VERDICT_ENFORCE);
  entry_reply = ask_ruling("entry off.example");
  CU_ASSERT_EQUAL(entry_reply.entry.policy.mode, MTASTS_MODE_NONE);
  CU_ASSERT_EQUAL(entry_reply.entry.mx.count, 2);
  CU_ASSERT_EQUAL(mtasts_entry_reply_decide(&entry_reply, time(NULL)).source,
                  MTASTS_SOURCE_OVERRIDE);
  front_down();
}

/* An override that ends soon lasts no longer in the reply. */
static void test_override_ends(void) {
  char text[128];
  char date[16];
  time_t tomorrow = (time(NULL) / 86400 + 1) * 86400;
  struct tm tm;
  gmtime_r(&tomorrow, &tm);
  strftime(date, sizeof date, "%Y-%m-%d", &tm);
  snprintf(text, sizeof text,
           "override \"o.example\" { mode = \"testing\" mx = {\"a.b\"} until = \"%s\" }", date);
  front_up(text);
  struct mtasts_entry_reply entry_reply = ask_ruling("entry o.example");
  CU_ASSERT_EQUAL(entry_reply.entry.expires, tomorrow + 86400);
  front_down();
}

static void test_monitor(void) {
  struct sample sample;
  front_up("site_mode = \"monitor\" ask { on_unknown = \"defer\" }");
  known("a.example", governing(&sample));
  ask(MTA, "postfix a.example", "NOTFOUND ");
  ask_like(ASK, "decision a.example", "OK {", "\"verdict\":\"enforce\"");
  ask_like(ASK, "decision a.example", "OK {", "\"site_mode\":\"monitor\"");
  CU_ASSERT_TRUE(ask_ruling("entry a.example").monitor);
  no_job("all was cached");
  /* Nothing is enforced, so no client waits; the domain is looked up anyway. */
  ask(MTA, "postfix new.example", "NOTFOUND ");
  ask(MTA, "sts new.example", "NOTFOUND ");
  done(job(MTASTS_JOB_LOOK_UP, "new.example", false), MTASTS_OK, recordless(&sample), MTASTS_ASKED);
  no_job("there was one");
  front_down();
}

static void test_bracketed(void) {
  struct sample sample;
  front_up("socketmap { bracketed = false }");
  known("a.example", governing(&sample));
  ask(MTA, "postfix [a.example]", "NOTFOUND ");
  ask(MTA, "sts [a.example]:587", "NOTFOUND ");
  ask(MTA, "postfix a.example:587", SECURE);
  ask_like(ASK, "decision [a.example]", "OK {", "\"verdict\":\"enforce\"");
  front_down();
}

static void test_pending_jobs(void) {
  struct sample sample;
  front_up("");
  known("a.example", governing(&sample));
  int fd = enter(ASK);
  int other = enter(ASK);
  say(fd, "refresh A.example");
  struct mtasts_job *asked = job(MTASTS_JOB_REFRESH, "a.example", true);
  say(other, "refresh a.example");
  no_job("it is being refreshed");
  governing(&sample)->policy.mode = MTASTS_MODE_TESTING;
  done(asked, MTASTS_OK, &sample.entry, MTASTS_FETCHED);
  expect_like(fd, "OK {\"domain\":\"A.example\"", "\"verdict\":\"testing\",\"source\":\"network\"");
  expect_like(other, "OK {\"domain\":\"a.example\"", "\"verdict\":\"testing\"");
  say(fd, "refresh a.example");
  done(job(MTASTS_JOB_REFRESH, "a.example", true), MTASTS_FULL, NULL, MTASTS_CACHED);
  expect_like(fd, "TEMP ", "full");

  say(fd, "recheck a.example");
  done(job(MTASTS_JOB_RECHECK, "a.example", true), MTASTS_OK, governing(&sample), MTASTS_ASKED);
  expect_like(fd, "OK {", "\"verdict\":\"enforce\",\"source\":\"cache\"");

  say(fd, "remove a.example");
  done(job(MTASTS_JOB_REMOVE, "a.example", true), MTASTS_OK, NULL, MTASTS_CACHED);
  expect(fd, "OK removed");
  say(fd, "remove a.example");
  done(job(MTASTS_JOB_REMOVE, "a.example", true), MTASTS_ABSENT, NULL, MTASTS_CACHED);
  expect(fd, "NOTFOUND ");
  say(fd, "remove a.example");
  done(job(MTASTS_JOB_REMOVE, "a.example", true), MTASTS_IO, NULL, MTASTS_CACHED);
  expect_like(fd, "TEMP ", "failed: ");

  say(fd, "stats ");
  expect_like(fd, "OK {\"requests\":8,", "\"connections\":2,");
  close(fd);
  close(other);
  front_down();
}

/* Asks as another user; exits with 0 if that is refused. */
static int import_as_nobody(void *context) {
  static const char refused[] = "18:PERM not permitted,";
  char reply[64];
  (void)context;
  if (setgid(65534) != 0 || setuid(65534) != 0)
    return 2;
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(fd, (const struct sockaddr *)&fixture.listeners[ASK],
              sizeof fixture.listeners[ASK]) != 0 ||
      send(fd, "9:import {},", 12, 0) != 12)
    return 3;
  ssize_t n = recv(fd, reply, sizeof reply, 0);
  return n == sizeof refused - 1 && memcmp(reply, refused, sizeof refused - 1) == 0 ? 0 : 4;
}

static void test_import(void) {
  static const char line[] =
      "import "
      "{\"policy_domain\":\"i.example\",\"state\":\"policy\",\"id\":\"1\",\"mode\":\"enforce\","
      "\"max_age\":86400,\"mx\":[\"mx.i.example\"],\"fetched\":\"2026-01-01T00:00:00Z\","
      "\"expires\":\"2026-01-02T00:00:00Z\"}";
  struct mtasts_entry entry;
  front_up("");
  int fd = enter(ASK);
  say(fd, line);
  struct mtasts_job *asked = job(MTASTS_JOB_IMPORT, "i.example", true);
  CU_ASSERT_EQUAL_FATAL(mtasts_entry_decode(asked->value, asked->value_size, &entry), MTASTS_OK);
  CU_ASSERT_STRING_EQUAL(entry.policy_id, "1");
  CU_ASSERT_EQUAL(entry.policy.max_age, 86400);
  done(asked, MTASTS_OK, NULL, MTASTS_CACHED);
  expect(fd, "OK imported");
  say(fd, line);
  done(job(MTASTS_JOB_IMPORT, "i.example", true), MTASTS_FULL, NULL, MTASTS_CACHED);
  expect_like(fd, "TEMP ", "full");
  say(fd, "import {\"policy_domain\":1}");
  expect_like(fd, "PERM ", "policy_domain");
  say(fd, "import ");
  expect_like(fd, "PERM ", "JSON");
  say(fd, "postfix i.example");
  done(job(MTASTS_JOB_LOOK_UP, "i.example", true), MTASTS_FULL, NULL, MTASTS_CACHED);
  expect(fd, "NOTFOUND ");
  close(fd);
  if (getuid() == 0) {
    CU_ASSERT_EQUAL(in_child(import_as_nobody, NULL), 0);
  } else {
    unit_skip("not root: an import by another user");
  }
  front_down();
}

static void test_configure(void) {
  struct sample sample;
  front_up("");
  known("a.example", governing(&sample));
  int fd = enter(MTA);
  say(fd, "postfix new.example");
  struct mtasts_job *asked = job(MTASTS_JOB_LOOK_UP, "new.example", true);
  ask(MTA, "postfix a.example", SECURE);
  configure("override \"a.example\" { mode = \"none\" }\n"
            "override \"new.example\" { mode = \"enforce\" mx = {\"x.example\"} }");
  usleep(20000);
  ask(MTA, "postfix a.example", "NOTFOUND ");
  done(asked, MTASTS_OK, recordless(&sample), MTASTS_ASKED);
  expect(fd, "OK secure match=x.example servername=hostname");
  configure("site_mode = \"monitor\"");
  configure("");
  usleep(20000);
  ask(MTA, "postfix a.example", SECURE);
  close(fd);
  front_down();
}

static void test_stop(void) {
  struct sample sample;
  front_up("");
  int fd = enter(MTA);
  int idle = enter(MTA);
  char c;
  say(fd, "postfix new.example");
  struct mtasts_job *asked = job(MTASTS_JOB_LOOK_UP, "new.example", true);
  mtasts_queue_give(&fixture.inbox, mtasts_job_new(MTASTS_JOB_STOP));
  CU_ASSERT_EQUAL(recv(idle, &c, 1, 0), 0);
  int late = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL(connect(late, (const struct sockaddr *)&fixture.listeners[MTA],
                          sizeof fixture.listeners[MTA]),
                  -1);
  done(asked, MTASTS_OK, governing(&sample), MTASTS_FETCHED);
  expect(fd, SECURE);
  CU_ASSERT_EQUAL(recv(fd, &c, 1, 0), 0);
  close(late);
  close(fd);
  close(idle);
  front_down();
}

const struct unit_test unit_tests[] = {
    {"what is cached is answered at once, in each map's words", test_hits},
    {"rulings hold the whole decision", test_rulings},
    {"what is asked for again counts as in use", test_use},
    {"a request after one that waits", test_ahead},
    {"one look-up for all who wait, and a reply for each", test_miss},
    {"what has lapsed is waited for", test_lapsed},
    {"a policy that is due is answered at once, and checked in the background", test_due},
    {"a look-up that cannot be made", test_failed},
    {"each map has its deadline", test_deadlines},
    {"on_unknown both ways", test_on_unknown},
    {"overrides", test_overrides},
    {"an override ends at its date", test_override_ends},
    {"monitor reports and enforces nothing", test_monitor},
    {"next hops in brackets can be left alone", test_bracketed},
    {"refresh, recheck, remove and stats", test_pending_jobs},
    {"import, and who may", test_import},
    {"a new configuration", test_configure},
    {"the end", test_stop},
    {NULL, NULL},
};
