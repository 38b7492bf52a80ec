#include "explain.h"

#include <string.h>

#include "out.h"

void mtasts_explain_step(void *context, uint64_t microseconds, const char *section,
                         const char *text) {
  json_array_append_new(context, json_pack("{s:f,s:s,s:s}", "ms", (double)microseconds / 1000,
                                           "section", section, "text", text));
}

void mtasts_explain_print(const json_t *steps) {
  size_t i;
  json_t *step;
  json_array_foreach(steps, i, step) {
    const char *section = json_string_value(json_object_get(step, "section"));
    const char *rfc = strncmp(section, "RFC ", 4) == 0 ? "" : "RFC 8461 ";
    printf("%9.1f ms  %s%s%-*s%s %s\n", json_real_value(json_object_get(step, "ms")),
           mtasts_colour_on(MTASTS_DIM), rfc, *rfc ? 5 : 14, section, mtasts_colour_off(MTASTS_DIM),
           json_string_value(json_object_get(step, "text")));
  }
}
