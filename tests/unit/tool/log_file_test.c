/* A log file that grows, is rotated, is cut, and is read on after a restart. */
#include "log_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

const char *const unit_name = "tool/log_file";

static char directory[64], path[128], older[128];
static struct mtasts_log_source source;
static struct mtasts_log_position saved;
static char error[MTASTS_ERROR_TEXT];

static void append(const char *name, const char *text) {
  FILE *file = fopen(name, "a");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fputs(text, file);
  fclose(file);
}

static void begin(void) {
  snprintf(directory, sizeof directory, "/tmp/log_file_test.XXXXXX");
  CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/mail.log", directory);
  snprintf(older, sizeof older, "%s/mail.log.1", directory);
  saved = (struct mtasts_log_position){.set = false};
  append(path, "h a[1]: one\nh a[1]: two\n");
}

static void end(void) {
  unlink(path);
  unlink(older);
  rmdir(directory);
}

static void open_log(bool from_start) {
  CU_ASSERT_TRUE_FATAL(mtasts_log_file_open(path, &saved, from_start, error, &source));
}

/* Closes it as at the end of the process: the position goes through its text. */
static void close_log(void) {
  char text[MTASTS_LOG_POSITION_MAX];
  source.position(source.context, &saved);
  mtasts_log_position_write(&saved, text);
  CU_ASSERT_TRUE(mtasts_log_position_read((struct mtasts_span){text, strlen(text)}, &saved));
  source.close(source.context);
}

/* The texts of all lines that can be read now; the replayed ones in parentheses. */
static void expect(const char *expected) {
  char seen[256] = "";
  struct mtasts_log_line line;
  bool replayed;
  int none = 0; /* at the end of a file that was renamed, it is read once more */
  while (none < 3) {
    if (source.read(source.context, &line, &replayed, error) != MTASTS_LOG_READ) {
      none++;
      continue;
    }
    size_t used = strlen(seen);
    snprintf(seen + used, sizeof seen - used, replayed ? "(%.*s) " : "%.*s ", (int)line.text.len,
             line.text.data);
  }
  unit_check(strcmp(seen, expected) == 0, "\"%s\" in place of \"%s\"", seen, expected);
}

static void test_grows(void) {
  begin();
  open_log(false);
  expect("");
  append(path, "h a[1]: three\nh a[1]: fo");
  expect("three ");
  append(path, "ur\nnonsense\n");
  expect("four ");
  source.close(source.context);
  open_log(true);
  expect("one two three four ");
  source.close(source.context);
  end();
}

static void test_restart(void) {
  begin();
  open_log(true);
  expect("one two ");
  append(path, "h a[1]: thr"); /* the process ends within a line */
  expect("");
  close_log();
  append(path, "ee\nh a[1]: four\n");
  open_log(false);
  expect("(one) (two) three four ");
  close_log();
  open_log(false);
  expect("(one) (two) (three) (four) ");
  close_log(); /* a replay leaves the position as it was */
  open_log(true);
  close_log();
  open_log(true);
  expect("(one) (two) (three) (four) ");
  source.close(source.context);
  end();
}

static void test_renamed(void) {
  begin();
  open_log(true);
  expect("one two ");
  CU_ASSERT_EQUAL(rename(path, older), 0);
  append(older, "h a[1]: three\n"); /* the writer has not noticed yet */
  expect("three ");
  append(path, "h a[1]: four\n");
  expect("four ");
  close_log();
  open_log(false);
  expect("(four) ");
  source.close(source.context);
  end();
}

static void test_renamed_while_away(void) {
  begin();
  open_log(true);
  expect("one two ");
  close_log();
  append(path, "h a[1]: three\n");
  CU_ASSERT_EQUAL(rename(path, older), 0);
  append(path, "h a[1]: four\n");
  open_log(false);
  expect("(one) (two) three four ");
  close_log();
  unlink(older);
  open_log(false);
  expect("(four) ");
  close_log();
  CU_ASSERT_EQUAL(rename(path, older), 0);
  append(path, "h a[1]: five\n");
  unlink(older); /* what was read last is gone: all of the new file is read */
  open_log(false);
  expect("five ");
  source.close(source.context);
  end();
}

static void test_cut(void) {
  begin();
  open_log(true);
  expect("one two ");
  CU_ASSERT_EQUAL(truncate(path, 0), 0);
  append(path, "h a[1]: three\n");
  expect("three ");
  close_log();
  CU_ASSERT_EQUAL(truncate(path, 0), 0);
  append(path, "h b[1]: x\n");
  open_log(false);
  expect("x ");
  source.close(source.context);
  end();
}

/* A line without end neither grows the memory nor hides the next one. */
static void test_long_line(void) {
  begin();
  open_log(false);
  for (int i = 0; i < 3000; i++)
    append(path, "h a[1]: a line that is much too long and goes on and on and on and on and on ");
  expect("");
  append(path, "\nh a[1]: three\n");
  expect("three ");
  close_log();
  append(path, "h a[1]: four\n");
  open_log(false);
  expect("(one) (two) (three) four ");
  source.close(source.context);
  end();
}

static void test_no_file(void) {
  begin();
  CU_ASSERT_FALSE(mtasts_log_file_open(directory, &saved, false, error, &source));
  CU_ASSERT_FALSE(mtasts_log_file_open(older, &saved, false, error, &source));
  CU_ASSERT_PTR_NOT_NULL(strstr(error, "mail.log.1: No such file"));
  end();
}

static void test_position(void) {
  static const char *const bad[] = {"",
                                    "file 0 1 2 3", /* no end of line */
                                    "file 0 1 2\n",
                                    "file 0 1 2 3 4\n",
                                    "file 0 1 2 -3\n",
                                    "file 0 1 2 99999999999999999999\n",
                                    "journal 0 5\n",
                                    "journal x 5 c\n",
                                    "other 0 1 2 3\n"};
  struct mtasts_log_position read;
  char text[MTASTS_LOG_POSITION_MAX];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    unit_check(!mtasts_log_position_read((struct mtasts_span){bad[i], strlen(bad[i])}, &read), "%s",
               bad[i]);
  const struct mtasts_log_position journal = {.realtime = 7, .done = 2, .cursor = "s=1;i=2"};
  mtasts_log_position_write(&journal, text);
  CU_ASSERT_STRING_EQUAL(text, "journal 2 7 s=1;i=2\n");
  CU_ASSERT_TRUE(mtasts_log_position_read((struct mtasts_span){text, strlen(text)}, &read));
  CU_ASSERT_TRUE(read.set && read.realtime == 7 && read.done == 2);
  CU_ASSERT_STRING_EQUAL(read.cursor, "s=1;i=2");
}

const struct unit_test unit_tests[] = {
    {"a file that grows", test_grows},
    {"a restart goes on after the last line", test_restart},
    {"a file that is renamed", test_renamed},
    {"a file that was renamed while nothing read it", test_renamed_while_away},
    {"a file that is cut", test_cut},
    {"a line without end", test_long_line},
    {"no file", test_no_file},
    {"positions as text", test_position},
    {NULL, NULL},
};
