/*
 * outcome_send.h: the end of a session, sent to the outcome socket if it is there, and logged where
 * mail is kept back.
 */
#ifndef MTASTS_PLUGIN_OUTCOME_SEND_H
#define MTASTS_PLUGIN_OUTCOME_SEND_H

#include "outcome_format.h"

/* Never waits; what cannot be sent is lost. After a failure that keeps mail back, the domain's
 * record is looked up again (RFC 8461 section 5.1). */
void mtasts_outcome_send(const struct mtasts_smtp_session_outcome *outcome);

/* An enforce policy lists none of the MX hosts: no session comes of it. Told once for all
 * recipients of a message. */
void mtasts_outcome_send_mismatch(const struct mtasts_domain_decision *decided,
                                  struct mtasts_span mx_list, struct mtasts_span first);

#endif
