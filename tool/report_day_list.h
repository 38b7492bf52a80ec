/*
 * report_day_list.h: the policy domains of a day in the store of outcomes.
 */
#ifndef MTASTS_TOOL_REPORT_DAY_LIST_H
#define MTASTS_TOOL_REPORT_DAY_LIST_H

#include "report_delivery.h"

struct mtasts_day_entry {
  struct mtasts_domain domain;
  unsigned kinds; /* bits of enum mtasts_report_domain */
  bool tried;     /* there is a state */
  bool done;      /* by its state, nothing is left to do */
};

/* Zeroed before its first use; used for one day after the other. */
struct mtasts_day_list {
  struct mtasts_day_entry *entries; /* in the order of the names */
  size_t count, room;
  struct mtasts_base_pair *pairs; /* sorted by base */
  size_t pair_count, pair_room;
};

/* Reads the domains of a day; there are no pairs then. On failure prints an error and returns an
 * exit code. */
int mtasts_day_list_read(const struct mtasts_report_access *access, uint32_t day,
                         struct mtasts_day_list *list);

/* Reads which recipient domains have a part of the report about a TLSA base domain. */
int mtasts_day_list_pair(const struct mtasts_report_access *access, uint32_t day,
                         struct mtasts_day_list *list);

void mtasts_day_list_free(struct mtasts_day_list *list);

#endif
