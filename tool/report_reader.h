/*
 * report_reader.h: reads TLS reports from the files of a command line, once each.
 *
 * What is no report, and what is read with a warning, is noted: a line each on standard error, or
 * in the lists for JSON. The same report twice is counted, and handed over once. Threads: one.
 *
 * The first reader must be made before any other use of jansson (json_text.h).
 */
#ifndef MTASTS_TOOL_REPORT_READER_H
#define MTASTS_TOOL_REPORT_READER_H

#include <jansson.h>

#include "finder.h"
#include "options.h"
#include "parse.h"

struct mtasts_report_reader;

struct mtasts_read_report {
  const char *path; /* as given or found, "-" for standard input; `:N` behind it in an mbox */
  const struct mtasts_found *found;
  const struct mtasts_tls_report *report;
};

/* A report that was not read before; all of it is good for the call. Returns false without memory;
 * then nothing more is read. */
typedef bool mtasts_report_reader_fn(void *context, const struct mtasts_read_report *report);

struct mtasts_report_counts {
  uint64_t read; /* duplicates included */
  uint64_t duplicates, rejected;
};

/* lists: what is noted goes to the lists for JSON, not to standard error. NULL without memory. */
struct mtasts_report_reader *mtasts_report_reader_new(mtasts_report_reader_fn *report,
                                                      void *context, bool lists);
void mtasts_report_reader_free(struct mtasts_report_reader *reader);

/* The receiving host's authserv-id (signature.h); NULL: that of the topmost field. */
void mtasts_report_reader_authserv_id(struct mtasts_report_reader *reader, const char *id);

/* Warnings go there, before the report that they are of, and are not noted. With NULL as the text,
 * those before it are of nothing that is handed over. */
void mtasts_report_reader_on_warning(struct mtasts_report_reader *reader,
                                     mtasts_report_warn_fn *warning);

/*
 * Reads all files; draws a progress bar if standard error is a terminal. Returns an exit code: 0,
 * DATA if there was nothing but what is rejected, NOFILE if a file does not exist (the others are
 * read), MEMORY.
 */
int mtasts_report_reader_run(struct mtasts_report_reader *reader,
                             const struct mtasts_option_values *paths);

struct mtasts_report_counts mtasts_report_reader_counts(const struct mtasts_report_reader *reader);

/* The lists for JSON, of {"file","error"} and {"file","text"}; the caller's from now on. */
json_t *mtasts_report_reader_take_rejected(struct mtasts_report_reader *reader);
json_t *mtasts_report_reader_take_warnings(struct mtasts_report_reader *reader);

#endif
