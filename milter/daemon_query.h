/*
 * daemon_query.h: asks mtastsd for the assessments of all of a message's domains at once, and reads
 * the cache if mtastsd does not answer. Any number of threads may ask.
 */
#ifndef MTASTS_MILTER_DAEMON_QUERY_H
#define MTASTS_MILTER_DAEMON_QUERY_H

#include <stdatomic.h>

#include "ask.h"
#include "assessment.h"
#include "config.h"

/* The state of the connection to mtastsd; zeros at the start. One for a process. */
struct mtasts_daemon_query {
  atomic_bool away;            /* mtastsd did not answer the last request, and that was logged */
  atomic_llong stalled_till;   /* until then mtastsd is not asked; seconds of the monotonic clock */
  struct mtasts_ask_kept kept; /* open connections to mtastsd */
};

/*
 * Fills in an assessment for each domain. Returns at `deadline` (mtasts_clock_ms) at the latest; a
 * domain without an answer by then is unknown.
 */
void mtasts_daemon_query_ask(struct mtasts_daemon_query *daemon_query,
                             const struct mtasts_config *config, const struct mtasts_span *domains,
                             size_t count, int64_t deadline, struct mtasts_assessment *assessments);

/*
 * For each domain that is at risk: looks up its record again, before mail fails for good (RFC 8461
 * section 5.1), and asks for its assessment once more. Afterwards the assessment is certain, or
 * could not be made certain.
 */
void mtasts_daemon_query_recheck(struct mtasts_daemon_query *daemon_query,
                                 const struct mtasts_config *config,
                                 const struct mtasts_span *domains, size_t count, int64_t deadline,
                                 struct mtasts_assessment *assessments);

#endif
