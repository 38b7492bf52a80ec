/*
 * tlsrpt_record.h: the TLSRPT record among the TXT records at `_smtp._tls.` (RFC 8460 section 3).
 * Pure; allocates nothing. All spans point into the TXT records that were given.
 *
 * The grammar is kept to the letter, but one bad URI does not make the others useless: a URI that
 * cannot be used is ignored (rua.h), and so is an empty one. `flaw` then says what breaks the
 * grammar.
 */
#ifndef MTASTS_TLSRPT_RECORD_H
#define MTASTS_TLSRPT_RECORD_H

#include "rua.h"

enum mtasts_tlsrpt_state {
  MTASTS_TLSRPT_ABSENT,   /* no TXT record that has to do with TLSRPT */
  MTASTS_TLSRPT_VERSION,  /* none, but one that holds "TLSRPTv" in any case */
  MTASTS_TLSRPT_MULTIPLE, /* several begin with v=TLSRPTv1 and a delimiter: they count as none */
  MTASTS_TLSRPT_INVALID,  /* one does, and breaks the grammar or has no rua */
  MTASTS_TLSRPT_VALID,
};

struct mtasts_tlsrpt_record {
  enum mtasts_tlsrpt_state state;
  struct mtasts_span text; /* INVALID, VALID: the record. VERSION: the record in question */
  const char *why;         /* INVALID: what is wrong, a constant sentence; else NULL */
  const char *flaw;        /* VALID: what breaks the grammar in one of its URIs; or NULL */
};

/* txt: each record's strings joined with nothing between them. */
void mtasts_tlsrpt_record_parse(const struct mtasts_span *txt, size_t count,
                                struct mtasts_tlsrpt_record *record);

enum mtasts_tlsrpt_item_kind {
  MTASTS_TLSRPT_RUA,   /* one URI, as it stands in the record */
  MTASTS_TLSRPT_FIELD, /* the name of a field that RFC 8460 does not define */
};

struct mtasts_tlsrpt_item {
  enum mtasts_tlsrpt_item_kind kind;
  struct mtasts_span text;
};

/* Steps through a VALID record, or what can be read of an INVALID one. */
struct mtasts_tlsrpt_cursor {
  struct mtasts_span fields;
  struct mtasts_span uris; /* the rest of the rua field that is being read */
  bool in_rua;
};
struct mtasts_tlsrpt_cursor mtasts_tlsrpt_begin(const struct mtasts_tlsrpt_record *record);

/* Returns false at the end. */
bool mtasts_tlsrpt_next(struct mtasts_tlsrpt_cursor *cursor, struct mtasts_tlsrpt_item *item);

#endif
