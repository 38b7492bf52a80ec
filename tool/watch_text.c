#include "watch_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Text of several lines, each indented. */
static void put_lines(FILE *stream, const char *text) {
  while (*text) {
    size_t len = 0;
    while (text[len] && text[len] != '\n')
      len++;
    fprintf(stream, "    %.*s\n", (int)len, text);
    text += text[len] ? len + 1 : len;
  }
}

void mtasts_watch_text(FILE *stream, const char *domain, const struct mtasts_changed *changed) {
  fprintf(stream, "%s: %s %s: %s %s\n", domain, changed->appeared ? "new" : "gone",
          changed->severity, changed->id, changed->subject);
  if (!changed->finding)
    return;
  put_lines(stream, changed->finding->message);
  if (changed->finding->remedy)
    put_lines(stream, changed->finding->remedy);
}

void mtasts_watch_json(FILE *stream, const char *domain, const struct mtasts_changed *changed) {
  const struct mtasts_finding *finding = changed->finding;
  json_t *value =
      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:s?}", "domain", domain, "change",
                changed->appeared ? "appeared" : "went", "id", changed->id, "severity",
                changed->severity, "subject", changed->subject, "message",
                finding ? finding->message : NULL, "remedy", finding ? finding->remedy : NULL);
  char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
  if (text)
    fprintf(stream, "%s\n", text);
  free(text);
  json_decref(value);
}

void mtasts_watch_mail(FILE *stream, const char *from, const char *to, const char *subject,
                       const char *body) {
  if (*from)
    fprintf(stream, "From: %s\n", from);
  /* RFC 3834: no vacation program answers it. */
  fprintf(stream,
          "To: %s\n"
          "Subject: %s\n"
          "Auto-Submitted: auto-generated\n"
          "MIME-Version: 1.0\n"
          "Content-Type: text/plain; charset=us-ascii\n"
          "\n"
          "%s",
          to, subject, body);
}

/* The value of a label; findings are printable ASCII. */
static void put_label(FILE *stream, const char *name, const char *value) {
  fprintf(stream, "%s=\"", name);
  for (; *value; value++)
    fprintf(stream, "%s%c", *value == '"' || *value == '\\' ? "\\" : "", *value);
  putc('"', stream);
}

static void put_counts(FILE *stream, const char *domain, const struct mtasts_findings *findings) {
  for (enum mtasts_severity severity = MTASTS_SEVERITY_INFO; severity <= MTASTS_SEVERITY_ERROR;
       severity++) {
    size_t count = 0;
    for (size_t i = 0; i < findings->count; i++)
      count += findings->items[i].severity == severity;
    fprintf(stream, "mtasts_watch_findings{domain=\"%s\",severity=\"%s\"} %zu\n", domain,
            mtasts_severity_name(severity), count);
  }
}

/* Would these two be written with the same labels? */
static bool same_labels(const struct mtasts_finding *a, const struct mtasts_finding *b) {
  return a->found == b->found && a->severity == b->severity && a->line == b->line &&
         strcmp(a->subject, b->subject) == 0;
}

/* Prometheus refuses a file that has the same series twice. */
static bool is_first(const struct mtasts_findings *findings, size_t at) {
  for (size_t i = 0; i < at; i++)
    if (same_labels(&findings->items[i], &findings->items[at]))
      return false;
  return true;
}

static void put_each(FILE *stream, const char *domain, const struct mtasts_findings *findings) {
  for (size_t i = 0; i < findings->count; i++) {
    const struct mtasts_finding *finding = &findings->items[i];
    if (finding->severity == MTASTS_SEVERITY_INFO || !is_first(findings, i))
      continue;
    fprintf(stream, "mtasts_watch_finding{domain=\"%s\",id=\"%s\",severity=\"%s\",", domain,
            finding->id, mtasts_severity_name(finding->severity));
    put_label(stream, "subject", finding->subject);
    if (finding->line > 0)
      fprintf(stream, ",line=\"%u\"", finding->line);
    fputs("} 1\n", stream);
  }
}

void mtasts_watch_metrics(FILE *stream, int64_t now, const struct mtasts_domain *domains,
                          const struct mtasts_check_results *results) {
  fprintf(stream,
          "# HELP mtasts_watch_run_timestamp_seconds When mtasts watch checked the domains last.\n"
          "# TYPE mtasts_watch_run_timestamp_seconds gauge\n"
          "mtasts_watch_run_timestamp_seconds %" PRId64 "\n"
          "# HELP mtasts_watch_findings Findings of a domain by severity.\n"
          "# TYPE mtasts_watch_findings gauge\n",
          now);
  for (size_t i = 0; i < results->count; i++)
    if (results->firsts[i] == i)
      put_counts(stream, domains[i].name, mtasts_check_results_at(results, i));
  fputs("# HELP mtasts_watch_finding One finding: 1 as long as it is there.\n"
        "# TYPE mtasts_watch_finding gauge\n",
        stream);
  for (size_t i = 0; i < results->count; i++)
    if (results->firsts[i] == i)
      put_each(stream, domains[i].name, mtasts_check_results_at(results, i));
}
