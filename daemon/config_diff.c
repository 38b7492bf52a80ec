#include "config_diff.h"

#include <stdio.h>
#include <string.h>

#include "strbuf.h"

static bool same_text(const char *a, const char *b) {
  return strcmp(a, b) == 0;
}

static bool same_list(const struct mtasts_strings *a, const struct mtasts_strings *b) {
  bool same = a->count == b->count;
  for (size_t i = 0; same && i < a->count; i++)
    same = same_text(a->items[i], b->items[i]);
  return same;
}

static bool same_access(const struct mtasts_access *a, const struct mtasts_access *b) {
  return a->mode == b->mode && a->gid == b->gid;
}

static bool same_cache(const struct mtasts_config *a, const struct mtasts_config *b) {
  return same_text(a->cache.directory, b->cache.directory) &&
         a->cache.map_size == b->cache.map_size && a->cache.map_size_max == b->cache.map_size_max &&
         a->cache.max_policies == b->cache.max_policies &&
         a->cache.max_absent == b->cache.max_absent;
}

bool mtasts_config_diff_same_dns(const struct mtasts_config *a, const struct mtasts_config *b) {
  return same_list(&a->dns.servers, &b->dns.servers) &&
         same_list(&a->dns.insecure, &b->dns.insecure) && a->dns.dnssec == b->dns.dnssec &&
         same_text(a->dns.trust_anchor, b->dns.trust_anchor) && a->dns.timeout == b->dns.timeout;
}

static bool same_https(const struct mtasts_config *a, const struct mtasts_config *b) {
  return same_text(a->https.ca_file, b->https.ca_file) && a->https.timeout == b->https.timeout &&
         a->https.allow_private == b->https.allow_private &&
         same_text(a->https.proxy, b->https.proxy);
}

static bool same_ask(const struct mtasts_config *a, const struct mtasts_config *b) {
  return same_text(a->ask.socket, b->ask.socket) && same_access(&a->ask.access, &b->ask.access);
}

static bool same_socketmap(const struct mtasts_config *a, const struct mtasts_config *b) {
  return same_list(&a->socketmap.listen, &b->socketmap.listen) &&
         same_access(&a->socketmap.access, &b->socketmap.access);
}

static bool same_outcome(const struct mtasts_config *a, const struct mtasts_config *b) {
  return same_text(a->outcome.socket, b->outcome.socket) &&
         same_access(&a->outcome.access, &b->outcome.access);
}

static bool same_metrics(const struct mtasts_config *a, const struct mtasts_config *b) {
  return same_text(a->metrics.listen, b->metrics.listen) &&
         same_access(&a->metrics.access, &b->metrics.access);
}

static bool same_user(const struct mtasts_config *a, const struct mtasts_config *b) {
  return a->uid == b->uid && a->gid == b->gid;
}

static bool same_log(const struct mtasts_config *a, const struct mtasts_config *b) {
  return a->log == b->log;
}

static const struct {
  const char *name;
  bool (*same)(const struct mtasts_config *a, const struct mtasts_config *b);
} parts[] = {
    {"cache", same_cache},
    {"https", same_https},
    {"ask.socket", same_ask},
    {"socketmap.listen", same_socketmap},
    {"outcome.socket", same_outcome},
    {"metrics.listen", same_metrics},
    {"user or group", same_user},
    {"log", same_log},
};

void mtasts_config_diff_needs_restart(const struct mtasts_config *old,
                                      const struct mtasts_config *new, char *out, size_t size) {
  struct mtasts_strbuf text = {.data = out, .size = size};
  out[0] = '\0';
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (!parts[i].same(old, new))
      mtasts_strbuf_printf(&text, "%s%s", text.len > 0 ? ", " : "", parts[i].name);
}
