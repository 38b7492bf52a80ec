#include "safe_text.h"

#include "unit.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

const char *const unit_name = "safe_text";

#define BAD "\xEF\xBF\xBD"

static void check(const char *text, size_t len, const char *expected) {
  struct mtasts_span rest = {text, len};
  char out[256];
  size_t used = 0;
  while (rest.len > 0) {
    struct mtasts_safe_char next = mtasts_safe_take(&rest);
    memcpy(out + used, next.bytes, next.len);
    used += next.len;
  }
  out[used] = '\0';
  unit_check(strcmp(out, expected) == 0, "%s, not %s", out, expected);
}
#define CHECK(text, expected) check(text, sizeof(text) - 1, expected)

static void characters(void) {
  CHECK("plain <&>", "plain <&>");
  CHECK("\xC3\xA4\xE6\x97\xA5\xF0\x9F\x98\x80", "\xC3\xA4\xE6\x97\xA5\xF0\x9F\x98\x80");
  CHECK("a\0b\tc\nd\re\x1b\x7f", "a" BAD "b" BAD "c" BAD "d" BAD "e" BAD BAD);
  CHECK("\xC2\x80\xC2\x9F\xC2\xA0", BAD BAD "\xC2\xA0");
  CHECK("\xE2\x80\xA7\xE2\x80\xA8\xE2\x80\xA9", "\xE2\x80\xA7" BAD BAD);
  CHECK("\xE2\x80\xAA\xE2\x80\xAE\xE2\x80\xAF", BAD BAD "\xE2\x80\xAF");
  CHECK("\xE2\x81\xA5\xE2\x81\xA6\xE2\x81\xA9\xE2\x81\xAA", "\xE2\x81\xA5" BAD BAD "\xE2\x81\xAA");
}

static void no_utf8(void) {
  CHECK("\xFFz", BAD "z");
  CHECK("\xC0\x80", BAD BAD);         /* overlong */
  CHECK("\xED\xA0\x80", BAD BAD BAD); /* a surrogate */
  CHECK("\xE2\x82", BAD BAD);         /* cut */
}

static void padded(const char *text, size_t columns, bool utf8, const char *expected) {
  char out[4 * 80 + 1];
  struct mtasts_span span = {text, strlen(text)};
  mtasts_safe_pad(span, columns, utf8, out);
  unit_check(strcmp(out, expected) == 0, "%s in %zu: [%s], not [%s]", text, columns, out, expected);
}

static void columns(void) {
  padded("abc", 5, false, "abc  ");
  padded("abc", 3, false, "abc");
  padded("abcdef", 5, false, "ab...");
  padded("abcdef", 2, false, "  ");
  padded("a\xC3\xA4", 3, false, "a? ");
  padded("", 2, true, "  ");
  if (!setlocale(LC_CTYPE, "C.UTF-8")) {
    unit_skip("the locale C.UTF-8 is needed");
    return;
  }
  padded("abcdef", 5, true, "abcd\xE2\x80\xA6");
  padded("\xE6\x97\xA5\xE6\x9C\xAC", 4, true, "\xE6\x97\xA5\xE6\x9C\xAC");
  padded("\xE6\x97\xA5\xE6\x9C\xAC", 3, true, "\xE6\x97\xA5\xE2\x80\xA6");
  padded("\xE6\x97\xA5\xE6\x9C\xACx", 4, true, "\xE6\x97\xA5\xE2\x80\xA6 ");
}

/* Marks without a width do not fill memory. */
static void marks(void) {
  char text[2 * 1000 + 1] = "";
  char out[4 * 10 + 1];
  for (int i = 0; i < 1000; i++)
    memcpy(text + 2 * i, "\xCC\x81", 3);
  setlocale(LC_CTYPE, "C.UTF-8");
  mtasts_safe_pad((struct mtasts_span){text, 2000}, 10, true, out);
  CU_ASSERT(strlen(out) < sizeof out);
  mtasts_safe_pad((struct mtasts_span){text, 2000}, 0, true, out);
  CU_ASSERT(*out == '\0');
}

const struct unit_test unit_tests[] = {
    {"what controls or reorders is replaced", characters},
    {"what is no UTF-8 is replaced", no_utf8},
    {"text in so many columns", columns},
    {"marks without a width", marks},
    {NULL, NULL},
};
