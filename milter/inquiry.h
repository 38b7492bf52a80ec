/*
 * inquiry.h: asks mtastsd for the fates of a message's domains, all of them at once, and reads the
 * cache where it does not answer. Any number of threads may ask.
 */
#ifndef MTASTS_MILTER_INQUIRY_H
#define MTASTS_MILTER_INQUIRY_H

#include <stdatomic.h>

#include "ask.h"
#include "config.h"
#include "fate.h"

/* What is known of mtastsd itself; zeros at the start. One for a process. */
struct mtasts_inquiry {
  atomic_bool away;            /* it did not answer when last asked, which was logged */
  atomic_llong stalled_till;   /* seconds of the monotonic clock: till then it is not waited for */
  struct mtasts_ask_kept kept; /* connections to it */
};

/*
 * Fills in a fate for each domain, and returns at `deadline` (mtasts_clock_ms) at the latest; what
 * could not be known by then is unknown.
 */
void mtasts_inquiry_ask(struct mtasts_inquiry *inquiry, const struct mtasts_config *config,
                        const struct mtasts_span *domains, size_t count, int64_t deadline,
                        struct mtasts_fate *fates);

/*
 * Has the record of each domain that is at risk looked up again, before anything fails for good
 * (RFC 8461 section 5.1), and asks for its fate once more. It is certain then, or could not be made
 * so.
 */
void mtasts_inquiry_recheck(struct mtasts_inquiry *inquiry, const struct mtasts_config *config,
                            const struct mtasts_span *domains, size_t count, int64_t deadline,
                            struct mtasts_fate *fates);

#endif
