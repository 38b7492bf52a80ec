#include "map_reply.h"

#include <string.h>

#include "answer_json.h"
#include "ascii.h"
#include "dane.h"
#include "entry_reply.h"
#include "postfix_reply.h"

enum mtasts_map mtasts_map_named(struct mtasts_span name, enum mtasts_socket_kind socket_kind) {
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
      return maps[i].ask_only && socket_kind != MTASTS_SOCKET_ASK ? MTASTS_MAP_POSTFIX
                                                                  : maps[i].map;
  return MTASTS_MAP_POSTFIX;
}

void mtasts_map_answer_decide(struct mtasts_map_answer *found, int64_t now) {
  if (found->domain)
    found->decision = (found->other_port ? mtasts_decide_policy : mtasts_decide)(
        found->entry, found->override, found->freshness, now);
  else
    found->decision = (struct mtasts_decision){
        .verdict = MTASTS_VERDICT_NONE,
        .source = MTASTS_SOURCE_NONE,
        .rule = "an address or .parent: there is no policy domain (RFC 8461 section 2)",
    };
}

size_t mtasts_map_reply_text(const char *text, char *out) {
  size_t size = strlen(text);
  memcpy(out, text, size);
  return size;
}

static size_t decision_reply(const struct mtasts_map_answer *found, bool monitor, char *out) {
  const struct mtasts_answer answer = {
      .text = found->text,
      .domain = found->domain,
      .entry = found->entry,
      .override = found->override,
      .decision = &found->decision,
      .monitor = monitor,
  };
  size_t head = mtasts_map_reply_text("OK ", out);
  size_t size = mtasts_answer_json(&answer, out + head, MTASTS_REPLY_MAX - head);
  return size > 0 ? head + size : mtasts_map_reply_text("TEMP the reply is too long", out);
}

static size_t entry_reply(const struct mtasts_map_answer *found, const struct mtasts_config *config,
                          int64_t now, char *out) {
  /* An address literal is treated like a domain without a record. */
  static const struct mtasts_entry none = {.record = MTASTS_RECORD_ABSENT};
  const struct mtasts_entry *entry = found->domain ? found->entry : &none;
  struct mtasts_entry_reply reply = {
      .has_entry = entry != NULL,
      .freshness = found->freshness,
      .monitor = config->site_mode == MTASTS_SITE_MONITOR,
      .defer = config->ask.on_unknown == MTASTS_UNKNOWN_DEFER,
  };
  if (entry)
    reply.entry = *entry;
  if (found->override)
    mtasts_entry_reply_override(&reply, found->override, now);
  return mtasts_entry_reply_write(&reply, out);
}

static enum mtasts_dialect dialect_of(enum mtasts_map map) {
  if (map == MTASTS_MAP_STS)
    return MTASTS_DIALECT_SENDMAIL;
  return map == MTASTS_MAP_TLSRPT ? MTASTS_DIALECT_TLSRPT : MTASTS_DIALECT_POSTFIX;
}

static size_t mta_reply(enum mtasts_map map, const struct mtasts_map_answer *found,
                        const struct mtasts_config *config, int64_t now, char *out) {
  const struct mtasts_postfix_settings settings = {
      .dialect = dialect_of(map),
      .site_mode = config->site_mode,
      .on_unknown = config->ask.on_unknown,
      .plain_level = config->socketmap.plain_level,
  };
  struct mtasts_decision decision = found->decision;
  struct mtasts_policy policy;
  if (decision.source == MTASTS_SOURCE_OVERRIDE && !found->override->no_policy) {
    policy = mtasts_override_policy(found->override, now);
    decision.policy = &policy;
  }
  return mtasts_postfix_reply(&decision, found->domain, found->entry, &settings, out);
}

size_t mtasts_map_reply_write(enum mtasts_map map, const struct mtasts_map_answer *found,
                              const struct mtasts_config *config, int64_t now, char *out) {
  switch (map) {
  case MTASTS_MAP_ENTRY:
    return entry_reply(found, config, now, out);
  case MTASTS_MAP_DECISION:
  case MTASTS_MAP_REFRESH:
  case MTASTS_MAP_RECHECK:
    return decision_reply(found, config->site_mode == MTASTS_SITE_MONITOR, out);
  case MTASTS_MAP_POSTFIX:
  case MTASTS_MAP_TLSRPT:
  case MTASTS_MAP_STS:
  case MTASTS_MAP_REMOVE:
  case MTASTS_MAP_IMPORT:
  case MTASTS_MAP_STATS:
    break;
  }
  return mta_reply(map, found, config, now, out);
}
