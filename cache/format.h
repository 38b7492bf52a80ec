/*
 * format.h: which layout a data.mdb has. docs/design.md says how to change it.
 *
 * One number for all: the record `format` in the main database ("mtasts 2") and the first byte
 * behind the checksum of each value (entry_codec.c) have the same. A program reads the formats from
 * MTASTS_FORMAT_OLDEST to MTASTS_FORMAT, and writes the last. Any other is no damage: it is left as
 * it is by the tool, and kept aside by mtastsd (damaged.h).
 */
#ifndef MTASTS_CACHE_FORMAT_H
#define MTASTS_CACHE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

enum {
  MTASTS_FORMAT = 2,
  MTASTS_FORMAT_OLDEST = 2,
  MTASTS_FORMAT_MAX = 999999, /* a larger number is no format's */
};

/* In the main database. */
#define MTASTS_DB_FORMAT_KEY "format"
#define MTASTS_DB_FORMAT     "mtasts 2"

/* The number in such a record; 0: it is none. */
unsigned mtasts_format_number(const void *record, size_t size);

/* Can a file or value of this format be read? */
static inline bool mtasts_format_known(unsigned number) {
  return number >= MTASTS_FORMAT_OLDEST && number <= MTASTS_FORMAT;
}

/* Of a data.mdb that is open to read, without LMDB; 0: it does not tell, or is not ours. */
unsigned mtasts_format_of(int fd);

/* The same of the data.mdb in a directory, if it is not known; 0: it is, or does not tell. */
unsigned mtasts_format_unknown(const char *directory);

#endif
