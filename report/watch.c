#include "watch.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "advice.h"
#include "instant.h"
#include "rfc3339.h"
#include "span.h"

enum {
  NAME_SHOWN = 100, /* bytes */
};

struct look {
  const struct mtasts_watch *watch;
  mtasts_finding_fn *alert;
  void *context;
  json_t *over, *silent; /* of the new state */
  bool no_memory;
  struct mtasts_policy_counts over_before, silent_before;
};

/* the state */

static json_t *text(struct mtasts_span span) {
  return json_stringn_nocheck(span.data, span.len);
}

static void append(json_t *list, json_t *value, bool *no_memory) {
  if (json_array_append_new(list, value) < 0)
    *no_memory = true;
}

static bool is_list(const json_t *list, bool pairs) {
  size_t i;
  const json_t *item;
  json_array_foreach(list, i, item) if (pairs ? json_array_size(item) != 2 ||
                                                    !json_is_string(json_array_get(item, 0)) ||
                                                    !json_is_string(json_array_get(item, 1))
                                              : !json_is_string(item)) return false;
  return json_is_array(list);
}

bool mtasts_watch_state_valid(const json_t *state) {
  return json_integer_value(json_object_get(state, "version")) == 1 &&
         is_list(json_object_get(state, "results"), true) &&
         is_list(json_object_get(state, "days"), true) &&
         is_list(json_object_get(state, "over"), false) &&
         is_list(json_object_get(state, "silent"), false);
}

/* The names of the state's list, to be found in: reporters may be many. */
static bool read_names(const json_t *state, const char *list, struct mtasts_policy_counts *names) {
  size_t i;
  const json_t *item;
  json_array_foreach(json_object_get(state, list), i, item) {
    struct mtasts_span name = {json_string_value(item), json_string_length(item)};
    if (!mtasts_tally_add(names, name, 0, 0, 0))
      return false;
  }
  return true;
}

/* The pairs of the state's list, as names of two parts, to be found in. */
static bool read_pairs(const json_t *state, const char *list, struct mtasts_policy_counts *pairs) {
  size_t i;
  const json_t *item;
  json_array_foreach(json_object_get(state, list), i, item) {
    struct mtasts_span parts[2];
    for (size_t j = 0; j < 2; j++) {
      const json_t *part = json_array_get(item, j);
      parts[j] = (struct mtasts_span){json_string_value(part), json_string_length(part)};
    }
    if (!mtasts_tally_add_parts(pairs, parts, 2, 0, 0, 0))
      return false;
  }
  return true;
}

static json_t *pairs_of(const struct mtasts_policy_counts *tally, bool *no_memory) {
  json_t *list = json_array();
  const struct mtasts_count **sorted = mtasts_tally_sorted(tally, MTASTS_BY_NAME);
  *no_memory |= !sorted && tally->used > 0;
  for (size_t i = 0; sorted && i < tally->used; i++) {
    struct mtasts_span first = mtasts_count_part(sorted[i], 0);
    struct mtasts_span second = mtasts_count_part(sorted[i], 1);
    append(list, json_pack("[o, o]", text(first), text(second)), no_memory);
  }
  free(sorted);
  return list;
}

/* alerts */

static int shown(struct mtasts_span name) {
  return name.len < NAME_SHOWN ? (int)name.len : NAME_SHOWN;
}

__attribute__((format(printf, 5, 6))) static void say(const struct look *look, const char *id,
                                                      enum mtasts_finding_level level,
                                                      const char *remedy, const char *format, ...) {
  struct mtasts_report_finding finding = {.id = id, .level = level};
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(finding.text, sizeof finding.text, format, arguments);
  va_end(arguments);
  snprintf(finding.remedy, sizeof finding.remedy, "%s", remedy);
  look->alert(look->context, &finding);
}

/* Result types of a domain: causes without their MX host. */
static bool sum_results(const struct mtasts_sums *sums, struct mtasts_policy_counts *results) {
  for (size_t i = 0; i < sums->causes.room; i++) {
    const struct mtasts_count *cause = sums->causes.counts[i];
    if (!cause)
      continue;
    const struct mtasts_span parts[] = {mtasts_count_part(cause, 0), mtasts_count_part(cause, 1)};
    struct mtasts_count *result =
        mtasts_tally_add_parts(results, parts, 2, 0, cause->failed, cause->first);
    if (!result)
      return false;
  }
  return true;
}

/* An alert for each result that the state does not have. Returns those that are there now. */
static json_t *look_at_results(struct look *look) {
  struct mtasts_policy_counts now = {.seed = look->watch->sums->causes.seed};
  struct mtasts_policy_counts before = {.seed = look->watch->sums->causes.seed};
  look->no_memory |=
      !sum_results(look->watch->sums, &now) || !read_pairs(look->watch->before, "results", &before);
  const struct mtasts_count **sorted = mtasts_tally_sorted(&now, MTASTS_LARGEST);
  for (size_t i = 0; sorted && look->watch->before && i < now.used; i++) {
    struct mtasts_advice advice = {.remedy = ""};
    struct mtasts_span domain = mtasts_count_part(sorted[i], 0);
    struct mtasts_span result = mtasts_count_part(sorted[i], 1);
    if (mtasts_tally_find(&before, sorted[i]->name))
      continue;
    mtasts_advice_find(result, &advice);
    say(look, "result-appeared", MTASTS_FINDING_PROBLEM, advice.remedy,
        "%.*s: %.*s appeared on %s (%" PRIu64 " sessions).", shown(domain), domain.data,
        shown(result), result.data, mtasts_day_text(sorted[i]->first).text, sorted[i]->failed);
  }
  free(sorted);
  json_t *results = pairs_of(&now, &look->no_memory);
  mtasts_tally_free(&now);
  mtasts_tally_free(&before);
  return results;
}

static void look_at_rate(struct look *look, const struct mtasts_reporter_day *day) {
  bool before = mtasts_tally_find(&look->over_before, day->organization) != NULL;
  int64_t today = mtasts_day_of(look->watch->now);
  bool recent = today - day->day <= (int64_t)MTASTS_WATCH_RECENT * MTASTS_DAY_SECONDS;
  bool over = mtasts_reporter_day_over(day, look->watch->limit) && (recent || before);
  uint64_t all = mtasts_sum(day->sessions.successful, day->sessions.failed);
  if (over)
    append(look->over, text(day->organization), &look->no_memory);
  if (over && !before)
    say(look, "failures-over", MTASTS_FINDING_PROBLEM,
        "See what failed: mtasts report show --by result",
        "%.*s: %" PRIu64 " of %" PRIu64 " sessions failed on %s, more than --fail-over allows.",
        shown(day->organization), day->organization.data, day->sessions.failed, all,
        mtasts_day_text(day->day).text);
  if (before && !over)
    say(look, "failures-under", MTASTS_FINDING_GOOD, "",
        "%.*s: %" PRIu64 " of %" PRIu64 " sessions failed on %s, as --fail-over allows again.",
        shown(day->organization), day->organization.data, day->sessions.failed, all,
        mtasts_day_text(day->day).text);
}

/* The report of a day comes on the next one. */
static void look_at_silence(struct look *look, const struct mtasts_reporter_day *day) {
  bool before = mtasts_tally_find(&look->silent_before, day->organization) != NULL;
  int64_t days = (mtasts_day_of(look->watch->now) - day->day) / MTASTS_DAY_SECONDS - 1;
  bool silent = days >= MTASTS_WATCH_SILENT && (before || mtasts_reporter_day_daily(day));
  if (silent)
    append(look->silent, text(day->organization), &look->no_memory);
  if (silent && !before)
    say(look, "reporter-silent", MTASTS_FINDING_NOTICE,
        "Check that the address in the TLSRPT record still takes mail, and its spam folder.",
        "%.*s sent no report since that of %s, though it reported daily.", shown(day->organization),
        day->organization.data, mtasts_day_text(day->day).text);
  if (before && !silent)
    say(look, "reporter-returned", MTASTS_FINDING_GOOD, "", "%.*s reports again, for %s.",
        shown(day->organization), day->organization.data, mtasts_day_text(day->day).text);
}

static void look_at_reporter(void *context, const struct mtasts_reporter_day *day) {
  struct look *look = context;
  look_at_rate(look, day);
  look_at_silence(look, day);
}

/* A silent reporter is one, also if its last report is older than the sums. */
static void keep_silent(struct look *look) {
  size_t i;
  json_t *name;
  json_array_foreach(json_object_get(look->watch->before, "silent"), i, name) {
    struct mtasts_span span = {json_string_value(name), json_string_length(name)};
    if (!mtasts_tally_find(&look->watch->sums->reporters, span))
      append(look->silent, json_incref(name), &look->no_memory);
  }
}

static bool count_new(const struct mtasts_watch *watch, struct mtasts_watch_new *fresh) {
  const struct mtasts_policy_counts *days = &watch->sums->reporter_days;
  struct mtasts_policy_counts before = {.seed = days->seed};
  bool done = read_pairs(watch->before, "days", &before);
  *fresh = (struct mtasts_watch_new){0};
  for (size_t i = 0; done && i < days->room; i++) {
    if (!days->counts[i] || mtasts_tally_find(&before, days->counts[i]->name))
      continue;
    fresh->days++;
    fresh->successful = mtasts_sum(fresh->successful, days->counts[i]->successful);
    fresh->failed = mtasts_sum(fresh->failed, days->counts[i]->failed);
  }
  mtasts_tally_free(&before);
  return done;
}

json_t *mtasts_watch(const struct mtasts_watch *watch, mtasts_finding_fn *alert, void *context,
                     struct mtasts_watch_new *fresh) {
  struct look look = {watch, alert, context, json_array(), json_array(), false};
  char looked[MTASTS_RFC3339_SIZE];
  mtasts_rfc3339_format(watch->now, looked);
  look.over_before.seed = look.silent_before.seed = watch->sums->causes.seed;
  look.no_memory = !count_new(watch, fresh) ||
                   !read_names(watch->before, "over", &look.over_before) ||
                   !read_names(watch->before, "silent", &look.silent_before);
  json_t *results = look_at_results(&look);
  look.no_memory |= !mtasts_reporter_days(watch->sums, look_at_reporter, &look);
  keep_silent(&look);
  mtasts_tally_free(&look.over_before);
  mtasts_tally_free(&look.silent_before);
  json_t *days = pairs_of(&watch->sums->reporter_days, &look.no_memory);
  json_t *state =
      json_pack("{s:i, s:s, s:o, s:o, s:o, s:o}", "version", 1, "looked", looked, "results",
                results, "days", days, "over", look.over, "silent", look.silent);
  if (state && !look.no_memory)
    return state;
  json_decref(state);
  return NULL;
}
