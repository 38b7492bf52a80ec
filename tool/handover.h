/*
 * handover.h: hands a text to another program, on its standard input.
 */
#ifndef MTASTS_TOOL_HANDOVER_H
#define MTASTS_TOOL_HANDOVER_H

#include "whole_file.h"

/* Starts the program, writes, and waits for it. Returns false, and prints why, if it cannot be
 * started, does not exit with 0, or takes over 60 seconds; then it is killed with its children. A
 * program that reads nothing is no error. */
bool mtasts_handover(char *const *arguments, mtasts_whole_file_fn *write, void *context);

#endif
