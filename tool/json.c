#include "json.h"

#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "out.h"
#include "printable.h"

int mtasts_json_print(json_t *value) {
  if (!value || json_dumpf(value, stdout, JSON_COMPACT) != 0) {
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
