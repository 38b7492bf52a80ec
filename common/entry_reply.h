/*
 * entry_reply.h: the reply of the map `entry`: the stored entry and the site's settings. A program
 * that asks mtastsd and one that reads the cache itself go on with the same struct. Its form at the
 * ask socket:
 *
 *   OK FRESHNESS [override] [dane-off] [monitor] [defer] LF VALUE
 *
 * FRESHNESS is `cached`, `asked` or `fetched`. `override`: the policy in VALUE is the postmaster's.
 * `dane-off`: an override turns the domain's DANE off. `monitor`: site_mode, enforce nothing.
 * `defer`: on_unknown. One space precedes each word. VALUE is what mtasts_entry_encode writes. It
 * is empty if nothing is known and no look-up ended in time.
 *
 * Pure functions; a reply's bytes are untrusted.
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
  struct mtasts_entry entry; /* its policy is the override's if one is in force */
  enum mtasts_freshness freshness;
  bool overridden; /* the policy is an override's: has_entry and has_policy */
  bool dane_off;   /* an override turns the entry's DANE off */
  bool monitor;    /* decide and log, enforce nothing */
  bool defer;      /* if the verdict is unknown: defer, else deliver */
};

/* Writes a reply's payload; returns its bytes. out: MTASTS_ENTRY_REPLY_MAX bytes. An entry that
 * does not fit is left out, as if nothing were known; no cache holds such an entry. */
size_t mtasts_entry_reply_write(const struct mtasts_entry_reply *entry_reply, char *out);

/*
 * Reads a reply's payload; the reply's entry points into it.
 *   MTASTS_CORRUPT  not a reply of the map `entry`, or a name in it has a forbidden character
 *                   (mtasts_entry_check)
 */
enum mtasts_status mtasts_entry_reply_read(struct mtasts_span payload,
                                           struct mtasts_entry_reply *entry_reply);

/* The policy of an override in force at `now` (seconds since the epoch), as if the domain had
 * published it with the override's remaining time as max_age. */
struct mtasts_policy mtasts_override_policy(const struct mtasts_override *override, int64_t now);

/* Applies an override that is in force to a reply. */
void mtasts_entry_reply_override(struct mtasts_entry_reply *entry_reply,
                                 const struct mtasts_override *override, int64_t now);

/* mtasts_decide for a reply. The decision points into it. */
struct mtasts_decision mtasts_entry_reply_decide(const struct mtasts_entry_reply *entry_reply,
                                                 int64_t now);

#endif
