/*
 * out.h: output for people: errors, colours, tables, times and sizes.
 *
 * Colours and ticks need a terminal: standard output must be one, and neither --no-color nor
 * NO_COLOR may be given. Text from outside is printed unchanged, except that characters which a
 * terminal could take for a command are made visible (common/printable.h).
 */
#ifndef MTASTS_TOOL_OUT_H
#define MTASTS_TOOL_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "mtasts.h"

enum mtasts_colour {
  MTASTS_PLAIN,
  MTASTS_BOLD,
  MTASTS_DIM,
  MTASTS_RED,
  MTASTS_GREEN,
  MTASTS_YELLOW,
};

/* Call it once, before any other function but mtasts_print_error. */
void mtasts_out_init(bool no_color);

/* Prints "mtasts: what: why" on standard error; erases a temporary line. */
__attribute__((format(printf, 2, 3))) void mtasts_print_error(const char *what, const char *why,
                                                              ...);

/* The last error that was printed, without "mtasts: "; "" if there is none. */
const char *mtasts_last_error(void);

/* How wide lines for people may be: the terminal's columns, 40 to 120; 80 if standard output is
 * none. */
size_t mtasts_out_columns(void);

/* Prints a temporary line on standard error, which is a terminal; replaces the one before it. */
void mtasts_passing_line(const char *line);

/* Erases the temporary line, if there is one. */
void mtasts_wipe(void);

/* The bytes that turn a colour on and off in the text; "" if colours are off. */
const char *mtasts_colour_on(enum mtasts_colour colour);
const char *mtasts_colour_off(enum mtasts_colour colour);

/* "✓" and "✗" if the terminal can show them, else "yes" and "no". */
const char *mtasts_yes_mark(bool yes);

/*
 * A table whose columns are aligned by the width of text on a terminal. It may have any number of
 * rows: they are written in blocks, and columns only grow wider from block to block.
 */
struct mtasts_table;

/* headers ends with NULL. Returns NULL if there is no memory. */
struct mtasts_table *mtasts_table_new(FILE *stream, const char *const *headers);

/* Adds the next cell, in reading order; the last cell of a row ends it. */
__attribute__((format(printf, 3, 4))) void
mtasts_table_cell(struct mtasts_table *table, enum mtasts_colour colour, const char *format, ...);

/* Writes the buffered rows and frees the table; NULL is fine. */
void mtasts_table_end(struct mtasts_table *table);

enum {
  MTASTS_OUT_TEXT_MAX = 40, /* bytes of each text below, with the NUL */
};

/* "in 6 days", "3 hours ago", "now". Returns text. */
const char *mtasts_relative_time(int64_t then, int64_t now, char text[MTASTS_OUT_TEXT_MAX]);

/* "7 days", "90 seconds". */
const char *mtasts_duration(uint64_t seconds, char text[MTASTS_OUT_TEXT_MAX]);

/* "2026-01-31 12:00:00 UTC" */
const char *mtasts_absolute_time(int64_t time, char text[MTASTS_OUT_TEXT_MAX]);

/* "1.2 MiB" */
const char *mtasts_human_size(uint64_t bytes, char text[MTASTS_OUT_TEXT_MAX]);

/* "[####      ]": `columns` columns between the brackets, filled by the share, 0 to 1. text needs
 * three bytes more. */
const char *mtasts_bar(double share, size_t columns, char *text);

#endif
