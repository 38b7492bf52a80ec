#include "message_format.h"

#include "ascii.h"
#include "log.h"

const char *mtasts_action_name(enum mtasts_action action) {
  switch (action) {
  case MTASTS_ACTION_NONE:
    return "none";
  case MTASTS_ACTION_ACCEPT:
    return "accept";
  case MTASTS_ACTION_QUARANTINE:
    return "quarantine";
  case MTASTS_ACTION_TEMPFAIL:
    return "tempfail";
  case MTASTS_ACTION_REJECT:
    return "reject";
  }
  return "?";
}

static void put_pair(struct mtasts_strbuf *text, const char *key, const char *value) {
  mtasts_strbuf_put(text, key);
  mtasts_strbuf_put(text, *value ? value : "-");
}

/* Writes bytes that a peer sent. */
static void put_value(struct mtasts_strbuf *text, const char *key, struct mtasts_span bytes) {
  char value[512];
  value[0] = '\0';
  if (bytes.len > 0)
    mtasts_log_value(bytes, value, sizeof value);
  put_pair(text, key, value);
}

void mtasts_message_format_line(const struct mtasts_envelope *envelope,
                                const struct mtasts_assessment *assessment,
                                enum mtasts_action action, struct mtasts_strbuf *text) {
  put_value(text, "queue=", envelope->queue_id);
  put_value(text, " from=", envelope->from);
  put_value(text, " domain=", (struct mtasts_span){assessment->domain, strlen(assessment->domain)});
  put_pair(text, " verdict=", mtasts_verdict_name(assessment->verdict));
  put_pair(text, " mode=", assessment->has_policy ? mtasts_mode_name(assessment->mode) : "");
  put_pair(text, " id=", assessment->id);
  mtasts_strbuf_put(text, " mx=");
  mtasts_strbuf_number(text, assessment->mx_listed);
  mtasts_strbuf_put(text, "/");
  mtasts_strbuf_number(text, assessment->mx_count);
  /* If nothing can be validated here, that is no error of the domain. */
  put_pair(text, " dane=",
           assessment->dane == MTASTS_DANE_UNKNOWN ? "unknown"
                                                   : mtasts_dane_name(assessment->dane));
  put_pair(text, " source=", mtasts_source_name(assessment->source));
  mtasts_strbuf_put(text, " ms=");
  mtasts_strbuf_number(text, (uint64_t)(envelope->milliseconds > 0 ? envelope->milliseconds : 0));
  if (assessment->error != MTASTS_ERROR_NONE)
    put_pair(text, " error=", mtasts_error_name(assessment->error));
  if (assessment->at_risk)
    put_pair(text, " at_risk=yes first_mx=", assessment->mx);
  if (action != MTASTS_ACTION_NONE)
    put_pair(text, " action=", mtasts_action_name(action));
  if (envelope->tls_not_required)
    mtasts_strbuf_put(text, " tls_required=no");
  if (assessment->monitor)
    mtasts_strbuf_put(text, " site_mode=monitor");
}

void mtasts_message_format_forgery_line(const struct mtasts_envelope *envelope,
                                        const struct mtasts_forgery *forgery,
                                        enum mtasts_action action, struct mtasts_strbuf *text) {
  put_value(text, "queue=", envelope->queue_id);
  put_value(text, " from=", envelope->from);
  put_pair(text, " header=", forgery->header);
  mtasts_strbuf_put(text, " header_fields=");
  mtasts_strbuf_number(text, forgery->forged);
  mtasts_strbuf_put(text, "/");
  mtasts_strbuf_number(text, forgery->fields);
  mtasts_strbuf_put(text, " header_limit=");
  mtasts_strbuf_number(text, forgery->limit);
  put_pair(text, " action=", mtasts_action_name(action));
}

void mtasts_message_format_forgery_reply(const struct mtasts_forgery *forgery,
                                         struct mtasts_strbuf *text) {
  mtasts_strbuf_put(text, "the message has ");
  mtasts_strbuf_number(text, forgery->forged);
  mtasts_strbuf_put(text, " header fields named ");
  for (const char *at = forgery->header; *at; at++)
    mtasts_strbuf_add(text, (struct mtasts_span){*at == '%' ? "?" : at, 1});
  mtasts_strbuf_put(text, ", which only this site may add, among ");
  mtasts_strbuf_number(text, forgery->fields);
  mtasts_strbuf_put(text, ": more than are removed here; send it without them");
}

/* Writes a policy domain, or what the sender wrote instead of one. The latter must not be able to
 * forge anything, so `?` replaces characters that neither a name nor an address literal has. */
static void put_domain(struct mtasts_strbuf *text, const struct mtasts_assessment *assessment) {
  for (const char *at = assessment->domain; *at; at++) {
    bool decided = mtasts_is_alnum(*at) || strchr("-._[]:", *at);
    mtasts_strbuf_add(text, (struct mtasts_span){decided ? at : "?", 1});
  }
}

static bool is_protected(const struct mtasts_assessment *assessment, bool tls_not_required) {
  return assessment->protected && !tls_not_required;
}

static void put_one(const struct mtasts_assessment *assessment, bool tls_not_required,
                    struct mtasts_strbuf *text) {
  put_pair(text, "protected=", is_protected(assessment, tls_not_required) ? "yes" : "no");
  put_pair(text, "; verdict=", mtasts_verdict_name(assessment->verdict));
  mtasts_strbuf_put(text, "; domain=");
  put_domain(text, assessment);
  put_pair(text, "; id=", assessment->id);
  if (tls_not_required)
    mtasts_strbuf_put(text, "; tls_required=no");
}

static void put_all(const struct mtasts_assessment *assessments, size_t count,
                    bool tls_not_required, struct mtasts_strbuf *text) {
  size_t safe = 0;
  for (size_t i = 0; i < count; i++)
    safe += is_protected(&assessments[i], tls_not_required);
  put_pair(text, "protected=", safe == count ? "all" : safe > 0 ? "some" : "none");
}

bool mtasts_message_format_header(enum mtasts_header_scope scope,
                                  const struct mtasts_assessment *assessments, size_t count,
                                  bool alone, bool tls_not_required, struct mtasts_strbuf *text) {
  if (scope == MTASTS_HEADER_NEVER || count == 0)
    return false;
  if (scope == MTASTS_HEADER_ALL)
    put_all(assessments, count, tls_not_required, text);
  else if (alone && count == 1)
    put_one(assessments, tls_not_required, text);
  else
    return false;
  return !text->full;
}

void mtasts_message_format_reply(const struct mtasts_assessment *assessment,
                                 enum mtasts_action action, struct mtasts_strbuf *text) {
  if (assessment->wait) {
    mtasts_strbuf_put(text, "the MTA-STS policy of ");
    put_domain(text, assessment);
    mtasts_strbuf_put(text, " cannot be looked up at the moment: please try again later");
    return;
  }
  put_domain(text, assessment);
  mtasts_strbuf_put(text, " demands by its MTA-STS policy (RFC 8461, id ");
  mtasts_strbuf_put(text, *assessment->id ? assessment->id : "unknown");
  mtasts_strbuf_put(text,
                    ") that mail goes only to mail servers which the policy lists, and it lists "
                    "none of the domain's own, such as ");
  mtasts_strbuf_put(text, assessment->mx);
  mtasts_strbuf_put(text, action == MTASTS_ACTION_REJECT
                              ? ": the message cannot be delivered safely and was not sent; the "
                                "domain's postmaster must correct the policy"
                              : ": the message cannot be delivered safely until the domain's "
                                "postmaster has corrected the policy");
}
