#include "unit.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestRun.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void unit_check(bool ok, const char *format, ...) {
  char words[512] = "";
  if (!ok) {
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
  }
  CU_assertImplementation(ok, 0, words, unit_name, "", CU_FALSE);
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

int main(void) {
  if (CU_initialize_registry() != CUE_SUCCESS)
    return 1;
  CU_pSuite suite = CU_add_suite(unit_name, NULL, NULL);
  for (const struct unit_test *test = unit_tests; test->name; test++)
    if (!CU_add_test(suite, test->name, test->run))
      return 1;
  CU_run_all_tests();
  for (CU_pFailureRecord failure = CU_get_failure_list(); failure; failure = failure->pNext)
    printf("%s:%u: %s\n", failure->strFileName, failure->uiLineNumber, failure->strCondition);
  unsigned failed = CU_get_number_of_failures();
  printf("%-28s %u passed, %u failed\n", unit_name, CU_get_number_of_successes(), failed);
  CU_cleanup_registry();
  return failed == 0 ? 0 : 1;
}
