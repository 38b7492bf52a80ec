/*
 * child.h: work that needs no rights, in a child process, for a command that root runs and that
 * writes files as root. The child can give up root; the parent reads only what it writes.
 */
#ifndef MTASTS_TOOL_CHILD_H
#define MTASTS_TOOL_CHILD_H

#include <stdio.h>

#include "command.h"

/* What the child does: writes to the stream, and returns an exit code. It prints its own errors. */
typedef int mtasts_child_fn(void *context, FILE *to_parent);

/*
 * Runs `work` in a child, and waits for its end. On MTASTS_EXIT_OK *text holds what it wrote, with
 * a NUL behind it; the caller frees it. max: bytes; a child that writes more is an error. Returns
 * the child's exit code, or one of its own after an error, which it prints.
 */
int mtasts_child_run(mtasts_child_fn *work, void *context, size_t max, char **text);

#endif
