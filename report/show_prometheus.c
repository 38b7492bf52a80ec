#include "show_prometheus.h"

#include <inttypes.h>
#include <stdlib.h>

#include "advice.h"
#include "safe_text.h"
#include "span.h"

enum {
  LABELS_MAX = 100, /* values of a label */
};

static void put_value(FILE *stream, struct mtasts_span text) {
  while (text.len > 0) {
    struct mtasts_safe_char next = mtasts_safe_take(&text);
    if (next.code == '"' || next.code == '\\')
      putc('\\', stream);
    fwrite(next.bytes, 1, next.len, stream);
  }
}

static void put_head(FILE *stream, const char *name, const char *help) {
  fprintf(stream, "# HELP mtasts_tlsrpt_%s %s\n# TYPE mtasts_tlsrpt_%s gauge\n", name, help, name);
}

static void put_plain(FILE *stream, const char *name, const char *help, uint64_t value) {
  put_head(stream, name, help);
  fprintf(stream, "mtasts_tlsrpt_%s %" PRIu64 "\n", name, value);
}

/* more: a second label, or "". */
static void put_sample(FILE *stream, const char *name, const char *label, struct mtasts_span value,
                       const char *more, uint64_t number) {
  fprintf(stream, "mtasts_tlsrpt_%s{%s=\"", name, label);
  put_value(stream, value);
  fprintf(stream, "\"%s} %" PRIu64 "\n", more, number);
}

static void put_sessions(FILE *stream, struct mtasts_span domain, uint64_t successful,
                         uint64_t failed) {
  put_sample(stream, "sessions", "policy_domain", domain, ",outcome=\"successful\"", successful);
  put_sample(stream, "sessions", "policy_domain", domain, ",outcome=\"failed\"", failed);
}

/* Has the name a sample of its own, after so many others? Not that of the others, and none of which
 * characters would be replaced: two such names could become the same one, and Prometheus refuses
 * all of the file. */
static bool is_one(const struct mtasts_count *count, size_t before) {
  enum {
    REPLACEMENT = 0xFFFD
  };
  for (struct mtasts_span text = count->name; text.len > 0;)
    if (mtasts_safe_take(&text).code == REPLACEMENT)
      return false;
  return before < LABELS_MAX && !mtasts_span_equal(count->name, MTASTS_SPAN(MTASTS_TALLY_OTHERS));
}

static bool put_domains(FILE *stream, const struct mtasts_sums *sums) {
  const struct mtasts_count **domains = mtasts_tally_sorted(&sums->domains, MTASTS_LARGEST);
  uint64_t successful = 0;
  uint64_t failed = 0;
  size_t put = 0;
  if (!domains && sums->domains.used > 0)
    return false;
  put_head(stream, "sessions", "Sessions that TLS reports count, by policy domain.");
  for (size_t i = 0; i < sums->domains.used; i++) {
    if (is_one(domains[i], put)) {
      put_sessions(stream, domains[i]->name, domains[i]->successful, domains[i]->failed);
      put++;
      continue;
    }
    successful = mtasts_sum(successful, domains[i]->successful);
    failed = mtasts_sum(failed, domains[i]->failed);
  }
  if (put < sums->domains.used)
    put_sessions(stream, MTASTS_SPAN(MTASTS_TALLY_OTHERS), successful, failed);
  free(domains);
  return true;
}

static bool put_results(FILE *stream, const struct mtasts_sums *sums) {
  const struct mtasts_count **results = mtasts_tally_sorted(&sums->results, MTASTS_LARGEST);
  uint64_t others = 0;
  if (!results && sums->results.used > 0)
    return false;
  put_head(stream, "failures", "Failed sessions in failure details, by result type.");
  for (size_t i = 0; i < sums->results.used; i++) {
    if (mtasts_advice_known(results[i]->name))
      put_sample(stream, "failures", "result_type", results[i]->name, "", results[i]->failed);
    else
      others = mtasts_sum(others, results[i]->failed);
  }
  put_sample(stream, "failures", "result_type", MTASTS_SPAN("other"), "", others);
  free(results);
  return true;
}

static bool put_reporters(FILE *stream, const struct mtasts_sums *sums) {
  const struct mtasts_count **reporters = mtasts_tally_sorted(&sums->reporters, MTASTS_LARGEST);
  if (!reporters && sums->reporters.used > 0)
    return false;
  size_t put = 0;
  put_head(stream, "last_report_timestamp_seconds", "The newest day of each reporter's reports.");
  for (size_t i = 0; i < sums->reporters.used; i++)
    if (is_one(reporters[i], put) && reporters[i]->last >= 0) {
      put_sample(stream, "last_report_timestamp_seconds", "organization", reporters[i]->name, "",
                 (uint64_t)reporters[i]->last);
      put++;
    }
  free(reporters);
  return true;
}

bool mtasts_show_prometheus(FILE *stream, const struct mtasts_sums *sums, uint64_t duplicates,
                            uint64_t rejected) {
  put_plain(stream, "reports", "TLS reports that were read.", sums->reports);
  put_plain(stream, "duplicates", "TLS reports that were read before.", duplicates);
  put_plain(stream, "rejected", "Inputs that are no TLS report.", rejected);
  return put_domains(stream, sums) && put_results(stream, sums) && put_reporters(stream, sums);
}
