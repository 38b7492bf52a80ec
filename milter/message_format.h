/*
 * message_format.h: the milter's words: the log line, the header field, and what a sender is told.
 * Pure.
 *
 * Nothing that came over the network is copied into a header field or a reply but names that the
 * parsers have let through, and of what is no name, the characters that one could have.
 */
#ifndef MTASTS_MILTER_MESSAGE_FORMAT_H
#define MTASTS_MILTER_MESSAGE_FORMAT_H

#include "assessment.h"
#include "config.h"
#include "strbuf.h"

/* What is done about mail that an enforce policy leaves without an MX host. */
enum mtasts_action {
  MTASTS_ACTION_NONE,
  MTASTS_ACTION_ACCEPT, /* it is at risk and taken all the same */
  MTASTS_ACTION_QUARANTINE,
  MTASTS_ACTION_TEMPFAIL,
  MTASTS_ACTION_REJECT,
};

/* "none", "accept", "quarantine", "tempfail", "reject" */
const char *mtasts_action_name(enum mtasts_action action);

struct mtasts_envelope {
  struct mtasts_span queue_id; /* empty: the MTA has not told */
  struct mtasts_span from;     /* as MAIL names it, with its brackets */
  bool tls_not_required;       /* one TLS-Required: No field, RFC 8689 section 5 */
  long milliseconds;           /* that asking took */
};

/* `queue=… from=… domain=… verdict=…`, with the keys of mtasts-milter(8). */
void mtasts_message_format_line(const struct mtasts_envelope *envelope,
                                const struct mtasts_assessment *assessment,
                                enum mtasts_action action, struct mtasts_strbuf *text);

/*
 * The header field's value. False: there is to be none (`header_scope`; any field would tell a
 * recipient that others, perhaps Bcc, exist). alone: no recipients but those of the assessments, of
 * which all are known.
 */
bool mtasts_message_format_header(enum mtasts_header_scope scope,
                                  const struct mtasts_assessment *assessments, size_t count,
                                  bool alone, bool tls_not_required, struct mtasts_strbuf *text);

/* More header fields of our own name than are removed. */
struct mtasts_forgery {
  const char *header; /* the name */
  unsigned forged;    /* so many of that name, */
  unsigned fields;    /* among so many */
  unsigned limit;     /* milter.header_limit */
};

/* `queue=… from=… header=… header_fields=…`, with the keys of mtasts-milter(8). */
void mtasts_message_format_forgery_line(const struct mtasts_envelope *envelope,
                                        const struct mtasts_forgery *forgery,
                                        enum mtasts_action action, struct mtasts_strbuf *text);

/* What the sender or the postmaster is told of it: as mtasts_message_format_reply. */
void mtasts_message_format_forgery_reply(const struct mtasts_forgery *forgery,
                                         struct mtasts_strbuf *text);

/* What the sender is told of mail that is tempfailed or rejected, and the postmaster of mail in
 * quarantine: one line, without `%`, at most 900 bytes. */
void mtasts_message_format_reply(const struct mtasts_assessment *assessment,
                                 enum mtasts_action action, struct mtasts_strbuf *text);

#endif
