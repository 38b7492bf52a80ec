/*
 * answer_json.h: a whole answer as the JSON of mtasts(1) `query` and of the `decision` map.
 *
 * Written straight into a buffer: mtastsd gives such answers by the hundred thousand.
 */
#ifndef MTASTS_ANSWER_JSON_H
#define MTASTS_ANSWER_JSON_H

#include "mtasts.h"

/* Only `text` and `decision` are always there. */
struct mtasts_answer {
  struct mtasts_span text;                /* the domain as it was typed */
  const struct mtasts_domain *domain;     /* NULL: there is no policy domain */
  const struct mtasts_entry *entry;       /* NULL: nothing is known */
  const struct mtasts_override *override; /* that the decision was given, or NULL */
  const struct mtasts_decision *decision;
  bool monitor; /* adds "site_mode":"monitor", which says that nothing is enforced */
};

/*
 * Returns the bytes written, without the NUL, for which size (at least 1) has to have room too; 0
 * if size is too small, and out then holds part of an answer. Where the decision's source is an
 * override, the policy is shown as one.
 *
 * Strings from outside are written by mtasts_strbuf_json.
 */
size_t mtasts_answer_json(const struct mtasts_answer *answer, char *out, size_t size);

#endif
