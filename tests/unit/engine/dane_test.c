#include "dane.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "mx_list.h"
#include "unit.h"

const char *const unit_name = "engine/dane";

/* In memory of just that size, so that a sanitizer sees the first byte read too far. */
static unsigned char *from_hex(const struct unit_field *hex, size_t *size) {
  *size = hex->len / 2;
  unsigned char *bytes = malloc(*size ? *size : 1);
  for (size_t i = 0; i < *size; i++) {
    char digits[] = {hex->data[2 * i], hex->data[2 * i + 1], '\0'};
    bytes[i] = (unsigned char)strtoul(digits, NULL, 16);
  }
  return bytes;
}

static void check_record(unsigned line, const struct unit_field *fields, size_t count) {
  size_t size;
  CU_ASSERT_EQUAL_FATAL(count, 3);
  unsigned char *rdata = from_hex(&fields[1], &size);
  bool wanted = strcmp(fields[2].data, "usable") == 0;
  unit_check(mtasts_tlsa_usable(rdata, size) == wanted, "line %u: %s", line, fields[0].data);
  free(rdata);
}

static void records(void) {
  unit_vectors("tests/data/tlsa.tsv", 30, check_record);
}

/* The state of a domain whose hosts have these: none, usable, unusable (x), bogus, error, lost,
 * gone. */
static enum mtasts_dane of_hosts(const char *letters) {
  static const char names[] = "nuxbelg";
  static const enum mtasts_dane states[] = {
      MTASTS_DANE_NONE,  MTASTS_DANE_USABLE, MTASTS_DANE_UNUSABLE, MTASTS_DANE_BOGUS,
      MTASTS_DANE_ERROR, MTASTS_DANE_LOST,   MTASTS_DANE_GONE};
  struct mtasts_mx_host hosts[8];
  char host_names[8][2];
  unsigned char store[64];
  struct mtasts_mx_list list;
  size_t count = strlen(letters);
  for (size_t i = 0; i < count; i++) {
    host_names[i][0] = (char)('a' + i);
    hosts[i] = (struct mtasts_mx_host){.dane = states[strchr(names, letters[i]) - names],
                                       .host = {host_names[i], 1}};
  }
  mtasts_mx_list_pack(hosts, count, store, &list);
  return mtasts_dane_of_hosts(&list);
}

static void hosts(void) {
  static const struct {
    const char *hosts;
    enum mtasts_dane state;
  } cases[] = {
      {"", MTASTS_DANE_NONE},
      {"n", MTASTS_DANE_NONE},
      {"u", MTASTS_DANE_USABLE},
      {"x", MTASTS_DANE_UNUSABLE},
      {"b", MTASTS_DANE_BOGUS},
      {"e", MTASTS_DANE_ERROR},
      {"l", MTASTS_DANE_ERROR}, /* no host is left to deliver to */
      {"uu", MTASTS_DANE_USABLE},
      {"nn", MTASTS_DANE_NONE},
      /* Some hosts without TLSA records: mail may go there as without DANE. */
      {"un", MTASTS_DANE_MIXED},
      {"nu", MTASTS_DANE_MIXED},
      {"unx", MTASTS_DANE_MIXED},
      {"unl", MTASTS_DANE_MIXED},
      /* If one host must not be used, all hosts must be authenticated. */
      {"unb", MTASTS_DANE_USABLE},
      {"une", MTASTS_DANE_USABLE},
      {"ub", MTASTS_DANE_USABLE},
      {"ue", MTASTS_DANE_USABLE},
      {"ux", MTASTS_DANE_USABLE},
      {"ul", MTASTS_DANE_USABLE},
      /* None is usable, and one must not be used. */
      {"nb", MTASTS_DANE_BOGUS},
      {"ne", MTASTS_DANE_ERROR},
      {"xb", MTASTS_DANE_BOGUS},
      {"xe", MTASTS_DANE_ERROR},
      {"eb", MTASTS_DANE_BOGUS},
      {"be", MTASTS_DANE_BOGUS},
      {"lb", MTASTS_DANE_BOGUS},
      {"nx", MTASTS_DANE_NONE},
      {"xx", MTASTS_DANE_UNUSABLE},
      {"xl", MTASTS_DANE_UNUSABLE},
      {"nl", MTASTS_DANE_NONE},
      {"ll", MTASTS_DANE_ERROR},
      {"lllll", MTASTS_DANE_ERROR},
      /* Hosts that do not exist. */
      {"g", MTASTS_DANE_NONE},
      {"gg", MTASTS_DANE_NONE},
      {"ug", MTASTS_DANE_USABLE},
      {"ung", MTASTS_DANE_MIXED},
      {"xg", MTASTS_DANE_UNUSABLE},
      {"ng", MTASTS_DANE_NONE},
      {"bg", MTASTS_DANE_BOGUS},
      {"lg", MTASTS_DANE_ERROR},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    enum mtasts_dane state = of_hosts(cases[i].hosts);
    unit_check(state == cases[i].state, "%s: %d, not %d", cases[i].hosts, state, cases[i].state);
  }
}

static void counts(void) {
  const int64_t now = 1800000000;
  static const struct {
    int64_t expires; /* from now; INT64_MIN: never looked up */
    bool counts;
  } cases[] = {
      {INT64_MIN, false},
      {300, true},
      {0, true},
      {-1, true},
      {1 - MTASTS_CHECK_MAX, true},
      {-MTASTS_CHECK_MAX, false},
      {-2 * MTASTS_CHECK_MAX, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct mtasts_entry entry = {.dane = MTASTS_DANE_USABLE,
                                 .dane_expires =
                                     cases[i].expires == INT64_MIN ? 0 : now + cases[i].expires};
    unit_check(mtasts_dane_counts(&entry, now) == cases[i].counts, "%ld", (long)cases[i].expires);
  }
}

static void counts_from_the_start_of_time(void) {
  const struct mtasts_entry never = {.dane = MTASTS_DANE_USABLE};
  CU_ASSERT_FALSE(mtasts_dane_counts(&never, 100));
}

/* What has lapsed decides for as long as it counts. */
static void decides(void) {
  const int64_t now = 1800000000;
  struct mtasts_entry entry = {.dane = MTASTS_DANE_USABLE, .dane_expires = now - 3600};
  CU_ASSERT_EQUAL(mtasts_decide(&entry, NULL, MTASTS_CACHED, now).verdict, MTASTS_VERDICT_DANE);
  entry.dane_expires = now - MTASTS_CHECK_MAX;
  CU_ASSERT_EQUAL(mtasts_decide(&entry, NULL, MTASTS_CACHED, now).verdict, MTASTS_VERDICT_NONE);
}

const struct unit_test unit_tests[] = {
    {"each TLSA record is usable or not", records},
    {"the hosts of a domain and the domain", hosts},
    {"DANE counts for a day after it has lapsed", counts},
    {"what was never looked up does not count", counts_from_the_start_of_time},
    {"what counts decides", decides},
    {NULL, NULL},
};
