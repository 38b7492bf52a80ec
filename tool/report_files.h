/*
 * report_files.h: the files that people keep reports in, opened one after another: files,
 * directories with all below them, Maildirs, standard input.
 *
 * In a directory, regular files and links to such are opened; links to directories are not
 * followed; FIFOs, sockets and devices are passed over. Of a Maildir (a directory with `cur` and
 * `new`) only the files in these two are opened, and its other folders likewise.
 */
#ifndef MTASTS_TOOL_REPORT_FILES_H
#define MTASTS_TOOL_REPORT_FILES_H

#include <stdbool.h>
#include <stdint.h>

struct mtasts_report_files_events {
  /* path: as given or found, "-" for standard input. fd is closed after the call. */
  void (*file)(void *context, const char *path, int fd);
  /* It is there, but cannot be read. error: of errno. */
  void (*unreadable)(void *context, const char *path, int error);
};

/* Returns false if the path does not exist; nothing was called back then. */
bool mtasts_report_files(const char *path, const struct mtasts_report_files_events *events,
                         void *context);

/* How many files that would be; 0 if the path is no directory. For a progress bar. */
uint64_t mtasts_report_files_count(const char *path);

#endif
