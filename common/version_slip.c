#include "version_slip.h"

#include "ascii.h"
#include "span.h"

static bool holds(struct mtasts_span text, struct mtasts_span word) {
  for (size_t i = 0; i + word.len <= text.len; i++)
    if (mtasts_span_equal_nocase((struct mtasts_span){text.data + i, word.len}, word))
      return true;
  return false;
}

/* A service lets the owner of a domain publish NAME=TOKEN, with random letters. */
static bool is_proof(struct mtasts_span txt) {
  struct mtasts_span name;
  return mtasts_span_cut(&txt, '=', &name) && holds(name, MTASTS_SPAN("verif"));
}

static bool is_other(struct mtasts_span txt, struct mtasts_span word) {
  static const char *const others[] = {"v=spf1",  "spf2.0/",  "v=DMARC1",   "v=DKIM1",
                                       "v=BIMI1", "v=STSv1;", "v=TLSRPTv1;"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    struct mtasts_span other = mtasts_span_of(others[i]);
    if (!holds(other, word) && other.len <= txt.len &&
        mtasts_span_equal_nocase((struct mtasts_span){txt.data, other.len}, other))
      return true;
  }
  return is_proof(txt);
}

bool mtasts_version_slip(struct mtasts_span txt, struct mtasts_span word) {
  return holds(txt, word) && !is_other(txt, word);
}
