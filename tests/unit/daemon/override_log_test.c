#include "override_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "unit.h"

const char *const unit_name = "daemon/override_log";

enum {
  LINES = 16384
};

static int64_t at(const char *date) {
  static const int64_t first = 1801353600; /* 2027-01-31T00:00:00Z */
  return first + (strtol(date, NULL, 10) - 31) * 86400;
}

static struct mtasts_config *parse(const char *text) {
  struct mtasts_config *config = NULL;
  char error[MTASTS_ERROR_TEXT] = "";
  enum mtasts_status status =
      mtasts_config_parse((struct mtasts_span){text, strlen(text)}, "t", error, &config);
  unit_check(status == MTASTS_OK, "%s", error);
  CU_ASSERT_EQUAL_FATAL(status, MTASTS_OK);
  return config;
}

/* What is logged between the two, each line after a `|`. */
static FILE *log_file;

static void listen_to_log(void) {
  log_file = freopen("/tmp/mtasts-overrides-log", "w+", stderr);
  CU_ASSERT_PTR_NOT_NULL_FATAL(log_file);
}

static const char *heard(void) {
  static char lines[LINES];
  fflush(stderr);
  rewind(log_file);
  size_t size = fread(lines, 1, sizeof lines - 1, log_file);
  lines[size] = '\0';
  rewind(log_file);
  CU_ASSERT_EQUAL(ftruncate(fileno(log_file), 0), 0);
  return lines;
}

static unsigned count(const char *lines, const char *word) {
  unsigned found = 0;
  for (; (lines = strstr(lines, word)); lines += strlen(word))
    found++;
  return found;
}

static void logged(void) {
  struct mtasts_override_log overrides;
  struct mtasts_config *config =
      parse("override \"a.example\" { mode = \"none\" until = \"2027-01-31\" }\n"
            "override \"b.example\" { dane = \"off\" }\n"
            "override \"c.example\" { mode = \"none\" dane = \"off\" until = \"2027-01-30\" }\n");
  listen_to_log();
  mtasts_override_log_configure(&overrides, config, NULL, at("31"));
  const char *lines = heard();
  unit_check(count(lines, "override domain=a.example mode=none until=2027-01-31\n") == 1 &&
                 count(lines, "override domain=b.example dane=off\n") == 1 &&
                 count(lines, "override domain=c.example mode=none dane=off until=2027-01-30: it "
                              "has ended") == 1,
             "%s", lines);
  mtasts_override_log_tick(&overrides, config, at("31") + 86399);
  CU_ASSERT_STRING_EQUAL(heard(), "");
  mtasts_override_log_tick(&overrides, config, at("32"));
  lines = heard();
  unit_check(count(lines, "\n") == 1 &&
                 count(lines, "a.example mode=none until=2027-01-31: it has"),
             "%s", lines);
  mtasts_override_log_tick(&overrides, config, at("33"));
  CU_ASSERT_STRING_EQUAL(heard(), "");

  /* A reload logs its changes. */
  struct mtasts_config *next =
      parse("override \"b.example\" { dane = \"off\" }\n"
            "override \"c.example\" { mode = \"none\" dane = \"off\" until = \"2027-03-01\" }\n"
            "override \"d.example\" { mode = \"enforce\" mx = {\"mx.d.example\"} }\n");
  mtasts_override_log_configure(&overrides, next, config, at("33"));
  lines = heard();
  unit_check(
      count(lines, "\n") == 3 && count(lines, "c.example mode=none dane=off until=2027-03-01\n") &&
          count(lines, "d.example mode=enforce\n") && count(lines, "a.example: it was removed"),
      "%s", lines);
  mtasts_config_free(config);
  mtasts_config_free(next);
}

/* Thousands of them are not thousands of lines. */
static void many(void) {
  struct mtasts_override_log overrides;
  char *text = malloc(4096 * 64);
  size_t size = 0;
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  for (unsigned i = 0; i < 150; i++)
    size += (size_t)snprintf(text + size, 64, "override \"d%u.example\" { dane = \"off\" }\n", i);
  struct mtasts_config *config = parse(text);
  mtasts_override_log_configure(&overrides, config, NULL, at("31"));
  const char *lines = heard();
  unit_check(count(lines, "\n") == MTASTS_OVERRIDE_LOG_MAX + 1 &&
                 count(lines, "50 more are not logged"),
             "%s", lines);
  mtasts_config_free(config);
  free(text);
}

const struct unit_test unit_tests[] = {
    {"each is logged once, at the start, at a change and at its end", logged},
    {"a multitude is counted", many},
    {NULL, NULL},
};
