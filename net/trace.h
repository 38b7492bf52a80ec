/*
 * trace.h: reports the steps of a look-up, for `query --explain`.
 */
#ifndef MTASTS_TRACE_H
#define MTASTS_TRACE_H

#include "strbuf.h"

/* One step: its duration, the RFC section that requires it ("3.1" of RFC 8461, or with its own RFC,
 * as in "RFC 7672 2.2.2"), and its result. The text is printable and good for the call. */
typedef void mtasts_trace_fn(void *context, uint64_t microseconds, const char *section,
                             const char *text);

struct mtasts_dns_answer;

enum {
  MTASTS_TRACE_MAX = 1024 /* bytes of one text */
};

/* Traces a step, whose text is made printable. trace: NULL is fine. started: by mtasts_clock_us.
 */
void mtasts_trace_step(mtasts_trace_fn *trace, void *context, uint64_t started, const char *section,
                       const struct mtasts_strbuf *text);

struct mtasts_trace_question {
  const char *section; /* as of mtasts_trace_fn */
  const char *type;    /* "TXT" */
  const char *name;
};

/* Traces the result of a DNS query: `data`, or why there is none. */
void mtasts_trace_answer(mtasts_trace_fn *trace, void *context, uint64_t started,
                         const struct mtasts_trace_question *question,
                         const struct mtasts_dns_answer *answer, const struct mtasts_strbuf *data);

#endif
