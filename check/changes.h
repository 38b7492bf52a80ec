/*
 * changes.h: what is different from the findings of an earlier check, for `mtasts watch`. Pure.
 *
 * A finding is the same if id, subject and severity are, and what its message quotes, such as a URI
 * or a line. Two that agree in all of this are two: each has its own counterpart. Findings of
 * severity info are no matter of a watch, except those about a change, which a check says only
 * once.
 *
 * What could not be judged now has not gone: if the DNS does not answer, or a policy host or mail
 * server cannot be reached, the findings that depend on it stay. A finding of severity unknown
 * counts from the second check on that has it: servers that defer strangers do so now and then.
 */
#ifndef MTASTS_CHANGES_H
#define MTASTS_CHANGES_H

#include <jansson.h>

#include "finding.h"

struct mtasts_changed {
  bool appeared; /* false: it has gone */
  const char *id, *severity, *subject;
  const struct mtasts_finding *finding; /* of what appeared; else NULL */
};

typedef void mtasts_changed_fn(void *context, const struct mtasts_changed *changed);

struct mtasts_changes_options {
  const char *domain; /* that was checked */
  bool smtp;          /* were its mail servers asked? */
  mtasts_changed_fn *changed;
  void *context;
};

/*
 * Calls back for each change. earlier: what this function returned for the domain at the last
 * check, or NULL; it may come from a file, and what is malformed in it is ignored. Returns a new
 * array that the caller releases, or NULL without memory.
 */
json_t *mtasts_changes_find(const struct mtasts_changes_options *options, const json_t *earlier,
                            const struct mtasts_findings *findings);

#endif
