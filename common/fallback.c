#include "fallback.h"

#include "dane.h"

void mtasts_fallback_reply(const struct mtasts_config *config, const struct mtasts_domain *domain,
                           const struct mtasts_entry *entry, int64_t now, char *buffer,
                           struct mtasts_entry_reply *entry_reply) {
  const struct mtasts_override *override = mtasts_config_override_at(config, domain, now);
  struct mtasts_entry_reply made = {
      .freshness = MTASTS_CACHED,
      .monitor = config->site_mode == MTASTS_SITE_MONITOR,
      .defer = config->ask.on_unknown == MTASTS_UNKNOWN_DEFER,
  };
  if (entry && mtasts_entry_check(entry)) {
    const struct mtasts_discover_settings all = mtasts_config_settings(config);
    const struct mtasts_discover_settings settings = mtasts_settings_with(&all, override);
    made.entry = *entry;
    mtasts_discover_apply_settings(&settings, &made.entry);
    made.has_entry = mtasts_entry_live(&made.entry, now) || now < made.entry.next_check ||
                     mtasts_dane_counts(&made.entry, now);
  }
  if (!made.has_entry)
    made.entry = (struct mtasts_entry){.has_policy = false};
  if (override)
    mtasts_entry_reply_override(&made, override, now);
  /* Written and read like a reply of mtastsd, so that the same checks apply. */
  struct mtasts_span payload = {buffer, mtasts_entry_reply_write(&made, buffer)};
  if (mtasts_entry_reply_read(payload, entry_reply) == MTASTS_OK)
    return;
  made.has_entry = false;
  *entry_reply = made;
}
