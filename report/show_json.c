#include "show_json.h"

#include <stdlib.h>
#include <string.h>

#include "findings.h"
#include "rfc3339.h"
#include "safe_text.h"
#include "show.h"

static json_t *text(struct mtasts_span span) {
  return json_stringn_nocheck(span.data, span.len);
}

/* A text that was cut may end inside of a character. */
static json_t *safe(const char *cut) {
  struct mtasts_span rest = {cut, strlen(cut)};
  char out[3 * sizeof((struct mtasts_report_finding *)0)->text];
  size_t len = 0;
  while (rest.len > 0 && len + 4 < sizeof out) {
    struct mtasts_safe_char next = mtasts_safe_take(&rest);
    memcpy(out + len, next.bytes, next.len);
    len += next.len;
  }
  return json_stringn_nocheck(out, len);
}

static json_t *number(uint64_t value) {
  return json_integer((json_int_t)value); /* sums stop at 2^63 - 1 */
}

static json_t *policy_entry(const struct mtasts_count *count) {
  json_t *mode = count->mode.len > 0 ? text(count->mode) : json_null();
  return json_pack("{s:o, s:o, s:o, s:o, s:o}", "policy_domain", text(mtasts_count_part(count, 0)),
                   "policy_type", text(mtasts_count_part(count, 1)), "successful",
                   number(count->successful), "failed", number(count->failed), "mode", mode);
}

/* Of a table by result, source, day … */
static json_t *table_entry(const struct mtasts_show_table *table,
                           const struct mtasts_count *count) {
  if (table->details)
    return json_pack("{s:o, s:o}", table->key, text(count->name), "sessions",
                     number(count->failed));
  return json_pack("{s:o, s:o, s:o}", table->key, text(count->name), "successful",
                   number(count->successful), "failed", number(count->failed));
}

/* table: NULL for the policies. */
static json_t *list(const struct mtasts_policy_counts *tally,
                    const struct mtasts_show_table *table) {
  json_t *array = json_array();
  const struct mtasts_count **sorted =
      mtasts_tally_sorted(tally, table ? table->order : MTASTS_LARGEST);
  for (size_t i = 0; sorted && array && i < tally->used; i++)
    if (json_array_append_new(array, table ? table_entry(table, sorted[i])
                                           : policy_entry(sorted[i])) < 0) {
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

/* findings: an array; NULL once there was no memory. */
static void add_finding(void *context, const struct mtasts_report_finding *finding) {
  json_t **findings = context;
  json_t *entry = json_pack("{s:s, s:s, s:o, s:o}", "id", finding->id, "level",
                            mtasts_finding_level_name(finding->level), "text", safe(finding->text),
                            "remedy", safe(finding->remedy));
  if (!*findings || json_array_append_new(*findings, entry) == 0)
    return;
  json_decref(*findings);
  *findings = NULL;
}

static json_t *findings_of(const struct mtasts_sums *sums) {
  json_t *findings = json_array();
  if (mtasts_report_findings(sums, add_finding, &findings))
    return findings;
  json_decref(findings);
  return NULL;
}

json_t *mtasts_show_json(const struct mtasts_sums *sums, uint64_t duplicates, json_t *rejected,
                         json_t *warnings) {
  const struct mtasts_show_table *table;
  json_t *all = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "reports",
                          number(sums->reports), "duplicates", number(duplicates), "successful",
                          number(sums->successful), "failed", number(sums->failed), "period",
                          period(sums), "policies", list(&sums->policies, NULL), "findings",
                          findings_of(sums), "rejected", rejected, "warnings", warnings);
  for (enum mtasts_show_by by = 0; all && (table = mtasts_show_table(by)) != NULL; by++)
    if (json_object_set_new(all, table->list, list(mtasts_show_tally(sums, by), table)) < 0) {
      json_decref(all);
      all = NULL;
    }
  return all;
}
