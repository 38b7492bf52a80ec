/*
 * whole_file.h: writes a file that appears whole or not at all: under another name beside it first.
 * A device or a pipe is written as it is.
 */
#ifndef MTASTS_TOOL_WHOLE_FILE_H
#define MTASTS_TOOL_WHOLE_FILE_H

#include <stdbool.h>
#include <stdio.h>

/* Returns false without memory. Errors of the stream are seen by the caller of it. */
typedef bool mtasts_whole_file_fn(void *context, FILE *stream);

/* Returns 0, or an errno; ENOMEM without memory. */
int mtasts_whole_file_write(const char *path, mtasts_whole_file_fn *write, void *context);

#endif
