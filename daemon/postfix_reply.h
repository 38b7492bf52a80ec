/*
 * postfix_reply.h: a decision in the words of Postfix's smtp_tls_policy_maps, which Sendmail's
 * FEATURE(sts) shares: `OK secure match=…`, `OK dane-only`, `OK encrypt`, `OK may …`, `TEMP why`,
 * `NOTFOUND `.
 *
 * Values are rebuilt from the parsed policy and never copied from what came over the network, so
 * no mx line can forge an attribute; what else a policy says is left out. Never PERM (Postfix
 * bounces, Sendmail delivers in clear), never OK without data (Sendmail's client crashes).
 */
#ifndef MTASTS_POSTFIX_REPLY_H
#define MTASTS_POSTFIX_REPLY_H

#include "config.h"

enum {
  MTASTS_POSTFIX_REPLY_MAX = 100000, /* bytes that Postfix takes */

  /* Sendmail cuts what stands behind match= to 255 bytes, in the middle of a name, and would then
   * take a host of the shorter name for one that is listed. */
  MTASTS_SENDMAIL_MATCH_MAX = 255,
};

enum mtasts_dialect {
  MTASTS_DIALECT_POSTFIX,  /* of any version from 3.4 on */
  MTASTS_DIALECT_TLSRPT,   /* from 3.10 on: with the attributes for TLS reports */
  MTASTS_DIALECT_SENDMAIL, /* knows `secure` only, and does DANE itself */
};

struct mtasts_postfix_settings {
  enum mtasts_dialect dialect;
  enum mtasts_site_mode site_mode;     /* monitor: nothing is enforced */
  enum mtasts_on_unknown on_unknown;   /* what an unknown verdict comes to */
  enum mtasts_plain_level plain_level; /* of the TLSRPT dialect: reports on testing and failures */
};

/*
 * Writes the payload, of at most MTASTS_POSTFIX_REPLY_MAX bytes, and a NUL to out. Returns its
 * bytes without the NUL. domain may be NULL where the verdict is none, and entry, whose error
 * explains a TEMP or is reported, always. decision->policy: beside the verdict dane, the one that
 * governs without DANE.
 *
 * A policy with too many patterns for one reply is answered first without its text, which serves
 * the reports alone, and then TEMP: to leave patterns out could only refuse hosts that it lists,
 * and to the sender that would look like the domain's own fault. Sendmail, which takes few, is
 * told of those that the domain's known MX hosts match.
 */
size_t mtasts_postfix_reply(const struct mtasts_decision *decision,
                            const struct mtasts_domain *domain, const struct mtasts_entry *entry,
                            const struct mtasts_postfix_settings *settings, char *out);

#endif
