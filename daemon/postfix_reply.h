/*
 * postfix_reply.h: a decision in the words of Postfix's smtp_tls_policy_maps, which Sendmail's
 * `sts` shares: `OK secure match=…`, `OK dane-only`, `OK encrypt`, `TEMP why`, `NOTFOUND `.
 *
 * Values are rebuilt from the parsed policy and never copied from what came over the network, so
 * no mx line can forge an attribute. Never PERM (Postfix bounces, Sendmail delivers in clear),
 * never OK without data (Sendmail's client crashes).
 */
#ifndef MTASTS_POSTFIX_REPLY_H
#define MTASTS_POSTFIX_REPLY_H

#include "config.h"

enum {
  MTASTS_POSTFIX_REPLY_MAX = 100000, /* bytes that Postfix takes */
};

struct mtasts_postfix_settings {
  enum mtasts_site_mode site_mode;   /* monitor: nothing is enforced */
  enum mtasts_on_unknown on_unknown; /* what an unknown verdict comes to */
};

/*
 * Writes the payload, of at most MTASTS_POSTFIX_REPLY_MAX bytes, to out and returns its bytes.
 * domain may be NULL where the verdict is none, and entry, whose error explains a TEMP, always.
 * A policy with too many patterns for one reply is answered TEMP: to leave some out could only
 * refuse hosts that it lists, and to the sender that would look like the domain's own fault.
 */
size_t mtasts_postfix_reply(const struct mtasts_decision *decision,
                            const struct mtasts_domain *domain, const struct mtasts_entry *entry,
                            const struct mtasts_postfix_settings *settings, char *out);

#endif
