/* Any bytes as an outcome: refused, or one in its packed form, whose names and codes are what they
 * must be, and whose texts have no control characters. */
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "outcome.h"
#include "utf8.h"

static void check_text(struct mtasts_span text) {
  while (text.len > 0) {
    unsigned char c = (unsigned char)text.data[0];
    size_t len = c < 0x80 ? 1 : mtasts_utf8_len(text);
    if (len == 0 || c < ' ' || c == 0x7f || (c == 0xc2 && (unsigned char)text.data[1] < 0xa0))
      abort();
    text.data += len;
    text.len -= len;
  }
}

static void check_name(struct mtasts_span name) {
  struct mtasts_domain domain;
  if (mtasts_domain_parse(name, &domain) != MTASTS_OK || domain.len != name.len ||
      memcmp(domain.name, name.data, name.len) != 0)
    abort();
}

static void check_session(const struct mtasts_outcome_session *session) {
  struct mtasts_bytes_reader details = {.rest = session->details};
  struct mtasts_outcome_policy policy;
  struct mtasts_span text;
  if (!mtasts_unpack_policy(session->policy, &policy))
    abort();
  check_name(policy.domain);
  for (size_t cursor = 0; mtasts_texts_next(&policy.strings, &cursor, &text);)
    check_text(text);
  for (size_t cursor = 0; mtasts_texts_next(&policy.hosts, &cursor, &text);)
    check_text(text);
  for (size_t i = 0; i < session->detail_count; i++) {
    struct mtasts_outcome_detail detail;
    if (!mtasts_unpack_detail(mtasts_bytes_take_text(&details), &detail))
      abort();
    for (size_t j = 0; j < MTASTS_FIELDS; j++)
      check_text(detail.fields[j]);
    if (detail.fields[MTASTS_FIELD_MX].len > 0)
      check_name(detail.fields[MTASTS_FIELD_MX]);
    if (detail.fields[MTASTS_FIELD_HELO].len > 0)
      check_name(detail.fields[MTASTS_FIELD_HELO]);
  }
  if (details.failed || details.rest.len > 0)
    abort();
}

static void check_packed(struct mtasts_span packed) {
  struct mtasts_bytes_reader reader = {.rest = packed};
  struct mtasts_outcome_session session;
  check_name(mtasts_unpack_domain(&reader));
  while (mtasts_unpack_session(&reader, &session))
    check_session(&session);
  if (reader.failed)
    abort();
}

/* Every domain's discovery has failed, with a reason of these bytes. */
static enum mtasts_result_type discover(void *context, struct mtasts_span domain,
                                        struct mtasts_span *reason) {
  check_name(domain);
  *reason = *(const struct mtasts_span *)context;
  return MTASTS_RESULT_POLICY_INVALID;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mtasts_span reason = MTASTS_SPAN("line 1: no version");
  struct mtasts_outcome outcome;
  struct mtasts_bytes packed;
  if (mtasts_outcome_read((struct mtasts_span){(const char *)data, size}, &outcome) !=
      MTASTS_OUTCOME_ACCEPTED)
    return 0;
  check_name((struct mtasts_span){outcome.domain.name, outcome.domain.len});
  if (outcome.result != 0 && (!outcome.failed || !*mtasts_result_type_name(outcome.result)))
    abort();
  check_packed(mtasts_bytes_span(&outcome.packed));
  if (mtasts_outcome_apply_discovery(&outcome, discover, &reason, &packed)) {
    check_packed(mtasts_bytes_span(&packed));
    mtasts_bytes_free(&packed);
  }
  mtasts_bytes_free(&outcome.packed);
  return 0;
}
