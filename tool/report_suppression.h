/*
 * report_suppression.h: who gets no reports: `report.suppress`, a list of mail addresses and of
 * policy domains. Pure.
 */
#ifndef MTASTS_TOOL_REPORT_SUPPRESSION_H
#define MTASTS_TOOL_REPORT_SUPPRESSION_H

#include "config.h"
#include "rua_lookup.h"

/* Does the list have the policy domain itself? */
bool mtasts_suppression_has_domain(const struct mtasts_strings *list,
                                   const struct mtasts_domain *domain);

/* Does it have the address of a mailto: target? The case of the letters does not count. */
bool mtasts_suppression_has_target(const struct mtasts_strings *list,
                                   const struct mtasts_rua_target *target);

#endif
