/*
 * Makes a cache for a bench: fill_cache DIRECTORY DOMAINS [secure]
 * The domains of fill.h, fetched just now, each with its MX host, as mtastsd keeps them without
 * DNSSEC or, `secure`, with it. The directory's files are the caller's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "fill.h"

static void warn(void *context, const char *sentence) {
  (void)context;
  fprintf(stderr, "fill_cache: %s\n", sentence);
}

int main(int argc, char **argv) {
  bool secure = argc == 4 && strcmp(argv[3], "secure") == 0;
  size_t domains = argc == 3 || secure ? strtoul(argv[2], NULL, 10) : 0;
  struct mtasts_store_options options = mtasts_store_defaults;
  struct mtasts_store *store;
  if (domains == 0 || domains > FILL_MOST) {
    fprintf(stderr, "usage: fill_cache DIRECTORY DOMAINS [secure] (at most %d)\n", FILL_MOST);
    return 64;
  }
  options.warn = warn;
  enum mtasts_status status = mtasts_store_open(argv[1], &options, &store);
  if (status == MTASTS_OK) {
    status = fill_store(store, 0, domains, secure ? FILL_SECURE : FILL_LISTED, (int64_t)time(NULL));
    mtasts_store_close(store);
  }
  if (status != MTASTS_OK)
    fprintf(stderr, "fill_cache: %s: %s\n", argv[1], mtasts_status_name(status));
  return status == MTASTS_OK ? 0 : EX_SOFTWARE;
}
