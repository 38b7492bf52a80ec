/*
 * idn.h: converts internationalised names, as people write them, to A-labels. All other code
 * handles A-labels only.
 */
#ifndef MTASTS_IDN_H
#define MTASTS_IDN_H

#include "mtasts.h"

/*
 * mtasts_domain_parse, which first converts U-labels (UTF-8) by IDNA2008; `[host]` and `:port` are
 * allowed.
 *
 *   MTASTS_OK, MTASTS_NO_POLICY, MTASTS_INVALID  as mtasts_domain_parse
 */
enum mtasts_status mtasts_domain_from_text(struct mtasts_span text, struct mtasts_domain *domain);

#endif
