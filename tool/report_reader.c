#include "report_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "json.h"
#include "json_text.h"
#include "out.h"
#include "progress.h"
#include "report_files.h"
#include "seen.h"

enum {
  READ_BYTES = 1 << 16,
  NOTES_SHOWN = 50000,    /* of one file, on standard error */
  NOTES_MAX = 50000,      /* rejected inputs and warnings that the lists hold, each, */
  NOTES_BYTES = 16 << 20, /* and the bytes of their texts, together */
  DRAWN_EACH = 64,        /* files, between two looks of the progress bar */
};

struct mtasts_report_reader {
  mtasts_report_reader_fn *report;
  mtasts_report_warn_fn *warning;
  void *context;
  bool lists;
  struct mtasts_finder *finder;
  struct mtasts_report_parser *parser;
  struct mtasts_seen *seen;
  struct mtasts_progress progress;
  json_t *rejected, *warnings;
  size_t noted;     /* bytes of the texts in the lists */
  const char *path; /* of the file that is being read */
  uint64_t message; /* in its mbox; 0 outside of one */
  uint64_t notes;   /* of this file */
  uint64_t files;
  struct mtasts_report_counts counts;
  bool no_memory;
};

/* what is noted of an input */

struct input_name {
  char text[PATH_MAX + 24]; /* a path, and the number of a message in it */
};

static struct input_name name_of(const struct mtasts_report_reader *reader, uint64_t message) {
  struct input_name name;
  if (message > 0)
    snprintf(name.text, sizeof name.text, "%s:%llu", reader->path, (unsigned long long)message);
  else
    snprintf(name.text, sizeof name.text, "%s", reader->path);
  return name;
}

static void note(struct mtasts_report_reader *reader, json_t *list, const char *key,
                 uint64_t message, const char *text) {
  struct input_name name = name_of(reader, message);
  if (!reader->lists) {
    if (++reader->notes <= NOTES_SHOWN)
      mtasts_print_error(name.text, "%s", text);
    return;
  }
  reader->noted += strlen(name.text) + strlen(text);
  if (json_array_size(list) >= NOTES_MAX || reader->noted > NOTES_BYTES)
    return;
  json_t *entry = json_pack("{s:o, s:o}", "file",
                            mtasts_json_text((struct mtasts_span){name.text, strlen(name.text)}),
                            key, mtasts_json_text((struct mtasts_span){text, strlen(text)}));
  if (json_array_append_new(list, entry) < 0)
    reader->no_memory = true;
}

static void reject(void *context, uint64_t message, const char *reason) {
  struct mtasts_report_reader *reader = context;
  reader->counts.rejected++;
  if (reader->warning)
    reader->warning(reader->context, NULL);
  note(reader, reader->rejected, "error", message, reason);
}

static void warn(void *context, uint64_t message, const char *text) {
  struct mtasts_report_reader *reader = context;
  if (reader->warning)
    reader->warning(reader->context, text);
  else
    note(reader, reader->warnings, "text", message, text);
}

static void warn_here(void *context, const char *text) {
  struct mtasts_report_reader *reader = context;
  warn(reader, reader->message, text);
}

/* one report */

static void take_report(void *context, uint64_t message, const struct mtasts_found *found) {
  struct mtasts_report_reader *reader = context;
  struct mtasts_tls_report report;
  reader->message = message;
  const char *why =
      mtasts_report_parse(reader->parser, found->root, found->domain, warn_here, reader, &report);
  if (why) {
    reject(reader, message, why);
    return;
  }
  reader->counts.read++;
  switch (mtasts_seen_add(reader->seen, &report, found->text)) {
  case MTASTS_SEEN_BEFORE:
    reader->counts.duplicates++;
    if (reader->warning)
      reader->warning(reader->context, NULL);
    return;
  case MTASTS_SEEN_NO_MEMORY:
    reader->no_memory = true;
    return;
  case MTASTS_SEEN_NEW:
    break;
  }
  report.signature = found->signature;
  struct input_name name = name_of(reader, message);
  const struct mtasts_read_report read = {name.text, found, &report};
  if (!reader->report(reader->context, &read))
    reader->no_memory = true;
}

/* files */

/* The first call fills the buffer as far as the input goes: the finder wants to see its start. */
static ssize_t fill(int fd, char *buffer, size_t size) {
  size_t used = 0;
  while (used < size) {
    ssize_t got = read(fd, buffer + used, size - used);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    used += (size_t)got;
  }
  return (ssize_t)used;
}

static void read_file(void *context, const char *path, int fd) {
  static char buffer[READ_BYTES];
  struct mtasts_report_reader *reader = context;
  ssize_t got;
  int error = 0;
  reader->path = path;
  reader->notes = 0;
  while ((got = fill(fd, buffer, sizeof buffer)) > 0)
    if (!mtasts_finder_feed(reader->finder, (struct mtasts_span){buffer, (size_t)got}))
      break;
  if (got < 0)
    error = errno;
  mtasts_finder_end(reader->finder);
  if (error)
    reject(reader, 0, strerror(error));
  if (reader->notes > NOTES_SHOWN)
    mtasts_print_error(path, "and %" PRIu64 " more of such notes", reader->notes - NOTES_SHOWN);
  reader->files++;
  if (reader->progress.shown && reader->files % DRAWN_EACH == 0)
    mtasts_progress_draw(&reader->progress, reader->files);
}

static void unreadable(void *context, const char *path, int error) {
  struct mtasts_report_reader *reader = context;
  reader->path = path;
  reject(reader, 0, strerror(error));
}

static void begin_progress(struct mtasts_report_reader *reader,
                           const struct mtasts_option_values *paths) {
  uint64_t total = 0;
  bool shown = isatty(STDERR_FILENO) && !(reader->lists && isatty(STDOUT_FILENO));
  for (size_t i = 0; shown && i < paths->count; i++)
    total += mtasts_report_files_count(paths->items[i]);
  mtasts_progress_begin(&reader->progress, shown && total > 0, total);
}

int mtasts_report_reader_run(struct mtasts_report_reader *reader,
                             const struct mtasts_option_values *paths) {
  static const struct mtasts_report_files_events events = {read_file, unreadable};
  int code = MTASTS_EXIT_OK;
  begin_progress(reader, paths);
  for (size_t i = 0; i < paths->count && !reader->no_memory; i++) {
    const char *path = paths->items[i];
    if (mtasts_report_files(path, &events, reader))
      continue;
    mtasts_print_error(path, "no such file or directory");
    code = MTASTS_EXIT_NOFILE;
  }
  mtasts_wipe();
  if (reader->no_memory) {
    mtasts_print_error("report", "out of memory");
    return MTASTS_EXIT_MEMORY;
  }
  if (code == MTASTS_EXIT_OK && reader->counts.read == 0 && reader->counts.rejected > 0)
    code = MTASTS_EXIT_DATA;
  return code;
}

struct mtasts_report_reader *mtasts_report_reader_new(mtasts_report_reader_fn *report,
                                                      void *context, bool lists) {
  static const struct mtasts_finder_events events = {take_report, reject, warn};
  struct mtasts_report_reader *reader = calloc(1, sizeof *reader);
  if (!reader)
    return NULL;
  mtasts_json_text_init();
  reader->report = report;
  reader->context = context;
  reader->lists = lists;
  reader->finder = mtasts_finder_new(&events, reader);
  reader->parser = mtasts_report_parser_new();
  reader->seen = mtasts_seen_new();
  reader->rejected = json_array();
  reader->warnings = json_array();
  if (reader->finder && reader->parser && reader->seen && reader->rejected && reader->warnings)
    return reader;
  mtasts_report_reader_free(reader);
  return NULL;
}

void mtasts_report_reader_free(struct mtasts_report_reader *reader) {
  if (!reader)
    return;
  mtasts_seen_free(reader->seen);
  mtasts_report_parser_free(reader->parser);
  mtasts_finder_free(reader->finder);
  json_decref(reader->rejected);
  json_decref(reader->warnings);
  free(reader);
}

void mtasts_report_reader_authserv_id(struct mtasts_report_reader *reader, const char *id) {
  const char *text = id ? id : "";
  mtasts_finder_authserv_id(reader->finder, (struct mtasts_span){text, strlen(text)});
}

void mtasts_report_reader_on_warning(struct mtasts_report_reader *reader,
                                     mtasts_report_warn_fn *warning) {
  reader->warning = warning;
}

struct mtasts_report_counts mtasts_report_reader_counts(const struct mtasts_report_reader *reader) {
  return reader->counts;
}

static json_t *take(json_t **list) {
  json_t *taken = *list;
  *list = NULL;
  return taken;
}

json_t *mtasts_report_reader_take_rejected(struct mtasts_report_reader *reader) {
  return take(&reader->rejected);
}

json_t *mtasts_report_reader_take_warnings(struct mtasts_report_reader *reader) {
  return take(&reader->warnings);
}
