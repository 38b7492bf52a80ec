/*
 * error_text.h: how a function explains a failure, in addition to its status.
 *
 * The function takes `char error[MTASTS_ERROR_TEXT]`, and on failure writes one line for people
 * there: first the subject (a file, a socket, an address), then what is wrong, then what to do, as
 * in `FILE: what; remedy`. The line has no full stop and no line end. Bytes from outside are made
 * printable, and too long a text is cut. On success the text is left as it was. The function logs
 * nothing: the caller logs, because it knows what failed with it.
 */
#ifndef MTASTS_ERROR_TEXT_H
#define MTASTS_ERROR_TEXT_H

enum {
  MTASTS_ERROR_TEXT = 1024, /* bytes, with the NUL */
};

#endif
