/*
 * idn.h: names as people write them. Past this edge there are A-labels only.
 */
#ifndef MTASTS_IDN_H
#define MTASTS_IDN_H

#include "mtasts.h"

/*
 * mtasts_domain_parse, with U-labels (UTF-8) converted by IDNA2008 first; `[host]` and
 * `:port` may stand around them.
 *
 *   MTASTS_OK, MTASTS_NO_POLICY, MTASTS_INVALID  as mtasts_domain_parse
 */
enum mtasts_status mtasts_domain_from_text(struct mtasts_span text, struct mtasts_domain *domain);

#endif
