/*
 * A week of mtastsd with so many domains, in minutes: see tests/sim/daemon/week.h.
 *
 *   week_bench DIRECTORY DOMAINS
 *
 * DIRECTORY: empty, for the cache. Prints the requests of each hour, and fails if a policy is lost,
 * anything is done early, or the work is not spread evenly.
 */
#include <stdlib.h>
#include <sysexits.h>

#include "../sim/daemon/week.h"
#include "figure.h"

int main(int argc, char **argv) {
  static struct week_report report;
  if (argc != 3 || strtoul(argv[2], NULL, 10) == 0) {
    fprintf(stderr, "usage: week_bench DIRECTORY DOMAINS\n");
    return 64;
  }
  const struct week_options options = {
      .directory = argv[1], .domains = (uint32_t)strtoul(argv[2], NULL, 10), .step = 1};
  if (!week_live(&options, &report)) {
    fprintf(stderr, "week_bench: the cache cannot be opened in %s\n", argv[1]);
    return EX_SOFTWARE;
  }
  week_print(&report, stdout);
  bool good = true;
  for (size_t i = 0; i < report.checks_made; i++) {
    const struct week_check *check = &report.checks[i];
    good = figure_at_most("week", check->what, "",
                          (struct figure_number){check->value, check->max, 2, ""}) &&
           good;
  }
  return good ? 0 : 1;
}
