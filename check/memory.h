/*
 * memory.h: what one check of a domain leaves for the next, as a plain value. Times are seconds
 * since the epoch, as the check's own clock had them.
 */
#ifndef MTASTS_CHECK_MEMORY_H
#define MTASTS_CHECK_MEMORY_H

#include "mtasts.h"

enum {
  MTASTS_MEMORY_IDS = 64,   /* ids that are remembered; the oldest are forgotten first */
  MTASTS_MEMORY_DIGEST = 32 /* bytes of a SHA-256 */
};

/* A policy, but for its words: the same in other order or case is equal. */
struct mtasts_remembered_policy {
  enum mtasts_mode mode;
  uint32_t max_age;                       /* seconds */
  unsigned char mx[MTASTS_MEMORY_DIGEST]; /* of the set of its patterns, sorted */
};

struct mtasts_remembered_id {
  char id[MTASTS_ID_MAX + 1];
  struct mtasts_remembered_policy policy; /* the first that was seen with the id */
};

struct mtasts_memory {
  /* The last policy that was fetched, since the domain has had any record, good or bad. */
  bool has_last;
  struct mtasts_remembered_policy last;
  int64_t last_seen;
  int64_t enforce_until; /* until then senders may have an enforce policy; 0: never seen one */

  /* The id of the last valid record that was seen with a valid policy; "": none yet. */
  char id[MTASTS_ID_MAX + 1];
  uint32_t ttl;    /* seconds: the longest of the record with this id */
  int64_t changed; /* when the policy was first seen to differ from the id's; 0: it does not */

  struct mtasts_remembered_id ids[MTASTS_MEMORY_IDS]; /* the newest last */
  size_t id_count;
};

/* What is remembered of a policy. False without memory. */
bool mtasts_policy_remember(const struct mtasts_policy *policy,
                            struct mtasts_remembered_policy *remembered);

/* Are they equal in mode, max_age and set of mx? */
bool mtasts_remembered_equal(const struct mtasts_remembered_policy *a,
                             const struct mtasts_remembered_policy *b);

#endif
