#include "trace.h"

#include "clock.h"
#include "printable.h"
#include "resolver.h"

void mtasts_trace_step(mtasts_trace_fn *trace, void *context, uint64_t started, const char *section,
                       const struct mtasts_text *text) {
  char shown[MTASTS_TRACE_MAX];
  if (!trace)
    return;
  uint64_t spent = mtasts_clock_us() - started;
  mtasts_printable(mtasts_text_span(text), shown, sizeof shown);
  trace(context, spent, section, shown);
}

void mtasts_trace_answer(mtasts_trace_fn *trace, void *context, uint64_t started,
                         const struct mtasts_trace_question *question,
                         const struct mtasts_dns_answer *answer, const struct mtasts_text *data) {
  char words[MTASTS_TRACE_MAX] = "";
  struct mtasts_text text = MTASTS_TEXT(words);
  if (!trace)
    return;
  if (answer->outcome == MTASTS_DNS_FAILED || answer->outcome == MTASTS_DNS_BOGUS) {
    mtasts_text_put(&text, answer->detail);
  } else {
    mtasts_text_printf(&text, "%s %s: ", question->type, question->name);
    if (answer->outcome == MTASTS_DNS_NXDOMAIN)
      mtasts_text_put(&text, "no such name");
    else if (answer->outcome == MTASTS_DNS_NODATA)
      mtasts_text_put(&text, "no such record");
    else
      mtasts_text_printable(&text, mtasts_text_span(data));
  }
  mtasts_trace_step(trace, context, started, question->section, &text);
}
