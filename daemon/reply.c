#include "reply.h"

#include <string.h>

#include "answer_text.h"
#include "ascii.h"
#include "dane.h"
#include "postfix_reply.h"
#include "ruling.h"

enum mtasts_map mtasts_map_named(struct mtasts_span name, enum mtasts_door door) {
  static const struct {
    struct mtasts_span name;
    enum mtasts_map map;
    bool ask_only;
  } maps[] = {
      {{"postfix-tlsrpt", 14}, MTASTS_MAP_TLSRPT, false},
      {{"QUERYwithTLSRPT", 15}, MTASTS_MAP_TLSRPT, false},
      {{"sts", 3}, MTASTS_MAP_STS, false},
      {{"decision", 8}, MTASTS_MAP_DECISION, true},
      {{"entry", 5}, MTASTS_MAP_ENTRY, true},
      {{"refresh", 7}, MTASTS_MAP_REFRESH, true},
      {{"recheck", 7}, MTASTS_MAP_RECHECK, true},
      {{"remove", 6}, MTASTS_MAP_REMOVE, true},
      {{"import", 6}, MTASTS_MAP_IMPORT, true},
      {{"stats", 5}, MTASTS_MAP_STATS, true},
  };
  for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
    if (mtasts_span_equal(name, maps[i].name))
      return maps[i].ask_only && door != MTASTS_DOOR_ASK ? MTASTS_MAP_POSTFIX : maps[i].map;
  return MTASTS_MAP_POSTFIX;
}

void mtasts_finding_decide(struct mtasts_finding *finding, int64_t now) {
  if (finding->domain)
    finding->decision = (finding->other_port ? mtasts_decide_policy : mtasts_decide)(
        finding->entry, finding->override, finding->freshness, now);
  else
    finding->decision = (struct mtasts_decision){
        .verdict = MTASTS_VERDICT_NONE,
        .source = MTASTS_SOURCE_NONE,
        .rule = "an address or .parent: there is no policy domain (RFC 8461 section 2)",
    };
}

size_t mtasts_reply_text(const char *text, char *out) {
  size_t size = strlen(text);
  memcpy(out, text, size);
  return size;
}

static size_t decision_reply(const struct mtasts_finding *finding, bool monitor, char *out) {
  const struct mtasts_answer answer = {
      .text = finding->text,
      .domain = finding->domain,
      .entry = finding->entry,
      .override = finding->override,
      .decision = &finding->decision,
      .monitor = monitor,
  };
  size_t head = mtasts_reply_text("OK ", out);
  size_t size = mtasts_answer_text(&answer, out + head, MTASTS_REPLY_MAX - head);
  return size > 0 ? head + size : mtasts_reply_text("TEMP the answer is too long", out);
}

static size_t entry_reply(const struct mtasts_finding *finding, const struct mtasts_config *config,
                          int64_t now, char *out) {
  /* An address literal is as good as a domain without a record. */
  static const struct mtasts_entry none = {.record = MTASTS_RECORD_ABSENT};
  const struct mtasts_entry *entry = finding->domain ? finding->entry : &none;
  struct mtasts_ruling ruling = {
      .known = entry != NULL,
      .freshness = finding->freshness,
      .monitor = config->site_mode == MTASTS_SITE_MONITOR,
      .defer = config->ask.on_unknown == MTASTS_UNKNOWN_DEFER,
  };
  if (entry)
    ruling.entry = *entry;
  if (finding->override)
    mtasts_ruling_override(&ruling, finding->override, now);
  return mtasts_ruling_write(&ruling, out);
}

static enum mtasts_dialect dialect_of(enum mtasts_map map) {
  if (map == MTASTS_MAP_STS)
    return MTASTS_DIALECT_SENDMAIL;
  return map == MTASTS_MAP_TLSRPT ? MTASTS_DIALECT_TLSRPT : MTASTS_DIALECT_POSTFIX;
}

static size_t mta_reply(enum mtasts_map map, const struct mtasts_finding *finding,
                        const struct mtasts_config *config, int64_t now, char *out) {
  const struct mtasts_postfix_settings settings = {
      .dialect = dialect_of(map),
      .site_mode = config->site_mode,
      .on_unknown = config->ask.on_unknown,
      .plain_level = config->socketmap.plain_level,
  };
  struct mtasts_decision decision = finding->decision;
  struct mtasts_policy policy;
  if (decision.source == MTASTS_SOURCE_OVERRIDE && !finding->override->no_policy) {
    policy = mtasts_override_policy(finding->override, now);
    decision.policy = &policy;
  }
  return mtasts_postfix_reply(&decision, finding->domain, finding->entry, &settings, out);
}

size_t mtasts_reply_write(enum mtasts_map map, const struct mtasts_finding *finding,
                          const struct mtasts_config *config, int64_t now, char *out) {
  switch (map) {
  case MTASTS_MAP_ENTRY:
    return entry_reply(finding, config, now, out);
  case MTASTS_MAP_DECISION:
  case MTASTS_MAP_REFRESH:
  case MTASTS_MAP_RECHECK:
    return decision_reply(finding, config->site_mode == MTASTS_SITE_MONITOR, out);
  case MTASTS_MAP_POSTFIX:
  case MTASTS_MAP_TLSRPT:
  case MTASTS_MAP_STS:
  case MTASTS_MAP_REMOVE:
  case MTASTS_MAP_IMPORT:
  case MTASTS_MAP_STATS:
    break;
  }
  return mta_reply(map, finding, config, now, out);
}
