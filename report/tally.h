/*
 * tally.h: sums by name: sessions of each result type, sender, MX host, domain, day.
 *
 * Sums stop at 2^63 - 1. A tally has at most MTASTS_TALLY_NAMES names of together
 * MTASTS_TALLY_TEXT bytes; what comes after is summed up under MTASTS_TALLY_OTHERS.
 */
#ifndef MTASTS_REPORT_TALLY_H
#define MTASTS_REPORT_TALLY_H

#include "mtasts.h"

enum {
  MTASTS_TALLY_NAMES = 50000,
  MTASTS_TALLY_TEXT = 2 << 20, /* bytes */
  MTASTS_TALLY_PARTS = 3,
};
#define MTASTS_TALLY_OTHERS "(others)"

struct mtasts_count {
  struct mtasts_span name;
  uint64_t successful, failed;       /* sessions; a failure detail's are `failed` */
  int64_t first_failed, last_failed; /* days (seconds) with a failure; only if failed > 0 */
  int64_t first, last;               /* days of all */
  /* of policies: the mode in the newest report, if there is one */
  bool named;
  int64_t newest;
  struct mtasts_span mode; /* a constant, or empty */
};

struct mtasts_policy_counts {
  struct mtasts_count **counts; /* a hash table of `room` slots */
  size_t room, used;
  size_t text;   /* bytes of all names */
  uint64_t seed; /* that no stranger knows: names cannot be made to collide */
};

/* Adds to the count of that name, which is copied. Returns it, or NULL without memory. */
struct mtasts_count *mtasts_tally_add(struct mtasts_policy_counts *tally, struct mtasts_span name,
                                      uint64_t successful, uint64_t failed, int64_t day);

/* The same for a name of parts, which are joined by NUL; one to MTASTS_TALLY_PARTS of them. A NUL
 * in a part is left out. */
struct mtasts_count *mtasts_tally_add_parts(struct mtasts_policy_counts *tally,
                                            const struct mtasts_span *parts, size_t count,
                                            uint64_t successful, uint64_t failed, int64_t day);

/* One of the parts, from 0; empty if there are fewer. */
struct mtasts_span mtasts_count_part(const struct mtasts_count *count, size_t part);

/* NULL if there is none of that name. */
const struct mtasts_count *mtasts_tally_find(const struct mtasts_policy_counts *tally,
                                             struct mtasts_span name);

enum mtasts_tally_order {
  MTASTS_LARGEST, /* then by name, in byte order */
  MTASTS_BY_NAME,
};

/* The counts in order, `used` of them; the array is the caller's. NULL without memory, or if there
 * is none. */
const struct mtasts_count **mtasts_tally_sorted(const struct mtasts_policy_counts *tally,
                                                enum mtasts_tally_order order);

void mtasts_tally_free(struct mtasts_policy_counts *tally);

/* a + b, or 2^63 - 1 if that is less. */
uint64_t mtasts_sum(uint64_t a, uint64_t b);

#endif
