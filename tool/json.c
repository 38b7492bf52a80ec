#include "json.h"

#include <stdio.h>

#include "command.h"
#include "out.h"
#include "printable.h"

int mtasts_json_print(json_t *value) {
  if (!value || json_dumpf(value, stdout, JSON_COMPACT) != 0) {
    json_decref(value);
    if (ferror(stdout)) /* main says so */
      return MTASTS_EXIT_IO;
    mtasts_complain("JSON", "out of memory");
    return MTASTS_EXIT_MEMORY;
  }
  putchar('\n');
  json_decref(value);
  return MTASTS_EXIT_OK;
}

json_t *mtasts_json_text(struct mtasts_span text) {
  json_t *string = json_stringn(text.data, text.len);
  char shown[4096];
  if (!string)
    string = json_stringn(shown, mtasts_printable(text, shown, sizeof shown));
  return string;
}
