#include "json_text.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "printable.h"
#include "span.h"
#include "utf8.h"

enum {
  REPLACED_MAX = 16, /* numbers that are too large, in one text */
};

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

/* numbers */

static bool is_number_char(char c) {
  return mtasts_is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* The number that ends at `end` becomes -1. Returns false if there is none. */
static bool replace_number(char *text, size_t end) {
  size_t start = end;
  while (start > 0 && is_number_char(text[start - 1]))
    start--;
  if (end - start < 2)
    return false;
  memset(text + start, ' ', end - start);
  memcpy(text + start, "-1", 2);
  return true;
}

/* jansson gives up at a number that is too large. A copy of the text goes without it. */
static json_t *load_without_large(struct mtasts_span text, size_t flags, json_error_t *error) {
  json_t *value = NULL;
  char *copy = malloc(text.len);
  if (!copy)
    return NULL;
  memcpy(copy, text.data, text.len);
  for (int i = 0; i < REPLACED_MAX && !value; i++) {
    size_t end = error->position > 0 ? (size_t)error->position : 0;
    if (json_error_code(error) != json_error_numeric_overflow || end > text.len ||
        !replace_number(copy, end))
      break;
    value = json_loadb(copy, text.len, flags, error);
  }
  free(copy);
  return value;
}

bool mtasts_json_text_take(struct mtasts_span *rest, unsigned *replaced, json_t **value,
                           char error[MTASTS_JSON_ERROR_SIZE]) {
  const size_t flags = JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL;
  json_error_t found;
  refused = false;
  held_max = held + MTASTS_JSON_MEMORY_MAX;
  *value = json_loadb(rest->data, rest->len, flags, &found);
  if (!*value && json_error_code(&found) == json_error_numeric_overflow &&
      (*replaced)++ < MTASTS_JSON_REPLACED_MAX)
    *value = load_without_large(*rest, flags, &found);
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
