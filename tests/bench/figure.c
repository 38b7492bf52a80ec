#include "figure.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum {
  MOST_DECIMALS = 6
};

bool figure(const char *part, const char *what, const char *beside, const char *must,
            const char *got, bool ok) {
  const char *path = getenv("BENCH_FIGURES");
  if (!path || !*path)
    return ok;
  FILE *file = fopen(path, "a");
  if (!file ||
      fprintf(file, "%s\t%s\t%s\t%s\t%s\t%s\n", part, what, beside, must, got,
              ok ? "ok" : "missed") < 0 ||
      fclose(file)) {
    perror(path);
    exit(EX_SOFTWARE);
  }
  return ok;
}

static bool judge(const char *part, const char *what, const char *beside, const char *sign,
                  const struct figure_number *number, bool ok) {
  char must[64];
  char got[64];
  snprintf(must, sizeof must, "%s %.*f %s", sign, number->decimals, number->limit, number->unit);
  /* What misses its limit by less than is shown must not look as if it met it. */
  int decimals = number->decimals;
  do
    snprintf(got, sizeof got, "%.*f %s", decimals, number->got, number->unit);
  while (!ok && strtod(got, NULL) == number->limit && decimals++ < MOST_DECIMALS);
  return figure(part, what, beside, must, got, ok);
}

bool figure_at_most(const char *part, const char *what, const char *beside,
                    struct figure_number number) {
  return judge(part, what, beside, "≤", &number, number.got <= number.limit);
}

bool figure_at_least(const char *part, const char *what, const char *beside,
                     struct figure_number number) {
  return judge(part, what, beside, "≥", &number, number.got >= number.limit);
}
