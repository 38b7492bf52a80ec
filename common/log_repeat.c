#include "log_repeat.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a. Of two texts with the same hash, one is left out for a minute. */
static uint64_t hash_of(const char *text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (; *text; text++)
    hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
  return hash;
}

static bool is_over(const struct mtasts_log_text *text, int64_t now) {
  return now - text->since >= MTASTS_LOG_MINUTE;
}

/* The slot for a new text: a free one, or that of the oldest text without left-out lines. NULL:
 * none. */
static struct mtasts_log_text *entry_for(struct mtasts_log_repeat *repeat) {
  struct mtasts_log_text *found = NULL;
  for (size_t i = 0; i < MTASTS_LOG_TEXTS; i++) {
    struct mtasts_log_text *text = &repeat->texts[i];
    if (text->count == 0)
      return text;
    if (text->count <= MTASTS_LOG_SAME && (!found || text->since < found->since))
      found = text;
  }
  return found;
}

bool mtasts_log_repeat_admits(struct mtasts_log_repeat *repeat, enum mtasts_log_level level,
                              const char *text, int64_t now) {
  uint64_t hash = hash_of(text);
  for (size_t i = 0; i < MTASTS_LOG_TEXTS; i++) {
    struct mtasts_log_text *known = &repeat->texts[i];
    if (known->count == 0 || known->hash != hash || known->level != level)
      continue;
    if (is_over(known, now)) {
      known->since = now;
      known->count = 0;
    }
    return ++known->count <= MTASTS_LOG_SAME;
  }
  struct mtasts_log_text *entry = entry_for(repeat);
  if (entry) {
    *entry = (struct mtasts_log_text){.hash = hash, .level = level, .since = now, .count = 1};
    snprintf(entry->text, sizeof entry->text, "%s", text);
  }
  return true;
}

bool mtasts_log_repeat_sum(struct mtasts_log_repeat *repeat, int64_t now, bool force,
                           enum mtasts_log_level *level, char line[MTASTS_LOG_LINE_MAX]) {
  for (size_t i = 0; i < MTASTS_LOG_TEXTS; i++) {
    struct mtasts_log_text *text = &repeat->texts[i];
    if (text->count == 0 || !(force || is_over(text, now)))
      continue;
    unsigned more = text->count > MTASTS_LOG_SAME ? text->count - MTASTS_LOG_SAME : 0;
    text->count = 0;
    if (more == 0)
      continue;
    *level = text->level;
    snprintf(line, MTASTS_LOG_LINE_MAX, "%u times more within a minute: %s", more, text->text);
    return true;
  }
  return false;
}
