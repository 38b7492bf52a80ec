#include "day_report.h"

#include <errno.h>

#include "ascii.h"
#include "tally.h"

void mtasts_day_report_free(struct mtasts_day_report *report) {
  if (!report)
    return;
  free(report->policies);
  free(report->details);
  free(report->bytes);
  free(report);
}

/* The records of a domain and day in one table. */
struct extent {
  size_t records;
  size_t bytes;
};

static int measure(MDB_txn *txn, MDB_dbi dbi, struct mtasts_span start, struct extent *extent) {
  MDB_cursor *cursor;
  MDB_val key = {0};
  MDB_val value;
  int rc = mdb_cursor_open(txn, dbi, &cursor);
  if (rc != 0)
    return rc;
  while ((rc = mtasts_counter_next(cursor, start, &key, &value)) == 0) {
    extent->records++;
    extent->bytes += value.mv_size;
  }
  mdb_cursor_close(cursor);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Copies to where the report's bytes end so far. */
static struct mtasts_span keep(struct mtasts_span text, char **end) {
  struct mtasts_span kept = {*end, text.len};
  if (text.len > 0)
    memcpy(*end, text.data, text.len);
  *end += text.len;
  return kept;
}

/* What is being read, and how far. */
struct reading {
  struct mtasts_day_report *report;
  MDB_cursor *policies, *details;
  struct mtasts_day_detail *next_detail;
  char *end;
};

static int read_details(struct reading *reading, struct mtasts_span start,
                        struct mtasts_day_policy *policy) {
  MDB_val key = {0};
  MDB_val value;
  int rc;
  policy->details = reading->next_detail;
  while ((rc = mtasts_counter_next(reading->details, start, &key, &value)) == 0) {
    struct mtasts_counted_detail counted;
    if (!mtasts_counter_read_detail(&value, &counted))
      return MDB_CORRUPTED;
    struct mtasts_day_detail *detail = reading->next_detail++;
    *detail = (struct mtasts_day_detail){.count = counted.count,
                                         .packed = keep(counted.packed, &reading->end)};
    if (!mtasts_unpack_detail(detail->packed, &detail->detail))
      return MDB_CORRUPTED;
    policy->detail_count++;
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

static int read_policies(struct reading *reading, struct mtasts_span start) {
  struct mtasts_day_report *report = reading->report;
  MDB_val key = {0};
  MDB_val value;
  int rc;
  while ((rc = mtasts_counter_next(reading->policies, start, &key, &value)) == 0) {
    struct mtasts_counted_policy counted;
    if (!mtasts_counter_read_policy(&value, &counted))
      return MDB_CORRUPTED;
    struct mtasts_day_policy *policy = &report->policies[report->policy_count++];
    *policy = (struct mtasts_day_policy){.successful = counted.successful,
                                         .failed = counted.failed,
                                         .packed = keep(counted.packed, &reading->end)};
    if (!mtasts_unpack_policy(policy->packed, &policy->policy))
      return MDB_CORRUPTED;
    report->successful = mtasts_sum(report->successful, counted.successful);
    report->failed = mtasts_sum(report->failed, counted.failed);
    rc = read_details(reading, (struct mtasts_span){key.mv_data, key.mv_size}, policy);
    if (rc != 0)
      return rc;
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

static int read_all(MDB_txn *txn, const struct mtasts_counter_tables *tables,
                    struct mtasts_span start, struct mtasts_day_report *report) {
  struct reading reading = {.report = report};
  struct extent policies = {0};
  struct extent details = {0};
  int rc;
  if ((rc = measure(txn, tables->policies, start, &policies)) != 0 ||
      (rc = measure(txn, tables->details, start, &details)) != 0)
    return rc;
  report->policies = calloc(policies.records + 1, sizeof *report->policies);
  report->details = calloc(details.records + 1, sizeof *report->details);
  report->bytes = malloc(policies.bytes + details.bytes + 1);
  if (!report->policies || !report->details || !report->bytes)
    return ENOMEM;
  reading.next_detail = report->details;
  reading.end = report->bytes;
  rc = mdb_cursor_open(txn, tables->policies, &reading.policies);
  if (rc != 0)
    return rc;
  rc = mdb_cursor_open(txn, tables->details, &reading.details);
  if (rc == 0) {
    rc = read_policies(&reading, start);
    mdb_cursor_close(reading.details);
  }
  mdb_cursor_close(reading.policies);
  return rc;
}

static int by_policy(const void *a, const void *b) {
  return mtasts_span_compare(((const struct mtasts_day_policy *)a)->packed,
                             ((const struct mtasts_day_policy *)b)->packed);
}

static int by_detail(const void *a, const void *b) {
  return mtasts_span_compare(((const struct mtasts_day_detail *)a)->packed,
                             ((const struct mtasts_day_detail *)b)->packed);
}

static void sort(struct mtasts_day_report *report) {
  for (size_t i = 0; i < report->policy_count; i++)
    if (report->policies[i].detail_count > 1)
      qsort(report->policies[i].details, report->policies[i].detail_count, sizeof *report->details,
            by_detail);
  if (report->policy_count > 1)
    qsort(report->policies, report->policy_count, sizeof *report->policies, by_policy);
}

int mtasts_day_report_read(MDB_txn *txn, const struct mtasts_counter_tables *tables, uint32_t day,
                           const struct mtasts_domain *domain, struct mtasts_day_report **report) {
  struct mtasts_counted_domain counted;
  struct mtasts_counter_key key;
  MDB_val value;
  mtasts_counter_key_begin(&key, day, (struct mtasts_span){domain->name, domain->len});
  MDB_val name = mtasts_counter_val(mtasts_counter_key_span(&key));
  int rc = mdb_get(txn, tables->domains, &name, &value);
  if (rc != 0)
    return rc;
  if (!mtasts_counter_read_domain(&value, &counted))
    return MDB_CORRUPTED;
  struct mtasts_day_report *made = calloc(1, sizeof *made);
  if (!made)
    return ENOMEM;
  made->day = day;
  made->domain = *domain;
  made->kinds = counted.kinds;
  mtasts_counter_key_policies(&key);
  rc = read_all(txn, tables, mtasts_counter_key_span(&key), made);
  if (rc == 0) {
    sort(made);
    *report = made;
  } else {
    mtasts_day_report_free(made);
  }
  return rc;
}
