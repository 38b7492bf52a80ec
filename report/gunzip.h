/*
 * gunzip.h: gzip in memory, with a bound on what it inflates to.
 *
 * All members are read, one after another (RFC 1952 section 2.2). Bytes after the last member that
 * begin no other member are ignored. Pure; memory is the caller's.
 */
#ifndef MTASTS_REPORT_GUNZIP_H
#define MTASTS_REPORT_GUNZIP_H

#include "mtasts.h"

enum mtasts_gunzip {
  MTASTS_GUNZIP_OK,
  MTASTS_GUNZIP_CUT,       /* the last member is not complete */
  MTASTS_GUNZIP_DAMAGED,   /* no deflate stream, or a wrong checksum or length */
  MTASTS_GUNZIP_TOO_LARGE, /* more than max bytes */
  MTASTS_GUNZIP_NO_MEMORY,
};

/* Do the bytes begin like a member? */
bool mtasts_is_gzip(struct mtasts_span bytes);

/*
 * *out becomes the inflated bytes, *size how many there are. The caller frees *out. It is set on
 * OK only. *work grows by the bytes that were inflated, whatever is returned: a caller's budget.
 */
enum mtasts_gunzip mtasts_gunzip(struct mtasts_span bytes, size_t max, char **out, size_t *size,
                                 uint64_t *work);

#endif
