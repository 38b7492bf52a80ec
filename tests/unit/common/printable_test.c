#include "printable.h"

#include "ascii.h"
#include "log.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *const unit_name = "common/printable";

static void bytes_become_visible(void) {
  char out[64];
  struct mtasts_span hostile = {"a\x1b[31m\n\x7f\x80\xff\0z", 12};
  CU_ASSERT_EQUAL(mtasts_printable(hostile, out, sizeof out), strlen(out));
  CU_ASSERT_STRING_EQUAL(out, "a\\x1b[31m\\x0a\\x7f\\x80\\xff\\x00z");
}

/* Every size of the buffer: the result ends with NUL and holds no part of an escape. */
static void cut_between_escapes(void) {
  static const char whole[] = "ab\\x0acd\\x0b";
  for (size_t size = 1; size < 16; size++) {
    char *out = malloc(size); /* exact, for the sanitizers */
    if (!out)
      return;
    size_t len = mtasts_printable(MTASTS_SPAN("ab\ncd\v"), out, size);
    unit_check(len < size && out[len] == '\0', "size %zu: length %zu", size, len);
    unit_check(memcmp(out, whole, len) == 0, "size %zu: %s", size, out);
    unit_check(len <= 2 || (len >= 6 && len <= 8) || len == 12, "size %zu cuts an escape", size);
    free(out);
  }
}

static void check_value(struct mtasts_span bytes, const char *expected) {
  char out[64];
  size_t len = mtasts_log_value(bytes, out, sizeof out);
  unit_check(len == strlen(out) && strcmp(out, expected) == 0, "%s is not %s", out, expected);
}

static void values_cannot_forge(void) {
  check_value(MTASTS_SPAN("mx.example.com"), "mx.example.com");
  check_value(MTASTS_SPAN(""), "\"\"");
  check_value(MTASTS_SPAN("a b"), "\"a b\"");
  check_value(MTASTS_SPAN("x verdict=enforce"), "\"x verdict=enforce\"");
  check_value(MTASTS_SPAN("a=b"), "\"a=b\"");
  check_value(MTASTS_SPAN("a\"b\\c"), "\"a\\\"b\\\\c\"");
  check_value(MTASTS_SPAN("a\nb"), "\"a\\x0ab\"");
}

static void values_cut_closed(void) {
  for (size_t size = 3; size < 14; size++) {
    char *out = malloc(size);
    if (!out)
      return;
    size_t len = mtasts_log_value(MTASTS_SPAN("\"\"\n\"\""), out, size);
    unit_check(len < size && out[0] == '"' && out[len - 1] == '"' && out[len] == '\0',
               "size %zu: %s", size, out);
    unit_check(len % 2 == 0, "size %zu cuts an escape: %s", size, out);
    free(out);
  }
}

/* What is written to standard error while `write` runs. */
static size_t captured(void (*write)(void), char *out, size_t size) {
  FILE *file = tmpfile();
  int saved = dup(STDERR_FILENO);
  if (!file || saved < 0)
    return 0;
  fflush(stderr);
  dup2(fileno(file), STDERR_FILENO);
  write();
  fflush(stderr);
  dup2(saved, STDERR_FILENO);
  close(saved);
  rewind(file);
  size_t len = fread(out, 1, size - 1, file);
  out[len] = '\0';
  fclose(file);
  return len;
}

static void log_some(void) {
  mtasts_log_open("mtastsd", MTASTS_LOG_STDERR, MTASTS_LOG_INFO);
  mtasts_log(MTASTS_LOG_DEBUG, "not written");
  mtasts_log(MTASTS_LOG_WARNING, "domain=%s", "a\nmtastsd: forged");
}

static void log_is_one_line(void) {
  char out[256];
  captured(log_some, out, sizeof out);
  CU_ASSERT_STRING_EQUAL(out, "mtastsd: domain=a\\x0amtastsd: forged\n");
}

static void log_long(void) {
  char text[2 * MTASTS_LOG_LINE_MAX];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  mtasts_log(MTASTS_LOG_ERROR, "%s", text);
}

static void long_lines_are_cut(void) {
  char out[2 * MTASTS_LOG_LINE_MAX];
  size_t len = captured(log_long, out, sizeof out);
  CU_ASSERT(len > MTASTS_LOG_LINE_MAX - 8 && len < MTASTS_LOG_LINE_MAX + 16);
  CU_ASSERT(len > 0 && out[len - 1] == '\n');
}

const struct unit_test unit_tests[] = {
    {"control bytes, DEL and bytes from 0x80 become \\xHH", bytes_become_visible},
    {"a full buffer never cuts an escape", cut_between_escapes},
    {"a peer's text can forge neither key nor quote", values_cannot_forge},
    {"a value that is cut still has its closing quote", values_cut_closed},
    {"a newline in an argument does not begin a new log line", log_is_one_line},
    {"a long line is cut", long_lines_are_cut},
    {NULL, NULL}};
