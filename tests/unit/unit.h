/*
 * unit.h: what a unit test shares with the CUnit runner.
 *
 * A test file tests/unit/<module>/x_test.c defines unit_name and unit_tests, and is
 * linked with its module and those below it. Tests run in the top folder, so data files
 * are at tests/data/. unit_vectors walks a table in a plain file.
 *
 * The runner counts tests, not checks. A test that checks nothing has failed. For each failed
 * check it prints the file, the line, the name of the test and what was expected.
 * `x_test --list` prints the names of the tests; `x_test NAME…` runs those alone.
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

/* Like CU_ASSERT, with words that name the vector; a failure does not end the test. */
#define unit_check(ok, ...) unit_check_at((ok), __FILE__, __LINE__, __VA_ARGS__)
__attribute__((format(printf, 4, 5))) void unit_check_at(bool ok, const char *file, unsigned line,
                                                         const char *format, ...);

/* The thread sanitizer has a thread of its own in each process. */
#ifdef __SANITIZE_THREAD__
#define UNIT_THREAD_SANITIZER 1
#else
#define UNIT_THREAD_SANITIZER 0
#endif

/*
 * The running test, or a part of it, cannot run here. It is counted and printed as skipped, and
 * the caller returns. With CI in the environment unit_skip fails the test. unit_omit does not: it
 * is for what another run of CI has, as with a sanitizer or in a chroot.
 */
#define unit_skip(...) unit_skip_at(true, __FILE__, __LINE__, __VA_ARGS__)
#define unit_omit(...) unit_skip_at(false, __FILE__, __LINE__, __VA_ARGS__)
__attribute__((format(printf, 4, 5))) void unit_skip_at(bool needed, const char *file,
                                                        unsigned line, const char *format, ...);

/*
 * Reads a table: one vector a line, fields separated by TAB, `#` begins a comment line. In a
 * field, \n \r \t \\ \xHH are escapes; a field may hold NUL bytes. Calls back with the line
 * number for messages. Fails the test if the file is missing or has fewer vectors than
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
