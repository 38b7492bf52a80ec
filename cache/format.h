/*
 * format.h: the number of data.mdb's layout. docs/design.md says how to change it.
 *
 * One number stands in two places: in the record `format` of the main database ("mtasts 2"), and in
 * the first byte after the checksum of each value (entry_codec.c). A program reads the formats from
 * MTASTS_FORMAT_OLDEST to MTASTS_FORMAT, and writes the last. A file of any other format is not
 * damaged: the tool leaves it as it is, and mtastsd renames and keeps it (damaged.h).
 */
#ifndef MTASTS_CACHE_FORMAT_H
#define MTASTS_CACHE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

enum {
  MTASTS_FORMAT = 2,
  MTASTS_FORMAT_OLDEST = 2,
  MTASTS_FORMAT_MAX = 999999, /* a larger number is no format */
};

/* In the main database. */
#define MTASTS_DB_FORMAT_KEY "format"
#define MTASTS_DB_FORMAT     "mtasts 2"

/* The number in such a record; 0: it has none. */
unsigned mtasts_format_number(const void *record, size_t size);

/* Can a file or value of this format be read? */
static inline bool mtasts_format_known(unsigned number) {
  return number >= MTASTS_FORMAT_OLDEST && number <= MTASTS_FORMAT;
}

/* The format of a data.mdb that is open to read, found without LMDB. 0: it has none, or is not
 * ours. */
unsigned mtasts_format_of(int fd);

/* The format of the data.mdb in a directory, if it is unknown. 0: it is known, or the file has
 * none. */
unsigned mtasts_format_unknown(const char *directory);

#endif
