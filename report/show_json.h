/*
 * show_json.h: the sums of reports as JSON, and as CSV.
 */
#ifndef MTASTS_REPORT_SHOW_JSON_H
#define MTASTS_REPORT_SHOW_JSON_H

#include <jansson.h>

#include "sums.h"

/* rejected and warnings: arrays, taken over. NULL without memory. The caller releases it. */
json_t *mtasts_show_json(const struct mtasts_sums *sums, uint64_t duplicates, json_t *rejected,
                         json_t *warnings);

#endif
