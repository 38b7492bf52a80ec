/*
 * entry_codec.h: one domain's entry as the bytes of one stored value.
 *
 * A value is a header of fixed size, followed by the parts of variable size: the ids, the detail,
 * the mx patterns and the MX hosts, packed as mtasts.h and engine/mx_list.h say. The header holds a
 * checksum over all that follows it, the version, the sizes of the parts, and the facts and
 * expiries of policy, MX and DANE. Integers are big-endian. A policy's expiry is not stored: it is
 * always fetched + max_age (RFC 8461 section 3.2).
 *
 * Every answer decodes a value. Decoding proves that the encoder wrote the whole value (checksum),
 * and that each length, count, enumeration and time is in its range. The characters of names are
 * checked by mtasts_entry_check, before a value is written and when a cache is verified. Pure
 * functions.
 */
#ifndef MTASTS_ENTRY_CODEC_H
#define MTASTS_ENTRY_CODEC_H

#include "mtasts.h"
#include "mx_list.h"

enum {
  MTASTS_ENTRY_HEADER = 82, /* bytes */
  /* Packed mx patterns are never longer than the policy that they come from. */
  MTASTS_ENTRY_SIZE_MAX = MTASTS_ENTRY_HEADER + 2 * MTASTS_ID_MAX + MTASTS_DETAIL_MAX +
                          MTASTS_POLICY_MAX + MTASTS_MX_LIST_MAX,
};

/* Bytes that encoding this entry takes. */
size_t mtasts_entry_size(const struct mtasts_entry *entry);

/*
 * Writes the entry to out, which has mtasts_entry_size bytes, and returns their number. If the
 * entry breaks a rule of mtasts.h, the value does not decode or does not pass mtasts_entry_check.
 * It does no other harm.
 */
size_t mtasts_entry_encode(const struct mtasts_entry *entry, unsigned char *out);

/*
 * Reads a value. The entry points into `value`, which must outlive it.
 *
 *   MTASTS_CORRUPT  not of this version, truncated, overlong or inconsistent
 */
enum mtasts_status mtasts_entry_decode(const unsigned char *value, size_t size,
                                       struct mtasts_entry *entry);

/*
 * Do the ids, the detail and all names of a decoded entry contain only the allowed characters?
 * Above all no space, quote, `=` or `:`, which could forge an attribute of a reply.
 */
bool mtasts_entry_check(const struct mtasts_entry *entry);

/* Writes the checksum over the rest of a value of at least MTASTS_ENTRY_HEADER bytes. */
void mtasts_entry_write_checksum(unsigned char *value, size_t size);

#endif
