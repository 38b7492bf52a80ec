/*
 * build.h: the report of one policy domain and day, as RFC 8460 section 4.4 has it. Pure: the same
 * counters and the same site give the same bytes, report-id and file name each time.
 */
#ifndef MTASTS_REPORT_BUILD_H
#define MTASTS_REPORT_BUILD_H

#include "config.h"
#include "day_report.h"

/* Who reports. */
struct mtasts_report_site {
  const char *organization;
  const char *contact;            /* addr-spec */
  struct mtasts_domain submitter; /* the contact's domain */
  const char *host;               /* this machine's name: two machines of a site that do not share
                                     their outcomes send different reports */
};

/* Which key of the section report must be set, and is not, as in "report.contact"; NULL: none.
 * site: points into config, and host is set to "". */
const char *mtasts_report_site_read(const struct mtasts_config *config,
                                    struct mtasts_report_site *site);

struct mtasts_built_report {
  char *json;
  size_t json_size;
  unsigned char *gzip; /* RFC 1952, without a time and a name */
  size_t gzip_size;
  char *id;        /* the report-id, `LOCAL@SUBMITTER` */
  char *file_name; /* RFC 8460 section 5.1: SUBMITTER!DOMAIN!BEGIN!END.json.gz */
};

/* The report-id of that domain and day; the caller frees it. NULL: no memory. */
char *mtasts_report_id(const struct mtasts_report_site *site, const struct mtasts_domain *domain,
                       uint32_t day);

/* False: no memory. */
bool mtasts_report_build(const struct mtasts_report_site *site, const struct mtasts_day_report *day,
                         struct mtasts_built_report *built);
void mtasts_built_report_free(struct mtasts_built_report *built);

#endif
