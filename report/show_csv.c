#include "show_csv.h"

#include <inttypes.h>
#include <stdlib.h>

#include "rfc3339.h"
#include "safe_text.h"
#include "span.h"

static bool needs_quotes(struct mtasts_span text) {
  for (size_t i = 0; i < text.len; i++)
    if (text.data[i] == ',' || text.data[i] == '"')
      return true;
  return text.len > 0 && (text.data[0] == ' ' || text.data[text.len - 1] == ' ');
}

/* A field and the comma behind it. */
static void put_text(FILE *stream, struct mtasts_span text) {
  bool quotes = needs_quotes(text);
  if (quotes)
    putc('"', stream);
  if (text.len > 0 && memchr("=+-@\t\r", text.data[0], 6))
    putc('\'', stream);
  while (text.len > 0) {
    struct mtasts_safe_char next = mtasts_safe_take(&text);
    if (next.code == '"')
      putc('"', stream);
    fwrite(next.bytes, 1, next.len, stream);
  }
  fputs(quotes ? "\"," : ",", stream);
}

void mtasts_csv_policies_header(FILE *stream) {
  fputs("start,end,organization,report_id,policy_domain,policy_type,successful,failed\n", stream);
}

void mtasts_csv_policies(FILE *stream, const struct mtasts_report_filter *filter,
                         const struct mtasts_tls_report *report) {
  char start[MTASTS_RFC3339_SIZE];
  char end[MTASTS_RFC3339_SIZE];
  mtasts_rfc3339_format(report->start, start);
  mtasts_rfc3339_format(report->end, end);
  for (size_t i = 0; i < report->policy_count; i++) {
    const struct mtasts_report_policy *policy = &report->policies[i];
    if (!mtasts_filter_policy(filter, policy))
      continue;
    fprintf(stream, "%s,%s,", start, end);
    put_text(stream, report->organization);
    put_text(stream, report->id);
    put_text(stream, policy->domain);
    put_text(stream, policy->type);
    fprintf(stream, "%" PRIu64 ",%" PRIu64 "\n", policy->successful, policy->failed);
  }
}

bool mtasts_csv_sums(FILE *stream, const struct mtasts_sums *sums, enum mtasts_show_by by) {
  const struct mtasts_show_table *table = mtasts_show_table(by);
  const struct mtasts_policy_counts *tally = mtasts_show_tally(sums, by);
  const struct mtasts_count **sorted = mtasts_tally_sorted(tally, table->order);
  bool names = by == MTASTS_BY_SOURCE && sums->names;
  fprintf(stream, "%s,%s%s\n", table->key, names ? "name," : "",
          table->details ? "sessions" : "successful,failed");
  if (!sorted)
    return tally->used == 0;
  for (size_t i = 0; i < tally->used; i++) {
    put_text(stream, sorted[i]->name);
    if (names)
      put_text(stream, mtasts_address_name(sums->names, sorted[i]->name));
    if (!table->details)
      fprintf(stream, "%" PRIu64 ",", sorted[i]->successful);
    fprintf(stream, "%" PRIu64 "\n", sorted[i]->failed);
  }
  free(sorted);
  return true;
}
