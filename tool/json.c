#include "json.h"

#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "out.h"
#include "printable.h"

/* A control character, DEL or of C1, that jansson leaves as it is; 0 if there is none in front. */
static unsigned control_of(const char *text, size_t len) {
  unsigned char first = (unsigned char)text[0];
  unsigned char second = len > 1 ? (unsigned char)text[1] : 0;
  if (first == 0x7f)
    return first;
  return first == 0xc2 && second >= 0x80 && second <= 0x9f ? second : 0;
}

/* Part of a dump, cut between characters. JSON has such characters in strings alone. */
static int print_part(const char *text, size_t len, void *context) {
  FILE *stream = context;
  size_t from = 0;
  for (size_t at = 0; at < len; at++) {
    unsigned control = control_of(text + at, len - at);
    if (control == 0)
      continue;
    fwrite(text + from, 1, at - from, stream);
    fprintf(stream, "\\u%04x", control);
    at += control > 0x7f;
    from = at + 1;
  }
  return fwrite(text + from, 1, len - from, stream) == len - from ? 0 : -1;
}

int mtasts_json_print(json_t *value) {
  if (!value || json_dump_callback(value, print_part, stdout, JSON_COMPACT) != 0) {
    json_decref(value);
    if (ferror(stdout)) /* main prints the error */
      return MTASTS_EXIT_IO;
    mtasts_print_error("JSON", "out of memory");
    return MTASTS_EXIT_MEMORY;
  }
  putchar('\n');
  json_decref(value);
  return MTASTS_EXIT_OK;
}

enum {
  ANSWER_ROOM = 16 << 10,    /* bytes; enough for nearly all answers */
  ANSWER_ROOM_MAX = 8 << 20, /* bytes; more than any answer needs */
};

/* Returns the answer in memory that the caller frees; NULL: no memory. */
static char *write_answer(const struct mtasts_answer *answer, size_t *size) {
  char *text = NULL;
  *size = 0;
  for (size_t max = ANSWER_ROOM; *size == 0 && max <= ANSWER_ROOM_MAX; max *= 2) {
    free(text);
    text = malloc(max);
    if (!text)
      return NULL;
    *size = mtasts_answer_json(answer, text, max);
  }
  return text;
}

int mtasts_json_answer(const struct mtasts_answer *answer, json_t *steps) {
  size_t size;
  char *text = write_answer(answer, &size);
  int code = MTASTS_EXIT_OK;
  if (!text || steps) {
    json_t *value = text ? json_loadb(text, size, 0, NULL) : NULL;
    if (value)
      json_object_set(value, "steps", steps);
    code = mtasts_json_print(value);
  } else if (fwrite(text, 1, size, stdout) != size || putchar('\n') == EOF) {
    code = MTASTS_EXIT_IO; /* main prints the error */
  }
  free(text);
  return code;
}

json_t *mtasts_json_text(struct mtasts_span text) {
  json_t *string = json_stringn(text.data, text.len);
  char shown[4096];
  if (!string)
    string = json_stringn(shown, mtasts_printable(text, shown, sizeof shown));
  return string;
}
