/*
 * mtasts cache export, import: the cache as JSON lines.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "entry_json.h"
#include "input.h"
#include "json.h"
#include "out.h"
#include "place.h"
#include "walk.h"

static bool export_one(void *context, const struct mtasts_domain *domain, enum mtasts_status status,
                       const struct mtasts_entry *entry) {
  int *code = context;
  if (status != MTASTS_OK) {
    mtasts_complain(domain->name, "the stored value is damaged and left out");
    *code = MTASTS_EXIT_DATA;
    return true;
  }
  int printed = mtasts_json_print(mtasts_entry_json(domain, entry));
  if (printed != MTASTS_EXIT_OK)
    *code = printed;
  return printed == MTASTS_EXIT_OK;
}

static int run_export(const struct mtasts_options *options) {
  struct mtasts_place place = {0};
  int code = mtasts_place_open(options, MTASTS_READ, &place);
  if (code != MTASTS_EXIT_OK)
    return mtasts_place_close(&place, code);
  enum mtasts_status status = mtasts_cache_walk(place.cache, export_one, &code);
  if (status != MTASTS_OK)
    code = mtasts_place_complain(&place, status);
  return mtasts_place_close(&place, code);
}

/* import */

struct import {
  const char *name; /* of the file */
  struct mtasts_place place;
  struct mtasts_lines lines;
  struct mtasts_entry_store *store;
  uint64_t imported, bad;
};

static enum mtasts_status import_line(struct import *import, struct mtasts_span line) {
  struct mtasts_domain domain;
  struct mtasts_entry entry;
  char error[256];
  enum mtasts_status status =
      mtasts_entry_from_json(line, import->store, &domain, &entry, error, sizeof error);
  if (status == MTASTS_INVALID || status == MTASTS_TOO_LARGE) {
    mtasts_complain(import->name, "line %" PRIu64 ": %s", import->lines.number, error);
    import->bad++;
    return MTASTS_OK;
  }
  if (status == MTASTS_OK)
    status = mtasts_store_put(import->place.store, &domain, &entry, time(NULL));
  if (status == MTASTS_OK)
    import->imported++;
  return status;
}

/* Returns an exit code. */
static int import_lines(struct import *import) {
  for (;;) {
    struct mtasts_span line;
    enum mtasts_line got = mtasts_lines_next(&import->lines, true, &line);
    if (got == MTASTS_LINE_END)
      return import->bad > 0 ? MTASTS_EXIT_DATA : MTASTS_EXIT_OK;
    if (got != MTASTS_LINE) {
      mtasts_complain(import->name, "%s", strerror(errno));
      return MTASTS_EXIT_IO;
    }
    if (line.len == 0)
      continue;
    enum mtasts_status status = import_line(import, line);
    if (status != MTASTS_OK)
      return mtasts_place_complain(&import->place, status);
  }
}

static int print_imported(const struct mtasts_options *options, const struct import *import) {
  if (options->json)
    return mtasts_json_print(json_pack("{s:I,s:I}", "imported", (json_int_t)import->imported, "bad",
                                       (json_int_t)import->bad));
  printf("imported %" PRIu64 ", bad lines %" PRIu64 "\n", import->imported, import->bad);
  return MTASTS_EXIT_OK;
}

static int run_import(const struct mtasts_options *options) {
  const char *path = options->words.count > 0 ? options->words.items[0] : NULL;
  struct import import = {.name = mtasts_input_name(path)};
  int code;
  int fd = mtasts_input_open(path, &code);
  if (fd < 0)
    return code;
  code = mtasts_place_open(options, MTASTS_CREATE, &import.place);
  if (code != MTASTS_EXIT_OK)
    goto done;
  import.store = malloc(sizeof *import.store);
  if (!import.store || !mtasts_lines_init(&import.lines, fd, MTASTS_ENTRY_JSON_MAX)) {
    code = mtasts_place_complain(&import.place, MTASTS_NO_MEMORY);
    goto done;
  }
  code = import_lines(&import);
  print_imported(options, &import);
done:
  mtasts_lines_free(&import.lines);
  free(import.store);
  if (fd != STDIN_FILENO)
    close(fd);
  return mtasts_place_close(&import.place, code);
}

const struct mtasts_command mtasts_command_cache_export = {
    .name = "cache export",
    .arguments = "",
    .summary = "Writes the cache as JSON lines",
    .help = "Examples:\n"
            "  mtasts cache export > backup.jsonl\n",
    .least = 0,
    .most = 0,
    .run = run_export,
};

const struct mtasts_command mtasts_command_cache_import = {
    .name = "cache import",
    .arguments = "[FILE]",
    .summary = "Reads JSON lines into the cache",
    .help = "Reads standard input without FILE. What is there of a domain is replaced. Malformed\n"
            "lines are named and passed over; exit 65 where there were any.\n\n"
            "Examples:\n"
            "  mtasts --cache /tmp/cache cache import backup.jsonl\n",
    .least = 0,
    .most = 1,
    .run = run_import,
};
