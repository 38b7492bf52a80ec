/* The sessions in log lines: those of real MTAs (tests/data/mta-log/postfix.log and sendmail.log
 * were written in the lab by Postfix 3.7 and Sendmail 8.17), and corners. */
#include "mta_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

const char *const unit_name = "report/mta_log";

enum {
  LINE = 8192,
};

static FILE *expected;
static unsigned found;

static FILE *open_data(const char *name, const char *suffix) {
  char path[256];
  snprintf(path, sizeof path, "tests/data/mta-log/%s%s", name, suffix);
  FILE *file = fopen(path, "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  return file;
}

static bool next_line(FILE *file, char line[LINE]) {
  if (!fgets(line, LINE, file))
    return false;
  line[strcspn(line, "\n")] = '\0';
  return true;
}

static void show(const struct mtasts_log_session *session, char *text, size_t size) {
  static const char *const tls[] = {"clear", "tls", "verified", "failed", "unknown"};
  const char *result = mtasts_result_type_name(session->result);
  snprintf(text, size, "%s %s %s %s %s%s%s", session->domain.name, tls[session->tls],
           *result ? result : "-", session->host, *session->address ? session->address : "-",
           *session->reason ? " " : "", session->reason);
}

static void compare(void *context, const struct mtasts_log_session *session) {
  char text[LINE];
  char wanted[LINE] = "no session";
  (void)context;
  show(session, text, sizeof text);
  next_line(expected, wanted);
  unit_check(strcmp(text, wanted) == 0, "\n%s\nin place of\n%s", text, wanted);
  found++;
}

static void check_log(const char *name, unsigned least) {
  char line[LINE];
  FILE *file = open_data(name, ".log");
  struct mtasts_log_line read;
  struct mtasts_mta_log *log = mtasts_mta_log_new("tls@sender.example", compare, NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(log);
  expected = open_data(name, ".sessions");
  found = 0;
  while (next_line(file, line))
    if (mtasts_log_line_read((struct mtasts_span){line, strlen(line)}, &read))
      mtasts_mta_log_take(log, &read);
  unit_check(!next_line(expected, line), "%s: not found: %s", name, line);
  unit_check(found >= least, "%s: %u sessions", name, found);
  fclose(expected);
  fclose(file);
  mtasts_mta_log_free(log);
}

static void test_postfix(void) {
  check_log("postfix", 20);
}

static void test_sendmail(void) {
  check_log("sendmail", 20);
}

static void test_corners(void) {
  check_log("corners", 10);
}

static void test_lines(void) {
  static const struct {
    const char *line, *program, *text;
    uint32_t pid;
  } cases[] = {
      {"Dec  1 10:00:00 mx postfix/smtp[12]: a: b", "postfix/smtp", "a: b", 12},
      {"2026-12-01T10:00:00.1+00:00 mx sm-mta[999999999]: ", "sm-mta", "", 999999999},
      {"Dec  1 10:00:00 mx postfix/smtp[12]: x postfix/qmgr[13]: y", "postfix/smtp",
       "x postfix/qmgr[13]: y", 12},
      {"postfix/smtp[1]: a", "postfix/smtp", "a", 1},
      {"Dec  1 10:00:00 mx postfix/smtp[1234567890]: a", NULL, NULL, 0},
      {"Dec  1 10:00:00 mx postfix/smtp[]: a", NULL, NULL, 0},
      {"Dec  1 10:00:00 mx postfix/smtp[-1]: a", NULL, NULL, 0},
      {"Dec  1 10:00:00 mx [1]: a", NULL, NULL, 0},
      {"Dec  1 10:00:00 mx postfix/smtp[1] a", NULL, NULL, 0},
      {"", NULL, NULL, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct mtasts_log_line read;
    struct mtasts_span line = {cases[i].line, strlen(cases[i].line)};
    bool valid = mtasts_log_line_read(line, &read);
    unit_check(valid == (cases[i].program != NULL), "%s", cases[i].line);
    if (valid && cases[i].program)
      unit_check(read.program.len == strlen(cases[i].program) &&
                     memcmp(read.program.data, cases[i].program, read.program.len) == 0 &&
                     read.text.len == strlen(cases[i].text) &&
                     memcmp(read.text.data, cases[i].text, read.text.len) == 0 &&
                     read.pid == cases[i].pid,
                 "%s: %.*s", cases[i].line, (int)read.program.len, read.program.data);
  }
}

static unsigned clear_sessions;
static void count_clear(void *context, const struct mtasts_log_session *session) {
  (void)context;
  clear_sessions += session->tls == MTASTS_LOG_CLEAR;
}

/* As many processes at once as are kept apart: each line of TLS finds its session. */
static void test_many_processes(void) {
  char text[256];
  struct mtasts_mta_log *log = mtasts_mta_log_new("", count_clear, NULL);
  clear_sessions = 0;
  for (int round = 0; round < 2; round++)
    for (uint32_t pid = 1; pid <= MTASTS_LOG_PROCESSES; pid++) {
      snprintf(text, sizeof text,
               round == 0 ? "Trusted TLS connection established to mx.a.example[192.0.2.1]:25: X"
                          : "ABCDE%u: to=<a@a.example>, relay=mx.a.example[192.0.2.1]:25, "
                            "status=sent (250 ok)",
               pid);
      struct mtasts_log_line line = {
          .program = {"postfix/smtp", 12}, .text = {text, strlen(text)}, .pid = pid};
      mtasts_mta_log_take(log, &line);
    }
  CU_ASSERT_EQUAL(clear_sessions, 0);
  mtasts_mta_log_free(log);
}

const struct unit_test unit_tests[] = {
    {"Postfix 3.7", test_postfix},
    {"Sendmail 8.17", test_sendmail},
    {"corners of both", test_corners},
    {"the head of a line", test_lines},
    {"many processes at once", test_many_processes},
    {NULL, NULL},
};
