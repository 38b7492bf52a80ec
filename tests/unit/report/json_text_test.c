#include "json_text.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const unit_name = "json_text";

/* Reads one text, and shows it again: "rejected" if it is malformed. *rest is what follows. */
static const char *again(const char *text, bool *halves, size_t *rest) {
  static char shown[4096];
  char error[MTASTS_JSON_ERROR_SIZE];
  json_t *value = NULL;
  struct mtasts_span span = {text, strlen(text)};
  snprintf(shown, sizeof shown, "rejected");
  if (mtasts_json_text_take(&span, halves, &value, error)) {
    char *dumped = json_dumps(value, JSON_COMPACT);
    snprintf(shown, sizeof shown, "%s", dumped);
    free(dumped);
    json_decref(value);
  }
  *rest = span.len;
  return shown;
}

static void odd_texts(void) {
  static const struct {
    const char *text, *shown;
    bool halves;
    size_t rest;
  } cases[] = {
      {"{\"a\":1}", "{\"a\":1}", false, 0},
      {"{\"a\":1} {", "{\"a\":1}", false, 2},
      {"{\"a\":1e999}", "{\"a\":-1}", false, 0},
      {"{\"a\":1e999} {\"b\":1e999}", "{\"a\":-1}", false, 12},
      {"{\"a\":-1e999,\"b\":1e5}", "{\"a\":-1,\"b\":100000.0}", false, 0},
      {"{\"a\":99999999999999999999}", "{\"a\":-1}", false, 0},
      {"{\"a\":9223372036854775807}", "{\"a\":9223372036854775807}", false, 0},
      {"{\"a\":1e-999,\"b\":1e999}", "{\"a\":0.0,\"b\":-1}", false, 0},
      {"{\"a\":\"1e999\",\"b\":1e999}", "{\"a\":\"1e999\",\"b\":-1}", false, 0},
      {"{\"a\":\"\\\"1e999]}\",\"b\":1e999} x", "{\"a\":\"\\\"1e999]}\",\"b\":-1}", false, 2},
      {"{\"a\":[1e999,{\"b\":1e999}],\"c\":1e999}", "{\"a\":[-1,{\"b\":-1}],\"c\":-1}", false, 0},
      {"{\"a\":\"\\ud83d\\ude00\"}", "{\"a\":\"\xF0\x9F\x98\x80\"}", false, 0},
      {"{\"a\":\"\\ud83d\"}", "{\"a\":\"\xEF\xBF\xBD\"}", true, 0},
      {"{\"a\":\"\\ude00\\ud83d\\ude00\"}", "{\"a\":\"\xEF\xBF\xBD\xF0\x9F\x98\x80\"}", true, 0},
      {"{\"a\":\"\\uD83D\\u0041\"}",
       "{\"a\":\"\xEF\xBF\xBD"
       "A\"}",
       true, 0},
      {"{\"a\":\"\\\\ud83d\"}", "{\"a\":\"\\\\ud83d\"}", false, 0},
      {"{\"a\":1e999", "rejected", false, 10},
      {"{\"a\":1e999]}", "rejected", false, 12},
      {"{\"a\":1e999,\"a\":1}", "rejected", false, 17},
      {"{\"a\":\"\\ud8g0\"}", "rejected", false, 14},
      {"{\"a\":\"\\ud83d", "rejected", false, 12},
  };
  mtasts_json_text_init();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bool halves;
    size_t rest;
    const char *shown = again(cases[i].text, &halves, &rest);
    unit_check(strcmp(shown, cases[i].shown) == 0, "%s is %s", cases[i].text, shown);
    unit_check(halves == cases[i].halves, "%s: halves", cases[i].text);
    unit_check(rest == cases[i].rest, "%s: %zu bytes are left", cases[i].text, rest);
  }
}

/* The time is that of the text, not of all that follows. */
static void many_texts(void) {
  enum {
    TEXTS = 200000
  };
  static const char text[] = "{\"a\":1e999}\n";
  char error[MTASTS_JSON_ERROR_SIZE];
  size_t size = TEXTS * (sizeof text - 1);
  char *all = malloc(size);
  size_t read = 0;
  CU_ASSERT_FATAL(all != NULL);
  for (size_t i = 0; i < TEXTS; i++)
    memcpy(all + i * (sizeof text - 1), text, sizeof text - 1);
  struct mtasts_span rest = {all, size};
  bool halves;
  for (json_t *value; rest.len > 0 && mtasts_json_text_take(&rest, &halves, &value, error);
       read++) {
    json_decref(value);
    mtasts_json_skip_space(&rest);
  }
  CU_ASSERT(read == TEXTS);
  free(all);
}

const struct unit_test unit_tests[] = {
    {"texts that jansson alone refuses", odd_texts},
    {"very many of them", many_texts},
    {NULL, NULL},
};
