#include "show.h"

#include <string.h>

static const struct mtasts_show_table tables[] = {
    [MTASTS_BY_RESULT] = {"result", "results", "result_type", "Result", true, MTASTS_LARGEST},
    [MTASTS_BY_SOURCE] = {"source", "sources", "sending_mta_ip", "Sending address", true,
                          MTASTS_LARGEST},
    [MTASTS_BY_REPORTER] = {"reporter", "reporters", "organization", "Reporter", false,
                            MTASTS_LARGEST},
    [MTASTS_BY_MX] = {"mx", "mx", "receiving_mx_hostname", "MX host", true, MTASTS_LARGEST},
    [MTASTS_BY_DAY] = {"day", "days", "day", "Day", false, MTASTS_BY_NAME},
    [MTASTS_BY_DOMAIN] = {"domain", "domains", "policy_domain", "Domain", false, MTASTS_LARGEST},
};

const struct mtasts_show_table *mtasts_show_table(enum mtasts_show_by by) {
  return (size_t)by < sizeof tables / sizeof *tables ? &tables[by] : NULL;
}

bool mtasts_show_by_read(const char *word, enum mtasts_show_by *by) {
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    if (strcmp(word, tables[i].word) == 0) {
      *by = (enum mtasts_show_by)i;
      return true;
    }
  return false;
}

const struct mtasts_policy_counts *mtasts_show_tally(const struct mtasts_sums *sums,
                                                     enum mtasts_show_by by) {
  switch (by) {
  case MTASTS_BY_RESULT:
    return &sums->results;
  case MTASTS_BY_SOURCE:
    return &sums->sources;
  case MTASTS_BY_REPORTER:
    return &sums->reporters;
  case MTASTS_BY_MX:
    return &sums->mx;
  case MTASTS_BY_DAY:
    return &sums->days;
  case MTASTS_BY_DOMAIN:
    return &sums->domains;
  }
  return NULL;
}
