#include "policy_text.h"

#include "publication_fixture.h"

const char *const unit_name = "publish/policy_text";

static enum mtasts_status parse(const char *text, unsigned char *store,
                                struct mtasts_policy *policy, size_t *warnings) {
  struct mtasts_policy_report report;
  enum mtasts_status status =
      mtasts_policy_parse((struct mtasts_span){text, strlen(text)}, store, policy, &report);
  *warnings = report.warning_count;
  return status;
}

/* What is written is read back as it was, by the parser of the sending side. */
static void read_back(void) {
  static const enum mtasts_mode modes[] = {MTASTS_MODE_NONE, MTASTS_MODE_TESTING,
                                           MTASTS_MODE_ENFORCE};
  static const uint32_t ages[] = {0, 1, 604800, MTASTS_MAX_AGE_MAX};
  struct mtasts_publication publication = fixture_publication();
  for (size_t m = 0; m < 3; m++)
    for (size_t a = 0; a < 4; a++)
      for (size_t count = m == 0 ? 0 : 1; count <= 2; count++) {
        unsigned char store[512];
        struct mtasts_policy policy;
        size_t warnings = 0;
        publication.mode = modes[m];
        publication.max_age = ages[a];
        publication.mx.count = count;
        char *text = fixture_text(mtasts_policy_text, &publication);
        CU_ASSERT(parse(text, store, &policy, &warnings) == MTASTS_OK);
        CU_ASSERT(warnings == 0);
        CU_ASSERT(policy.mode == modes[m] && policy.max_age == ages[a] && policy.mx.count == count);
        free(text);
      }
  char *text = fixture_text(mtasts_policy_text, &publication);
  CU_ASSERT_STRING_EQUAL(text, "version: STSv1\r\nmode: enforce\r\nmx: mx.example.com\r\n"
                               "mx: *.mail.example.com\r\nmax_age: 31557600\r\n");
  free(text);
}

static bool same(const char *a, const char *b) {
  unsigned char stores[2][512];
  struct mtasts_policy policies[2];
  size_t warnings;
  CU_ASSERT_FATAL(parse(a, stores[0], &policies[0], &warnings) == MTASTS_OK);
  CU_ASSERT_FATAL(parse(b, stores[1], &policies[1], &warnings) == MTASTS_OK);
  return mtasts_policy_same(&policies[0], &policies[1]) &&
         mtasts_policy_same(&policies[1], &policies[0]);
}

static void comparing(void) {
  static const char policy[] = "version: STSv1\nmode: enforce\nmx: a.example\nmx: b.example\n"
                               "max_age: 60\n";
  CU_ASSERT(same(policy, "max_age:60\r\nmx:B.example\r\nmx: a.example\r\nmx: a.example\r\n"
                         "mode:enforce\r\nversion:STSv1"));
  CU_ASSERT_FALSE(same(policy, "version: STSv1\nmode: testing\nmx: a.example\nmx: b.example\n"
                               "max_age: 60\n"));
  CU_ASSERT_FALSE(same(policy, "version: STSv1\nmode: enforce\nmx: a.example\nmx: b.example\n"
                               "max_age: 61\n"));
  CU_ASSERT_FALSE(same(policy, "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 60\n"));
  CU_ASSERT_FALSE(same(policy, "version: STSv1\nmode: enforce\nmx: a.example\nmx: c.example\n"
                               "max_age: 60\n"));
  CU_ASSERT_FALSE(same("version: STSv1\nmode: none\nmax_age: 60\n",
                       "version: STSv1\nmode: none\nmx: a.example\nmax_age: 60\n"));
}

const struct unit_test unit_tests[] = {
    {"read_back", read_back}, {"comparing", comparing}, {NULL, NULL}};
