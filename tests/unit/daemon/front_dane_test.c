/* The front loop where DANE is looked up: it comes before policies and overrides. */
#include "front.h"

#include "front_lab.h"

const char *const unit_name = "daemon/front_dane";

static const enum mtasts_door MTA = MTASTS_DOOR_SOCKETMAP;

static const char SECURE[] = "OK secure match=mx1.example.com:.example.com servername=hostname";

#define WITH_DANE "dns { dnssec = \"auto\" }\n"

static struct mtasts_entry *with_dane(struct mtasts_entry *entry, enum mtasts_dane dane,
                                      int64_t expires) {
  entry->dane = dane;
  entry->dane_expires = time(NULL) + expires;
  return entry;
}

/* An unexpired policy answers only where it is known that DANE does not come first. */
static void test_dane(void) {
  struct sample sample;
  raise_front(WITH_DANE);
  known("fresh.example", with_dane(governing(&sample), MTASTS_DANE_NONE, 300));
  ask(MTA, "postfix fresh.example", SECURE);
  no_job("all is fresh");
  known("lapsed.example", with_dane(governing(&sample), MTASTS_DANE_USABLE, -3600));
  ask(MTA, "postfix lapsed.example", "OK dane-only");
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "lapsed.example", false));
  known("new.example", governing(&sample));
  int fd = enter(MTA);
  say(fd, "postfix new.example");
  struct mtasts_job *asked = job(MTASTS_JOB_LOOK_UP, "new.example", true);
  silence(fd, "nothing is known of DANE");
  done(asked, MTASTS_OK, with_dane(governing(&sample), MTASTS_DANE_UNUSABLE, 300), MTASTS_ASKED);
  expect(fd, SECURE);
  close(fd);
  raze_front();
}

/* An override beats a policy, never DANE. */
static void test_override_and_dane(void) {
  struct sample sample;
  raise_front(WITH_DANE "override \"a.example\" { mode = \"none\" }\n"
                        "override \"b.example\" { mode = \"enforce\" mx = {\"x.example\"} }");
  int fd = enter(MTA);
  say(fd, "postfix a.example");
  struct mtasts_job *asked = job(MTASTS_JOB_LOOK_UP, "a.example", true);
  silence(fd, "nothing is known of DANE");
  done(asked, MTASTS_OK, with_dane(recordless(&sample), MTASTS_DANE_USABLE, 300), MTASTS_ASKED);
  expect(fd, "OK dane-only");
  known("b.example", with_dane(recordless(&sample), MTASTS_DANE_NONE, -3600));
  ask(MTA, "postfix b.example", "OK secure match=x.example servername=hostname");
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "b.example", false));
  CU_ASSERT_EQUAL(counted(MTASTS_COUNT_OVERRIDES), 1);
  close(fd);
  raze_front();
}

/* With dnssec off it is not claimed, whatever is in the cache from before. */
static void test_dane_off(void) {
  struct sample sample;
  raise_front("");
  known("a.example", with_dane(governing(&sample), MTASTS_DANE_USABLE, 300));
  known("b.example", with_dane(governing(&sample), MTASTS_DANE_BOGUS, 300));
  ask(MTA, "postfix a.example", SECURE);
  ask(MTA, "postfix b.example", SECURE);
  struct mtasts_ruling ruling = ask_ruling("entry a.example");
  CU_ASSERT_TRUE(ruling.known && ruling.entry.mx.count == 0); /* its hosts' states were of DANE */
  raze_front();
}

/* Whether DANE is looked up is the net loop's to know, which was opened once. */
static void test_dane_configured(void) {
  struct sample sample;
  raise_front(WITH_DANE);
  configure("dns { dnssec = \"off\" }");
  usleep(20000);
  known("a.example", governing(&sample));
  int fd = enter(MTA);
  say(fd, "postfix a.example");
  mtasts_job_free(job(MTASTS_JOB_LOOK_UP, "a.example", true));
  close(fd);
  raze_front();
}

const struct unit_test unit_tests[] = {
    {"a policy waits until it is known whether DANE comes first", test_dane},
    {"so does an override", test_override_and_dane},
    {"with dnssec off there is no DANE", test_dane_off},
    {"a new configuration does not change that", test_dane_configured},
    {NULL, NULL},
};
