#include "json_text.h"

#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "printable.h"
#include "span.h"
#include "transfer.h"
#include "utf8.h"

/* memory */

static size_t held;
static size_t held_max = SIZE_MAX;
static bool refused;

static void *bounded_malloc(size_t size) {
  if (size > held_max - held) {
    refused = true;
    return NULL;
  }
  void *memory = malloc(size);
  held += malloc_usable_size(memory);
  if (held > held_max)
    held_max = held;
  return memory;
}

static void bounded_free(void *memory) {
  held -= malloc_usable_size(memory);
  free(memory);
}

void mtasts_json_text_init(void) {
  json_set_alloc_funcs(bounded_malloc, bounded_free);
}

/* what jansson refuses, though it is JSON */

static bool is_number_char(char c) {
  return mtasts_is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* More digits before the point than 63 bits, or a double, hold? A leading zero stands alone. */
static bool is_too_large(struct mtasts_span number) {
  enum {
    INTEGER_DIGITS = 18, /* any such number fits into 63 bits */
    REAL_DIGITS = 300,
    EXPONENT_MAX = 1 << 20, /* further digits of an exponent change nothing */
  };
  size_t whole = 0;
  long exponent = 0;
  bool real = false;
  bool negative = false;
  mtasts_span_take(&number, '-');
  for (; number.len > 0 && mtasts_is_digit(number.data[0]); whole++)
    mtasts_span_drop(&number, 1);
  for (; number.len > 0; mtasts_span_drop(&number, 1)) {
    char c = number.data[0];
    real = true;
    negative |= c == '-';
    if (c == '.' || c == 'e' || c == 'E')
      exponent = 0; /* the digits behind a point are none */
    else if (mtasts_is_digit(c) && exponent < EXPONENT_MAX)
      exponent = exponent * 10 + (c - '0');
    if (c == '.')
      while (number.len > 1 && mtasts_is_digit(number.data[1]))
        mtasts_span_drop(&number, 1);
  }
  if (!real)
    return whole > INTEGER_DIGITS;
  return (negative ? -exponent : exponent) + (long)(whole < LONG_MAX / 2 ? whole : LONG_MAX / 2) >
         REAL_DIGITS;
}

/* The value of `\uXXXX` in front; 0 if there is none. */
static unsigned escaped_unit(struct mtasts_span text) {
  unsigned unit = 0;
  if (text.len < 6 || text.data[0] != '\\' || text.data[1] != 'u')
    return 0;
  for (size_t i = 2; i < 6; i++) {
    if (mtasts_hex_value(text.data[i]) > 15)
      return 0;
    unit = unit << 4 | mtasts_hex_value(text.data[i]);
  }
  return unit;
}

/* The bytes of the escape in front of a string's rest. One of half a surrogate pair becomes that of
 * U+FFFD. */
static size_t take_escape(char *at, size_t len, bool *halves) {
  unsigned unit = escaped_unit((struct mtasts_span){at, len});
  if (unit < 0xd800 || unit > 0xdfff)
    return 2;
  unsigned next = len > 6 ? escaped_unit((struct mtasts_span){at + 6, len - 6}) : 0;
  if (unit < 0xdc00 && next >= 0xdc00 && next <= 0xdfff)
    return 12;
  memcpy(at + 2, "FFFD", 4);
  *halves = true;
  return 6;
}

/* Where the object in front ends, by its brackets; all, if it has no end. */
static size_t length_of(struct mtasts_span text) {
  size_t depth = 0;
  bool string = false;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    if (c == '"')
      string = !string;
    else if (string && c == '\\')
      i++;
    else if (!string && (c == '{' || c == '['))
      depth++;
    else if (!string && (c == '}' || c == ']') && --depth == 0)
      return i + 1;
  }
  return text.len;
}

/* Numbers that are too large become -1, halves of surrogate pairs U+FFFD. The length stays. */
static void replace(char *text, size_t len, bool *halves) {
  bool string = false;
  for (size_t i = 0; i < len;) {
    size_t step = 1;
    if (text[i] == '"') {
      string = !string;
    } else if (string && text[i] == '\\') {
      step = take_escape(text + i, len - i, halves);
    } else if (!string && (text[i] == '-' || mtasts_is_digit(text[i]))) {
      while (i + step < len && is_number_char(text[i + step]))
        step++;
      if (step > 1 && is_too_large((struct mtasts_span){text + i, step})) {
        memset(text + i, ' ', step);
        memcpy(text + i, "-1", 2);
      }
    }
    i += step;
  }
}

/* Reads a copy of the text that is changed so that jansson takes it. */
static json_t *load_replaced(struct mtasts_span text, size_t flags, bool *halves,
                             json_error_t *error) {
  size_t len = length_of(text);
  char *copy = malloc(len + 1);
  if (!copy)
    return NULL;
  memcpy(copy, text.data, len);
  replace(copy, len, halves);
  json_t *value = json_loadb(copy, len, flags, error);
  free(copy);
  return value;
}

bool mtasts_json_text_take(struct mtasts_span *rest, bool *halves, json_t **value,
                           char error[MTASTS_JSON_ERROR_SIZE]) {
  const size_t flags = JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL;
  json_error_t found;
  *halves = false;
  refused = false;
  held_max = held + MTASTS_JSON_MEMORY_MAX;
  *value = json_loadb(rest->data, rest->len, flags, &found);
  if (!*value && (json_error_code(&found) == json_error_numeric_overflow ||
                  strncmp(found.text, "invalid Unicode", 15) == 0))
    *value = load_replaced(*rest, flags, halves, &found);
  held_max = SIZE_MAX;
  if (*value) {
    mtasts_span_drop(rest, (size_t)found.position);
    return true;
  }
  char why[MTASTS_JSON_ERROR_SIZE / 2];
  mtasts_printable((struct mtasts_span){found.text, strlen(found.text)}, why, sizeof why);
  if (refused)
    snprintf(error, MTASTS_JSON_ERROR_SIZE, "JSON text takes more than %d MiB of memory",
             MTASTS_JSON_MEMORY_MAX >> 20);
  else
    snprintf(error, MTASTS_JSON_ERROR_SIZE, "malformed JSON: %s (line %d, column %d)", why,
             found.line, found.column);
  return false;
}

void mtasts_json_skip_space(struct mtasts_span *text) {
  while (text->len > 0 &&
         (mtasts_is_wsp(text->data[0]) || text->data[0] == '\r' || text->data[0] == '\n'))
    mtasts_span_drop(text, 1);
}

/* UTF-8 */

/* How many bytes of the character in front are valid: 0 if it is none. */
static size_t valid_len(struct mtasts_span text) {
  return (unsigned char)text.data[0] < 0x80 ? 1 : mtasts_utf8_len(text);
}

bool mtasts_json_repair_utf8(struct mtasts_span text, size_t max, char **repaired, size_t *size) {
  static const char replacement[] = "\xEF\xBF\xBD";
  size_t wrong = 0;
  *repaired = NULL;
  *size = 0;
  for (struct mtasts_span rest = text; rest.len > 0;) {
    size_t len = valid_len(rest);
    wrong += len == 0;
    mtasts_span_drop(&rest, len ? len : 1);
  }
  if (wrong == 0)
    return true;
  size_t needed = text.len + wrong * (sizeof replacement - 2);
  char *out = needed <= max ? malloc(needed) : NULL;
  if (!out)
    return false;
  *repaired = out;
  while (text.len > 0) {
    size_t len = valid_len(text);
    memcpy(out, len ? text.data : replacement, len ? len : sizeof replacement - 1);
    out += len ? len : sizeof replacement - 1;
    mtasts_span_drop(&text, len ? len : 1);
  }
  *size = (size_t)(out - *repaired);
  return true;
}
