/*
 * unit.h: what a unit test shares with the CUnit runner.
 *
 * A test file tests/unit/<module>/x_test.c defines unit_name and unit_tests, and is
 * linked with its module and those below it. Tests run in the top folder, so data files
 * are at tests/data/. unit_vectors walks a table in a plain file.
 */
#ifndef UNIT_H
#define UNIT_H

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stddef.h>

struct unit_test {
  const char *name;
  void (*run)(void);
};

extern const char *const unit_name;
extern const struct unit_test unit_tests[]; /* ends with {NULL, NULL} */

/* Like CU_ASSERT, with words that tell the vector; a failure does not end the test. */
__attribute__((format(printf, 2, 3))) void unit_check(bool ok, const char *format, ...);

/*
 * Reads a table: one vector a line, fields separated by TAB, `#` begins a comment line. In a
 * field, \n \r \t \\ \xHH are escapes; a field may hold NUL bytes. Calls back with the line
 * number for messages. Fails the test where the file is missing or has fewer vectors than
 * `least`.
 */
struct unit_field {
  char *data; /* followed by a NUL that len does not count */
  size_t len;
};
#define UNIT_FIELDS_MAX 16
typedef void unit_vector_fn(unsigned line, const struct unit_field *fields, size_t count);
void unit_vectors(const char *path, size_t least, unit_vector_fn *check);

#endif
