/*
 * finder.h: finds TLS reports in what people keep them in: JSON, gzip, mail, mbox, and each inside
 * of another. What bytes are is judged by the bytes, never by a name or a media type.
 *
 *   1f 8b             gzip; what it inflates to is judged again
 *   `{`               JSON texts, one or several, each a report; white space and a BOM may precede
 *   `From `           mbox
 *   a header field    mail: each part of it that holds gzip, JSON, zip or a DMARC report
 *   else              rejected
 *
 * Bounds: 20 MiB for a JSON text, a message, and what a gzip stream inflates to; an mbox may be of
 * any length. 250,000 JSON texts or parts of one input, or of one message of an mbox. All buffers
 * together stay below 256 MiB, and the work below a multiple of the input's length.
 *
 * Threads: one. Call mtasts_json_text_init first.
 */
#ifndef MTASTS_REPORT_FINDER_H
#define MTASTS_REPORT_FINDER_H

#include <jansson.h>

#include "signature.h"

enum {
  MTASTS_FOUND_MAX = 20 << 20, /* bytes of a text, a message, a gzip stream inflated */
};

struct mtasts_found {
  json_t *root;              /* an object; the finder releases it */
  struct mtasts_span text;   /* as it was written, but in valid UTF-8 */
  struct mtasts_span domain; /* that the message around it names; empty if there is none */
  /* of that message, if it is in no other one */
  struct mtasts_signature signature;
};

/* message: the number of the message in an mbox, from 1; 0 outside of one. All pointers last for
 * the call. */
struct mtasts_finder_events {
  void (*report)(void *context, uint64_t message, const struct mtasts_found *found);
  void (*reject)(void *context, uint64_t message, const char *reason);
  void (*warn)(void *context, uint64_t message, const char *text);
};

struct mtasts_finder;

/* events are the caller's and must outlive the finder. NULL without memory. */
struct mtasts_finder *mtasts_finder_new(const struct mtasts_finder_events *events, void *context);
/* The receiving host's authserv-id, for signature.h; the caller's. Empty at first. */
void mtasts_finder_authserv_id(struct mtasts_finder *finder, struct mtasts_span authserv_id);

void mtasts_finder_free(struct mtasts_finder *finder);

/* The next bytes of an input; the first ones at least 5, if it has as many. Returns false if no
 * more are wanted. */
bool mtasts_finder_feed(struct mtasts_finder *finder, struct mtasts_span bytes);

/* The input has ended: all events of it have come when this returns. The finder is ready for the
 * next input. */
void mtasts_finder_end(struct mtasts_finder *finder);

#endif
