/*
 * tell.h: the end of a session, sent to the outcome socket if it is there, and logged where mail
 * is kept back.
 */
#ifndef MTASTS_PLUGIN_TELL_H
#define MTASTS_PLUGIN_TELL_H

#include "outcome.h"

/* Never waits; what cannot be sent is lost. After a failure that keeps mail back, the domain's
 * record is looked up again (RFC 8461 section 5.1). */
void mtasts_tell(const struct mtasts_told *told);

/* An enforce policy lists none of the MX hosts: no session comes of it. Told once for all
 * recipients of a message. */
void mtasts_tell_mismatch(const struct mtasts_known *known, struct mtasts_span mx_list,
                          struct mtasts_span first);

#endif
