#include "watch_text.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

const char *const unit_name = "tool/watch_text";

static void add(struct mtasts_findings *findings, const char *message) {
  mtasts_findings_add(findings, &(struct mtasts_finding){
                                    .found = MTASTS_FOUND_TLSRPT_RUA_UNDELIVERABLE,
                                    .severity = MTASTS_SEVERITY_WARNING,
                                    .subject = "_smtp._tls.x",
                                    .message = message,
                                    .remedy = "Do it otherwise.",
                                });
}

/* Prometheus refuses a file that has a series twice, or a metric's lines in two places. */
static void metrics(void) {
  static const char expected[] =
      "mtasts_watch_run_timestamp_seconds 7\n"
      "mtasts_watch_findings{domain=\"a.example\",severity=\"info\"} 0\n"
      "mtasts_watch_findings{domain=\"a.example\",severity=\"unknown\"} 0\n"
      "mtasts_watch_findings{domain=\"a.example\",severity=\"warning\"} 2\n"
      "mtasts_watch_findings{domain=\"a.example\",severity=\"error\"} 0\n"
      "mtasts_watch_findings{domain=\"b.example\",severity=\"info\"} 0\n"
      "mtasts_watch_findings{domain=\"b.example\",severity=\"unknown\"} 0\n"
      "mtasts_watch_findings{domain=\"b.example\",severity=\"warning\"} 1\n"
      "mtasts_watch_findings{domain=\"b.example\",severity=\"error\"} 0\n"
      "mtasts_watch_finding{domain=\"a.example\",id=\"tlsrpt.rua-undeliverable\","
      "severity=\"warning\",subject=\"_smtp._tls.x\"} 1\n"
      "mtasts_watch_finding{domain=\"b.example\",id=\"tlsrpt.rua-undeliverable\","
      "severity=\"warning\",subject=\"_smtp._tls.x\"} 1\n";
  static const struct mtasts_domain domains[] = {{.name = "a.example", .len = 9},
                                                 {.name = "b.example", .len = 9},
                                                 {.name = "a.example", .len = 9}};
  static const size_t firsts[] = {0, 1, 0};
  struct mtasts_findings findings[3] = {{0}};
  const struct mtasts_check_results results = {findings, firsts, 3};
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
  add(&findings[0], "No report reaches \"mailto:a@x\".");
  add(&findings[0], "No report reaches \"mailto:b@x\".");
  add(&findings[1], "No report reaches \"mailto:a@x\".");
  mtasts_watch_metrics(stream, 7, domains, &results);
  fclose(stream);
  char values[4096] = "";
  size_t comments = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    comments += *line == '#';
    if (*line != '#')
      snprintf(values + strlen(values), sizeof values - strlen(values), "%s\n", line);
  }
  CU_ASSERT_EQUAL(comments, 6);
  unit_check(strcmp(values, expected) == 0, "values: %s", values);
  free(text);
  mtasts_findings_free(&findings[0]);
  mtasts_findings_free(&findings[1]);
}

const struct unit_test unit_tests[] = {{"each series once, each metric together", metrics},
                                       {NULL, NULL}};
