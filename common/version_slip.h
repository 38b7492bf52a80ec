/*
 * version_slip.h: does a TXT record look as if it were meant to be of a kind whose version it does
 * not begin with? Senders ignore such a record, and its owner should hear of it. Pure.
 */
#ifndef MTASTS_VERSION_SLIP_H
#define MTASTS_VERSION_SLIP_H

#include "mtasts.h"

/* txt: a record that does not begin as it must. word: "STSv" or "TLSRPTv". True if the record holds
 * the word, in any case, and is not known to be of another kind: SPF, DMARC, DKIM and the like, or
 * a proof of ownership such as "google-site-verification=…". */
bool mtasts_version_slip(struct mtasts_span txt, struct mtasts_span word);

#endif
