/*
 * entry_reply.h: what a front end is told of a domain, and its form in a reply of the ask socket's
 * `entry` map. That gives the whole decision as the cache keeps it, so that whoever asked and
 * whoever read the cache himself go on with the same struct:
 *
 *   OK FRESHNESS [override] [dane-off] [monitor] [defer] LF VALUE
 *
 * FRESHNESS is `cached`, `asked` or `fetched`. `override`: the policy in VALUE is the
 * postmaster's. `dane-off`: by the postmaster's word the domain has no DANE. `monitor`: site_mode,
 * enforce nothing. `defer`: on_unknown. One space stands before each word. VALUE is what
 * mtasts_entry_encode writes; empty where nothing is known and nobody could be asked in time.
 *
 * Pure functions; a reply's bytes are hostile.
 */
#ifndef MTASTS_ENTRY_REPLY_H
#define MTASTS_ENTRY_REPLY_H

#include "entry_codec.h"

enum {
  MTASTS_ENTRY_REPLY_HEAD = 64, /* bytes before VALUE, at most */
  MTASTS_ENTRY_REPLY_MAX = MTASTS_ENTRY_REPLY_HEAD + MTASTS_ENTRY_SIZE_MAX,
};

struct mtasts_entry_reply {
  bool has_entry;            /* there is an entry */
  struct mtasts_entry entry; /* its policy is the override's where that is in force */
  enum mtasts_freshness freshness;
  bool overridden; /* known, and has_policy */
  bool dane_off;   /* by an override: DANE of the entry counts for nothing */
  bool monitor;    /* decide and log, enforce nothing */
  bool defer;      /* where the verdict is unknown: defer, else deliver */
};

/* Writes a reply's payload; returns its bytes. out: MTASTS_ENTRY_REPLY_MAX bytes. An entry that
 * would not fit, which no cache holds, is left out as if nothing were known. */
size_t mtasts_entry_reply_write(const struct mtasts_entry_reply *entry_reply, char *out);

/*
 * Reads a reply's payload; the reply's entry points into it.
 *   MTASTS_CORRUPT  not a reply of the entry map, or one that names what no name may hold
 *                   (mtasts_entry_check)
 */
enum mtasts_status mtasts_entry_reply_read(struct mtasts_span payload,
                                           struct mtasts_entry_reply *entry_reply);

/* The policy of an override in force at `now` (seconds since the epoch), as if the domain had
 * published it for as long as it is. */
struct mtasts_policy mtasts_override_policy(const struct mtasts_override *override, int64_t now);

/* Puts an override in force into a reply. */
void mtasts_entry_reply_override(struct mtasts_entry_reply *entry_reply,
                                 const struct mtasts_override *override, int64_t now);

/* mtasts_decide for a reply. The decision points into it. */
struct mtasts_decision mtasts_entry_reply_decide(const struct mtasts_entry_reply *entry_reply,
                                                 int64_t now);

#endif
