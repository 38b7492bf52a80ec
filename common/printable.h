/*
 * printable.h: makes bytes from outside safe for terminals and log files.
 */
#ifndef MTASTS_PRINTABLE_H
#define MTASTS_PRINTABLE_H

#include "mtasts.h"

/*
 * Copies the bytes; each that is not printable ASCII (controls, ESC, DEL, 0x80 and up) becomes
 * \xHH. If out is full the text is cut, never inside an escape. Always ends with NUL (out_size is
 * at least 1); returns the length without it.
 */
size_t mtasts_printable(struct mtasts_span bytes, char *out, size_t out_size);

#endif
