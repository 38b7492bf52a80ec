/*
 * transfer.h: content transfer encodings of mail (RFC 2045 section 6), decoded as leniently as mail
 * readers do. Pure.
 */
#ifndef MTASTS_REPORT_TRANSFER_H
#define MTASTS_REPORT_TRANSFER_H

#include "mtasts.h"

/* The value of a hexadecimal digit, 16 for what is none. */
unsigned mtasts_hex_value(char c);

/* Both write at most text.len bytes to out, and return how many. Neither can fail. */

/* Characters outside the alphabet are skipped. `=` ends the text; padding may be missing. */
size_t mtasts_base64_decode(struct mtasts_span text, char *out);

/* An `=` that begins no escape stays as it is. White space at the end of a line is dropped. */
size_t mtasts_quoted_printable_decode(struct mtasts_span text, char *out);

#endif
