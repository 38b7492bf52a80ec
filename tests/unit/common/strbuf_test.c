#include "strbuf.h"

#include <stdlib.h>

#include "unit.h"

const char *const unit_name = "common/strbuf";

static void expect(const struct mtasts_strbuf *text, const char *expected, bool full) {
  unit_check(text->len == strlen(text->data) && strcmp(text->data, expected) == 0 &&
                 text->full == full,
             "\"%s\", full %d, in place of \"%s\"", text->data, text->full, expected);
}

/* What would still fit after a piece that did not is left out, too: no text has a gap. */
static void full_stays(void) {
  char room[8];
  struct mtasts_strbuf text = MTASTS_STRBUF(room);
  mtasts_strbuf_put(&text, "12345");
  mtasts_strbuf_put(&text, "678");
  expect(&text, "12345", true);
  mtasts_strbuf_put(&text, "6");
  mtasts_strbuf_number(&text, 6);
  mtasts_strbuf_printf(&text, "%d", 6);
  mtasts_strbuf_printable(&text, MTASTS_SPAN("6"));
  mtasts_strbuf_json(&text, MTASTS_SPAN(""));
  mtasts_strbuf_host(&text, MTASTS_SPAN("6"));
  expect(&text, "12345", true);
  mtasts_strbuf_cut(&text, 4);
  expect(&text, "1234", false);
  mtasts_strbuf_put(&text, "567");
  expect(&text, "1234567", false);
  mtasts_strbuf_put(&text, "");
  expect(&text, "1234567", false);
}

/* Nothing is written past the memory: each size in memory of its own, for the sanitizers. */
static void ceiling_is_kept(void) {
  static const char whole[] = "a\"\\u0001\"b\\x0a7x";
  for (size_t size = 1; size <= sizeof whole; size++) {
    char *room = malloc(size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(room);
    struct mtasts_strbuf text = {.data = room, .size = size};
    mtasts_strbuf_put(&text, "a");
    mtasts_strbuf_json(&text, MTASTS_SPAN("\1"));
    mtasts_strbuf_host(&text, MTASTS_SPAN("b"));
    mtasts_strbuf_printable(&text, MTASTS_SPAN("\n"));
    mtasts_strbuf_number(&text, 7);
    mtasts_strbuf_printf(&text, "%s", "x");
    unit_check(text.len < size && strlen(room) == text.len && memcmp(room, whole, text.len) == 0,
               "room of %zu: %s", size, room);
    unit_check(text.full == (size < sizeof whole), "room of %zu: full %d", size, text.full);
    free(room);
  }
}

static void printf_is_cut(void) {
  char room[8];
  struct mtasts_strbuf text = MTASTS_STRBUF(room);
  mtasts_strbuf_printf(&text, "%s-%d", "abc", 7);
  expect(&text, "abc-7", false);
  mtasts_strbuf_printf(&text, "%s", "defg");
  expect(&text, "abc-7de", true);
}

static void printable_is_cut_between_escapes(void) {
  char room[8];
  struct mtasts_strbuf text = MTASTS_STRBUF(room);
  mtasts_strbuf_printable(&text, (struct mtasts_span){"a\0\n", 3});
  expect(&text, "a\\x00", true);
}

static void numbers(void) {
  char room[64];
  struct mtasts_strbuf text = MTASTS_STRBUF(room);
  mtasts_strbuf_number(&text, 0);
  mtasts_strbuf_number(&text, 901);
  mtasts_strbuf_put(&text, " ");
  mtasts_strbuf_number(&text, UINT64_MAX);
  expect(&text, "0901 18446744073709551615", false);
}

static void json(void) {
  static const struct {
    struct mtasts_span bytes;
    const char *expected;
  } cases[] = {
      {{"", 0}, "\"\""},
      {{NULL, 0}, "\"\""},
      {{"plain text of more", 18}, "\"plain text of more\""},
      {{"a\"b\\c", 5}, "\"a\\\"b\\\\c\""},
      {{"\0\n\x1f\x7f", 4}, "\"\\u0000\\u000a\\u001f\\u007f\""},
      {{"m\xc3\xbcnchen", 8}, "\"m\xc3\xbcnchen\""},
      {{"\xc3\"", 2}, "\"\\\\xc3\\\"\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char room[64];
    struct mtasts_strbuf text = MTASTS_STRBUF(room);
    mtasts_strbuf_json(&text, cases[i].bytes);
    expect(&text, cases[i].expected, false);
  }
}

const struct unit_test unit_tests[] = {
    {"what is full stays full until it is cut", full_stays},
    {"nothing is written past the ceiling", ceiling_is_kept},
    {"printf is cut", printf_is_cut},
    {"printable text is cut between escapes", printable_is_cut_between_escapes},
    {"numbers", numbers},
    {"JSON strings", json},
    {NULL, NULL},
};
