/*
 * watch_file.h: files that `mtasts watch` reads back or that others read at any time: each is
 * written whole under another name, and renamed.
 */
#ifndef MTASTS_TOOL_WATCH_FILE_H
#define MTASTS_TOOL_WATCH_FILE_H

#include <jansson.h>

#include "command.h"

/* What was found at the last run, as an object of domains; empty if there is no file, or if it is
 * damaged, which is printed. NULL without memory. */
json_t *mtasts_watch_load(const char *path);

/* Writes a file of mode 0644. On failure prints an error and returns an exit code. */
int mtasts_watch_write(const char *path, const char *text, size_t size);

#endif
