#include "outage.h"

#include <stdio.h>
#include <string.h>

#include "ascii.h"

/* A hash (FNV-1a) of the last two labels: a domain's record, policy host and MX count as one. */
static uint32_t hash_of(const char *name) {
  size_t length = strlen(name);
  size_t start = length;
  uint32_t hash = 2166136261U;
  for (unsigned dots = 0; start > 0; start--)
    if (name[start - 1] == '.' && ++dots == 2)
      break;
  for (size_t i = start; i < length; i++)
    hash = (hash ^ (unsigned char)name[i]) * 16777619U;
  return hash;
}

void mtasts_outage_renew(struct mtasts_outage *outage) {
  outage->suspected = true;
  outage->answered = false;
  outage->row = false; /* the root must be asked for first */
  outage->domains_failed = 0;
  outage->probe = 0;
}

static enum mtasts_outage_change begin(struct mtasts_outage *outage, bool row, int64_t now) {
  outage->out = true;
  outage->row = row;
  outage->since = now;
  outage->summary = now + MTASTS_OUTAGE_SUMMARY_MS;
  outage->probe = now + MTASTS_OUTAGE_PROBE_EVERY_MS;
  return MTASTS_OUTAGE_BEGINS;
}

static enum mtasts_outage_change take_answer(struct mtasts_outage *outage, bool root) {
  bool first = !outage->answered;
  bool ends = outage->out && !(root && outage->row);
  outage->answered = true;
  if (!outage->out || ends) {
    outage->suspected = false;
    outage->over = true;
  }
  if (!root || ends)
    outage->domains_failed = 0;
  if (ends)
    outage->out = false;
  if (ends)
    return MTASTS_OUTAGE_ENDS;
  return first ? MTASTS_OUTAGE_FIRST : MTASTS_OUTAGE_SAME;
}

static bool is_in_row(const struct mtasts_outage *outage, uint32_t hash) {
  for (unsigned i = 0; i < outage->domains_failed; i++)
    if (outage->domains[i] == hash)
      return true;
  return false;
}

static enum mtasts_outage_change take_failure(struct mtasts_outage *outage, const char *name,
                                              uint16_t type, int64_t now) {
  uint32_t hash = hash_of(name);
  if (outage->over && outage->domains_failed == 0)
    outage->failed = 0;
  outage->over = false;
  outage->suspected = true;
  outage->failed++;
  outage->type = type;
  snprintf(outage->name, sizeof outage->name, "%s", name);
  if (outage->out || is_in_row(outage, hash))
    return MTASTS_OUTAGE_SAME;
  outage->domains[outage->domains_failed++] = hash;
  return outage->domains_failed == MTASTS_OUTAGE_ROW ? begin(outage, true, now)
                                                     : MTASTS_OUTAGE_SAME;
}

enum mtasts_outage_change mtasts_outage_lookup_ended(struct mtasts_outage *outage, const char *name,
                                                     uint16_t type, bool answered, int64_t now) {
  bool root = *name == '\0';
  if (answered)
    return take_answer(outage, root);
  if (!root)
    return take_failure(outage, name, type, now);
  return outage->out ? MTASTS_OUTAGE_SAME : begin(outage, false, now);
}

enum mtasts_outage_change mtasts_outage_tick(struct mtasts_outage *outage, int64_t now) {
  if (!outage->out || now < outage->summary)
    return MTASTS_OUTAGE_SAME;
  outage->summary = now + MTASTS_OUTAGE_SUMMARY_MS;
  return MTASTS_OUTAGE_LASTS;
}

bool mtasts_outage_wants_probe(struct mtasts_outage *outage, int64_t now, const char **name,
                               uint16_t *type) {
  if ((!outage->out && !outage->suspected) || now < outage->probe)
    return false;
  outage->probe =
      now + (outage->out ? MTASTS_OUTAGE_PROBE_EVERY_MS : MTASTS_OUTAGE_PROBE_SELDOM_MS);
  *name = outage->out && outage->row ? outage->name : "";
  *type = outage->out && outage->row ? outage->type : 0;
  return true;
}
