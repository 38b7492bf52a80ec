/*
 * error_text.h: how a function says why it failed, beside its status.
 *
 * It takes `char error[MTASTS_ERROR_TEXT]`, and on failure writes one line for people there: the
 * subject first (a file, a socket, an address), then what is wrong, then what to do, without a
 * full stop and without line ends: `FILE: what; remedy`. Bytes from outside are made printable, and
 * what is too long is cut. On success the text is left as it was. It logs nothing by itself: that
 * is for the caller, who knows what failed with it.
 */
#ifndef MTASTS_ERROR_TEXT_H
#define MTASTS_ERROR_TEXT_H

enum {
  MTASTS_ERROR_TEXT = 1024, /* bytes, with the NUL */
};

#endif
