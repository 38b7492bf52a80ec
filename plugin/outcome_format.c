#include "outcome_format.h"

#include <stdio.h>

#include "ascii.h"
#include "log.h"
#include "policy_format.h"
#include "span.h"

enum {
  DETAIL_MAX = 200,
};

struct subject {
  enum mtasts_policy_type type;
  const struct mtasts_policy *policy; /* the MTA-STS policy; NULL: none could be had */
  enum mtasts_result_type result;
  struct mtasts_span tlsa; /* the TLSA records */
};

/* Why the domain has no policy although it published one. This is reported as the domain's failure,
 * even if the session succeeded (RFC 8460 section 4.3.2.2). */
static enum mtasts_result_type of_discovery(const struct mtasts_domain_decision *decided) {
  if (decided->entry_reply.overridden || decided->decision.policy ||
      !decided->entry_reply.has_entry)
    return MTASTS_RESULT_SUCCESS;
  return mtasts_result_of_error(decided->entry_reply.entry.error);
}

static struct subject subject_of(const struct mtasts_smtp_session_outcome *outcome) {
  const struct mtasts_domain_decision *decided = outcome->decided;
  enum mtasts_result_type discovery = of_discovery(decided);
  if (outcome->ending.dane)
    return (struct subject){
        .type = MTASTS_POLICY_TYPE_TLSA,
        .result = outcome->ending.result,
        .tlsa = outcome->tlsa,
    };
  if (discovery != MTASTS_RESULT_SUCCESS)
    return (struct subject){.type = MTASTS_POLICY_TYPE_STS, .result = discovery};
  /* An override is this site's own policy; the domain did not publish it. */
  if (decided->decision.policy && !decided->entry_reply.overridden)
    return (struct subject){
        .type = MTASTS_POLICY_TYPE_STS,
        .policy = decided->decision.policy,
        .result = outcome->ending.result,
    };
  return (struct subject){.type = MTASTS_POLICY_TYPE_NOT_FOUND, .result = outcome->ending.result};
}

/* Writes `,"key":"value"`, or nothing if the value is empty. */
static void put_pair(struct mtasts_strbuf *text, const char *key, struct mtasts_span value) {
  if (value.len == 0)
    return;
  mtasts_strbuf_put(text, ",\"");
  mtasts_strbuf_put(text, key);
  mtasts_strbuf_put(text, "\":");
  mtasts_strbuf_json(text, value);
}

/* Writes the policy as lines, rebuilt from the parsed one, and its mx patterns once more (RFC 8460
 * section 4.4). */
static void put_policy(struct mtasts_strbuf *text, const struct mtasts_policy *policy) {
  struct mtasts_span pattern;
  mtasts_strbuf_put(text, ",\"policy-string\":[\"version: STSv1\",\"mode: ");
  mtasts_strbuf_put(text, mtasts_mode_name(policy->mode));
  for (size_t cursor = 0; mtasts_names_next(&policy->mx, &cursor, &pattern);) {
    mtasts_strbuf_put(text, "\",\"mx: ");
    mtasts_strbuf_host(text, pattern);
  }
  mtasts_strbuf_put(text, "\",\"max_age: ");
  mtasts_strbuf_number(text, policy->max_age);
  mtasts_strbuf_put(text, "\"]");
  if (policy->mx.size == 0)
    return;
  mtasts_strbuf_put(text, ",\"mx-host\":");
  const char *before = "[\"";
  for (size_t cursor = 0; mtasts_names_next(&policy->mx, &cursor, &pattern); before = "\",\"") {
    mtasts_strbuf_put(text, before);
    mtasts_strbuf_host(text, pattern);
  }
  mtasts_strbuf_put(text, "\"]");
}

static struct mtasts_span cut(struct mtasts_span text, size_t max) {
  return (struct mtasts_span){text.data, text.len < max ? text.len : max};
}

static void put_failure(struct mtasts_strbuf *text,
                        const struct mtasts_smtp_session_outcome *outcome,
                        enum mtasts_result_type result) {
  const struct mtasts_smtp_session *session = outcome->session;
  bool discovery = result != outcome->ending.result;
  struct mtasts_span reason =
      discovery ? outcome->decided->entry_reply.entry.detail : outcome->ending.reason;
  mtasts_strbuf_put(text, ",\"failure-details\":[{\"c\":");
  mtasts_strbuf_number(text, (uint64_t)result);
  put_pair(text, "s", cut(outcome->sender, sizeof session->address));
  put_pair(text, "n", mtasts_smtp_session_mx(session));
  put_pair(text, "h", mtasts_span_of(session->helo));
  put_pair(text, "r", mtasts_span_of(session->address));
  put_pair(text, "f", cut(reason, DETAIL_MAX));
  mtasts_strbuf_put(text, "}],\"t\":1,\"f\":1}]}");
}

/* Writes the TLSA records as RFC 8460 section 4.4 shows them, an element for each. */
static void put_tlsa(struct mtasts_strbuf *text, struct mtasts_span records) {
  struct mtasts_span record;
  const char *before = ",\"policy-string\":[";
  while (mtasts_colon_list_next(&records, &record)) {
    mtasts_strbuf_put(text, before);
    mtasts_strbuf_json(text, record);
    before = ",";
  }
  if (*before == ',' && before[1] == '\0')
    mtasts_strbuf_put(text, "]");
}

static void put_datagram(const struct mtasts_smtp_session_outcome *outcome, struct subject subject,
                         struct mtasts_strbuf *text) {
  const char *domain = outcome->decided->domain.name;
  mtasts_strbuf_put(text, "{\"dpv\":\"1\"");
  put_pair(text, "d", mtasts_span_of(domain));
  mtasts_strbuf_put(text, ",\"policies\":[{\"policy-type\":");
  mtasts_strbuf_number(text, (uint64_t)subject.type);
  /* The TLSA base domain (RFC 8460 section 4.4) is the one that Exim uses: the host at the end of
   * an alias. If the DNS names no host, it is the domain. */
  bool host = subject.type == MTASTS_POLICY_TYPE_TLSA && outcome->session->host[0];
  put_pair(text, "policy-domain", mtasts_span_of(host ? outcome->session->host : domain));
  if (subject.policy)
    put_policy(text, subject.policy);
  if (subject.type == MTASTS_POLICY_TYPE_TLSA)
    put_tlsa(text, subject.tlsa);
  if (subject.result == MTASTS_RESULT_SUCCESS)
    mtasts_strbuf_put(text, ",\"t\":0,\"f\":0}]}");
  else
    put_failure(text, outcome, subject.result);
}

void mtasts_outcome_format_datagram(const struct mtasts_smtp_session_outcome *outcome,
                                    struct mtasts_strbuf *text) {
  struct subject subject = subject_of(outcome);
  put_datagram(outcome, subject, text);
  if (!text->full)
    return;
  mtasts_strbuf_cut(text, 0);
  subject.policy = NULL;
  subject.tlsa = MTASTS_SPAN("");
  put_datagram(outcome, subject, text);
}

static void put_value(struct mtasts_strbuf *text, const char *key, struct mtasts_span value) {
  char shown[2 * MTASTS_DOMAIN_MAX];
  if (value.len == 0)
    return;
  mtasts_log_value(value, shown, sizeof shown);
  mtasts_strbuf_put(text, key);
  mtasts_strbuf_put(text, shown);
}

void mtasts_outcome_format_line(const struct mtasts_smtp_session_outcome *outcome,
                                struct mtasts_strbuf *text) {
  const struct mtasts_domain_decision *decided = outcome->decided;
  char remedy[sizeof decided->domain.name + sizeof "mtasts query --refresh "];
  snprintf(remedy, sizeof remedy, "mtasts query --refresh %s", decided->domain.name);
  mtasts_strbuf_put(text,
                    decided->entry_reply.monitor ? "MTA-STS: would defer" : "MTA-STS: deferred");
  put_value(text, " domain=", mtasts_span_of(decided->domain.name));
  put_value(text, " mx=", mtasts_smtp_session_mx(outcome->session));
  put_value(text, " address=", mtasts_span_of(outcome->session->address));
  put_value(text, " result=", mtasts_span_of(mtasts_result_type_name(outcome->ending.result)));
  put_value(text, " rule=", mtasts_span_of(outcome->ending.rule));
  put_value(text, " id=",
            mtasts_span_of(decided->decision.policy ? decided->entry_reply.entry.policy_id : ""));
  put_value(text, " detail=", cut(outcome->detail, DETAIL_MAX));
  put_value(text, " remedy=", mtasts_span_of(remedy));
}
