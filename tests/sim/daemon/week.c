#include "week.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "log.h"
#include "scripted_lookup.h"
#include "tick.h"

enum {
  START = 1800000000, /* seconds since the epoch */
  HOUR = 3600,
  DAY = 24 * HOUR,
  END = 7 * DAY,
  RESTART = 7 * DAY / 2,
  RESTART_WATCHED = 600, /* seconds after it */
  USED_DAILY = 5,        /* one in so many domains is asked for each day */
  IN_FLIGHT = 256,
};

static const struct mtasts_discover_settings settings = {
    .refresh_interval = DAY, .retry_min = MTASTS_RETRY_MIN, .retry_max = DAY};

/* What the script has seen of a member: what must happen to it follows from that alone. */
struct seen {
  int64_t asked;      /* for its record */
  int64_t next_check; /* not before, but for a fetch */
  int64_t fetched;    /* 0: never */
  int64_t expires;
  int64_t failed; /* the last fetch, at that time; 0: it did not */
  uint16_t failures, failed_in_a_row, fetches, warned;
  bool new_record, new_policy; /* has the new id been seen? */
};

struct week {
  const struct week_options *options;
  struct week_report *report;
  struct world_member *members;
  struct seen *seen;
  uint32_t *watched; /* used in this round, under an id that has changed */
  uint32_t watched_count;
  uint32_t asked_first; /* this number of members, in the first hour */
  uint64_t uses_due;    /* seconds times domains */
  uint64_t random;

  struct event_base *base;
  struct mtasts_resolver script;
  struct mtasts_stats stats;
  struct mtasts_store *store;
  struct mtasts_usage_filter *usage;
  struct mtasts_scheduler scheduler;
  struct mtasts_tick tick;

  uint64_t unanswered, forgotten, not_acted_on, wrong, refetched, unused, kept, silent, lapsed;
  uint64_t warned_of_none, after_restart;
  int64_t longest;
  size_t due_queue_max;
};

/* One week at a time: neither a clock nor a log line has a context. */
static int64_t clock_time;
static struct week *listening;

static int64_t clock_now(void) {
  return clock_time;
}

/* what is due, by the book */

static int64_t refresh_after(const struct world_member *member) {
  int64_t half = member->max_age / 2;
  return half < settings.refresh_interval ? half : settings.refresh_interval;
}

/* RFC 8461 section 3.3, and mtasts.conf(5): after each failure twice as long as before. */
static int64_t back_off(unsigned failures) {
  int64_t wait = settings.retry_min;
  for (unsigned i = 1; i < failures && wait < settings.retry_max; i++)
    wait *= 2;
  return wait < settings.retry_max ? wait : settings.retry_max;
}

/* May it be fetched now? Half of the way to the next refresh is what discover.h allows any code
 * that comes by once an interval. */
static bool may_fetch(const struct world_member *member, const struct seen *seen) {
  if (seen->new_record != seen->new_policy)
    return true;
  if (seen->failed > 0)
    return clock_time >= seen->failed + back_off(seen->failed_in_a_row);
  return clock_time >= seen->expires || clock_time >= seen->fetched + refresh_after(member) / 2;
}

/* Can it be kept, whatever the world does to it? */
static bool is_lasting(const struct world_member *member) {
  return member->kind != WORLD_ABSENT && member->kind != WORLD_UNUSED;
}

static int64_t believed(uint32_t ttl) {
  if (ttl < MTASTS_CHECK_MIN)
    return MTASTS_CHECK_MIN;
  return ttl < MTASTS_CHECK_MAX ? ttl : MTASTS_CHECK_MAX;
}

/* what the world sees */

static unsigned hour(void) {
  return (unsigned)((clock_time - START) / HOUR);
}

static void see_txt(struct week *week, const struct world_member *member, struct seen *seen,
                    bool forced) {
  week->report->txt[hour()]++;
  seen->asked = clock_time;
  if (!forced && clock_time < seen->next_check && !may_fetch(member, seen))
    week->report->early++;
}

static void see_fetch(struct week *week, const struct world_member *member, struct seen *seen) {
  int64_t restarted = clock_time - START - RESTART;
  week->report->fetches[hour()]++;
  week->after_restart += restarted >= 0 && restarted < RESTART_WATCHED;
  if ((seen->fetched > 0 || seen->failed > 0) && !may_fetch(member, seen))
    week->report->early++;
}

/* Did the policy live until now? */
static void check_life(struct week *week, const struct world_member *member,
                       const struct seen *seen) {
  if (!is_lasting(member) || clock_time < seen->expires)
    return;
  /* The due queue does not outlive the process, and the sweep comes once in half a day: of a policy
   * of an hour it is the next use that looks again. */
  int64_t left = seen->expires - (START + RESTART);
  if (member->kind == WORLD_HOUR && left >= 0 && left <= HOUR)
    week->lapsed++;
  else
    week->report->lost++;
}

/* Of those that did not fail, how long was one left alone? */
static void check_gap(struct week *week, const struct world_member *member,
                      const struct seen *seen) {
  int64_t gap = clock_time - seen->fetched;
  if (seen->failures == 0 && is_lasting(member) && member->kind != WORLD_HOUR &&
      gap > week->longest)
    week->longest = gap;
}

static void see_policy(struct week *week, const struct world_member *member, struct seen *seen) {
  if (seen->fetched > 0) {
    check_life(week, member, seen);
    check_gap(week, member, seen);
  }
  seen->fetched = clock_time;
  seen->expires = clock_time + member->max_age;
  seen->failed = 0;
  seen->failed_in_a_row = 0;
  seen->new_policy = seen->new_record;
  seen->fetches++;
  week->report->fetched++;
}

static void see(void *context, uint32_t number, enum scripted_event event, bool forced) {
  struct week *week = context;
  const struct world_member *member = &week->members[number];
  struct seen *seen = &week->seen[number];
  switch (event) {
  case SCRIPTED_TXT:
    see_txt(week, member, seen, forced);
    break;
  case SCRIPTED_TXT_ANSWERED:
    seen->next_check = clock_time + believed(member->ttl);
    seen->new_record = member->kind == WORLD_CHANGING && world_happens(member, clock_time);
    break;
  case SCRIPTED_TXT_FAILED:
    seen->next_check = clock_time + MTASTS_CHECK_MIN;
    break;
  case SCRIPTED_FETCH:
    see_fetch(week, member, seen);
    break;
  case SCRIPTED_FETCHED:
    see_policy(week, member, seen);
    break;
  case SCRIPTED_FETCH_FAILED:
    seen->failed = clock_time;
    seen->failures++;
    seen->failed_in_a_row++;
    week->report->failed++;
    break;
  }
}

/* The log of the daemon: its warnings are part of what is checked. */
__attribute__((format(printf, 2, 3))) void __wrap_mtasts_log(enum mtasts_log_level level,
                                                             const char *format, ...);
void __wrap_mtasts_log(enum mtasts_log_level level, const char *format, ...) {
  static const char key[] = " domain=";
  struct mtasts_domain domain;
  char line[MTASTS_LOG_LINE_MAX];
  va_list args;
  if (level > MTASTS_LOG_WARNING)
    return;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  const char *name = strstr(line, key);
  if (!name) {
    listening->wrong++; /* of what would the daemon warn in such a week? */
    return;
  }
  snprintf(domain.name, sizeof domain.name, "%.*s", (int)strcspn(name + sizeof key - 1, " :"),
           name + sizeof key - 1);
  uint32_t number = world_number(&domain);
  listening->report->warnings++;
  listening->seen[number].warned++;
  listening->warned_of_none += listening->members[number].mode == MTASTS_MODE_NONE;
}

/* the daemon */

static bool open_daemon(struct week *week) {
  struct mtasts_scheduler *scheduler = &week->scheduler;
  if (mtasts_store_open(week->options->directory, &mtasts_store_defaults, &week->store) !=
      MTASTS_OK)
    return false;
  *scheduler = (struct mtasts_scheduler){.base = week->base,
                                         .net = {&week->script, NULL, NULL, settings, clock_now, 0},
                                         .store = week->store,
                                         .usage = week->usage,
                                         .stats = &week->stats,
                                         .in_flight = IN_FLIGHT};
  return mtasts_scheduler_open(scheduler) && mtasts_tick_open(&week->tick, scheduler, week->usage);
}

static void close_daemon(struct week *week) {
  if (week->scheduler.base)
    mtasts_scheduler_close(&week->scheduler);
  mtasts_tick_close(&week->tick);
  mtasts_store_close(week->store);
  week->scheduler = (struct mtasts_scheduler){.base = NULL};
  week->tick = (struct mtasts_tick){.sweep = NULL};
  week->store = NULL;
}

/* As in life: what was used before is not known. */
static bool restart(struct week *week) {
  close_daemon(week);
  mtasts_usage_filter_free(week->usage);
  week->usage = mtasts_usage_filter_new(clock_time);
  return week->usage && open_daemon(week);
}

static void run_events(struct week *week) {
  do
    event_base_loop(week->base, EVLOOP_NONBLOCK);
  while (event_base_get_num_events(week->base, EVENT_BASE_COUNT_ACTIVE) > 0);
}

/* All that happens before the next round. The timer of the commit is one of the real time. */
static void let_happen(struct week *week) {
  struct event *commit = week->scheduler.commit;
  run_events(week);
  if (!evtimer_pending(commit, NULL))
    return;
  evtimer_del(commit);
  event_active(commit, EV_TIMEOUT, 0);
  run_events(week);
}

/* uses */

/* A member is asked for, as front.c does it. */
static void ask_for(struct week *week, uint32_t number) {
  const struct world_member *member = &week->members[number];
  const struct seen *seen = &week->seen[number];
  struct mtasts_scheduler *scheduler = &week->scheduler;
  struct mtasts_domain domain = world_name(number);
  struct mtasts_entry entry;
  if (member->kind != WORLD_UNUSED)
    mtasts_usage_filter_mark(week->usage, mtasts_usage_filter_locate(week->usage, &domain));
  const struct mtasts_entry *known = mtasts_scheduler_cached(scheduler, &domain, &entry);
  bool answers = known && mtasts_discover_answers(&settings, known, clock_time);
  week->unanswered += !answers && clock_time < seen->expires;
  week->forgotten += !known && seen->asked > 0 && clock_time < seen->next_check + DAY;
  if (member->kind == WORLD_CHANGING && world_happens(member, clock_time) && !seen->new_policy &&
      clock_time >= seen->next_check)
    week->watched[week->watched_count++] = number;
  if (!known || mtasts_discover_due(&settings, known, clock_time) != 0)
    mtasts_scheduler_request(scheduler, &domain, MTASTS_JOB_LOOK_UP,
                             answers ? MTASTS_URGENCY_BACKGROUND : MTASTS_URGENCY_WAITED, NULL);
}

static void ask_for_all(struct week *week, uint64_t since) {
  uint64_t until = since + week->options->step;
  uint64_t goal = until < HOUR ? week->options->domains * until / HOUR : week->options->domains;
  while (week->asked_first < goal)
    ask_for(week, week->asked_first++);
}

static void ask_for_some(struct week *week) {
  const uint64_t each = (uint64_t)DAY * USED_DAILY;
  week->uses_due += (uint64_t)week->options->step * week->options->domains;
  for (; week->uses_due >= each; week->uses_due -= each) {
    week->random = week->random * 6364136223846793005 + 1442695040888963407;
    uint32_t number = (uint32_t)((week->random >> 32) * week->options->domains >> 32);
    if (week->members[number].kind == WORLD_UNUSED)
      continue;
    ask_for(week, number);
    week->report->uses++;
  }
}

/* A use past the TTL has come upon the new id, and the policy was there for the taking. */
static void check_watched(struct week *week) {
  while (week->watched_count > 0)
    week->not_acted_on += !week->seen[week->watched[--week->watched_count]].new_policy;
}

/* the week */

static bool live_through(struct week *week) {
  const uint32_t step = week->options->step;
  for (uint64_t since = 0; since < END; since += step) {
    clock_time = START + (int64_t)since;
    if (since / step == RESTART / step && !restart(week))
      return false;
    scripted_net_pass(&week->script, clock_time);
    if (week->asked_first < week->options->domains)
      ask_for_all(week, since);
    else
      ask_for_some(week);
    mtasts_scheduler_start(&week->scheduler);
    mtasts_tick_run(&week->tick, clock_time, (uint64_t)step * 1000);
    let_happen(week);
    check_watched(week);
    size_t due_queue = mtasts_due_queue_count(week->scheduler.due_queue);
    week->due_queue_max = due_queue > week->due_queue_max ? due_queue : week->due_queue_max;
  }
  return true;
}

/* What the cache holds of a member at the end, against what was seen. */
static void check_member(struct week *week, uint32_t number) {
  const struct world_member *member = &week->members[number];
  const struct seen *seen = &week->seen[number];
  struct mtasts_domain domain = world_name(number);
  struct mtasts_entry entry;
  const struct mtasts_entry *known = mtasts_scheduler_cached(&week->scheduler, &domain, &entry);
  if (member->kind == WORLD_ABSENT) {
    /* A day past its TTL it is obsolete, and once in an interval the sweep visits it: later if new
     * domains precede it. */
    int64_t met = seen->next_check + DAY + settings.refresh_interval * 3 / 2;
    week->kept += known && clock_time > met;
    return;
  }
  if (!known || !known->has_policy || known->fetched != seen->fetched ||
      known->expires != seen->expires)
    week->wrong++;
  if (member->kind == WORLD_UNUSED) {
    week->unused++;
    week->refetched += seen->fetches > 1;
    return;
  }
  check_life(week, member, seen);
  check_gap(week, member, seen);
  week->silent += seen->failures > 0 && member->mode != MTASTS_MODE_NONE && seen->warned == 0;
}

static void summarize(struct week *week) {
  struct week_report *report = week->report;
  double sum = 0;
  for (unsigned i = 24; i < WEEK_HOURS; i++) {
    sum += report->fetches[i];
    if (report->fetches[i] > report->peak)
      report->peak = report->fetches[i];
  }
  report->mean = sum / (WEEK_HOURS - 24);
}

static void add(struct week_report *report, const char *what, double value, double max) {
  report->checks[report->checks_made++] = (struct week_check){what, value, max};
}

static void conclude(struct week *week) {
  struct week_report *report = week->report;
  report->due_queue_max = week->due_queue_max;
  for (uint32_t i = 0; i < report->domains; i++)
    check_member(week, i);
  summarize(week);
  add(report, "policies that expired though they were there to be fetched", (double)report->lost,
      0);
  add(report, "questions and fetches before they were due", (double)report->early, 0);
  add(report, "uses that a live policy did not answer", (double)week->unanswered, 0);
  add(report, "absent domains forgotten before their time", (double)week->forgotten, 0);
  add(report, "new ids not acted on by the first use after the TTL", (double)week->not_acted_on, 0);
  add(report, "cached policies that are not the last ones fetched", (double)week->wrong, 0);
  add(report, "absent domains kept past their time", (double)week->kept, 0);
  add(report, "warnings of policies of mode none", (double)week->warned_of_none, 0);
  add(report, "failing policies that had no warning", (double)week->silent, 0);
  /* The filters that remember use are wrong of one in fifty at a million. */
  add(report, "unused policies fetched again, of a hundred",
      100.0 * (double)week->refetched / (double)(week->unused + !week->unused), 4);
  add(report, "hours between two fetches of a policy at most", (double)week->longest / HOUR,
      1.5 * 24 * 1.05);
  add(report, "fetches of the busiest hour, by an average one", report->peak / report->mean, 1.2);
  add(report, "fetches right after the restart, by the average",
      (double)week->after_restart / (report->mean * RESTART_WATCHED / HOUR), 1.3);
}

static bool prepare(struct week *week) {
  uint32_t domains = week->options->domains;
  week->members = calloc(domains, sizeof *week->members);
  week->seen = calloc(domains, sizeof *week->seen);
  week->watched = calloc(domains, sizeof *week->watched);
  week->base = event_base_new();
  /* By marks alone: a period has passed. */
  week->usage = mtasts_usage_filter_new(START - MTASTS_USAGE_FILTER_PERIOD);
  if (!week->members || !week->seen || !week->watched || !week->base || !week->usage)
    return false;
  mtasts_usage_filter_rotate(week->usage, START);
  for (uint32_t i = 0; i < domains; i++)
    week->members[i] = world_member(i, START);
  week->script = (struct mtasts_resolver){.members = week->members, .tell = see, .context = week};
  scripted_net_init(&week->script);
  return open_daemon(week);
}

bool week_live(const struct week_options *options, struct week_report *report) {
  struct week week = {.options = options, .report = report};
  *report = (struct week_report){.domains = options->domains};
  clock_time = START;
  listening = &week;
  bool lived = prepare(&week) && live_through(&week);
  if (lived)
    conclude(&week);
  close_daemon(&week);
  mtasts_usage_filter_free(week.usage);
  if (week.base)
    event_base_free(week.base);
  free(week.members);
  free(week.seen);
  free(week.watched);
  return lived;
}

/* for people */

static void print_chart(const struct week_report *report, FILE *out) {
  enum {
    WIDTH = 60,
    EACH = 3, /* hours a line */
  };
  static const char bar[] = "############################################################";
  double max = 0;
  for (unsigned i = EACH; i < WEEK_HOURS; i++)
    max = report->fetches[i] > max ? report->fetches[i] : max;
  fprintf(out, "%5s %10s %10s  requests an hour; a full bar is %.0f fetches\n", "hour", "TXT",
          "HTTPS", max);
  for (unsigned i = 0; i < WEEK_HOURS; i += EACH) {
    double txt = 0;
    double fetches = 0;
    for (unsigned j = i; j < i + EACH; j++) {
      txt += report->txt[j];
      fetches += report->fetches[j];
    }
    int width = max > 0 ? (int)(fetches / EACH / max * WIDTH + 0.5) : 0;
    fprintf(out, "%5u %10.0f %10.0f  %.*s\n", i, txt / EACH, fetches / EACH,
            width < WIDTH ? width : WIDTH, bar);
  }
}

void week_print(const struct week_report *report, FILE *out) {
  print_chart(report, out);
  for (size_t i = 0; i < report->checks_made; i++) {
    const struct week_check *check = &report->checks[i];
    fprintf(out, "%-6s %-58s %10.2f, may be %.2f\n", week_check_holds(check) ? "ok" : "failed",
            check->what, check->value, check->max);
  }
  fprintf(out,
          "a week of %u domains: %llu fetches, %.0f an hour on average, %.0f at most; %llu lost, "
          "%llu early\n",
          (unsigned)report->domains,
          (unsigned long long)report->fetched + (unsigned long long)report->failed, report->mean,
          report->peak, (unsigned long long)report->lost, (unsigned long long)report->early);
  fprintf(out, "at most %zu domains on the agenda, which takes %d\n", report->due_queue_max,
          MTASTS_DUE_QUEUE_MAX);
}
