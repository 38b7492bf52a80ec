/*
 * parse.h: a TLS report (RFC 8460 section 4.4) as real senders write it, read into plain values.
 *
 * What is written in another form than section 4.4 wants is read as it is meant, and warned of.
 * What is missing is empty or 0. Only a report without policies or without any date is refused.
 * Names are normalised: domains, host names, types in lower case, names without the last dot,
 * addresses in the one form of RFC 5952.
 *
 * Memory: a parser's values last until its next report, and while the JSON value does. Pure, one
 * thread a parser.
 */
#ifndef MTASTS_REPORT_PARSE_H
#define MTASTS_REPORT_PARSE_H

#include <jansson.h>

#include "signature.h"

struct mtasts_report_detail {
  struct mtasts_span result;  /* result-type */
  struct mtasts_span source;  /* sending-mta-ip */
  struct mtasts_span mx;      /* receiving-mx-hostname */
  struct mtasts_span address; /* receiving-ip */
  struct mtasts_span reason;  /* failure-reason-code */
  struct mtasts_span more;    /* additional-information */
  uint64_t sessions;          /* failed-session-count */
};

struct mtasts_report_policy {
  struct mtasts_span type;     /* policy-type */
  struct mtasts_span domain;   /* policy-domain */
  bool domain_of_mail;         /* the report names none: it is that of the mail, if any */
  struct mtasts_span mode;     /* of policy-string: enforce, testing, none, or empty */
  uint64_t successful, failed; /* sessions, of the summary */
  const struct mtasts_report_detail *details;
  size_t detail_count;
};

struct mtasts_tls_report {
  struct mtasts_span organization, contact, id;
  struct mtasts_span start_text, end_text; /* as written */
  int64_t start, end;                      /* seconds since the epoch */
  const struct mtasts_report_policy *policies;
  size_t policy_count;
  struct mtasts_signature signature; /* for the caller to set */
};

struct mtasts_report_parser;

/* NULL without memory. */
struct mtasts_report_parser *mtasts_report_parser_new(void);
void mtasts_report_parser_free(struct mtasts_report_parser *parser);

typedef void mtasts_report_warn_fn(void *context, const char *text);

/*
 * root: an object. domain: used if a policy names none, as that of the mail; may be empty. Each
 * kind of deviation is warned of once a report. Returns NULL, or why it is no report.
 */
const char *mtasts_report_parse(struct mtasts_report_parser *parser, json_t *root,
                                struct mtasts_span domain, mtasts_report_warn_fn *warn,
                                void *context, struct mtasts_tls_report *report);

#endif
