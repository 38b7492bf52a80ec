#include "alone.h"

#include "dane.h"

void mtasts_alone_rule(const struct mtasts_config *config, const struct mtasts_domain *domain,
                       const struct mtasts_entry *entry, int64_t now, char *room,
                       struct mtasts_ruling *ruling) {
  const struct mtasts_override *override = mtasts_config_override_at(config, domain, now);
  struct mtasts_ruling made = {
      .freshness = MTASTS_CACHED,
      .monitor = config->site_mode == MTASTS_SITE_MONITOR,
      .defer = config->ask.on_unknown == MTASTS_UNKNOWN_DEFER,
  };
  if (entry && mtasts_entry_check(entry)) {
    const struct mtasts_discover_settings all = mtasts_config_settings(config);
    const struct mtasts_discover_settings settings = mtasts_settings_with(&all, override);
    made.entry = *entry;
    mtasts_discover_heed(&settings, &made.entry);
    made.known = mtasts_entry_live(&made.entry, now) || now < made.entry.next_check ||
                 mtasts_dane_counts(&made.entry, now);
  }
  if (!made.known)
    made.entry = (struct mtasts_entry){.has_policy = false};
  if (override)
    mtasts_ruling_override(&made, override, now);
  /* As mtastsd's reply, and judged as one. */
  struct mtasts_span payload = {room, mtasts_ruling_write(&made, room)};
  if (mtasts_ruling_read(payload, ruling) == MTASTS_OK)
    return;
  made.known = false;
  *ruling = made;
}
