#include "outcome_datagram.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const unit_name = "daemon/outcome_datagram";

static struct mtasts_span all_of(const char *text) {
  return (struct mtasts_span){text, strlen(text)};
}

static void check_datagram(unsigned line, const struct unit_field *fields, size_t count) {
  struct mtasts_outcome outcome;
  char got[1024] = "-";
  if (count != 2) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  /* An exact copy, so that a sanitizer sees the first byte read too far. */
  char *exact = malloc(fields[0].len + 1);
  if (!exact)
    return;
  memcpy(exact, fields[0].data, fields[0].len);
  if (mtasts_outcome_datagram_read((struct mtasts_span){exact, fields[0].len}, &outcome) ==
      MTASTS_OK)
    snprintf(got, sizeof got, "%s %d %s %u %s", outcome.domain.name, (int)outcome.policy,
             outcome.failed ? "failed" : "succeeded", outcome.result,
             *outcome.mx ? outcome.mx : "-");
  unit_check(strcmp(got, fields[1].data) == 0, "line %u: is %s", line, got);
  free(exact);
}

static void datagrams(void) {
  unit_vectors("tests/data/outcome.tsv", 35, check_datagram);
}

/* A valid outcome, padded to so many bytes. */
static enum mtasts_status read_of_size(size_t size) {
  static const char start[] = "{\"d\":\"a.example\",\"policies\":[{\"policy-type\":2,\"f\":0}]";
  char *datagram = malloc(size);
  struct mtasts_outcome outcome;
  if (!datagram)
    return MTASTS_NO_MEMORY;
  memset(datagram, ' ', size);
  memcpy(datagram, start, sizeof start - 1);
  datagram[size - 1] = '}';
  enum mtasts_status status =
      mtasts_outcome_datagram_read((struct mtasts_span){datagram, size}, &outcome);
  free(datagram);
  return status;
}

static void size_is_bounded(void) {
  CU_ASSERT(read_of_size(MTASTS_OUTCOME_MAX) == MTASTS_OK);
  CU_ASSERT(read_of_size(MTASTS_OUTCOME_MAX + 1) == MTASTS_INVALID);
}

static void depth_is_bounded(void) {
  struct mtasts_outcome outcome;
  char *deep = malloc(MTASTS_OUTCOME_MAX);
  if (!deep)
    return;
  memset(deep, '[', MTASTS_OUTCOME_MAX);
  CU_ASSERT(mtasts_outcome_datagram_read((struct mtasts_span){deep, MTASTS_OUTCOME_MAX},
                                         &outcome) == MTASTS_INVALID);
  free(deep);
}

static void refusal_writes_nothing(void) {
  struct mtasts_outcome outcome = {.result = 7};
  const char *refused = "{\"d\":\"a.example\",\"policies\":[{\"policy-type\":2,\"f\":0},{}]}";
  CU_ASSERT(mtasts_outcome_datagram_read(all_of(refused), &outcome) == MTASTS_INVALID);
  CU_ASSERT(outcome.result == 7 && outcome.domain.len == 0);
}

const struct unit_test unit_tests[] = {
    {"datagrams as MTAs send them, and worse", datagrams},
    {"more than 64 KiB is refused", size_is_bounded},
    {"endless nesting is refused", depth_is_bounded},
    {"a refusal leaves the outcome alone", refusal_writes_nothing},
    {NULL, NULL}};
