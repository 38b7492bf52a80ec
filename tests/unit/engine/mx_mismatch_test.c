#include "mx_mismatch.h"

#include <stdio.h>
#include <string.h>

#include "mx_list.h"
#include "unit.h"

const char *const unit_name = "engine/mx_mismatch";

enum {
  NOW = 1800000000,
  HOSTS = 8, /* of a vector */
};

static unsigned char pattern_store[1024];
static unsigned char host_store[1024];

static bool is(const struct unit_field *field, const char *word) {
  return strcmp(field->data, word) == 0;
}

/* Takes the next word off a list that spaces separate; `-` is an empty list. */
static bool next_word(const char **list, struct mtasts_span *word) {
  size_t len = strcspn(*list, " ");
  if (len == 0 || strcmp(*list, "-") == 0)
    return false;
  *word = (struct mtasts_span){*list, len};
  *list += len + ((*list)[len] == ' ');
  return true;
}

static struct mtasts_names pack_patterns(const char *list) {
  struct mtasts_names names = {.data = pattern_store};
  struct mtasts_span word;
  while (next_word(&list, &word)) {
    pattern_store[names.size] = (unsigned char)word.len;
    memcpy(pattern_store + names.size + 1, word.data, word.len);
    names.size += 1 + word.len;
    names.count++;
  }
  return names;
}

static struct mtasts_mx_list pack_hosts(const char *list) {
  struct mtasts_mx_host hosts[HOSTS] = {{.preference = 0}};
  struct mtasts_mx_list packed;
  size_t count = 0;
  while (count < HOSTS && next_word(&list, &hosts[count].host))
    count++;
  mtasts_mx_list_pack(hosts, count, host_store, &packed);
  return packed;
}

static enum mtasts_mx_state state_of(const struct unit_field *field) {
  int state = MTASTS_MX_UNKNOWN;
  while (state < MTASTS_MX_ERROR && !is(field, mtasts_mx_state_name((enum mtasts_mx_state)state)))
    state++;
  return (enum mtasts_mx_state)state;
}

static struct mtasts_entry entry_of(const struct unit_field *fields) {
  struct mtasts_entry entry = {
      .has_policy = !is(&fields[1], "-"),
      .policy = {.max_age = 86400, .mx = pack_patterns(fields[4].data)},
      .expires = NOW + 1,
      .record = MTASTS_RECORD_VALID,
      .mx_state = state_of(&fields[3]),
      .mx = pack_hosts(fields[5].data),
      .mx_expires = NOW + 1,
      .dane_expires = NOW + 1,
  };
  entry.policy.mode = is(&fields[1], "enforce")   ? MTASTS_MODE_ENFORCE
                      : is(&fields[1], "testing") ? MTASTS_MODE_TESTING
                                                  : MTASTS_MODE_NONE;
  entry.dane = is(&fields[2], "usable")     ? MTASTS_DANE_USABLE
               : is(&fields[2], "unusable") ? MTASTS_DANE_UNUSABLE
                                            : MTASTS_DANE_NONE;
  return entry;
}

/* The hosts that were found, as the table writes them. */
static void write_found(const struct mtasts_mx_list *hosts, const struct mtasts_span *found,
                        char *out, size_t size) {
  struct mtasts_mx_host mx;
  size_t used = 0;
  size_t n = 0;
  snprintf(out, size, "-");
  for (size_t cursor = 0; mtasts_mx_next(hosts, &cursor, &mx); n++)
    if (found[n].data)
      used += (size_t)snprintf(out + used, size - used, "%s%.*s", used > 0 ? " " : "",
                               (int)mx.host.len, mx.host.data);
}

static void check_vector(unsigned line, const struct unit_field *fields, size_t count) {
  static const char *const words[] = {"no hosts", "none", "some", "all"};
  struct mtasts_span found[MTASTS_MX_HOSTS_MAX];
  char which[1024];
  CU_ASSERT_EQUAL_FATAL(count, 9);
  struct mtasts_entry entry = entry_of(fields);
  struct mtasts_decision decision = mtasts_decide(&entry, NULL, MTASTS_CACHED, NOW);
  struct mtasts_mx_comparison mx = mtasts_policy_against_mx(&decision, &entry, found);
  unit_check(is(&fields[6], words[mx.listed]), "line %u: %s: %s", line, fields[0].data,
             words[mx.listed]);
  write_found(&entry.mx, found, which, sizeof which);
  unit_check(is(&fields[7], which), "line %u: %s: %s", line, fields[0].data, which);
  bool waits = mtasts_mx_mismatch(&decision, mx.listed);
  unit_check(waits == is(&fields[8], "yes"), "line %u: %s: waits: %d", line, fields[0].data, waits);

  /* The result is the same without a list of hosts, and if each host is checked by itself. */
  struct mtasts_mx_comparison again = mtasts_policy_against_mx(&decision, &entry, NULL);
  CU_ASSERT(again.listed == mx.listed && again.hosts == mx.hosts && again.matched == mx.matched);
  struct mtasts_mx_host host;
  bool lists = decision.policy && decision.policy->mode != MTASTS_MODE_NONE;
  size_t n = 0;
  for (size_t cursor = 0; mtasts_mx_next(&entry.mx, &cursor, &host); n++) {
    bool listed = mtasts_decision_lists(&decision, host.host);
    unit_check(listed == (lists ? found[n].data != NULL : true), "line %u: %s: host %zu", line,
               fields[0].data, n);
    if (waits)
      unit_check(!mtasts_decision_allows(&decision, host.host), "line %u: host %zu", line, n);
  }
}

static void vectors(void) {
  unit_vectors("tests/data/mx_mismatch.tsv", 26, check_vector);
}

static void counts(void) {
  CU_ASSERT_EQUAL(mtasts_mx_listed(0, 0), MTASTS_NO_MX);
  CU_ASSERT_EQUAL(mtasts_mx_listed(1, 0), MTASTS_NO_MX_LISTED);
  CU_ASSERT_EQUAL(mtasts_mx_listed(1, 1), MTASTS_ALL_MX_LISTED);
  CU_ASSERT_EQUAL(mtasts_mx_listed(3, 2), MTASTS_SOME_MX_LISTED);
}

/* Nothing is known, or the DNS forbids delivery: that mail waits, but not for its MX hosts. */
static void other_verdicts(void) {
  for (int verdict = MTASTS_VERDICT_UNKNOWN; verdict <= MTASTS_VERDICT_DEFER; verdict++) {
    struct mtasts_decision decision = {.verdict = (enum mtasts_verdict)verdict};
    CU_ASSERT_EQUAL(mtasts_mx_mismatch(&decision, MTASTS_NO_MX_LISTED),
                    verdict == MTASTS_VERDICT_ENFORCE);
    CU_ASSERT_FALSE(mtasts_mx_mismatch(&decision, MTASTS_NO_MX));
    CU_ASSERT_FALSE(mtasts_mx_mismatch(&decision, MTASTS_SOME_MX_LISTED));
    CU_ASSERT_FALSE(mtasts_mx_mismatch(&decision, MTASTS_ALL_MX_LISTED));
  }
}

const struct unit_test unit_tests[] = {
    {"mail waits if an enforce policy lists no MX of its domain", vectors},
    {"a count of listed hosts has its word", counts},
    {"no other verdict lets mail wait for its MX hosts", other_verdicts},
    {NULL, NULL},
};
