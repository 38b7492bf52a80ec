#include "ruling.h"

#include "span.h"

/* By enum mtasts_freshness. */
static const char *const freshness_words[] = {"cached", "asked", "fetched"};

static char *put(char *out, const char *word) {
  size_t len = strlen(word);
  memcpy(out, word, len);
  return out + len;
}

size_t mtasts_ruling_write(const struct mtasts_ruling *ruling, char *out) {
  char *at = put(out, "OK ");
  bool known = ruling->known && mtasts_entry_size(&ruling->entry) <= MTASTS_ENTRY_SIZE_MAX;
  at = put(at, freshness_words[ruling->freshness]);
  if (known && ruling->overridden)
    at = put(at, " override");
  if (ruling->dane_off)
    at = put(at, " dane-off");
  if (ruling->monitor)
    at = put(at, " monitor");
  if (ruling->defer)
    at = put(at, " defer");
  *at++ = '\n';
  if (known)
    at += mtasts_entry_encode(&ruling->entry, (unsigned char *)at);
  return (size_t)(at - out);
}

static bool take(struct mtasts_span *text, const char *word) {
  struct mtasts_span start = {word, strlen(word)};
  if (!mtasts_span_starts(*text, start))
    return false;
  mtasts_span_drop(text, start.len);
  return true;
}

static bool take_freshness(struct mtasts_span *text, enum mtasts_freshness *freshness) {
  for (unsigned i = MTASTS_CACHED; i <= MTASTS_FETCHED; i++)
    if (take(text, freshness_words[i])) {
      *freshness = (enum mtasts_freshness)i;
      return true;
    }
  return false;
}

enum mtasts_status mtasts_ruling_read(struct mtasts_span payload, struct mtasts_ruling *ruling) {
  struct mtasts_ruling read = {.known = false};
  if (!take(&payload, "OK ") || !take_freshness(&payload, &read.freshness))
    return MTASTS_CORRUPT;
  read.overridden = take(&payload, " override");
  read.dane_off = take(&payload, " dane-off");
  read.monitor = take(&payload, " monitor");
  read.defer = take(&payload, " defer");
  read.known = payload.len > 1;
  if (!take(&payload, "\n"))
    return MTASTS_CORRUPT;
  if (read.known && (mtasts_entry_decode((const unsigned char *)payload.data, payload.len,
                                         &read.entry) != MTASTS_OK ||
                     !mtasts_entry_check(&read.entry)))
    return MTASTS_CORRUPT;
  if (read.overridden && !read.entry.has_policy)
    return MTASTS_CORRUPT;
  *ruling = read;
  return MTASTS_OK;
}

struct mtasts_policy mtasts_override_policy(const struct mtasts_override *override, int64_t now) {
  struct mtasts_policy policy = override->policy;
  int64_t left = override->until - now;
  policy.max_age = left < MTASTS_MAX_AGE_MAX ? (uint32_t)left : MTASTS_MAX_AGE_MAX;
  return policy;
}

void mtasts_ruling_override(struct mtasts_ruling *ruling, const struct mtasts_override *override,
                            int64_t now) {
  struct mtasts_entry *entry = &ruling->entry;
  ruling->dane_off = override->dane_off;
  if (override->no_policy)
    return;
  ruling->known = true;
  ruling->overridden = true;
  entry->has_policy = true;
  entry->policy = mtasts_override_policy(override, now);
  memcpy(entry->policy_id, "override", sizeof "override");
  entry->fetched = now;
  entry->expires = now + entry->policy.max_age;
}

struct mtasts_decision mtasts_ruling_decide(const struct mtasts_ruling *ruling, int64_t now) {
  if (!ruling->known)
    return mtasts_decide(NULL, NULL, ruling->freshness, now);
  if (!ruling->overridden && !ruling->dane_off)
    return mtasts_decide(&ruling->entry, NULL, ruling->freshness, now);
  struct mtasts_override override = {.policy = ruling->entry.policy,
                                     .until = INT64_MAX,
                                     .dane_off = ruling->dane_off,
                                     .no_policy = !ruling->overridden};
  struct mtasts_decision decision =
      mtasts_decide(&ruling->entry, &override, ruling->freshness, now);
  if (ruling->overridden)
    decision.policy = &ruling->entry.policy;
  return decision;
}
