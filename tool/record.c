/*
 * mtasts record parse: is this set of TXT records a valid record (RFC 8461 section 3.1)?
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "out.h"

static int print_valid(const struct mtasts_options *options, const struct mtasts_record *record) {
  if (options->json)
    return mtasts_json_print(json_pack("{s:b,s:s}", "valid", 1, "id", record->id));
  printf("%svalid%s, id %s\n", mtasts_colour_on(MTASTS_GREEN), mtasts_colour_off(MTASTS_GREEN),
         record->id);
  return MTASTS_EXIT_OK;
}

static int print_invalid(const struct mtasts_options *options, enum mtasts_status status,
                         const char *why) {
  bool absent = status == MTASTS_ABSENT;
  if (!why)
    why = mtasts_status_name(status);
  if (!options->json)
    mtasts_print_error("record", "%s",
                       absent ? "absent: no TXT record begins with v=STSv1; publish one as "
                                "\"v=STSv1; id=20260101T0000;\""
                              : why);
  else if (mtasts_json_print(json_pack("{s:b,s:s}", "valid", 0, "error",
                                       absent ? "absent" : why)) != MTASTS_EXIT_OK)
    return MTASTS_EXIT_IO;
  return MTASTS_EXIT_DATA;
}

static int run(const struct mtasts_options *options) {
  size_t count = options->arguments.count;
  struct mtasts_span *texts = calloc(count, sizeof *texts);
  if (!texts) {
    mtasts_print_error("record", "out of memory");
    return MTASTS_EXIT_MEMORY;
  }
  for (size_t i = 0; i < count; i++)
    texts[i] =
        (struct mtasts_span){options->arguments.items[i], strlen(options->arguments.items[i])};

  struct mtasts_record record;
  const char *why = NULL;
  enum mtasts_status status = mtasts_record_parse(texts, count, &record, &why);
  free(texts);
  return status == MTASTS_OK ? print_valid(options, &record) : print_invalid(options, status, why);
}

const struct mtasts_command mtasts_command_record_parse = {
    .name = "record parse",
    .arguments = "TEXT...",
    .summary = "Checks whether TXT records hold one valid MTA-STS record",
    .help = "Each TEXT is one TXT record of the set at _mta-sts.DOMAIN, its strings joined.\n"
            "Exit 65 if the set is no valid record.\n\n"
            "Examples:\n"
            "  mtasts record parse 'v=STSv1; id=20260101T0000;'\n"
            "  mtasts --json record parse 'v=spf1 -all' 'v=STSv1; id=7;'\n",
    .least = 1,
    .max = SIZE_MAX,
    .run = run,
};
