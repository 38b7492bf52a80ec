#include "mtasts.h"

bool mtasts_entry_live(const struct mtasts_entry *entry, int64_t now) {
  /* max_age counts from the fetch, RFC 8461 section 3.2. A `fetched` in the future means that
   * the clock was turned back: the policy stays in force. */
  return entry->has_policy && now < entry->expires;
}
