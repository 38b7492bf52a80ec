#include "outcome_form.h"

#include "ascii.h"

bool mtasts_texts_next(const struct mtasts_texts *texts, size_t *cursor, struct mtasts_span *text) {
  struct mtasts_bytes_reader reader = {
      .rest = {texts->packed.data + *cursor, texts->packed.len - *cursor}};
  if (reader.rest.len == 0)
    return false;
  *text = mtasts_bytes_take_text(&reader);
  *cursor = texts->packed.len - reader.rest.len;
  return !reader.failed;
}

static void pack_texts(struct mtasts_bytes *bytes, const struct mtasts_texts *texts) {
  mtasts_bytes_number(bytes, texts->count, 4);
  mtasts_bytes_text(bytes, texts->packed);
}

void mtasts_pack_policy(struct mtasts_bytes *bytes, const struct mtasts_outcome_policy *policy) {
  mtasts_bytes_number(bytes, (uint64_t)policy->type, 1);
  mtasts_bytes_text(bytes, policy->domain);
  pack_texts(bytes, &policy->strings);
  pack_texts(bytes, &policy->hosts);
}

void mtasts_pack_detail(struct mtasts_bytes *bytes, const struct mtasts_outcome_detail *detail) {
  mtasts_bytes_number(bytes, (uint64_t)detail->result, 2);
  for (size_t i = 0; i < MTASTS_FIELDS; i++)
    mtasts_bytes_text(bytes, detail->fields[i]);
}

void mtasts_pack_session(struct mtasts_bytes *bytes, const struct mtasts_outcome_session *session) {
  mtasts_bytes_number(bytes, session->failed, 1);
  mtasts_bytes_number(bytes, session->asks_discovery, 1);
  mtasts_bytes_text(bytes, session->policy);
  mtasts_bytes_number(bytes, session->detail_count, 4);
  mtasts_bytes_text(bytes, session->details);
}

static bool unpack_texts(struct mtasts_bytes_reader *reader, struct mtasts_texts *texts) {
  struct mtasts_span text;
  size_t cursor = 0;
  size_t count = 0;
  texts->count = (size_t)mtasts_bytes_take_number(reader, 4);
  texts->packed = mtasts_bytes_take_text(reader);
  while (mtasts_texts_next(texts, &cursor, &text))
    count++;
  return !reader->failed && cursor == texts->packed.len && count == texts->count;
}

bool mtasts_unpack_policy(struct mtasts_span packed, struct mtasts_outcome_policy *policy) {
  struct mtasts_bytes_reader reader = {.rest = packed};
  unsigned type = (unsigned)mtasts_bytes_take_number(&reader, 1);
  policy->type = (enum mtasts_policy_type)type;
  policy->domain = mtasts_bytes_take_text(&reader);
  return unpack_texts(&reader, &policy->strings) && unpack_texts(&reader, &policy->hosts) &&
         reader.rest.len == 0 && *mtasts_policy_type_name(type);
}

bool mtasts_unpack_detail(struct mtasts_span packed, struct mtasts_outcome_detail *detail) {
  struct mtasts_bytes_reader reader = {.rest = packed};
  unsigned result = (unsigned)mtasts_bytes_take_number(&reader, 2);
  detail->result = (enum mtasts_result_type)result;
  for (size_t i = 0; i < MTASTS_FIELDS; i++)
    detail->fields[i] = mtasts_bytes_take_text(&reader);
  return !reader.failed && reader.rest.len == 0 && *mtasts_result_type_name(result);
}

struct mtasts_span mtasts_unpack_domain(struct mtasts_bytes_reader *outcome) {
  return mtasts_bytes_take_text(outcome);
}

bool mtasts_unpack_session(struct mtasts_bytes_reader *outcome,
                           struct mtasts_outcome_session *session) {
  if (outcome->failed || outcome->rest.len == 0)
    return false;
  session->failed = mtasts_bytes_take_number(outcome, 1) != 0;
  session->asks_discovery = mtasts_bytes_take_number(outcome, 1) != 0;
  session->policy = mtasts_bytes_take_text(outcome);
  session->detail_count = (size_t)mtasts_bytes_take_number(outcome, 4);
  session->details = mtasts_bytes_take_text(outcome);
  return !outcome->failed;
}
