/*
 * What it costs to parse a policy of as many patterns as fit, all of them different. Looking for
 * repeats must not compare each with all. Prints the median of ROUNDS, in milliseconds of CPU.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "figure.h"
#include "mtasts.h"

enum {
  ROUNDS = 31,
  LINE = 7, /* bytes */
};

static const double LIMIT = 10; /* milliseconds; comparing each with all takes some hundred */

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b) {
  return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static size_t write_policy(char *body) {
  static const char start[] = "version: STSv1\nmode: enforce\nmax_age: 1\n";
  size_t len = sizeof start - 1;
  memcpy(body, start, len);
  for (unsigned i = 0; len + LINE <= MTASTS_POLICY_MAX; i++, len += LINE) {
    char line[LINE + 1];
    snprintf(line, sizeof line, "mx:%c%c%c\n", 'a' + i / 676 % 26, 'a' + i / 26 % 26, 'a' + i % 26);
    memcpy(body + len, line, LINE);
  }
  return len;
}

int main(void) {
  static char body[MTASTS_POLICY_MAX];
  static unsigned char store[MTASTS_POLICY_MAX];
  double took[ROUNDS];
  struct mtasts_policy policy;
  struct mtasts_span text = {body, write_policy(body)};
  for (int i = 0; i < ROUNDS; i++) {
    double begin = milliseconds();
    if (mtasts_policy_parse(text, store, &policy, NULL) != MTASTS_OK) {
      fprintf(stderr, "policy_bench: the policy is refused\n");
      return 2;
    }
    took[i] = milliseconds() - begin;
  }
  qsort(took, ROUNDS, sizeof *took, by_size);
  char beside[64];
  snprintf(beside, sizeof beside, "%u patterns in 64 KiB", (unsigned)policy.mx.count);
  double median = took[ROUNDS / 2];
  printf("parsing %s: %.2f ms\n", beside, median);
  bool ok = figure_at_most("policy", "parsing the largest policy", beside,
                           (struct figure_number){median, LIMIT, 2, "ms"});
  return ok ? 0 : 1;
}
