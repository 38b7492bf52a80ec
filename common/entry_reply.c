#include "entry_reply.h"

#include "span.h"

/* By enum mtasts_freshness. */
static const char *const freshness_words[] = {"cached", "asked", "fetched"};

static char *put(char *out, const char *word) {
  size_t len = strlen(word);
  memcpy(out, word, len);
  return out + len;
}

size_t mtasts_entry_reply_write(const struct mtasts_entry_reply *entry_reply, char *out) {
  char *at = put(out, "OK ");
  bool known =
      entry_reply->has_entry && mtasts_entry_size(&entry_reply->entry) <= MTASTS_ENTRY_SIZE_MAX;
  at = put(at, freshness_words[entry_reply->freshness]);
  if (known && entry_reply->overridden)
    at = put(at, " override");
  if (entry_reply->dane_off)
    at = put(at, " dane-off");
  if (entry_reply->monitor)
    at = put(at, " monitor");
  if (entry_reply->defer)
    at = put(at, " defer");
  *at++ = '\n';
  if (known)
    at += mtasts_entry_encode(&entry_reply->entry, (unsigned char *)at);
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

enum mtasts_status mtasts_entry_reply_read(struct mtasts_span payload,
                                           struct mtasts_entry_reply *entry_reply) {
  struct mtasts_entry_reply read = {.has_entry = false};
  if (!take(&payload, "OK ") || !take_freshness(&payload, &read.freshness))
    return MTASTS_CORRUPT;
  read.overridden = take(&payload, " override");
  read.dane_off = take(&payload, " dane-off");
  read.monitor = take(&payload, " monitor");
  read.defer = take(&payload, " defer");
  read.has_entry = payload.len > 1;
  if (!take(&payload, "\n"))
    return MTASTS_CORRUPT;
  if (read.has_entry && (mtasts_entry_decode((const unsigned char *)payload.data, payload.len,
                                             &read.entry) != MTASTS_OK ||
                         !mtasts_entry_check(&read.entry)))
    return MTASTS_CORRUPT;
  if (read.overridden && !read.entry.has_policy)
    return MTASTS_CORRUPT;
  *entry_reply = read;
  return MTASTS_OK;
}

struct mtasts_policy mtasts_override_policy(const struct mtasts_override *override, int64_t now) {
  struct mtasts_policy policy = override->policy;
  int64_t left = override->until - now;
  policy.max_age = left < MTASTS_MAX_AGE_MAX ? (uint32_t)left : MTASTS_MAX_AGE_MAX;
  return policy;
}

void mtasts_entry_reply_override(struct mtasts_entry_reply *entry_reply,
                                 const struct mtasts_override *override, int64_t now) {
  struct mtasts_entry *entry = &entry_reply->entry;
  entry_reply->dane_off = override->dane_off;
  if (override->no_policy)
    return;
  entry_reply->has_entry = true;
  entry_reply->overridden = true;
  entry->has_policy = true;
  entry->policy = mtasts_override_policy(override, now);
  memcpy(entry->policy_id, "override", sizeof "override");
  entry->fetched = now;
  entry->expires = now + entry->policy.max_age;
}

struct mtasts_decision mtasts_entry_reply_decide(const struct mtasts_entry_reply *entry_reply,
                                                 int64_t now) {
  if (!entry_reply->has_entry)
    return mtasts_decide(NULL, NULL, entry_reply->freshness, now);
  if (!entry_reply->overridden && !entry_reply->dane_off)
    return mtasts_decide(&entry_reply->entry, NULL, entry_reply->freshness, now);
  struct mtasts_override override = {.policy = entry_reply->entry.policy,
                                     .until = INT64_MAX,
                                     .dane_off = entry_reply->dane_off,
                                     .no_policy = !entry_reply->overridden};
  struct mtasts_decision decision =
      mtasts_decide(&entry_reply->entry, &override, entry_reply->freshness, now);
  if (entry_reply->overridden)
    decision.policy = &entry_reply->entry.policy;
  return decision;
}
