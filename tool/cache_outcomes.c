#include "cache_outcomes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "out.h"
#include "outcome_access.h"
#include "rfc3339.h"

static const char *date_of(uint32_t day, char text[MTASTS_RFC3339_SIZE]) {
  mtasts_rfc3339_format((int64_t)day * MTASTS_DAY_SECONDS, text);
  text[sizeof "2026-01-31" - 1] = '\0';
  return text;
}

void mtasts_cache_outcomes_read(const struct mtasts_options *options,
                                const struct mtasts_cache_access *access,
                                struct mtasts_cache_outcomes *outcomes) {
  char directory[PATH_MAX];
  char error[MTASTS_ERROR_TEXT];
  struct mtasts_outcome_store *store = NULL;
  *outcomes = (struct mtasts_cache_outcomes){.max_size = access->config->outcome.max_size};
  if (!mtasts_outcome_access_directory(options, access->config, directory, sizeof directory))
    return;
  enum mtasts_status status =
      mtasts_outcome_store_open_at(access->config, directory, MTASTS_OUTCOME_READ, error, &store);
  if (status == MTASTS_OK)
    outcomes->found = mtasts_outcome_store_stats(store, &outcomes->stats) == MTASTS_OK;
  else if (status != MTASTS_NO_FILE)
    mtasts_print_error("outcomes", "%s", error);
  mtasts_outcome_store_close(store);
}

json_t *mtasts_cache_outcomes_json(const struct mtasts_cache_outcomes *outcomes) {
  const struct mtasts_outcome_stats *stats = &outcomes->stats;
  char first[MTASTS_RFC3339_SIZE];
  char last[MTASTS_RFC3339_SIZE];
  bool days = outcomes->found && stats->days > 0;
  if (!outcomes->found)
    return json_null();
  return json_pack(
      "{s:I, s:I, s:s?, s:s?, s:I, s:I, s:I}", "days", (json_int_t)stats->days, "domains",
      (json_int_t)stats->domains, "first", days ? date_of(stats->first, first) : NULL, "last",
      days ? date_of(stats->last, last) : NULL, "bytes_used", (json_int_t)stats->bytes,
      "bytes_file", (json_int_t)stats->file_bytes, "max_size", (json_int_t)outcomes->max_size);
}

void mtasts_cache_outcomes_print(const struct mtasts_cache_outcomes *outcomes) {
  const struct mtasts_outcome_stats *stats = &outcomes->stats;
  char first[MTASTS_RFC3339_SIZE];
  char last[MTASTS_RFC3339_SIZE];
  char used[MTASTS_OUT_TEXT_MAX];
  char max[MTASTS_OUT_TEXT_MAX];
  if (!outcomes->found)
    return;
  printf("outcomes    %" PRIu64 " days", stats->days);
  if (stats->days > 0)
    printf(", %s to %s; %" PRIu64 " domains and days", date_of(stats->first, first),
           date_of(stats->last, last), stats->domains);
  printf("; %s of %s\n", mtasts_human_size(stats->bytes, used),
         mtasts_human_size(outcomes->max_size, max));
}
