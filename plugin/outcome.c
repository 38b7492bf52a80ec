#include "outcome.h"

#include <stdio.h>

#include "log.h"
#include "span.h"

enum {
  DETAIL_MAX = 200,
};

struct subject {
  enum mtasts_policy_type type;
  const struct mtasts_policy *policy; /* of STS; NULL: none could be had */
  enum mtasts_result_type result;
};

/* Why there is no policy that the domain meant to have: told as its failure, however well the
 * session went (RFC 8460 section 4.3.2.2). */
static enum mtasts_result_type of_discovery(const struct mtasts_known *known) {
  if (known->ruling.overridden || known->decision.policy || !known->ruling.known)
    return MTASTS_RESULT_SUCCESS;
  return mtasts_result_of_error(known->ruling.entry.error);
}

static struct subject subject_of(const struct mtasts_told *told) {
  const struct mtasts_known *known = told->known;
  enum mtasts_result_type discovery = of_discovery(known);
  if (told->ending.dane)
    return (struct subject){MTASTS_POLICY_TYPE_TLSA, NULL, told->ending.result};
  if (discovery != MTASTS_RESULT_SUCCESS)
    return (struct subject){MTASTS_POLICY_TYPE_STS, NULL, discovery};
  /* An override is this site's own policy: the domain has no part in it. */
  if (known->decision.policy && !known->ruling.overridden)
    return (struct subject){MTASTS_POLICY_TYPE_STS, known->decision.policy, told->ending.result};
  return (struct subject){MTASTS_POLICY_TYPE_NOT_FOUND, NULL, told->ending.result};
}

/* `,"key":"value"`, or nothing where the value is empty. */
static void put_pair(struct mtasts_text *text, const char *key, struct mtasts_span value) {
  if (value.len == 0)
    return;
  mtasts_text_put(text, ",\"");
  mtasts_text_put(text, key);
  mtasts_text_put(text, "\":");
  mtasts_text_json(text, value);
}

/* The policy as its lines, rebuilt, and the mx patterns once more (RFC 8460 section 4.4). */
static void put_policy(struct mtasts_text *text, const struct mtasts_policy *policy) {
  struct mtasts_span pattern;
  mtasts_text_put(text, ",\"policy-string\":[\"version: STSv1\",\"mode: ");
  mtasts_text_put(text, mtasts_mode_name(policy->mode));
  for (size_t cursor = 0; mtasts_names_next(&policy->mx, &cursor, &pattern);) {
    mtasts_text_put(text, "\",\"mx: ");
    mtasts_text_host(text, pattern);
  }
  mtasts_text_put(text, "\",\"max_age: ");
  mtasts_text_number(text, policy->max_age);
  mtasts_text_put(text, "\"]");
  if (policy->mx.size == 0)
    return;
  mtasts_text_put(text, ",\"mx-host\":");
  const char *before = "[\"";
  for (size_t cursor = 0; mtasts_names_next(&policy->mx, &cursor, &pattern); before = "\",\"") {
    mtasts_text_put(text, before);
    mtasts_text_host(text, pattern);
  }
  mtasts_text_put(text, "\"]");
}

static struct mtasts_span cut(struct mtasts_span text, size_t most) {
  return (struct mtasts_span){text.data, text.len < most ? text.len : most};
}

static void put_failure(struct mtasts_text *text, const struct mtasts_told *told,
                        enum mtasts_result_type result) {
  const struct mtasts_session *session = told->session;
  bool discovery = result != told->ending.result;
  mtasts_text_put(text, ",\"failure-details\":[{\"c\":");
  mtasts_text_number(text, (uint64_t)result);
  put_pair(text, "s", cut(told->sender, sizeof session->address));
  put_pair(text, "n", mtasts_session_mx(session));
  put_pair(text, "h", mtasts_span_of(session->helo));
  put_pair(text, "r", mtasts_span_of(session->address));
  put_pair(text, "a", cut(discovery ? told->known->ruling.entry.detail : told->detail, DETAIL_MAX));
  put_pair(text, "f", mtasts_span_of(discovery ? "" : told->ending.code));
  mtasts_text_put(text, "}],\"t\":1,\"f\":1}]}");
}

static void put_datagram(const struct mtasts_told *told, struct subject subject,
                         struct mtasts_text *text) {
  const char *domain = told->known->domain.name;
  mtasts_text_put(text, "{\"dpv\":\"1\"");
  put_pair(text, "d", mtasts_span_of(domain));
  mtasts_text_put(text, ",\"policies\":[{\"policy-type\":");
  mtasts_text_number(text, (uint64_t)subject.type);
  /* The TLSA base domain (RFC 8460 section 4.4), where Exim looks: the host at the end of an alias.
   */
  put_pair(text, "policy-domain",
           mtasts_span_of(subject.type == MTASTS_POLICY_TYPE_TLSA ? told->session->host : domain));
  if (subject.policy)
    put_policy(text, subject.policy);
  if (subject.result == MTASTS_RESULT_SUCCESS)
    mtasts_text_put(text, ",\"t\":0,\"f\":0}]}");
  else
    put_failure(text, told, subject.result);
}

void mtasts_outcome_datagram(const struct mtasts_told *told, struct mtasts_text *text) {
  struct subject subject = subject_of(told);
  put_datagram(told, subject, text);
  if (!text->full)
    return;
  mtasts_text_cut(text, 0);
  subject.policy = NULL;
  put_datagram(told, subject, text);
}

static void put_value(struct mtasts_text *text, const char *key, struct mtasts_span value) {
  char shown[2 * MTASTS_DOMAIN_MAX];
  if (value.len == 0)
    return;
  mtasts_log_value(value, shown, sizeof shown);
  mtasts_text_put(text, key);
  mtasts_text_put(text, shown);
}

void mtasts_outcome_line(const struct mtasts_told *told, struct mtasts_text *text) {
  const struct mtasts_known *known = told->known;
  char remedy[sizeof known->domain.name + sizeof "mtasts query --refresh "];
  snprintf(remedy, sizeof remedy, "mtasts query --refresh %s", known->domain.name);
  mtasts_text_put(text, known->ruling.monitor ? "MTA-STS: would defer" : "MTA-STS: deferred");
  put_value(text, " domain=", mtasts_span_of(known->domain.name));
  put_value(text, " mx=", mtasts_session_mx(told->session));
  put_value(text, " address=", mtasts_span_of(told->session->address));
  put_value(text, " result=", mtasts_span_of(mtasts_result_type_name(told->ending.result)));
  put_value(text, " rule=", mtasts_span_of(told->ending.rule));
  put_value(text,
            " id=", mtasts_span_of(known->decision.policy ? known->ruling.entry.policy_id : ""));
  put_value(text, " detail=", cut(told->detail, DETAIL_MAX));
  put_value(text, " remedy=", mtasts_span_of(remedy));
}
