/*
 * record_outcomes CONFIG DAY: adds outcomes of a UTC day (2026-11-30) to the store of a
 * configuration. Standard input has a datagram a line, as MTAs send them; `N ` before one counts it
 * N times.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "outcome.h"
#include "outcome_store.h"
#include "rfc3339.h"

enum {
  BATCH_BYTES = 64 << 20,
};

static int fail(const char *what, const char *why) {
  fprintf(stderr, "record_outcomes: %s: %s\n", what, why);
  return 1;
}

static int add_line(struct mtasts_outcome_batch *batch, char *line) {
  struct mtasts_outcome outcome;
  char *end = line;
  unsigned long long count = strtoull(line, &end, 10);
  line[strcspn(line, "\n")] = '\0';
  if (end == line)
    count = 1;
  while (*end == ' ')
    end++;
  enum mtasts_outcome_refusal refusal = mtasts_outcome_read(mtasts_span_of(end), &outcome);
  if (refusal != MTASTS_OUTCOME_ACCEPTED)
    return fail(end, mtasts_outcome_refusal_name(refusal));
  bool added = mtasts_outcome_batch_add(batch, mtasts_bytes_span(&outcome.packed), count) != NULL;
  mtasts_bytes_free(&outcome.packed);
  return added ? 0 : fail(end, "no room");
}

static int record(const struct mtasts_config *config, int64_t midnight) {
  struct mtasts_outcome_store *store;
  struct mtasts_outcome_written written;
  char error[MTASTS_ERROR_TEXT];
  char *line = NULL;
  size_t size = 0;
  int code = 0;
  struct mtasts_outcome_batch *batch =
      mtasts_outcome_batch_new(mtasts_day_number(midnight), BATCH_BYTES);
  if (mtasts_outcome_store_open(config, MTASTS_OUTCOME_WRITE, error, &store) != MTASTS_OK)
    return fail("store", error);
  while (code == 0 && getline(&line, &size, stdin) > 0)
    code = add_line(batch, line);
  enum mtasts_status status = MTASTS_TIMEOUT;
  while (code == 0 && status == MTASTS_TIMEOUT)
    status = mtasts_outcome_store_add(store, batch, &written);
  if (code == 0 && status != MTASTS_OK)
    code = fail("store", "cannot be written");
  free(line);
  mtasts_outcome_batch_free(batch);
  mtasts_outcome_store_close(store);
  return code;
}

int main(int argc, char **argv) {
  struct mtasts_config *config;
  char error[MTASTS_ERROR_TEXT];
  int64_t midnight;
  if (argc != 3 || !mtasts_date_parse(mtasts_span_of(argv[2]), &midnight))
    return fail("usage", "record_outcomes CONFIG YYYY-MM-DD");
  if (mtasts_config_load(argv[1], error, &config) != MTASTS_OK)
    return fail("configuration", error);
  int code = record(config, midnight);
  mtasts_config_free(config);
  return code;
}
