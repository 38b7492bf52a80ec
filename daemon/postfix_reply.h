/*
 * postfix_reply.h: writes a decision in the format of Postfix's smtp_tls_policy_maps, which
 * Sendmail's FEATURE(sts) shares: `OK secure match=…`, `OK dane-only`, `OK encrypt`, `OK may …`,
 * `TEMP why`, `NOTFOUND `.
 *
 * Values are rebuilt from the parsed policy and never copied from network bytes, so no mx line can
 * forge an attribute. Other fields of a policy are left out. The reply is never PERM (Postfix
 * bounces, Sendmail delivers in clear), and never OK without data (Sendmail's client crashes).
 */
#ifndef MTASTS_POSTFIX_REPLY_H
#define MTASTS_POSTFIX_REPLY_H

#include "config.h"

enum {
  MTASTS_POSTFIX_REPLY_MAX = 100000, /* bytes that Postfix takes */

  /* Sendmail cuts the value of match= to 255 bytes, even in the middle of a name. It would then
   * accept a host of the shortened name as listed. */
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
  enum mtasts_on_unknown on_unknown;   /* the reply for an unknown verdict */
  enum mtasts_plain_level plain_level; /* of the TLSRPT dialect: reports on testing and failures */
};

/*
 * Writes the payload, of at most MTASTS_POSTFIX_REPLY_MAX bytes, and a NUL to out. Returns its
 * bytes without the NUL. domain may be NULL if the verdict is none. entry may always be NULL; its
 * error explains a TEMP or is reported. decision->policy: with the verdict dane, the policy that
 * governs without DANE.
 *
 * If a policy has too many mx patterns for one reply, its text is left out first, since only TLS
 * reports need it. If it is still too long, the reply is TEMP: without some patterns, listed hosts
 * would be refused, and that would look like the domain's own fault. Sendmail takes only a few
 * patterns, so it gets those that the domain's known MX hosts match.
 */
size_t mtasts_postfix_reply(const struct mtasts_decision *decision,
                            const struct mtasts_domain *domain, const struct mtasts_entry *entry,
                            const struct mtasts_postfix_settings *settings, char *out);

#endif
