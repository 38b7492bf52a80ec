/*
 * outcome_form.h: the packed form of an outcome: in memory, between threads, and in the store.
 *
 * Two policies are one if their packed bytes are equal, and so are two details (RFC 8460 section
 * 4.4). So a packed text is in its final form: names in lower case and A-labels, addresses as RFC
 * 5952 has them, valid UTF-8 without control characters. Pure.
 *
 *   policy   type (1 byte), domain, policy-string texts, mx-host texts
 *   detail   result type (2 bytes), its six texts
 *   session  failed (1), told without policy (1), policy, number of details (4), details
 *   outcome  recipient domain, sessions to the end
 *
 * Each policy, detail and text has its length before it, in four bytes.
 */
#ifndef MTASTS_REPORT_OUTCOME_FORM_H
#define MTASTS_REPORT_OUTCOME_FORM_H

#include "bytes.h"
#include "tlsrpt.h"

/* A list of packed texts. */
struct mtasts_texts {
  struct mtasts_span packed;
  size_t count;
};

/* Steps through a list; cursor starts at 0. False at the end. */
bool mtasts_texts_next(const struct mtasts_texts *texts, size_t *cursor, struct mtasts_span *text);

struct mtasts_outcome_policy {
  enum mtasts_policy_type type;
  struct mtasts_span domain;
  struct mtasts_texts strings; /* policy-string */
  struct mtasts_texts hosts;   /* mx-host */
};

enum mtasts_outcome_field {
  MTASTS_FIELD_SENDING_IP,
  MTASTS_FIELD_MX,
  MTASTS_FIELD_HELO,
  MTASTS_FIELD_RECEIVING_IP,
  MTASTS_FIELD_INFORMATION,
  MTASTS_FIELD_REASON,
  MTASTS_FIELDS,
};

struct mtasts_outcome_detail {
  enum mtasts_result_type result;
  struct mtasts_span fields[MTASTS_FIELDS]; /* empty: not known */
};

struct mtasts_outcome_session {
  bool failed;
  /* Told as no-policy-found, or as sts without policy-string and without a detail: if discovery
   * has failed, the session is recorded with that failure. */
  bool asks_discovery;
  struct mtasts_span policy;  /* packed */
  struct mtasts_span details; /* packed, one after another, each as a text */
  size_t detail_count;
};

void mtasts_pack_policy(struct mtasts_bytes *bytes, const struct mtasts_outcome_policy *policy);
void mtasts_pack_detail(struct mtasts_bytes *bytes, const struct mtasts_outcome_detail *detail);
void mtasts_pack_session(struct mtasts_bytes *bytes, const struct mtasts_outcome_session *session);

/* False: not what the functions above write. */
bool mtasts_unpack_policy(struct mtasts_span packed, struct mtasts_outcome_policy *policy);
bool mtasts_unpack_detail(struct mtasts_span packed, struct mtasts_outcome_detail *detail);

/* The recipient domain of an outcome; the reader is left at its first session. */
struct mtasts_span mtasts_unpack_domain(struct mtasts_bytes_reader *outcome);
/* False at the end, or if the outcome is malformed: then the reader has failed. */
bool mtasts_unpack_session(struct mtasts_bytes_reader *outcome,
                           struct mtasts_outcome_session *session);

#endif
