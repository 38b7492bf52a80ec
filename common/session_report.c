#include "session_report.h"

#include "ascii.h"
#include "span.h"

enum {
  DETAIL_MAX = 200, /* bytes of a reason, */
  ADDRESS_MAX = 64, /* and of an address */
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

static struct subject subject_of(const struct mtasts_session_report *report) {
  const struct mtasts_domain_decision *decided = report->decided;
  enum mtasts_result_type discovery = of_discovery(decided);
  if (report->dane)
    return (struct subject){
        .type = MTASTS_POLICY_TYPE_TLSA,
        .result = report->result,
        .tlsa = report->tlsa,
    };
  if (discovery != MTASTS_RESULT_SUCCESS)
    return (struct subject){.type = MTASTS_POLICY_TYPE_STS, .result = discovery};
  /* An override is this site's own policy; the domain did not publish it. */
  if (decided->decision.policy && !decided->entry_reply.overridden)
    return (struct subject){
        .type = MTASTS_POLICY_TYPE_STS,
        .policy = decided->decision.policy,
        .result = report->result,
    };
  return (struct subject){.type = MTASTS_POLICY_TYPE_NOT_FOUND, .result = report->result};
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

static void put_failure(struct mtasts_strbuf *text, const struct mtasts_session_report *report,
                        enum mtasts_result_type result) {
  bool discovery = result != report->result;
  struct mtasts_span reason =
      discovery ? report->decided->entry_reply.entry.detail : report->reason;
  mtasts_strbuf_put(text, ",\"failure-details\":[{\"c\":");
  mtasts_strbuf_number(text, (uint64_t)result);
  put_pair(text, "s", cut(report->sender, ADDRESS_MAX));
  put_pair(text, "n", report->mx);
  put_pair(text, "h", report->helo);
  put_pair(text, "r", report->address);
  put_pair(text, "f", cut(reason, DETAIL_MAX));
  mtasts_strbuf_put(text, "}],\"t\":1,\"f\":1}]}");
}

/* Writes the TLSA records as RFC 8460 section 4.4 shows them, an element for each. */
static void put_tlsa(struct mtasts_strbuf *text, struct mtasts_span records) {
  struct mtasts_span record;
  const char *before = ",\"policy-string\":[";
  if (records.len == 0)
    return;
  while (records.len > 0) {
    mtasts_span_cut(&records, ':', &record);
    mtasts_strbuf_put(text, before);
    mtasts_strbuf_json(text, record);
    before = ",";
  }
  mtasts_strbuf_put(text, "]");
}

static void put_datagram(const struct mtasts_session_report *report, struct subject subject,
                         struct mtasts_strbuf *text) {
  struct mtasts_span domain = mtasts_span_of(report->decided->domain.name);
  bool host = subject.type == MTASTS_POLICY_TYPE_TLSA && report->tlsa_base.len > 0;
  mtasts_strbuf_put(text, "{\"dpv\":\"1\"");
  put_pair(text, "d", domain);
  mtasts_strbuf_put(text, ",\"policies\":[{\"policy-type\":");
  mtasts_strbuf_number(text, (uint64_t)subject.type);
  put_pair(text, "policy-domain", host ? report->tlsa_base : domain);
  if (subject.policy)
    put_policy(text, subject.policy);
  if (subject.type == MTASTS_POLICY_TYPE_TLSA)
    put_tlsa(text, subject.tlsa);
  if (subject.result == MTASTS_RESULT_SUCCESS)
    mtasts_strbuf_put(text, ",\"t\":0,\"f\":0}]}");
  else
    put_failure(text, report, subject.result);
}

void mtasts_session_report_write(const struct mtasts_session_report *report,
                                 struct mtasts_strbuf *text) {
  struct subject subject = subject_of(report);
  put_datagram(report, subject, text);
  if (!text->full)
    return;
  mtasts_strbuf_cut(text, 0);
  subject.policy = NULL;
  subject.tlsa = MTASTS_SPAN("");
  put_datagram(report, subject, text);
}
