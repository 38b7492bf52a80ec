#include "check_status.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define ESCAPED_BAR "\\x7c" /* as printable.h writes bytes */

enum {
  SEVERITIES = MTASTS_SEVERITY_ERROR + 1,
  IDS_SHOWN = 3,
};

/* How many findings of each severity. */
struct counts {
  size_t of[SEVERITIES];
};

static void count(const struct mtasts_findings *findings, struct counts *counts) {
  for (size_t i = 0; i < findings->count; i++)
    counts->of[findings->items[i].severity]++;
}

static bool is_first(const struct mtasts_check_results *results, size_t at) {
  return results->firsts[at] == at;
}

static enum mtasts_severity worst_of(const struct mtasts_check_results *results) {
  enum mtasts_severity worst = MTASTS_SEVERITY_INFO;
  for (size_t i = 0; i < results->count; i++)
    if (mtasts_findings_worst(&results->findings[i]) > worst)
      worst = mtasts_findings_worst(&results->findings[i]);
  return worst;
}

int mtasts_check_exit(const struct mtasts_check_results *results) {
  switch (worst_of(results)) {
  case MTASTS_SEVERITY_ERROR:
    return MTASTS_CHECK_EXIT_CRITICAL;
  case MTASTS_SEVERITY_WARNING:
    return MTASTS_CHECK_EXIT_WARNING;
  case MTASTS_SEVERITY_UNKNOWN:
    return MTASTS_CHECK_EXIT_UNKNOWN;
  case MTASTS_SEVERITY_INFO:
    break;
  }
  return MTASTS_CHECK_EXIT_OK;
}

const char *mtasts_check_status(const struct mtasts_findings *findings) {
  enum mtasts_severity worst = mtasts_findings_worst(findings);
  return worst == MTASTS_SEVERITY_INFO ? "ok" : mtasts_severity_name(worst);
}

enum mtasts_colour mtasts_severity_colour(enum mtasts_severity severity) {
  switch (severity) {
  case MTASTS_SEVERITY_ERROR:
    return MTASTS_RED;
  case MTASTS_SEVERITY_WARNING:
  case MTASTS_SEVERITY_UNKNOWN:
    return MTASTS_YELLOW;
  case MTASTS_SEVERITY_INFO:
    break;
  }
  return MTASTS_GREEN;
}

static const char *word_of(enum mtasts_severity worst) {
  switch (worst) {
  case MTASTS_SEVERITY_ERROR:
    return "CRITICAL";
  case MTASTS_SEVERITY_WARNING:
    return "WARNING";
  case MTASTS_SEVERITY_UNKNOWN:
    return "UNKNOWN";
  case MTASTS_SEVERITY_INFO:
    break;
  }
  return "OK";
}

/* " (smtp.cert-expired, mx.cname)": the first ids of this severity. */
static void print_ids(const struct mtasts_findings *findings, enum mtasts_severity severity) {
  size_t shown = 0;
  for (size_t i = 0; i < findings->count && shown <= IDS_SHOWN; i++)
    if (findings->items[i].severity == severity) {
      if (shown < IDS_SHOWN)
        printf("%s%s", shown > 0 ? ", " : " (", findings->items[i].id);
      else
        fputs(", ...", stdout);
      shown++;
    }
  if (shown > 0)
    putchar(')');
}

static void print_counts(const struct mtasts_findings *findings, bool ids) {
  static const char *const names[SEVERITIES] = {"", "not judged", "warning", "error"};
  struct counts counts = {{0}};
  const char *between = "";
  count(findings, &counts);
  for (int severity = SEVERITIES - 1; severity > MTASTS_SEVERITY_INFO; severity--) {
    size_t number = counts.of[severity];
    if (number == 0)
      continue;
    bool plural = number > 1 && severity != MTASTS_SEVERITY_UNKNOWN;
    printf("%s%zu %s%s", between, number, names[severity], plural ? "s" : "");
    if (ids)
      print_ids(findings, (enum mtasts_severity)severity);
    between = ", ";
  }
}

static void print_data(const struct mtasts_check_results *results, double seconds) {
  struct counts counts = {{0}};
  size_t domains = 0;
  for (size_t i = 0; i < results->count; i++) {
    count(&results->findings[i], &counts);
    domains += is_first(results, i);
  }
  /* label=value;warn;crit;min;max */
  printf(" | errors=%zu;;0;0 warnings=%zu;0;;0 unknown=%zu;;;0 domains=%zu;;;0 time=%.3fs;;;0",
         counts.of[MTASTS_SEVERITY_ERROR], counts.of[MTASTS_SEVERITY_WARNING],
         counts.of[MTASTS_SEVERITY_UNKNOWN], domains, seconds);
}

void mtasts_check_first_line(const struct mtasts_domain *domains,
                             const struct mtasts_check_results *results, double seconds) {
  enum mtasts_severity worst = worst_of(results);
  enum mtasts_colour colour = mtasts_severity_colour(worst);
  bool terminal = isatty(STDOUT_FILENO) != 0;
  const char *between = "";
  printf("MTA-STS %s%s%s - ", mtasts_colour_on(colour), word_of(worst), mtasts_colour_off(colour));
  for (int severity = SEVERITIES - 1; severity >= 0; severity--)
    for (size_t i = 0; i < results->count; i++) {
      const struct mtasts_findings *findings = &results->findings[i];
      if (!is_first(results, i) || (int)mtasts_findings_worst(findings) != severity)
        continue;
      printf("%s%s: ", between, domains[i].name);
      if (severity > MTASTS_SEVERITY_INFO)
        print_counts(findings, !terminal);
      else
        fputs("no fault", stdout);
      between = "; ";
    }
  if (!terminal)
    print_data(results, seconds);
  putchar('\n');
}

/* A monitoring system takes what is behind "|" for performance data, in any line of the output. */
static bool is_escaped(char c) {
  return c == '|' && isatty(STDOUT_FILENO) == 0;
}

size_t mtasts_check_columns(const char *text, size_t len) {
  size_t columns = len;
  for (size_t i = 0; i < len; i++)
    columns += is_escaped(text[i]) ? sizeof ESCAPED_BAR - 2 : 0;
  return columns;
}

void mtasts_check_put(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (is_escaped(text[i]))
      fputs(ESCAPED_BAR, stdout);
    else
      putchar(text[i]);
}

int mtasts_check_unusable(bool json) {
  const char *why = mtasts_last_error();
  if (!json) {
    fputs("MTA-STS UNKNOWN - ", stdout);
    mtasts_check_put(why, strlen(why));
    putchar('\n');
  }
  return MTASTS_CHECK_EXIT_UNKNOWN;
}
