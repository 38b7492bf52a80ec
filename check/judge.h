/*
 * judge.h: what an observation says of a domain: the findings of `mtasts check`. Pure: no look-up,
 * no clock, no file.
 *
 * Policies, records and MX hosts are judged by the functions that decide for the mail that this
 * site sends. So what is an error here is what our own engine would refuse.
 *
 * The findings are the caller's, who frees them. They must be empty (zeroed) at first. If memory
 * runs out, their `no_memory` is set. The observation need not outlive them.
 */
#ifndef MTASTS_JUDGE_H
#define MTASTS_JUDGE_H

#include "finding.h"
#include "memory.h"
#include "observation.h"

struct mtasts_judge_options {
  int64_t now;     /* seconds since the epoch */
  bool has_expect; /* --expect */
  enum mtasts_mode expect;
};

/* All findings of a domain, sorted. memory: what the check before saw, zeroed for the first one;
 * it becomes what the next check needs. NULL: nothing is remembered. */
void mtasts_judge(const struct mtasts_observation *seen, const struct mtasts_judge_options *options,
                  struct mtasts_memory *memory, struct mtasts_findings *findings);

/* The findings of the groups mx, smtp and dane, as if this policy were in force: what is published
 * now, record and policy host, does not count. */
void mtasts_judge_planned(const struct mtasts_observation *seen, const struct mtasts_policy *policy,
                          const struct mtasts_judge_options *options,
                          struct mtasts_findings *findings);

#endif
