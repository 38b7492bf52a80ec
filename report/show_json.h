/*
 * show_json.h: the sums of reports as JSON.
 */
#ifndef MTASTS_REPORT_SHOW_JSON_H
#define MTASTS_REPORT_SHOW_JSON_H

#include <jansson.h>

#include "sums.h"

struct mtasts_show_inputs {
  uint64_t duplicates;
  json_t *rejected, *warnings; /* arrays, taken over */
};

/* before: of another span, to compare with; NULL: none. NULL without memory. The caller releases
 * it. */
json_t *mtasts_show_json(const struct mtasts_sums *sums, const struct mtasts_show_inputs *inputs,
                         const struct mtasts_sums *before);

#endif
