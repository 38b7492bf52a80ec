/*
 * log_source.h: the log lines of an MTA, one after another: of a file that is rotated, or of
 * systemd's journal.
 *
 * A position says which line was read last. A session is spread over several lines, so a source
 * that begins at a saved position goes back a little first: the lines up to it are `replayed`.
 * Lines that were written while nothing read them are not lost, unless their file is gone.
 */
#ifndef MTASTS_TOOL_LOG_SOURCE_H
#define MTASTS_TOOL_LOG_SOURCE_H

#include "error_text.h"
#include "mta_log.h"

enum {
  MTASTS_LOG_CURSOR_MAX = 256,
  MTASTS_LOG_POSITION_MAX = 512, /* bytes of a position as text */
};

struct mtasts_log_position {
  bool set;
  uint64_t device, inode, offset; /* of a file */
  uint64_t realtime;              /* of the journal: microseconds since the epoch, and a cursor */
  char cursor[MTASTS_LOG_CURSOR_MAX];
  uint64_t done; /* sessions of the next line that are reported already */
};

/* Writes and reads a position as text, one line. False: no such text. */
void mtasts_log_position_write(const struct mtasts_log_position *position,
                               char text[MTASTS_LOG_POSITION_MAX]);
bool mtasts_log_position_read(struct mtasts_span text, struct mtasts_log_position *position);

enum mtasts_log_read {
  MTASTS_LOG_READ,
  MTASTS_LOG_NONE, /* nothing more now: wait */
  MTASTS_LOG_LOST, /* it cannot be read any longer; the error says why */
};

struct mtasts_log_source {
  void *context;
  /* *line is valid until the next call. */
  enum mtasts_log_read (*read)(void *context, struct mtasts_log_line *line, bool *replayed,
                               char error[MTASTS_ERROR_TEXT]);
  /* Of the last line that was read, or of the saved position while lines are replayed. */
  void (*position)(void *context, struct mtasts_log_position *position);
  void (*wait)(void *context); /* half a second at most; a signal ends it */
  void (*close)(void *context);
};

/*
 * saved: where to go on; not set: at the end, or at the start if from_start. False: it cannot be
 * opened, and the error says why.
 */
bool mtasts_log_file_open(const char *path, const struct mtasts_log_position *saved,
                          bool from_start, char error[MTASTS_ERROR_TEXT],
                          struct mtasts_log_source *source);

/* Reads the units of Postfix and Sendmail, by journalctl(1). What others write under their names is
 * not read. */
bool mtasts_log_journal_open(const struct mtasts_log_position *saved, bool from_start,
                             char error[MTASTS_ERROR_TEXT], struct mtasts_log_source *source);

#endif
