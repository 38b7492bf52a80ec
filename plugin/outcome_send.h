/*
 * outcome_send.h: sends the outcome of a session to the outcome socket, if that exists. Logs the
 * outcome if mail is kept back.
 */
#ifndef MTASTS_PLUGIN_OUTCOME_SEND_H
#define MTASTS_PLUGIN_OUTCOME_SEND_H

#include "outcome_format.h"

/* Never waits; a datagram that cannot be sent is lost. After a failure that keeps mail back, the
 * domain's record is looked up again (RFC 8461 section 5.1). */
void mtasts_outcome_send(const struct mtasts_smtp_session_outcome *outcome);

/* Reports that an enforce policy lists none of the MX hosts, so that there is no session. It is
 * reported once for all recipients of a message; and not if Exim only shows its routing. */
void mtasts_outcome_send_mismatch(const struct mtasts_domain_decision *decided,
                                  struct mtasts_span mx_list, struct mtasts_span first);

/* The same if mail waits because what the DNS says of the MX hosts or of their TLSA records is not
 * valid (RFC 7672 section 2.1.1). Does nothing if that is not so. */
void mtasts_outcome_send_bogus(const struct mtasts_domain_decision *decided);

#endif
