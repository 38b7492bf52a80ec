/*
 * mailbox_list.h: are these bytes one or more mail addresses as a `mailto:` URI may have them (RFC
 * 6068 section 2, decoded)? Wider than addr_spec.h, which says to what mail is sent. Pure.
 *
 * Addresses are separated by commas. A local part is a dot-atom or a quoted string, of at most 64
 * bytes, and may be UTF-8 (RFC 6532); behind "@" is a domain name of two labels or more, also with
 * U-labels, or an address literal.
 */
#ifndef MTASTS_MAILBOX_LIST_H
#define MTASTS_MAILBOX_LIST_H

#include "mtasts.h"

/* domain: of a single address that has a domain name; else "". */
bool mtasts_mailbox_list_is_valid(struct mtasts_span text, struct mtasts_domain *domain);

#endif
