#include "organisation.h"

#include <stdbool.h>
#include <string.h>

enum {
  COUNTRY = 2, /* letters of a country's top-level domain */
};

/* Is this a category that registries put between a country and its organisations? */
static bool is_category(const char *label, size_t len) {
  static const char categories[][4] = {"ac",  "co", "com", "edu", "go",
                                       "gov", "ne", "net", "or",  "org"};
  for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
    if (strlen(categories[i]) == len && memcmp(categories[i], label, len) == 0)
      return true;
  return false;
}

/* The start of the label that ends at `end`. */
static size_t label_start(const char *name, size_t end) {
  while (end > 0 && name[end - 1] != '.')
    end--;
  return end;
}

size_t mtasts_organisation_start(const char *name, size_t size) {
  size_t last = label_start(name, size);
  size_t start = last > 0 ? label_start(name, last - 1) : 0;
  bool has_category =
      start > 0 && size - last == COUNTRY && is_category(name + start, last - 1 - start);
  return has_category ? label_start(name, start - 1) : start;
}
