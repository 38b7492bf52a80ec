#include "show_json.h"

#include <stdlib.h>
#include <string.h>

#include "check_note.h"
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
  char out[3 * sizeof((struct mtasts_check_note *)0)->text]; /* the longest of them */
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

static json_t *check_entry(const struct mtasts_check_note *note) {
  return json_pack("{s:s, s:o}", "verdict", note->verdict, "text", safe(note->text));
}

/* With --check. */
static json_t *result_entry(const struct mtasts_count *count, const struct mtasts_show_table *table,
                            const struct mtasts_check_note *note) {
  return json_pack("{s:o, s:o, s:o}", table->key, text(count->name), "sessions",
                   number(count->failed), "check", check_entry(note));
}

/* Of a table by result, source, day … */
static json_t *table_entry(const struct mtasts_sums *sums, const struct mtasts_show_table *table,
                           const struct mtasts_count *count) {
  if (sums->names && table == mtasts_show_table(MTASTS_BY_SOURCE)) {
    struct mtasts_span name = mtasts_address_name(sums->names, count->name);
    return json_pack("{s:o, s:o, s:o}", table->key, text(count->name), "name",
                     name.len > 0 ? text(name) : json_null(), "sessions", number(count->failed));
  }
  struct mtasts_check_note note;
  if (table == mtasts_show_table(MTASTS_BY_RESULT) &&
      mtasts_check_note(sums, NULL, count->name, &note))
    return result_entry(count, table, &note);
  if (table->details)
    return json_pack("{s:o, s:o}", table->key, text(count->name), "sessions",
                     number(count->failed));
  return json_pack("{s:o, s:o, s:o}", table->key, text(count->name), "successful",
                   number(count->successful), "failed", number(count->failed));
}

/* table: NULL for the policies. */
static json_t *list(const struct mtasts_sums *sums, const struct mtasts_policy_counts *tally,
                    const struct mtasts_show_table *table) {
  json_t *array = json_array();
  const struct mtasts_count **sorted =
      mtasts_tally_sorted(tally, table ? table->order : MTASTS_LARGEST);
  for (size_t i = 0; sorted && array && i < tally->used; i++)
    if (json_array_append_new(array, table ? table_entry(sums, table, sorted[i])
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
  if (finding->check.verdict)
    json_object_set_new(entry, "check", check_entry(&finding->check));
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

static json_t *signature_entry(const struct mtasts_count *count) {
  return json_pack("{s:o, s:o, s:o, s:o}", "organization", text(mtasts_count_part(count, 0)),
                   "submitter", text(mtasts_count_part(count, 1)), "signed",
                   number(count->successful), "unsigned", number(count->failed));
}

/* Names of a table that are in the one sums, and not in the other. */
static json_t *names_only(const struct mtasts_policy_counts *in,
                          const struct mtasts_policy_counts *out) {
  json_t *array = json_array();
  const struct mtasts_count **sorted = mtasts_tally_sorted(in, MTASTS_LARGEST);
  for (size_t i = 0; sorted && i < in->used; i++)
    if (!mtasts_tally_find(out, sorted[i]->name))
      json_array_append_new(array, text(sorted[i]->name));
  free(sorted);
  return array;
}

static json_t *tables_only(const struct mtasts_sums *in, const struct mtasts_sums *out) {
  const struct mtasts_show_table *table;
  json_t *all = json_object();
  for (enum mtasts_show_by by = 0; (table = mtasts_show_table(by)) != NULL; by++)
    if (by != MTASTS_BY_DAY)
      json_object_set_new(all, table->list,
                          names_only(mtasts_show_tally(in, by), mtasts_show_tally(out, by)));
  return all;
}

static json_t *comparison(const struct mtasts_sums *now, const struct mtasts_sums *before) {
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "reports", number(before->reports),
                   "successful", number(before->successful), "failed", number(before->failed),
                   "period", period(before), "results",
                   list(before, &before->results, mtasts_show_table(MTASTS_BY_RESULT)), "new",
                   tables_only(now, before), "gone", tables_only(before, now));
}

static json_t *signatures_of(const struct mtasts_sums *sums) {
  json_t *array = json_array();
  const struct mtasts_count **sorted = mtasts_tally_sorted(&sums->signatures, MTASTS_LARGEST);
  for (size_t i = 0; sorted && i < sums->signatures.used; i++)
    json_array_append_new(array, signature_entry(sorted[i]));
  free(sorted);
  return array;
}

json_t *mtasts_show_json(const struct mtasts_sums *sums, const struct mtasts_show_inputs *inputs,
                         const struct mtasts_sums *before) {
  const struct mtasts_show_table *table;
  json_t *all = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "reports",
                          number(sums->reports), "duplicates", number(inputs->duplicates),
                          "successful", number(sums->successful), "failed", number(sums->failed),
                          "period", period(sums), "policies", list(sums, &sums->policies, NULL),
                          "signatures", signatures_of(sums), "findings", findings_of(sums),
                          "rejected", inputs->rejected, "warnings", inputs->warnings);
  for (enum mtasts_show_by by = 0; all && (table = mtasts_show_table(by)) != NULL; by++)
    if (json_object_set_new(all, table->list, list(sums, mtasts_show_tally(sums, by), table)) < 0) {
      json_decref(all);
      all = NULL;
    }
  if (all && before && json_object_set_new(all, "against", comparison(sums, before)) < 0) {
    json_decref(all);
    all = NULL;
  }
  return all;
}
