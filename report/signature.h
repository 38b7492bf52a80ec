/*
 * signature.h: did the receiving host find a DKIM signature of the report's submitter on the
 * message? RFC 8460 section 3 wants reports signed by the domain that submits them; the host says
 * what it found in an Authentication-Results field (RFC 8601).
 *
 * Anybody can write such a field. Only the topmost one can be the receiving host's own, and only if
 * that host adds one to each message. With the host's authserv-id, the topmost field of that id is
 * taken: a host that has one removes others of its id (RFC 8601 section 5). Without the id, what is
 * shown to people must say that the mail says so, not the host. Pure.
 */
#ifndef MTASTS_REPORT_SIGNATURE_H
#define MTASTS_REPORT_SIGNATURE_H

#include "mtasts.h"

enum mtasts_signed {
  MTASTS_SIGNED_UNKNOWN, /* no field, or the message names no submitter */
  MTASTS_SIGNED_YES,     /* dkim=pass for the submitter, or a domain above it */
  MTASTS_SIGNED_NO,
};

struct mtasts_signature {
  enum mtasts_signed found;
  struct mtasts_span submitter; /* of TLS-Report-Submitter, part of the message; may be empty */
};

/* authserv_id: empty for the topmost field, of any host. */
struct mtasts_signature mtasts_signature_read(struct mtasts_span message,
                                              struct mtasts_span authserv_id);

#endif
