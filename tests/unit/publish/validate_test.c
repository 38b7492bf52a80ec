#include "validate.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

const char *const unit_name = "publish/validate";

static void check_path(unsigned line, const struct unit_field *fields, size_t count) {
  if (count != 3) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  bool with = mtasts_validate_path(fields[1].data, true) == NULL;
  bool without = mtasts_validate_path(fields[1].data, false) == NULL;
  const char *got = with ? without ? "plain" : "yes" : "no";
  unit_check(strcmp(got, fields[2].data) == 0 && (with || !without), "line %u: %s is %s", line,
             fields[1].data, got);
}

static void paths(void) {
  char path[MTASTS_PUBLISH_PATH_MAX + 2];
  unit_vectors("tests/data/publish_path.tsv", 30, check_path);
  memset(path, 'a', sizeof path);
  path[MTASTS_PUBLISH_PATH_MAX + 1] = '\0';
  CU_ASSERT_PTR_NOT_NULL(mtasts_validate_path(path, false));
  path[MTASTS_PUBLISH_PATH_MAX] = '\0';
  CU_ASSERT_PTR_NULL(mtasts_validate_path(path, false));
}

static bool is_domain(const char *text, const char *expected) {
  struct mtasts_domain domain;
  return !mtasts_validate_domain((struct mtasts_span){text, strlen(text)}, &domain) &&
         strcmp(domain.name, expected) == 0;
}

static void domains(void) {
  CU_ASSERT(is_domain("Example.COM.", "example.com"));
  CU_ASSERT(is_domain("b\xc3\xbc"
                      "cher.example",
                      "xn--bcher-kva.example"));
  static const char *const refused[] = {
      "",           "a..example",  "192.0.2.1",  "[192.0.2.1]", "[a.example]", "a.example:25",
      ".a.example", "a_b.example", "-a.example", "../a",        "a/b",         "*.a.example"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    unit_check(!is_domain(refused[i], refused[i]), "%s is a domain", refused[i]);
}

static void hosts(void) {
  struct mtasts_domain name;
  CU_ASSERT_PTR_NULL(mtasts_validate_host((struct mtasts_span){"Web.Example.", 12}, &name));
  CU_ASSERT_STRING_EQUAL(name.name, "web.example");
  CU_ASSERT_PTR_NOT_NULL(mtasts_validate_host((struct mtasts_span){"192.0.2", 7}, &name));
}

const struct unit_test unit_tests[] = {
    {"paths", paths}, {"domains", domains}, {"hosts", hosts}, {NULL, NULL}};
