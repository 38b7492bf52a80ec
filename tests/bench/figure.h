/*
 * figure.h: writes each figure that a bench compares with a limit, as a line of the file that
 * BENCH_FIGURES names, for the report. figure.sh is the same for scripts.
 */
#ifndef BENCH_FIGURE_H
#define BENCH_FIGURE_H

#include <stdbool.h>

/* A figure beside its limit; returns whether it is ok. No text has a tab or a line's end in it. */
bool figure(const char *part, const char *what, const char *beside, const char *must,
            const char *got, bool ok);

struct figure_number {
  double got, limit;
  int decimals;
  const char *unit;
};

/* The same of numbers, which the report draws a bar of: ok if got is at most, or at least, the
 * limit. */
bool figure_at_most(const char *part, const char *what, const char *beside,
                    struct figure_number number);
bool figure_at_least(const char *part, const char *what, const char *beside,
                     struct figure_number number);

#endif
