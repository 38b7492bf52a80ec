/*
 * printable.h: bytes from outside, made safe for terminals and log files.
 */
#ifndef MTASTS_PRINTABLE_H
#define MTASTS_PRINTABLE_H

#include "mtasts.h"

/*
 * Copies the bytes; whatever is not printable ASCII (controls, ESC, DEL, 0x80 and up) becomes
 * \xHH. Cuts where out is full, never inside an escape. Always ends with NUL (out_size is at
 * least 1); returns the length without it.
 */
size_t mtasts_printable(struct mtasts_span bytes, char *out, size_t out_size);

#endif
