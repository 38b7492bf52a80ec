#include "unit.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestRun.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned checks_before, skips, empty;
static bool skipping; /* the running test was skipped */

void unit_check_at(bool ok, const char *file, unsigned line, const char *format, ...) {
  char words[512] = "";
  if (!ok) {
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
  }
  CU_assertImplementation(ok, line, words, file, "", CU_FALSE);
}

void unit_skip_at(bool needed, const char *file, unsigned line, const char *format, ...) {
  char words[512];
  va_list args;
  va_start(args, format);
  vsnprintf(words, sizeof words, format, args);
  va_end(args);
  const char *ci = getenv("CI");
  printf("SKIPPED %s: %s: %s\n", unit_name, CU_get_current_test()->pName, words);
  skipping = true;
  unit_check_at(!needed || !ci || ci[0] == '\0', file, line, "skipped, and CI is set: %s", words);
}

static unsigned hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return (unsigned)(c - '0');
  return (unsigned)((c | 0x20) - 'a' + 10);
}

/* Resolves the escapes of a field in place. */
static void unescape(struct unit_field *field) {
  size_t out = 0;
  for (size_t in = 0; in < field->len; in++) {
    char c = field->data[in];
    if (c == '\\' && in + 1 < field->len) {
      c = field->data[++in];
      if (c == 'n')
        c = '\n';
      else if (c == 'r')
        c = '\r';
      else if (c == 't')
        c = '\t';
      else if (c == 'x' && in + 2 < field->len) {
        c = (char)(hex_digit(field->data[in + 1]) << 4 | hex_digit(field->data[in + 2]));
        in += 2;
      }
    }
    field->data[out++] = c;
  }
  field->data[out] = '\0';
  field->len = out;
}

static size_t split(char *text, struct unit_field *fields) {
  size_t count = 0;
  for (char *at = text; at && count < UNIT_FIELDS_MAX; count++) {
    char *tab = strchr(at, '\t');
    if (tab)
      *tab = '\0';
    fields[count] = (struct unit_field){at, strlen(at)};
    unescape(&fields[count]);
    at = tab ? tab + 1 : NULL;
  }
  return count;
}

void unit_vectors(const char *path, size_t least, unit_vector_fn *check) {
  FILE *file = fopen(path, "re");
  unit_check(file != NULL, "%s: cannot open", path);
  if (!file)
    return;
  char *text = NULL;
  size_t size = 0;
  size_t vectors = 0;
  for (unsigned line = 1; getline(&text, &size, file) > 0; line++) {
    text[strcspn(text, "\n")] = '\0';
    if (text[0] == '\0' || text[0] == '#')
      continue;
    struct unit_field fields[UNIT_FIELDS_MAX];
    size_t count = split(text, fields);
    check(line, fields, count);
    vectors++;
  }
  unit_check(vectors >= least, "%s: %zu vectors, at least %zu expected", path, vectors, least);
  free(text);
  fclose(file);
}

static void before_test(const CU_pTest test, const CU_pSuite suite) {
  (void)test;
  (void)suite;
  checks_before = CU_get_number_of_asserts();
  skipping = false;
}

static void after_test(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord first) {
  (void)suite;
  if (!first && CU_get_number_of_asserts() == checks_before) {
    /* CUnit takes no more failures of this test: it is counted here. */
    printf("FAILED %s: %s: it checked nothing\n", unit_name, test->pName);
    empty++;
  }
  skips += skipping && !first;
  for (CU_pFailureRecord failure = first; failure; failure = failure->pNext)
    printf("%s:%u: %s: %s\n", failure->strFileName, failure->uiLineNumber, test->pName,
           failure->strCondition);
}

/* Is it one of those that were asked for? Without any, all are. */
static bool is_wanted(const char *name, int count, char **wanted) {
  for (int i = 0; i < count; i++)
    if (strcmp(name, wanted[i]) == 0)
      return true;
  return count == 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    for (const struct unit_test *test = unit_tests; test->name; test++)
      puts(test->name);
    return 0;
  }
  if (CU_initialize_registry() != CUE_SUCCESS)
    return 1;
  CU_pSuite suite = CU_add_suite(unit_name, NULL, NULL);
  int added = 0;
  for (const struct unit_test *test = unit_tests; test->name; test++)
    if (is_wanted(test->name, argc - 1, argv + 1)) {
      if (!CU_add_test(suite, test->name, test->run))
        return 1;
      added++;
    }
  if (added < argc - 1) {
    fprintf(stderr, "%s: no such test; --list prints their names\n", argv[0]);
    return 64;
  }
  CU_set_test_start_handler(before_test);
  CU_set_test_complete_handler(after_test);
  CU_run_all_tests();
  unsigned run = CU_get_number_of_tests_run(), failed = CU_get_number_of_tests_failed() + empty;
  printf("%-28s %u passed, %u failed", unit_name, run - failed - skips, failed);
  if (skips > 0)
    printf(", %u skipped", skips);
  putchar('\n');
  CU_cleanup_registry();
  return failed == 0 && run > 0 ? 0 : 1;
}
