#include "show_json.h"

#include <stdlib.h>

#include "ascii.h"
#include "rfc3339.h"

static json_t *text(struct mtasts_span span) {
  return json_stringn_nocheck(span.data, span.len);
}

static json_t *number(uint64_t value) {
  return json_integer((json_int_t)value); /* sums stop at 2^63 - 1 */
}

typedef json_t *entry_fn(const struct mtasts_count *count);

static json_t *policy_entry(const struct mtasts_count *count) {
  struct mtasts_span domain = {count->name.data, count->split ? count->split - 1 : count->name.len};
  struct mtasts_span type = {count->name.data + count->split,
                             count->split ? count->name.len - count->split : 0};
  json_t *mode = count->mode.len > 0 ? text(count->mode) : json_null();
  return json_pack("{s:o, s:o, s:o, s:o, s:o}", "policy_domain", text(domain), "policy_type",
                   text(type), "successful", number(count->successful), "failed",
                   number(count->failed), "mode", mode);
}

static json_t *result_entry(const struct mtasts_count *count) {
  return json_pack("{s:o, s:o}", "result_type", text(count->name), "sessions",
                   number(count->failed));
}

static json_t *source_entry(const struct mtasts_count *count) {
  return json_pack("{s:o, s:o}", "sending_mta_ip", text(count->name), "sessions",
                   number(count->failed));
}

static json_t *mx_entry(const struct mtasts_count *count) {
  return json_pack("{s:o, s:o}", "receiving_mx_hostname", text(count->name), "sessions",
                   number(count->failed));
}

static json_t *rates(const char *key, const struct mtasts_count *count) {
  return json_pack("{s:o, s:o, s:o}", key, text(count->name), "successful",
                   number(count->successful), "failed", number(count->failed));
}

static json_t *reporter_entry(const struct mtasts_count *count) {
  return rates("organization", count);
}

static json_t *day_entry(const struct mtasts_count *count) {
  return rates("day", count);
}

static json_t *domain_entry(const struct mtasts_count *count) {
  return rates("policy_domain", count);
}

static json_t *list(const struct mtasts_tally *tally, enum mtasts_tally_order order,
                    entry_fn *entry) {
  json_t *array = json_array();
  const struct mtasts_count **sorted = mtasts_tally_sorted(tally, order);
  for (size_t i = 0; sorted && array && i < tally->used; i++)
    if (json_array_append_new(array, entry(sorted[i])) < 0) {
      json_decref(array);
      array = NULL;
    }
  if (tally->used > 0 && !sorted) {
    json_decref(array);
    array = NULL;
  }
  free(sorted);
  return array;
}

static json_t *period(const struct mtasts_sums *sums) {
  char start[MTASTS_RFC3339_SIZE];
  char end[MTASTS_RFC3339_SIZE];
  if (sums->reports == 0)
    return json_null();
  mtasts_rfc3339_format(sums->start, start);
  mtasts_rfc3339_format(sums->end, end);
  return json_pack("{s:s, s:s}", "start", start, "end", end);
}

json_t *mtasts_show_json(const struct mtasts_sums *sums, uint64_t duplicates, json_t *rejected,
                         json_t *warnings) {
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                   "reports", number(sums->reports), "duplicates", number(duplicates), "successful",
                   number(sums->successful), "failed", number(sums->failed), "period", period(sums),
                   "policies", list(&sums->policies, MTASTS_LARGEST, policy_entry), "results",
                   list(&sums->results, MTASTS_LARGEST, result_entry), "sources",
                   list(&sums->sources, MTASTS_LARGEST, source_entry), "reporters",
                   list(&sums->reporters, MTASTS_LARGEST, reporter_entry), "mx",
                   list(&sums->mx, MTASTS_LARGEST, mx_entry), "days",
                   list(&sums->days, MTASTS_BY_NAME, day_entry), "domains",
                   list(&sums->domains, MTASTS_LARGEST, domain_entry), "rejected", rejected,
                   "warnings", warnings);
}
