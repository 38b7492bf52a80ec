#include "finding.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "unit.h"

const char *const unit_name = "check/finding";

enum {
  MANY = 100000,
  SECONDS = 5, /* of the processor; comparing each with each takes many times that */
};

static void add(struct mtasts_findings *findings, unsigned number, enum mtasts_severity severity) {
  mtasts_findings_add(findings, &(struct mtasts_finding){
                                    .found = MTASTS_FOUND_SMTP_UNREACHABLE,
                                    .severity = severity,
                                    .subject = mtasts_findings_text(findings, "mx [%u]", number),
                                    .message = "Port 25 accepts no connection.",
                                    .remedy = "Start it.",
                                });
}

/* Many addresses: each is listed once, and the time does not grow with the square. */
static void many(void) {
  struct mtasts_findings findings = {.count = 0};
  clock_t begun = clock();
  for (unsigned repeat = 0; repeat < 2; repeat++)
    for (unsigned i = 0; i < MANY; i++)
      add(&findings, i, (enum mtasts_severity)(i % (MTASTS_SEVERITY_ERROR + 1)));
  CU_ASSERT(findings.count == MANY && !findings.no_memory);
  mtasts_findings_sort(&findings);
  CU_ASSERT_FATAL(findings.count == MANY && !findings.no_memory);
  double took = (double)(clock() - begun) / CLOCKS_PER_SEC;
  unit_check(took < SECONDS, "%.1f s for %d findings", took, MANY);
  CU_ASSERT(findings.items[0].severity == MTASTS_SEVERITY_ERROR);
  for (size_t i = 1; i < findings.count; i++) {
    const struct mtasts_finding *before = &findings.items[i - 1];
    const struct mtasts_finding *finding = &findings.items[i];
    CU_ASSERT_FATAL(before->severity >= finding->severity);
    CU_ASSERT_FATAL(before->severity > finding->severity ||
                    strtoul(before->subject + 4, NULL, 10) <
                        strtoul(finding->subject + 4, NULL, 10));
  }
  /* A list that is sorted takes more, and still knows what it has. */
  add(&findings, 1, MTASTS_SEVERITY_ERROR);
  add(&findings, MANY, MTASTS_SEVERITY_ERROR);
  CU_ASSERT(findings.count == MANY + 1);
  mtasts_findings_free(&findings);
  CU_ASSERT(!findings.items && !findings.known);
}

static void none(void) {
  struct mtasts_findings findings = {.count = 0};
  mtasts_findings_sort(&findings);
  CU_ASSERT(mtasts_findings_worst(&findings) == MTASTS_SEVERITY_INFO && !findings.no_memory);
  mtasts_findings_free(&findings);
}

const struct unit_test unit_tests[] = {
    {"many findings take little time", many},
    {"an empty list", none},
    {NULL, NULL},
};
