#include "check_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

const char *const unit_name = "tool/check_text";

#define LABEL  "a-label-of-a-domain-that-is-rather-long-and-has-more-to-it"
#define NAME   LABEL "." LABEL ".example"
#define RECORD "_mta-sts." NAME ". IN TXT \"v=STSv1; id=20261201T000000Z;\""
#define URL    "https://mta-sts." NAME "/.well-known/mta-sts.txt"

/* What is printed for one finding; freed by the caller. */
static char *print(const struct mtasts_finding *finding) {
  struct mtasts_domain domain = {.name = "a.example", .len = strlen("a.example")};
  struct mtasts_finding item = *finding;
  struct mtasts_findings findings = {.items = &item, .count = 1};
  const size_t first = 0;
  const struct mtasts_check_results results = {&findings, &first, 1};
  char *text = calloc(1, 10000);
  FILE *file = tmpfile();
  int saved = dup(STDOUT_FILENO);
  CU_ASSERT_FATAL(text && file && saved >= 0);
  fflush(stdout);
  dup2(fileno(file), STDOUT_FILENO);
  mtasts_check_text(&domain, &results);
  fflush(stdout);
  dup2(saved, STDOUT_FILENO);
  close(saved);
  rewind(file);
  CU_ASSERT(fread(text, 1, 9999, file) > 0);
  fclose(file);
  return text;
}

/* What is to be pasted stays in one line; words are not cut. */
static void pasted(void) {
  char *text = print(&(struct mtasts_finding){
      .severity = MTASTS_SEVERITY_ERROR,
      .id = "record.version",
      .subject = "_mta-sts." NAME,
      .message = "The policy is not at " URL ", where senders look.",
      .remedy = "Publish the record. There is one for each domain, and it is short; so:\n" RECORD
                "\nmx: " NAME "\nThen wait for as long as the record may be kept, and see whether "
                "senders have it.",
  });
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n    " RECORD "\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n    mx: " NAME "\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n    " URL ",\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "_mta-sts." NAME "\n"));
  char *rest = text;
  for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
    unit_check(strlen(line) <= 80 || strstr(line, LABEL), "a wide line: %s", line);
  free(text);
}

/* A monitoring system takes what is behind a bar for performance data. */
static void bars(void) {
  char *text = print(&(struct mtasts_finding){
      .severity = MTASTS_SEVERITY_UNKNOWN,
      .id = "smtp.not-judged",
      .subject = "mx|a.example [192.0.2.1]",
      .message = "The server does not talk to this host: 554 no|errors=0.",
      .remedy = "Let it in.\n\"a|b\"",
  });
  CU_ASSERT_PTR_NULL(strchr(text, '|'));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "554 no\\x7cerrors=0."));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"a\\x7cb\""));
  free(text);
}

const struct unit_test unit_tests[] = {
    {"records, policy lines and URLs stay whole", pasted},
    {"bars are escaped", bars},
    {NULL, NULL},
};
