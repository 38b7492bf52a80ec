/*
 * answer_json.h: a whole answer as the JSON of mtasts(1) `query` and of the `decision` map.
 *
 * Written directly into a buffer, because mtastsd gives hundreds of thousands of such answers.
 */
#ifndef MTASTS_ANSWER_JSON_H
#define MTASTS_ANSWER_JSON_H

#include "mtasts.h"

/* Only `text` and `decision` are always there. */
struct mtasts_answer {
  struct mtasts_span text;                /* the domain as it was typed */
  const struct mtasts_domain *domain;     /* NULL: there is no policy domain */
  const struct mtasts_entry *entry;       /* NULL: nothing is known */
  const struct mtasts_override *override; /* the one given to mtasts_decide, or NULL */
  const struct mtasts_decision *decision;
  bool monitor; /* adds "site_mode":"monitor", which says that nothing is enforced */
};

/*
 * Returns the bytes written, without the NUL. size (at least 1) must have room for the NUL as well.
 * 0: size is too small, and out holds part of an answer. If the decision's source is an override,
 * the policy is shown as an override.
 *
 * Strings from outside are written by mtasts_strbuf_json.
 */
size_t mtasts_answer_json(const struct mtasts_answer *answer, char *out, size_t size);

#endif
