#include "report_check.h"

#include <stdlib.h>
#include <string.h>

#include "check_run.h"
#include "child.h"
#include "found_results.h"
#include "idn.h"
#include "out.h"

enum {
  TIMEOUT = 30,          /* seconds for one connection to a mail server, as in mtasts check */
  FINDINGS_MAX = 200,    /* of one domain */
  ANSWER_MAX = 16 << 20, /* bytes that the child writes */
};

struct mtasts_report_checked {
  struct mtasts_domain domains[MTASTS_REPORT_CHECK_MAX];
  struct mtasts_span names[MTASTS_REPORT_CHECK_MAX]; /* as the sums have them */
  size_t count;
  struct mtasts_check_fact *facts;
  char *answer; /* of the child; the facts' subjects are parts of it */
  struct mtasts_report_check check;
};

/* the domains */

/* Sums up the failure details of each domain. Returns false without memory. */
static bool sum_domains(const struct mtasts_sums *sums, struct mtasts_policy_counts *domains) {
  for (size_t i = 0; i < sums->causes.room; i++) {
    const struct mtasts_count *cause = sums->causes.counts[i];
    if (cause && cause->failed > 0 &&
        !mtasts_tally_add(domains, mtasts_count_part(cause, 0), 0, cause->failed, cause->last))
      return false;
  }
  return true;
}

/* Only the sums' own copy of the name lives on. What is no domain is not checked. */
static void choose(const struct mtasts_sums *sums, struct mtasts_span name,
                   struct mtasts_report_checked *checked) {
  const struct mtasts_count *own = mtasts_tally_find(&sums->domains, name);
  if (!own || checked->count == MTASTS_REPORT_CHECK_MAX ||
      mtasts_domain_from_text(own->name, &checked->domains[checked->count]) != MTASTS_OK)
    return;
  checked->names[checked->count++] = own->name;
}

static bool choose_domains(const struct mtasts_sums *sums, struct mtasts_report_checked *checked) {
  struct mtasts_policy_counts domains = {.used = 0};
  const struct mtasts_count **sorted = NULL;
  bool done = sum_domains(sums, &domains);
  if (done && domains.used > 0) {
    sorted = mtasts_tally_sorted(&domains, MTASTS_LARGEST);
    done = sorted != NULL;
  }
  for (size_t i = 0; sorted && i < domains.used; i++)
    choose(sums, sorted[i]->name, checked);
  free(sorted);
  mtasts_tally_free(&domains);
  return done;
}

/* in the child: a line for each finding that says something of a result type, and one at last that
 * says whether DNSSEC is validated */

struct work {
  const struct mtasts_options *options;
  const struct mtasts_report_checked *checked;
};

static void write_findings(const struct mtasts_findings *findings, size_t domain, FILE *to_parent) {
  size_t written = 0;
  for (size_t i = 0; i < findings->count && written < FINDINGS_MAX; i++) {
    const struct mtasts_finding *finding = &findings->items[i];
    struct mtasts_found_results results = mtasts_found_results(finding);
    if (results.shows == 0 && results.hides == 0)
      continue;
    written++;
    fprintf(to_parent, "%zu %u %s\n", domain, (unsigned)finding->found, finding->subject);
  }
}

static int work(void *context, FILE *to_parent) {
  const struct work *work = context;
  const struct mtasts_check_request request = {
      .options = work->options,
      .domains = work->checked->domains,
      .count = work->checked->count,
      .smtp = true,
      .timeout = TIMEOUT,
      .stateless = true,
  };
  struct mtasts_check_results results;
  int code = mtasts_check_run(&request, &results);
  if (code != MTASTS_EXIT_OK)
    return code;
  for (size_t i = 0; i < results.count; i++)
    write_findings(mtasts_check_results_at(&results, i), i, to_parent);
  fprintf(to_parent, "validates %d\n", results.validates);
  mtasts_check_results_free(&results);
  return MTASTS_EXIT_OK;
}

/* in the parent */

static bool read_number(char **line, unsigned long max, unsigned long *number) {
  char *word = strsep(line, " ");
  return *line && mtasts_number_read(word, 0, max, number);
}

static void read_fact(char *line, struct mtasts_report_checked *checked) {
  unsigned long domain = 0;
  unsigned long found = 0;
  if (strcmp(line, "validates 1") == 0)
    checked->check.validates = true;
  if (!read_number(&line, checked->count - 1, &domain) ||
      !read_number(&line, MTASTS_FOUND_COUNT - 1, &found))
    return;
  const struct mtasts_finding finding = {.found = (enum mtasts_found)found, .subject = line};
  struct mtasts_found_results results = mtasts_found_results(&finding);
  checked->facts[checked->check.fact_count++] = (struct mtasts_check_fact){
      .domain = domain,
      .id = mtasts_found_name(finding.found),
      .subject = line,
      .shows = results.shows,
      .hides = results.hides,
  };
}

/* The child is not trusted with more than its answer: the bounds are looked at again. */
static bool read_answer(struct mtasts_report_checked *checked) {
  size_t most = checked->count * FINDINGS_MAX;
  checked->facts = calloc(most, sizeof *checked->facts);
  if (!checked->facts)
    return false;
  checked->check.facts = checked->facts;
  char *rest = checked->answer;
  for (char *line; checked->check.fact_count < most && (line = strsep(&rest, "\n")) != NULL;)
    read_fact(line, checked);
  return true;
}

static int run(const struct mtasts_options *options, const struct mtasts_sums *sums,
               struct mtasts_report_checked *checked) {
  struct work context = {options, checked};
  if (!choose_domains(sums, checked))
    return MTASTS_EXIT_MEMORY;
  checked->check.domains = checked->names;
  checked->check.domain_count = checked->count;
  if (checked->count == 0)
    return MTASTS_EXIT_OK;
  int code = mtasts_child_run(work, &context, ANSWER_MAX, &checked->answer);
  if (code != MTASTS_EXIT_OK)
    return code;
  return read_answer(checked) ? MTASTS_EXIT_OK : MTASTS_EXIT_MEMORY;
}

int mtasts_report_check(const struct mtasts_options *options, struct mtasts_sums *sums,
                        struct mtasts_report_checked **checked) {
  struct mtasts_report_checked *made = calloc(1, sizeof *made);
  int code = made ? run(options, sums, made) : MTASTS_EXIT_MEMORY;
  *checked = made;
  if (code == MTASTS_EXIT_OK) {
    sums->check = &made->check;
    return code;
  }
  if (code == MTASTS_EXIT_MEMORY)
    mtasts_print_error("report show", "out of memory");
  mtasts_report_checked_free(made);
  *checked = NULL;
  return code;
}

void mtasts_report_checked_free(struct mtasts_report_checked *checked) {
  if (!checked)
    return;
  free(checked->facts);
  free(checked->answer);
  free(checked);
}
