#include "refresh_sweep.h"

#include <limits.h>

#include "../cache/fixture.h"
#include "bounds.h"

const char *const unit_name = "daemon/refresh_sweep";

enum {
  POLICIES = 2000,
  ABSENT = 6000,
  DAY = 86400,
  HOURS = 8 * 24,
};

static const struct mtasts_discover_settings settings = {
    .refresh_interval = DAY, .retry_min = 300, .retry_max = DAY};

/* A site in small: the sweep's actions are done at once, and every fetch succeeds. */
struct site {
  char path[32];
  struct mtasts_store *store;
  struct mtasts_usage_filter *usage;
  struct mtasts_refresh_sweep *sweep;
  int64_t now;
  unsigned met, refreshed, removed; /* in all */
  unsigned hourly[HOURS];           /* refreshed */
  unsigned fetches[POLICIES];
  int64_t fetched[POLICIES];
  int64_t shortest, longest; /* between two fetches of a policy */
  unsigned room;             /* actions until there is none; UINT_MAX: for ever */
};

static void fetch(struct site *site, const struct mtasts_domain *domain,
                  const struct mtasts_entry *entry) {
  struct mtasts_entry fresh = *entry;
  unsigned i = (unsigned)strtoul(domain->name + 1, NULL, 10) % POLICIES;
  int64_t gap = site->now - site->fetched[i];
  /* As in life, the fetch is a little later than the visit. */
  fresh.fetched = fresh.checked = site->now + 2;
  fresh.expires = fresh.fetched + fresh.policy.max_age;
  CU_ASSERT_EQUAL(mtasts_store_put(site->store, domain, &fresh, site->now), MTASTS_OK);
  if (site->fetches[i]++ > 0) {
    site->shortest = gap < site->shortest ? gap : site->shortest;
    site->longest = gap > site->longest ? gap : site->longest;
  }
  site->fetched[i] = site->now;
  site->refreshed++;
  if ((site->now - NOW) / 3600 < HOURS)
    site->hourly[(site->now - NOW) / 3600]++;
}

static bool do_action(void *context, const struct mtasts_domain *domain,
                      const struct mtasts_entry *entry, enum mtasts_sweep_action action) {
  struct site *site = context;
  if (action != MTASTS_SWEEP_ACTION_NONE && site->room == 0)
    return false;
  site->room -= action != MTASTS_SWEEP_ACTION_NONE && site->room != UINT_MAX;
  site->met++;
  if (action == MTASTS_SWEEP_ACTION_REFRESH)
    fetch(site, domain, entry);
  if (action == MTASTS_SWEEP_ACTION_REMOVE) {
    site->removed++;
    CU_ASSERT_EQUAL(mtasts_store_drop(site->store, domain), MTASTS_OK);
  }
  return true;
}

static void start(struct site *site) {
  site->store = store_open(site->path);
  site->sweep = mtasts_refresh_sweep_new(
      &(struct mtasts_refresh_sweep_options){site->store, site->usage, do_action, site});
  CU_ASSERT_PTR_NOT_NULL_FATAL(site->sweep);
}

static void stop(struct site *site) {
  mtasts_refresh_sweep_free(site->sweep);
  mtasts_store_close(site->store);
}

static struct site *site_new(void) {
  struct site *site = calloc(1, sizeof *site);
  CU_ASSERT_PTR_NOT_NULL_FATAL(site);
  directory_new(site->path);
  site->usage = mtasts_usage_filter_new(NOW);
  site->now = NOW;
  site->shortest = INT64_MAX;
  site->room = UINT_MAX;
  start(site);
  return site;
}

static void site_free(struct site *site) {
  stop(site);
  directory_free(site->path);
  mtasts_usage_filter_free(site->usage);
  free(site);
}

static void add_policy(struct site *site, unsigned i, int64_t fetched, uint32_t max_age) {
  struct sample sample;
  struct mtasts_domain key = domain("p%u.example", i);
  policy(&sample, "1");
  sample.entry.fetched = sample.entry.checked = fetched;
  sample.entry.policy.max_age = max_age;
  sample.entry.expires = fetched + max_age;
  CU_ASSERT_EQUAL(mtasts_store_put(site->store, &key, &sample.entry, site->now), MTASTS_OK);
}

static void add_absent(struct site *site, const char *name, int64_t next_check) {
  struct sample sample;
  absent(&sample);
  sample.entry.next_check = next_check;
  store_put(site->store, name, &sample.entry);
}

/* One move; seconds may be late by some milliseconds, as timers are. */
static void move(struct site *site, unsigned milliseconds) {
  site->now += milliseconds / 1000;
  CU_ASSERT_EQUAL(mtasts_refresh_sweep_move(site->sweep, &settings, milliseconds, site->now),
                  MTASTS_OK);
}

static void live(struct site *site, int64_t until) {
  while (site->now < until)
    move(site, 1000 * (10 + (unsigned)random() % 40));
}

static void refreshes_evenly(void) {
  struct site *site = site_new();
  srandom(1);
  /* All fetched in one hour, as after a first warming up. */
  for (unsigned i = 0; i < POLICIES; i++)
    add_policy(site, i, NOW - 2 * DAY + (int64_t)(i % 3600), WEEK);
  for (unsigned i = 0; i < ABSENT; i++) {
    char name[32];
    snprintf(name, sizeof name, "a%u.example", i);
    add_absent(site, name, NOW + 30 * DAY);
  }
  CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK);
  live(site, NOW + DAY / 2);
  unsigned before = site->refreshed;
  stop(site); /* the place is kept: what was done this morning is not done again */
  start(site);
  live(site, NOW + DAY);
  unit_check(before > POLICIES * 48 / 100 && before < POLICIES * 52 / 100, "half: %u", before);
  unit_check(site->refreshed >= POLICIES - 4 && site->refreshed <= POLICIES, "first day: %u",
             site->refreshed);
  /* The cache grows before and after the sweep's position, which makes visits early and late. */
  for (unsigned i = 0; i < ABSENT / 2; i++) {
    char name[32];
    snprintf(name, sizeof name, "b%u.example", i);
    add_absent(site, name, NOW + 30 * DAY);
  }
  CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK);
  live(site, NOW + 7 * DAY);
  unsigned least = UINT_MAX;
  unsigned max = 0;
  for (unsigned i = 0; i < POLICIES; i++) {
    least = site->fetches[i] < least ? site->fetches[i] : least;
    max = site->fetches[i] > max ? site->fetches[i] : max;
  }
  unit_check(least >= 6 && max <= 7, "a policy was fetched %u to %u times a week", least, max);
  unit_check(site->refreshed > 7 * POLICIES - POLICIES / 50, "%u fetches", site->refreshed);
  unit_check(site->shortest > DAY * 9 / 10 && site->longest < DAY * 11 / 10,
             "between two fetches: %ld to %ld s", (long)site->shortest, (long)site->longest);
  for (unsigned hour = 0; hour < 7 * 24; hour++)
    unit_check(site->hourly[hour] > POLICIES / 24 * 8 / 10 &&
                   site->hourly[hour] < POLICIES / 24 * 12 / 10,
               "%u in hour %u", site->hourly[hour], hour);
  site_free(site);
}

static void knows_what_is_to_be_done(void) {
  struct site *site = site_new();
  struct mtasts_entry entry;
  struct mtasts_cache *cache = mtasts_store_cache(site->store);
  add_policy(site, 1, NOW - DAY / 2 - 60, WEEK);               /* more than half a round ago */
  add_policy(site, 2, NOW - DAY / 2 + 60, WEEK);               /* fetched for a use, recently */
  add_policy(site, 3, NOW + DAY, WEEK);                        /* the clock was turned back */
  add_policy(site, 4, NOW - WEEK, WEEK);                       /* expired */
  add_policy(site, 5, NOW - MTASTS_EXPIRED_KEEP - WEEK, WEEK); /* useless */
  add_absent(site, "old.example", NOW - DAY - 1);
  add_absent(site, "new.example", NOW - DAY + 60);
  CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_refresh_sweep_move(site->sweep, &settings, DAY * 1000, NOW), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK);
  CU_ASSERT_EQUAL(site->met, 7);
  CU_ASSERT_EQUAL(site->refreshed, 2);
  CU_ASSERT_EQUAL(site->fetches[1], 1);
  CU_ASSERT_EQUAL(site->fetches[3], 1);
  CU_ASSERT_EQUAL(site->removed, 2);
  CU_ASSERT_EQUAL(look_up(cache, "p5.example", &entry), MTASTS_ABSENT);
  CU_ASSERT_EQUAL(look_up(cache, "old.example", &entry), MTASTS_ABSENT);
  CU_ASSERT_EQUAL(look_up(cache, "p4.example", &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(look_up(cache, "new.example", &entry), MTASTS_OK);
  site_free(site);
}

static void leaves_the_unused_alone(void) {
  struct site *site = site_new();
  struct mtasts_domain used = domain("p1.example");
  mtasts_usage_filter_rotate(site->usage, NOW + MTASTS_USAGE_FILTER_PERIOD);
  mtasts_usage_filter_mark(site->usage, mtasts_usage_filter_locate(site->usage, &used));
  for (unsigned i = 0; i < 5; i++)
    add_policy(site, i, NOW - 2 * DAY, WEEK);
  CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_refresh_sweep_move(site->sweep, &settings, DAY * 1000, NOW), MTASTS_OK);
  CU_ASSERT_EQUAL(site->met, 5);
  CU_ASSERT_EQUAL(site->refreshed, 1);
  CU_ASSERT_EQUAL(site->fetches[1], 1);
  site_free(site);
}

static void waits_for_a_back_off(void) {
  struct site *site = site_new();
  struct sample sample;
  policy(&sample, "1");
  sample.entry.fetched = NOW - 2 * DAY;
  sample.entry.expires = NOW - 2 * DAY + WEEK;
  sample.entry.failures = 1;
  sample.entry.error = MTASTS_ERROR_POLICY_FETCH;
  sample.entry.retry_at = NOW + 300;
  store_put(site->store, "p1.example", &sample.entry);
  CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_refresh_sweep_move(site->sweep, &settings, DAY * 1000, NOW), MTASTS_OK);
  CU_ASSERT_EQUAL(site->refreshed, 0);
  CU_ASSERT_EQUAL(mtasts_refresh_sweep_move(site->sweep, &settings, DAY * 1000, NOW + 300),
                  MTASTS_OK);
  CU_ASSERT_EQUAL(site->refreshed, 1);
  site_free(site);
}

static void stays_where_there_is_no_room(void) {
  struct site *site = site_new();
  for (unsigned i = 0; i < 100; i++)
    add_policy(site, i, NOW - 2 * DAY, WEEK);
  CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK);
  site->room = 30;
  move(site, DAY * 1000 / 2);
  CU_ASSERT_EQUAL(site->refreshed, 30);
  move(site, 1000);
  CU_ASSERT_EQUAL(site->refreshed, 30);
  site->room = UINT_MAX;
  move(site, 1000); /* half of the circle was its share */
  CU_ASSERT_EQUAL(site->refreshed, 50);
  for (unsigned i = 0; i < 100; i++)
    CU_ASSERT_TRUE(site->fetches[i] <= 1);
  move(site, 100 * DAY); /* milliseconds: a tenth of the circle; an empty credit does not burst */
  unit_check(site->refreshed >= 59 && site->refreshed <= 61, "%u refreshed", site->refreshed);
  site_free(site);
}

static void is_bounded(void) {
  struct site *site = site_new();
  for (unsigned i = 0; i < 5000; i++)
    add_policy(site, i, NOW - 60, WEEK);
  CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_refresh_sweep_move(site->sweep, &settings, UINT64_MAX, NOW), MTASTS_OK);
  CU_ASSERT_EQUAL(site->met, 4096);
  CU_ASSERT_EQUAL(mtasts_refresh_sweep_move(site->sweep, &settings, 0, NOW), MTASTS_OK);
  CU_ASSERT_EQUAL(site->met, 5000); /* once round, however long it was away */
  CU_ASSERT_EQUAL(mtasts_refresh_sweep_move(site->sweep, &settings, 0, NOW), MTASTS_OK);
  CU_ASSERT_EQUAL(site->met, 5000);
  site_free(site);
}

/* If most of a database is removed in a round, the round takes no longer. */
static void removes_in_one_round(void) {
  struct site *site = site_new();
  for (unsigned i = 0; i < POLICIES; i++) {
    char name[32];
    snprintf(name, sizeof name, "a%u.example", i);
    add_absent(site, name, NOW - 2 * DAY);
  }
  CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK);
  for (int i = 0; i < DAY; i += 60) {
    move(site, 60000);
    CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK); /* as the net loop does */
  }
  unit_check(site->removed >= POLICIES - 2, "%u removed in a round", site->removed);
  site_free(site);
}

/* A policy of a day would be over when the sweep came round once; its place is kept, too. */
static void comes_twice_to_the_short_lived(void) {
  struct site *site = site_new();
  for (unsigned i = 0; i < POLICIES; i++)
    add_policy(site, i, NOW - DAY / 2 + (int64_t)(i % 3600), i % 2 ? DAY : WEEK);
  CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK);
  for (int half = 1; half <= 6; half++) {
    live(site, NOW + half * DAY / 2 - DAY / 4);
    stop(site);
    start(site);
    live(site, NOW + half * DAY / 2);
  }
  for (unsigned i = 0; i < POLICIES; i++)
    unit_check(i % 2 ? site->fetches[i] >= 5 && site->fetches[i] <= 6
                     : site->fetches[i] >= 2 && site->fetches[i] <= 3,
               "%u: %u fetches in three days", i, site->fetches[i]);
  unit_check(site->longest <= DAY * 3 / 2, "left alone for %ld s", (long)site->longest);
  site_free(site);
}

/* The note of another version, or of a disk gone bad. */
static void takes_any_note(void) {
  unsigned char note[3 * (MTASTS_DOMAIN_MAX + 3)]; /* a size and a key for each pointer */
  struct site *site = site_new();
  for (unsigned i = 0; i < 10; i++)
    add_policy(site, i, NOW - 60, WEEK);
  for (int fill = 0; fill < 256; fill += 51) {
    memset(note, fill, sizeof note);
    CU_ASSERT_EQUAL(mtasts_store_save_position(site->store, note, sizeof note), MTASTS_OK);
    stop(site);
    start(site);
    site->met = 0;
    CU_ASSERT_EQUAL(mtasts_refresh_sweep_move(site->sweep, &settings, DAY * 1000, NOW), MTASTS_OK);
    CU_ASSERT_EQUAL(site->met, 10);
  }
  CU_ASSERT_EQUAL(mtasts_store_save_position(site->store, note, 7), MTASTS_OK);
  stop(site);
  start(site);
  CU_ASSERT_EQUAL(mtasts_refresh_sweep_move(site->sweep, &settings, DAY * 1000, NOW), MTASTS_OK);
  CU_ASSERT_EQUAL(site->met, 20);
  site_free(site);
}

/* Domains that the sweep would reach too late. */
static void looks_again_in_between(void) {
  struct sample sample;
  struct mtasts_entry *entry = &sample.entry;
  policy(&sample, "1");
  CU_ASSERT_EQUAL(mtasts_discover_look_again_at(&settings, entry, NOW), INT64_MAX);
  entry->policy.max_age = 2 * 3600; /* half of a short life */
  entry->expires = NOW + 2 * 3600;
  CU_ASSERT_EQUAL(mtasts_discover_look_again_at(&settings, entry, NOW), NOW + 3600);
  CU_ASSERT_FALSE(mtasts_discover_refresh_due(&settings, entry, NOW + 1799));
  CU_ASSERT_TRUE(mtasts_discover_refresh_due(&settings, entry, NOW + 1800));
  entry->retry_at = NOW + 4000; /* in vain, meanwhile */
  entry->failures = 1;
  CU_ASSERT_EQUAL(mtasts_discover_look_again_at(&settings, entry, NOW + 3600), NOW + 4000);
  CU_ASSERT_EQUAL(mtasts_discover_look_again_at(&settings, entry, NOW + 2 * 3600), INT64_MAX);

  policy(&sample, "1"); /* HTTPS fails: its own back-off */
  entry->failures = 3;
  entry->retry_at = NOW + 1200;
  CU_ASSERT_EQUAL(mtasts_discover_look_again_at(&settings, entry, NOW), NOW + 1200);
  entry->record = MTASTS_RECORD_ABSENT; /* the record is gone: not every minute of its TTL */
  entry->retry_at = 0;
  entry->next_check = NOW + 60;
  CU_ASSERT_EQUAL(mtasts_discover_look_again_at(&settings, entry, NOW), NOW + 1200);
  entry->next_check = NOW + 3600;
  CU_ASSERT_EQUAL(mtasts_discover_look_again_at(&settings, entry, NOW), NOW + 3600);
  entry->failures = UINT32_MAX;
  CU_ASSERT_EQUAL(mtasts_discover_look_again_at(&settings, entry, NOW), NOW + DAY);
  policy(&sample, "1");
  entry->policy.max_age = 60; /* no fetch every thirty seconds */
  entry->expires = NOW + 60;
  CU_ASSERT_EQUAL(mtasts_discover_look_again_at(&settings, entry, NOW), NOW + 300);
  absent(&sample);
  CU_ASSERT_EQUAL(mtasts_discover_look_again_at(&settings, entry, NOW), INT64_MAX);
}

/* By a clock that may be ahead nothing has expired; what was never there is forgotten all the same.
 */
static void keeps_expired(void) {
  struct site *site = site_new();
  struct mtasts_discover_settings careful = settings;
  const int64_t later = NOW + (int64_t)400 * DAY;
  struct sample sample;
  struct mtasts_domain key = domain("a.example");
  careful.keep_expired = true;
  add_policy(site, 0, NOW, 3600);
  absent(&sample);
  CU_ASSERT_EQUAL(mtasts_store_put(site->store, &key, &sample.entry, NOW), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_refresh_sweep_move(site->sweep, &careful, DAY * 1000, later), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK);
  struct mtasts_cache_stats stats = count(mtasts_store_cache(site->store));
  CU_ASSERT_EQUAL(stats.policies, 1);
  CU_ASSERT_EQUAL(stats.absent, 0);
  CU_ASSERT_EQUAL(mtasts_refresh_sweep_move(site->sweep, &settings, DAY * 1000, later), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_flush(site->store), MTASTS_OK);
  stats = count(mtasts_store_cache(site->store));
  CU_ASSERT_EQUAL(stats.policies, 0);
  site_free(site);
}

const struct unit_test unit_tests[] = {
    {"a week: every policy once a day, evenly, over a restart", refreshes_evenly},
    {"refreshes, removes, leaves alone", knows_what_is_to_be_done},
    {"a policy that is not used is left to expire", leaves_the_unused_alone},
    {"a failing one is left to its back-off", waits_for_a_back_off},
    {"stays where there is no room, and catches up", stays_where_there_is_no_room},
    {"a move is bounded, and once round is all", is_bounded},
    {"removes in one round", removes_in_one_round},
    {"comes twice to the short-lived", comes_twice_to_the_short_lived},
    {"begins somewhere whatever the saved position is", takes_any_note},
    {"domains that are due before the sweep reaches them", looks_again_in_between},
    {"what has expired by a clock in doubt is kept", keeps_expired},
    {NULL, NULL},
};
