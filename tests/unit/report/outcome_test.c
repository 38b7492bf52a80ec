/* Datagrams: what is read of them, and why they are refused; discovery that has failed. */
#include "outcome.h"

#include "ascii.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const unit_name = "report/outcome";

static char shown[8192];

static void show(const char *text) {
  size_t len = strlen(shown);
  snprintf(shown + len, sizeof shown - len, "%s", text);
}

static void show_span(struct mtasts_span text) {
  size_t len = strlen(shown);
  snprintf(shown + len, sizeof shown - len, "%.*s", (int)text.len, text.data);
}

static void show_texts(const char *before, const struct mtasts_texts *texts) {
  struct mtasts_span text;
  for (size_t cursor = 0; mtasts_texts_next(texts, &cursor, &text);) {
    show(before);
    show_span(text);
  }
}

/* ` result s=… n=… h=… r=… a=… f=…`, without the empty ones. */
static void show_detail(struct mtasts_span packed) {
  static const char *const letters[MTASTS_FIELDS] = {" s=", " n=", " h=", " r=", " a=", " f="};
  struct mtasts_outcome_detail detail;
  CU_ASSERT(mtasts_unpack_detail(packed, &detail));
  show(" ");
  show(mtasts_result_type_name((unsigned)detail.result));
  for (size_t i = 0; i < MTASTS_FIELDS; i++) {
    if (detail.fields[i].len == 0)
      continue;
    show(letters[i]);
    show_span(detail.fields[i]);
  }
}

/* `domain: type policy-domain ok|failed`, then ` ?` if discovery is asked, the texts of the policy
 * and the details; sessions are separated by ` / `. */
static void show_packed(struct mtasts_span packed) {
  struct mtasts_bytes_reader reader = {.rest = packed};
  struct mtasts_outcome_session session;
  const char *before = ": ";
  shown[0] = '\0';
  show_span(mtasts_unpack_domain(&reader));
  for (; mtasts_unpack_session(&reader, &session); before = " / ") {
    struct mtasts_bytes_reader details = {.rest = session.details};
    struct mtasts_outcome_policy policy;
    CU_ASSERT(mtasts_unpack_policy(session.policy, &policy));
    show(before);
    show(mtasts_policy_type_name((unsigned)policy.type));
    show(" ");
    show_span(policy.domain);
    show(session.failed ? " failed" : " ok");
    show(session.asks_discovery ? " ?" : "");
    show_texts(" +", &policy.strings);
    show_texts(" @", &policy.hosts);
    for (size_t i = 0; i < session.detail_count; i++)
      show_detail(mtasts_bytes_take_text(&details));
    CU_ASSERT_EQUAL(details.rest.len, 0);
  }
  CU_ASSERT_FALSE(reader.failed);
}

static void check_datagram(unsigned line, const struct unit_field *fields, size_t count) {
  struct mtasts_outcome outcome;
  if (count != 2) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  /* An exact copy, so that a sanitizer sees the first byte read too far. */
  char *exact = malloc(fields[0].len + (fields[0].len == 0));
  if (!exact)
    return;
  memcpy(exact, fields[0].data, fields[0].len);
  enum mtasts_outcome_refusal refusal =
      mtasts_outcome_read((struct mtasts_span){exact, fields[0].len}, &outcome);
  if (refusal == MTASTS_OUTCOME_ACCEPTED) {
    show_packed(mtasts_bytes_span(&outcome.packed));
    mtasts_bytes_free(&outcome.packed);
  } else {
    snprintf(shown, sizeof shown, "refused: %s", mtasts_outcome_refusal_name(refusal));
  }
  unit_check(strcmp(shown, fields[1].data) == 0, "line %u: is %s", line, shown);
  free(exact);
}

static void datagrams(void) {
  unit_vectors("tests/data/outcome.tsv", 70, check_datagram);
}

/* A valid outcome, padded to so many bytes. */
static enum mtasts_outcome_refusal read_of_size(size_t size) {
  static const char start[] = "{\"d\":\"a.example\",\"policies\":[{\"policy-type\":2,\"f\":0}]";
  char *datagram = malloc(size);
  struct mtasts_outcome outcome = {0};
  if (!datagram)
    return MTASTS_OUTCOME_NO_ROOM;
  memset(datagram, ' ', size);
  memcpy(datagram, start, sizeof start - 1);
  datagram[size - 1] = '}';
  enum mtasts_outcome_refusal refusal =
      mtasts_outcome_read((struct mtasts_span){datagram, size}, &outcome);
  mtasts_bytes_free(&outcome.packed);
  free(datagram);
  return refusal;
}

static void size_is_bounded(void) {
  CU_ASSERT_EQUAL(read_of_size(MTASTS_OUTCOME_MAX), MTASTS_OUTCOME_ACCEPTED);
  CU_ASSERT_EQUAL(read_of_size(MTASTS_OUTCOME_MAX + 1), MTASTS_OUTCOME_OVERSIZED);
}

static void depth_is_bounded(void) {
  struct mtasts_outcome outcome;
  char *deep = malloc(MTASTS_OUTCOME_MAX);
  if (!deep)
    return;
  memset(deep, '[', MTASTS_OUTCOME_MAX);
  CU_ASSERT_EQUAL(mtasts_outcome_read((struct mtasts_span){deep, MTASTS_OUTCOME_MAX}, &outcome),
                  MTASTS_OUTCOME_NO_OBJECT);
  free(deep);
}

static void refusal_writes_nothing(void) {
  struct mtasts_outcome outcome = {.result = 7};
  const char *refused = "{\"d\":\"a.example\",\"policies\":[{\"policy-type\":2,\"f\":0},{}]}";
  CU_ASSERT_EQUAL(mtasts_outcome_read(mtasts_span_of(refused), &outcome), MTASTS_OUTCOME_BAD_TYPE);
  CU_ASSERT(outcome.result == 7 && outcome.domain.len == 0 && outcome.packed.data == NULL);
}

/* What the log says. */
static void first_failure(void) {
  struct mtasts_outcome outcome;
  const char *datagram =
      "{\"d\":\"a.example\",\"policies\":[{\"policy-type\":1,\"f\":0},{\"policy-type\":2,\"f\":1,"
      "\"failure-details\":[{\"c\":202,\"n\":\"MX.a.example\"},{\"c\":204,\"n\":\"b.example\"}]},"
      "{\"policy-type\":9,\"f\":1,\"failure-details\":[{\"c\":205}]}]}";
  CU_ASSERT_EQUAL(mtasts_outcome_read(mtasts_span_of(datagram), &outcome), MTASTS_OUTCOME_ACCEPTED);
  CU_ASSERT(outcome.failed && outcome.policy == MTASTS_POLICY_TYPE_TLSA && outcome.result == 202);
  CU_ASSERT_STRING_EQUAL(outcome.mx, "mx.a.example");
  mtasts_bytes_free(&outcome.packed);
}

/* Discovery has failed for bad.example alone. */
static enum mtasts_result_type discover(void *context, struct mtasts_span domain,
                                        struct mtasts_span *reason) {
  ++*(int *)context;
  *reason = MTASTS_SPAN("HTTP status 404");
  return mtasts_span_equal(domain, MTASTS_SPAN("bad.example")) ? MTASTS_RESULT_POLICY_FETCH
                                                               : MTASTS_RESULT_SUCCESS;
}

static void check_discovery(const char *sessions, int asked, const char *expected) {
  char datagram[1024];
  struct mtasts_outcome outcome;
  struct mtasts_bytes packed = {0};
  int calls = 0;
  snprintf(datagram, sizeof datagram, "{\"d\":\"bad.example\",\"policies\":[%s]}", sessions);
  CU_ASSERT_EQUAL_FATAL(mtasts_outcome_read(mtasts_span_of(datagram), &outcome),
                        MTASTS_OUTCOME_ACCEPTED);
  bool changed = mtasts_outcome_apply_discovery(&outcome, discover, &calls, &packed);
  CU_ASSERT_EQUAL(changed, expected != NULL);
  CU_ASSERT_EQUAL(calls, asked);
  if (changed)
    show_packed(mtasts_bytes_span(&packed));
  unit_check(!changed || strcmp(shown, expected) == 0, "%s: is %s", sessions, shown);
  mtasts_bytes_free(&packed);
  mtasts_bytes_free(&outcome.packed);
}

static void failed_discovery(void) {
#define FETCH_ERROR "sts bad.example failed sts-policy-fetch-error f=HTTP status 404"
  check_discovery("{\"policy-type\":9,\"f\":0}", 1, "bad.example: " FETCH_ERROR);
  check_discovery("{\"policy-type\":9,\"f\":1,\"failure-details\":[{\"c\":201}]}", 1,
                  "bad.example: " FETCH_ERROR);
  check_discovery("{\"policy-type\":2,\"f\":0,\"mx-host\":[\"a\"]}", 1,
                  "bad.example: " FETCH_ERROR);
  check_discovery("{\"policy-type\":2,\"f\":1,\"policy-string\":[],\"failure-details\":[]}", 1,
                  "bad.example: " FETCH_ERROR);
  check_discovery("{\"policy-type\":2,\"f\":0},{\"policy-type\":9,\"policy-domain\":\"b.example\","
                  "\"f\":0}",
                  2, "bad.example: " FETCH_ERROR " / no-policy-found b.example ok ?");
  /* With a policy, with a detail, or of another type it is what was told. */
  check_discovery("{\"policy-type\":2,\"f\":0,\"policy-string\":[\"mode: none\"]}", 0, NULL);
  check_discovery("{\"policy-type\":2,\"f\":1,\"failure-details\":[{\"c\":203}]}", 0, NULL);
  check_discovery("{\"policy-type\":1,\"f\":0}", 0, NULL);
  check_discovery("{\"policy-type\":9,\"policy-domain\":\"b.example\",\"f\":0}", 1, NULL);
}

const struct unit_test unit_tests[] = {
    {"datagrams as MTAs send them, and worse", datagrams},
    {"more than 64 KiB is refused", size_is_bounded},
    {"endless nesting is refused", depth_is_bounded},
    {"a refusal leaves the outcome alone", refusal_writes_nothing},
    {"the first failure is logged", first_failure},
    {"discovery that has failed is a failure of the session", failed_discovery},
    {NULL, NULL}};
