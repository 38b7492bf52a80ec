/*
 * daemon_query.h: asks mtastsd for the assessments of a message's domains, all of them at once, and
 * reads the cache where it does not answer. Any number of threads may ask.
 */
#ifndef MTASTS_MILTER_DAEMON_QUERY_H
#define MTASTS_MILTER_DAEMON_QUERY_H

#include <stdatomic.h>

#include "ask.h"
#include "assessment.h"
#include "config.h"

/* What is known of mtastsd itself; zeros at the start. One for a process. */
struct mtasts_daemon_query {
  atomic_bool away;            /* it did not answer when last asked, which was logged */
  atomic_llong stalled_till;   /* seconds of the monotonic clock: till then it is not waited for */
  struct mtasts_ask_kept kept; /* connections to it */
};

/*
 * Fills in a assessment for each domain, and returns at `deadline` (mtasts_clock_ms) at the latest;
 * what could not be known by then is unknown.
 */
void mtasts_daemon_query_ask(struct mtasts_daemon_query *daemon_query,
                             const struct mtasts_config *config, const struct mtasts_span *domains,
                             size_t count, int64_t deadline, struct mtasts_assessment *assessments);

/*
 * Has the record of each domain that is at risk looked up again, before anything fails for good
 * (RFC 8461 section 5.1), and asks for its assessment once more. It is certain then, or could not
 * be made so.
 */
void mtasts_daemon_query_recheck(struct mtasts_daemon_query *daemon_query,
                                 const struct mtasts_config *config,
                                 const struct mtasts_span *domains, size_t count, int64_t deadline,
                                 struct mtasts_assessment *assessments);

#endif
