#include "outcome_format.h"

#include <stdio.h>

#include "ascii.h"
#include "log.h"

enum {
  DETAIL_MAX = 200,
};

static struct mtasts_span cut(struct mtasts_span text, size_t max) {
  return (struct mtasts_span){text.data, text.len < max ? text.len : max};
}

void mtasts_outcome_format_datagram(const struct mtasts_smtp_session_outcome *outcome,
                                    struct mtasts_strbuf *text) {
  const struct mtasts_smtp_session *session = outcome->session;
  mtasts_session_report_write(
      &(struct mtasts_session_report){
          .decided = outcome->decided,
          .result = outcome->ending.result,
          .dane = outcome->ending.dane,
          .reason = outcome->ending.reason,
          .mx = mtasts_smtp_session_mx(session),
          .helo = mtasts_span_of(session->helo),
          .address = mtasts_span_of(session->address),
          .sender = outcome->sender,
          /* The TLSA base domain (RFC 8460 section 4.4) is the one that Exim uses: the host at
           * the end of an alias. */
          .tlsa_base = mtasts_span_of(session->host),
          .tlsa = outcome->tlsa,
      },
      text);
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
