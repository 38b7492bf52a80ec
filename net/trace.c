#include "trace.h"

#include "clock.h"
#include "printable.h"
#include "resolver.h"

void mtasts_trace_step(mtasts_trace_fn *trace, void *context, uint64_t started, const char *section,
                       const struct mtasts_strbuf *text) {
  char shown[MTASTS_TRACE_MAX];
  if (!trace)
    return;
  uint64_t exhausted = mtasts_clock_us() - started;
  mtasts_printable(mtasts_strbuf_span(text), shown, sizeof shown);
  trace(context, exhausted, section, shown);
}

void mtasts_trace_answer(mtasts_trace_fn *trace, void *context, uint64_t started,
                         const struct mtasts_trace_question *question,
                         const struct mtasts_dns_answer *answer, const struct mtasts_strbuf *data) {
  char words[MTASTS_TRACE_MAX] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(words);
  if (!trace)
    return;
  if (answer->outcome == MTASTS_DNS_FAILED || answer->outcome == MTASTS_DNS_BOGUS) {
    mtasts_strbuf_put(&text, answer->detail);
  } else {
    mtasts_strbuf_printf(&text, "%s %s: ", question->type, question->name);
    if (answer->outcome == MTASTS_DNS_NXDOMAIN)
      mtasts_strbuf_put(&text, "no such name");
    else if (answer->outcome == MTASTS_DNS_NODATA)
      mtasts_strbuf_put(&text, "no such record");
    else
      mtasts_strbuf_printable(&text, mtasts_strbuf_span(data));
  }
  mtasts_trace_step(trace, context, started, question->section, &text);
}
