/*
 * config_text.h: makes a configuration's bytes safe for libconfuse.
 *
 * libconfuse's lexer keeps its state from one file to the next, so that an unterminated string in
 * one file breaks the next. It counts lines wrongly after C comments, drops bytes that it does not
 * know, accepts a section that is never closed, and expands environment variables in strings. So
 * libconfuse gets only text in which none of this can happen.
 */
#ifndef MTASTS_CONFIG_TEXT_H
#define MTASTS_CONFIG_TEXT_H

#include "mtasts.h"

/*
 * Rewrites text in place: comments and carriage returns become spaces. Returns NULL, or why
 * the text is refused, with *line counted from 1.
 */
const char *mtasts_config_clean(char *text, size_t len, unsigned *line);

#endif
