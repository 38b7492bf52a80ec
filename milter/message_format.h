/*
 * message_format.h: the milter's texts: log lines, the header field, and SMTP replies. Pure.
 *
 * Of the bytes that came over the network, only names that the parsers have accepted are copied
 * into a header field or a reply. Of a text that is no name, only characters that a name could have
 * are copied.
 */
#ifndef MTASTS_MILTER_MESSAGE_FORMAT_H
#define MTASTS_MILTER_MESSAGE_FORMAT_H

#include "assessment.h"
#include "config.h"
#include "strbuf.h"

/* What to do with mail if an enforce policy lists none of the MX hosts. */
enum mtasts_action {
  MTASTS_ACTION_NONE,
  MTASTS_ACTION_ACCEPT, /* the mail is at risk and accepted anyway */
  MTASTS_ACTION_QUARANTINE,
  MTASTS_ACTION_TEMPFAIL,
  MTASTS_ACTION_REJECT,
};

/* "none", "accept", "quarantine", "tempfail", "reject" */
const char *mtasts_action_name(enum mtasts_action action);

struct mtasts_envelope {
  struct mtasts_span queue_id; /* empty: the MTA has not sent it */
  struct mtasts_span from;     /* as MAIL names it, with its brackets */
  bool tls_not_required;       /* one TLS-Required: No field, RFC 8689 section 5 */
  long milliseconds;           /* that the requests took */
};

/* `queue=… from=… domain=… verdict=…`, with the keys of mtasts-milter(8). */
void mtasts_message_format_line(const struct mtasts_envelope *envelope,
                                const struct mtasts_assessment *assessment,
                                enum mtasts_action action, struct mtasts_strbuf *text);

/*
 * Writes the header field's value. False: no field is to be added, because of `header_scope`: any
 * field would reveal to a recipient that others exist, perhaps as Bcc. alone: the message has no
 * recipients but those of the assessments, and all of these are known.
 */
bool mtasts_message_format_header(enum mtasts_header_scope scope,
                                  const struct mtasts_assessment *assessments, size_t count,
                                  bool alone, bool tls_not_required, struct mtasts_strbuf *text);

/* A message with more header fields of our own name than the milter removes. */
struct mtasts_forgery {
  const char *header; /* the name */
  unsigned forged;    /* fields of that name, */
  unsigned fields;    /* among all fields */
  unsigned limit;     /* milter.header_limit */
};

/* `queue=… from=… header=… header_fields=…`, with the keys of mtasts-milter(8). */
void mtasts_message_format_forgery_line(const struct mtasts_envelope *envelope,
                                        const struct mtasts_forgery *forgery,
                                        enum mtasts_action action, struct mtasts_strbuf *text);

/* The reply about it, for the sender or the postmaster; same form as mtasts_message_format_reply.
 */
void mtasts_message_format_forgery_reply(const struct mtasts_forgery *forgery,
                                         struct mtasts_strbuf *text);

/* The reply to the sender of mail that is tempfailed or rejected, or to the postmaster for mail in
 * quarantine: one line, without `%`, at most 900 bytes. */
void mtasts_message_format_reply(const struct mtasts_assessment *assessment,
                                 enum mtasts_action action, struct mtasts_strbuf *text);

#endif
