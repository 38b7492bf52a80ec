#include "out.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "printable.h"
#include "rfc3339.h"

enum {
  COLUMNS = 80, /* if no terminal says otherwise */
  COLUMNS_LEAST = 40,
  COLUMNS_MOST = 120,
};

static bool colours;
static bool utf8;
static char last_error[10304];
static bool passing; /* a temporary line must be erased before others are printed */

void mtasts_out_init(bool no_color) {
  setlocale(LC_CTYPE, "");
  utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
  const char *none = getenv("NO_COLOR"); /* https://no-color.org: any text turns colours off */
  const char *term = getenv("TERM");
  colours =
      !no_color && (!none || !*none) && term && strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO);
}

void mtasts_print_error(const char *what, const char *why, ...) {
  char shown[8192]; /* a path may be long */
  char sentence[1024];
  char safe[2048];
  va_list arguments;
  mtasts_printable((struct mtasts_span){what, strlen(what)}, shown, sizeof shown);
  va_start(arguments, why);
  vsnprintf(sentence, sizeof sentence, why, arguments);
  va_end(arguments);
  mtasts_printable((struct mtasts_span){sentence, strlen(sentence)}, safe, sizeof safe);
  fflush(stdout);
  mtasts_wipe();
  snprintf(last_error, sizeof last_error, "%s: %s", shown, safe);
  fprintf(stderr, "mtasts: %s\n", last_error);
}

const char *mtasts_last_error(void) {
  return last_error;
}

size_t mtasts_out_columns(void) {
  struct winsize size;
  size_t columns = COLUMNS;
  if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    columns = size.ws_col;
  if (columns < COLUMNS_LEAST)
    return COLUMNS_LEAST;
  return columns < COLUMNS_MOST ? columns : COLUMNS_MOST;
}

void mtasts_passing_line(const char *line) {
  fprintf(stderr, "\r%s\033[K", line);
  passing = true;
}

void mtasts_wipe(void) {
  if (passing)
    fputs("\r\033[K", stderr);
  passing = false;
}

const char *mtasts_colour_on(enum mtasts_colour colour) {
  static const char *const codes[] = {
      [MTASTS_PLAIN] = "",       [MTASTS_BOLD] = "\033[1m",   [MTASTS_DIM] = "\033[2m",
      [MTASTS_RED] = "\033[31m", [MTASTS_GREEN] = "\033[32m", [MTASTS_YELLOW] = "\033[33m",
  };
  return colours ? codes[colour] : "";
}

const char *mtasts_colour_off(enum mtasts_colour colour) {
  return colours && colour != MTASTS_PLAIN ? "\033[0m" : "";
}

const char *mtasts_yes_mark(bool yes) {
  if (utf8)
    return yes ? "✓" : "✗";
  return yes ? "yes" : "no";
}

/* Tables */

enum {
  COLUMNS_MAX = 12,
  BLOCK_ROWS = 512, /* rows that are buffered to find the widths */
};

struct cell {
  char *text;
  enum mtasts_colour colour;
};

struct mtasts_table {
  FILE *stream;
  size_t columns;
  size_t widths[COLUMNS_MAX];
  size_t count; /* cells buffered */
  struct cell cells[BLOCK_ROWS * COLUMNS_MAX];
};

/* Columns that the text needs on a terminal. */
static size_t width_of(const char *text) {
  size_t width = 0;
  size_t left = strlen(text);
  mbstate_t state = {0};
  while (left > 0) {
    wchar_t wide;
    size_t used = mbrtowc(&wide, text, left, &state);
    if (used == 0 || used > left)
      return width + left;
    int columns = wcwidth(wide);
    width += columns > 0 ? (size_t)columns : 0;
    text += used;
    left -= used;
  }
  return width;
}

static const char *text_of(const struct cell *cell) {
  return cell->text ? cell->text : "";
}

static void write_row(const struct mtasts_table *table, const struct cell *row) {
  size_t last = table->columns - 1; /* the last cell with text: no padding follows it */
  while (last > 0 && !*text_of(&row[last]))
    last--;
  for (size_t i = 0; i <= last; i++) {
    size_t pad = i < last ? table->widths[i] - width_of(text_of(&row[i])) + 2 : 0;
    fprintf(table->stream, "%s%s%s%*s", mtasts_colour_on(row[i].colour), text_of(&row[i]),
            mtasts_colour_off(row[i].colour), (int)pad, "");
  }
  fputc('\n', table->stream);
}

static void write_block(struct mtasts_table *table) {
  for (size_t i = 0; i < table->count; i++) {
    size_t width = width_of(text_of(&table->cells[i]));
    if (width > table->widths[i % table->columns])
      table->widths[i % table->columns] = width;
  }
  for (size_t i = 0; i + table->columns <= table->count; i += table->columns)
    write_row(table, table->cells + i);
  for (size_t i = 0; i < table->count; i++)
    free(table->cells[i].text);
  table->count = 0;
}

struct mtasts_table *mtasts_table_new(FILE *stream, const char *const *headers) {
  struct mtasts_table *table = calloc(1, sizeof *table);
  if (!table)
    return NULL;
  table->stream = stream;
  while (headers[table->columns])
    table->columns++;
  for (size_t i = 0; i < table->columns; i++)
    mtasts_table_cell(table, MTASTS_BOLD, "%s", headers[i]);
  return table;
}

void mtasts_table_cell(struct mtasts_table *table, enum mtasts_colour colour, const char *format,
                       ...) {
  if (table->count == table->columns * BLOCK_ROWS)
    write_block(table);
  struct cell *cell = &table->cells[table->count++];
  va_list arguments;
  va_start(arguments, format);
  cell->colour = colour;
  if (vasprintf(&cell->text, format, arguments) < 0)
    cell->text = NULL;
  va_end(arguments);
}

void mtasts_table_end(struct mtasts_table *table) {
  if (!table)
    return;
  write_block(table);
  free(table);
}

/* Times and sizes */

const char *mtasts_duration(uint64_t seconds, char text[MTASTS_OUT_TEXT_MAX]) {
  static const struct {
    uint64_t seconds;
    const char *name;
  } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
  size_t i = 0;
  /* At least two of a unit: "36 hours" says more than "1 day". */
  while (i < 3 && seconds < 2 * units[i].seconds && seconds != units[i].seconds)
    i++;
  uint64_t count = (seconds + units[i].seconds / 2) / units[i].seconds;
  snprintf(text, MTASTS_OUT_TEXT_MAX, "%" PRIu64 " %s%s", count, units[i].name,
           count == 1 ? "" : "s");
  return text;
}

const char *mtasts_relative_time(int64_t then, int64_t now, char text[MTASTS_OUT_TEXT_MAX]) {
  char words[MTASTS_OUT_TEXT_MAX];
  bool future = then > now;
  uint64_t distance = future ? (uint64_t)then - (uint64_t)now : (uint64_t)now - (uint64_t)then;
  if (distance == 0)
    snprintf(text, MTASTS_OUT_TEXT_MAX, "now");
  else if (future)
    snprintf(text, MTASTS_OUT_TEXT_MAX, "in %s", mtasts_duration(distance, words));
  else
    snprintf(text, MTASTS_OUT_TEXT_MAX, "%s ago", mtasts_duration(distance, words));
  return text;
}

const char *mtasts_absolute_time(int64_t time, char text[MTASTS_OUT_TEXT_MAX]) {
  char stamp[MTASTS_RFC3339_SIZE];
  if (mtasts_rfc3339_format(time, stamp))
    snprintf(text, MTASTS_OUT_TEXT_MAX, "%.10s %.8s UTC", stamp, stamp + 11);
  else
    snprintf(text, MTASTS_OUT_TEXT_MAX, "%" PRId64, time);
  return text;
}

const char *mtasts_human_size(uint64_t bytes, char text[MTASTS_OUT_TEXT_MAX]) {
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  double size = (double)bytes / 1024;
  while (size >= 1024 && unit < 3) {
    size /= 1024;
    unit++;
  }
  if (bytes < 1024)
    snprintf(text, MTASTS_OUT_TEXT_MAX, "%" PRIu64 " bytes", bytes);
  else
    snprintf(text, MTASTS_OUT_TEXT_MAX, "%.1f %s", size, units[unit]);
  return text;
}

const char *mtasts_bar(double share, size_t columns, char *text) {
  size_t filled = share < 1 ? (size_t)(share * (double)columns) : columns;
  text[0] = '[';
  memset(text + 1, '#', filled);
  memset(text + 1 + filled, ' ', columns - filled);
  memcpy(text + 1 + columns, "]", sizeof "]");
  return text;
}
