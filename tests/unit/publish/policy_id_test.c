#include "policy_id.h"

#include "unit.h"

#include <string.h>

const char *const unit_name = "publish/policy_id";

#define SECOND INT64_C(1000000)
static const int64_t now = 1767225600 * SECOND + 123456; /* 2026-01-01T00:00:00.123456Z */

static bool gives(const char *before, int64_t at, const char *expected) {
  char id[MTASTS_ID_MAX + 1];
  mtasts_policy_id_new(before, at, id);
  unit_check(strcmp(id, expected) == 0, "%s after %s", id, before);
  struct mtasts_record record;
  char txt[64];
  int len = snprintf(txt, sizeof txt, "v=STSv1; id=%s;", id);
  return mtasts_record_parse(&(struct mtasts_span){txt, (size_t)len}, 1, &record, NULL) ==
         MTASTS_OK;
}

static void new_ids(void) {
  CU_ASSERT(gives("", now, "20260101T000000123456"));
  /* Of another form: no order, and never equal. */
  CU_ASSERT(gives("1", now, "20260101T000000123456"));
  CU_ASSERT(gives("20260101000000Z", now, "20260101T000000123456"));
  CU_ASSERT(gives("99999999T999999999999", now, "20260101T000000123456"));
  /* In the same microsecond; by a clock that went back; across a second, and a year. */
  CU_ASSERT(gives("20260101T000000123456", now, "20260101T000000123457"));
  CU_ASSERT(gives("20301231T235959999999", now, "20310101T000000000000"));
  CU_ASSERT(gives("20260101T000000123455", now, "20260101T000000123456"));
  CU_ASSERT(gives("", 0, "19700101T000000000000"));
}

static void never_twice(void) {
  char id[MTASTS_ID_MAX + 1] = "";
  char next[MTASTS_ID_MAX + 1];
  for (int i = 0; i < 3000; i++) {
    mtasts_policy_id_new(id, now - i * SECOND, next);
    CU_ASSERT_FATAL(strcmp(next, id) > 0);
    memcpy(id, next, sizeof id);
  }
}

static void times(void) {
  int64_t seconds = 0;
  CU_ASSERT(mtasts_policy_id_time("20260101T000000123456", &seconds));
  CU_ASSERT(seconds == now / SECOND);
  CU_ASSERT_FALSE(mtasts_policy_id_time("20260101T000000", &seconds));
  CU_ASSERT_FALSE(mtasts_policy_id_time("20261301T000000000000", &seconds));
  CU_ASSERT_FALSE(mtasts_policy_id_time("20260101T00000012345x", &seconds));
}

static const char *found(const char *text) {
  static char id[MTASTS_ID_MAX + 1];
  return mtasts_policy_id_find((struct mtasts_span){text, strlen(text)}, id) ? id : "-";
}

static void finding(void) {
  CU_ASSERT_STRING_EQUAL(found("_mta-sts.a. 60 IN TXT \"v=STSv1; id=1a;\"\n"), "1a");
  CU_ASSERT_STRING_EQUAL(found("x\r\n_mta-sts.a\tTXT\tv=STSv1; id=2\r\n"), "2");
  CU_ASSERT_STRING_EQUAL(found("a \"v=TLSRPTv1; rua=mailto:a@b\"\nb \"v=STSv1; id=3;\""), "3");
  CU_ASSERT_STRING_EQUAL(found("\"v=STSv1; id=;\"\n\"v=STSv1; id=4;\"\n"), "4");
  CU_ASSERT_STRING_EQUAL(found(""), "-");
  CU_ASSERT_STRING_EQUAL(found("v=STSv1; id=a-b;"), "-");
  CU_ASSERT_STRING_EQUAL(found("v=STSv1; id=123456789012345678901234567890123;"), "-");
}

const struct unit_test unit_tests[] = {{"new_ids", new_ids},
                                       {"never_twice", never_twice},
                                       {"times", times},
                                       {"finding", finding},
                                       {NULL, NULL}};
