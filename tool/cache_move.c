/*
 * mtasts cache export, import: writes and reads the cache as JSON lines.
 */
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cache_access.h"
#include "daemon_access.h"
#include "daemon_client.h"
#include "entry_json.h"
#include "input.h"
#include "json.h"
#include "out.h"
#include "walk.h"

static bool export_one(void *context, const struct mtasts_domain *domain, enum mtasts_status status,
                       const struct mtasts_entry *entry) {
  int *code = context;
  if (status != MTASTS_OK) {
    mtasts_print_error(domain->name, "the stored value is damaged and left out");
    *code = MTASTS_EXIT_DATA;
    return true;
  }
  int printed = mtasts_json_print(mtasts_entry_json(domain, entry));
  if (printed != MTASTS_EXIT_OK)
    *code = printed;
  return printed == MTASTS_EXIT_OK;
}

static int run_export(const struct mtasts_options *options) {
  struct mtasts_cache_access access = {0};
  int code = mtasts_cache_access_open(options, MTASTS_CACHE_ACCESS_READ, &access);
  if (code != MTASTS_EXIT_OK)
    return mtasts_cache_access_close(&access, code);
  enum mtasts_status status = mtasts_cache_walk(access.cache, export_one, &code);
  if (status != MTASTS_OK)
    code = mtasts_cache_access_print_error(&access, status);
  return mtasts_cache_access_close(&access, code);
}

/* The command import */

struct import {
  const char *name; /* of the file */
  struct mtasts_cache_access access;
  struct mtasts_lines lines;
  struct mtasts_entry_buffers *store;
  uint64_t imported, bad;

  /* Used if mtastsd imports the lines. */
  struct event_base *base;
  struct mtasts_daemon_client *client; /* NULL: mtastsd does not import */
  unsigned in_flight;
  int code; /* why no more lines are sent */
};

static void taken_in(void *context, enum mtasts_status status, struct mtasts_span reply) {
  struct import *import = context;
  const struct mtasts_config *config = import->access.config;
  import->in_flight--;
  if (status == MTASTS_OK && mtasts_daemon_access_says(&reply, "OK")) {
    import->imported++;
  } else if (import->code == MTASTS_EXIT_OK) {
    /* The line is valid, so mtastsd would refuse the others too. */
    import->code = MTASTS_EXIT_AWAY;
    if (status == MTASTS_OK)
      import->code = mtasts_daemon_access_refused(config, reply);
    else
      mtasts_daemon_access_print_error(config, status, "not all is imported");
  }
}

static void wait_for_room(struct import *import, unsigned max) {
  while (import->in_flight > max && event_base_loop(import->base, EVLOOP_ONCE) == 0)
    continue;
  if (import->in_flight > max && import->code == MTASTS_EXIT_OK) {
    /* The loop has failed: it is not known whether the lines that were sent are stored. */
    mtasts_print_error(import->name, "not all is imported: the event loop ended; run it again");
    import->code = MTASTS_EXIT_IO;
  }
}

/* Many lines must be in flight, because mtastsd commits in groups. */
static void send_line(struct import *import, struct mtasts_span line) {
  wait_for_room(import, MTASTS_DAEMON_CLIENT_MAX - 1);
  if (import->code != MTASTS_EXIT_OK)
    return;
  import->in_flight++;
  enum mtasts_status status = mtasts_daemon_client_ask(
      import->client, "import", line, mtasts_daemon_access_timeout(import->access.config), taken_in,
      import);
  if (status != MTASTS_OK)
    taken_in(import, status, line);
}

/* Returns an exit code; MTASTS_EXIT_OK: the next line may follow. */
static int import_line(struct import *import, struct mtasts_span line) {
  struct mtasts_domain domain;
  struct mtasts_entry entry;
  char error[MTASTS_ERROR_TEXT];
  enum mtasts_status status = mtasts_entry_from_json(line, import->store, &domain, &entry, error);
  if (status == MTASTS_INVALID || status == MTASTS_TOO_LARGE) {
    mtasts_print_error(import->name, "line %" PRIu64 ": %s", import->lines.number, error);
    import->bad++;
    return MTASTS_EXIT_OK;
  }
  if (status == MTASTS_OK && import->client)
    return send_line(import, line), import->code;
  if (status == MTASTS_OK)
    status = mtasts_store_put(import->access.store, &domain, &entry, time(NULL));
  if (status != MTASTS_OK)
    return mtasts_cache_access_print_error(&import->access, status);
  import->imported++;
  return MTASTS_EXIT_OK;
}

/* Returns an exit code. */
static int import_lines(struct import *import) {
  struct mtasts_span line;
  enum mtasts_line got;
  int code = MTASTS_EXIT_OK;
  while (code == MTASTS_EXIT_OK &&
         (got = mtasts_lines_next(&import->lines, true, &line)) != MTASTS_LINE_END) {
    if (got != MTASTS_LINE) {
      mtasts_print_error(import->name, "%s", strerror(errno));
      code = MTASTS_EXIT_IO;
    } else if (line.len > 0) {
      code = import_line(import, line);
    }
  }
  wait_for_room(import, 0);
  code = code == MTASTS_EXIT_OK ? import->code : code;
  return code == MTASTS_EXIT_OK && import->bad > 0 ? MTASTS_EXIT_DATA : code;
}

static int open_import(const struct mtasts_options *options, int fd, struct import *import) {
  int code = mtasts_cache_access_load(options, MTASTS_CACHE_ACCESS_CREATE, &import->access);
  if (code != MTASTS_EXIT_OK)
    return code;
  const struct mtasts_config *config = import->access.config;
  bool served = mtasts_daemon_access_serves(options, config);
  if (!served &&
      (code = mtasts_cache_access_open(options, MTASTS_CACHE_ACCESS_CREATE, &import->access)) != 0)
    return code;
  if (served && (import->base = event_base_new()))
    import->client = mtasts_daemon_client_new(import->base, config->ask.socket);
  import->store = malloc(sizeof *import->store);
  if ((served && !import->client) || !import->store ||
      !mtasts_lines_init(&import->lines, fd, MTASTS_ENTRY_JSON_MAX))
    return mtasts_cache_access_print_error(&import->access, MTASTS_NO_MEMORY);
  return MTASTS_EXIT_OK;
}

static int print_imported(const struct mtasts_options *options, const struct import *import) {
  if (options->json)
    return mtasts_json_print(json_pack("{s:I,s:I}", "imported", (json_int_t)import->imported, "bad",
                                       (json_int_t)import->bad));
  printf("imported %" PRIu64 ", bad lines %" PRIu64 "\n", import->imported, import->bad);
  return MTASTS_EXIT_OK;
}

static int run_import(const struct mtasts_options *options) {
  const char *path = options->arguments.count > 0 ? options->arguments.items[0] : NULL;
  struct import import = {.name = mtasts_input_name(path)};
  int code;
  int fd = mtasts_input_open(path, &code);
  if (fd < 0)
    return code;
  code = open_import(options, fd, &import);
  if (code == MTASTS_EXIT_OK) {
    code = import_lines(&import);
    print_imported(options, &import);
  }
  mtasts_daemon_client_free(import.client);
  if (import.base)
    event_base_free(import.base);
  mtasts_lines_free(&import.lines);
  free(import.store);
  if (fd != STDIN_FILENO)
    close(fd);
  return mtasts_cache_access_close(&import.access, code);
}

const struct mtasts_command mtasts_command_cache_export = {
    .name = "cache export",
    .arguments = "",
    .summary = "Writes the cache as JSON lines",
    .help = "Examples:\n"
            "  mtasts cache export > backup.jsonl\n",
    .least = 0,
    .max = 0,
    .run = run_export,
};

const struct mtasts_command mtasts_command_cache_import = {
    .name = "cache import",
    .arguments = "[FILE]",
    .summary = "Reads JSON lines into the cache",
    .help =
        "Reads standard input without FILE. An existing entry of a domain is replaced. Malformed\n"
        "lines are reported and skipped; exit 65 if there were any.\n\n"
        "Examples:\n"
        "  mtasts --cache /tmp/cache cache import backup.jsonl\n",
    .least = 0,
    .max = 1,
    .run = run_import,
};
