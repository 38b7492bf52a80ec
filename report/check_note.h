/*
 * check_note.h: what a check of now says of the result types that reports name. Pure.
 *
 * The check is of some of the policy domains (tool/report_check.h). Of each of its findings it is
 * known which result types of RFC 8460 it explains, and which it keeps from being judged.
 */
#ifndef MTASTS_REPORT_CHECK_NOTE_H
#define MTASTS_REPORT_CHECK_NOTE_H

#include "sums.h"
#include "tlsrpt.h"

/* A result type as a bit of a set. */
#define MTASTS_RESULT_BIT(type) (1U << ((unsigned)(type) % 100 + ((type) >= 300 ? 8U : 0U)))

struct mtasts_check_fact {
  size_t domain;            /* index of mtasts_report_check.domains */
  const char *id, *subject; /* printable ASCII */
  uint32_t shows, hides;    /* result types */
};

/* The caller's, with all that it points to. */
struct mtasts_report_check {
  const struct mtasts_span *domains; /* that were checked, as the reports name them */
  size_t domain_count;               /* MTASTS_REPORT_CHECK_MAX at most */
  const struct mtasts_check_fact *facts;
  size_t fact_count;
  bool validates; /* the resolver validates DNSSEC */
};

enum {
  MTASTS_REPORT_CHECK_MAX = 20, /* domains that are checked */
};

struct mtasts_check_note {
  const char *verdict; /* "still-so", "not-seen" or "not-judged" */
  char text[640];      /* one line; may hold names of strangers as they are */
};

/* Of the domains of these sums that failed with the result, or of one of them; domain NULL: all.
 * Returns false if nothing is to be said: there was no check (sums->check), or RFC 8460 does not
 * know the result type. */
bool mtasts_check_note(const struct mtasts_sums *sums, const struct mtasts_span *domain,
                       struct mtasts_span result, struct mtasts_check_note *note);

#endif
