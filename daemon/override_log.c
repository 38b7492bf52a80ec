#include "override_log.h"

#include <stdio.h>
#include <string.h>

#include "log.h"
#include "rfc3339.h"

enum {
  DAY = 86400,
  DATE = 10, /* characters of RFC 3339's full-date */
};

/* "mode=none dane=off until=2027-01-31", with only the settings that the override has. */
static void describe(const struct mtasts_override *override, char *out, size_t size) {
  char time[MTASTS_RFC3339_SIZE] = "";
  bool ends = override->until != INT64_MAX && mtasts_rfc3339_format(override->until - DAY, time);
  snprintf(out, size, "%s%s%s%s%.*s", override->no_policy ? "" : " mode=",
           override->no_policy ? "" : mtasts_mode_name(override->policy.mode),
           override->dane_off ? " dane=off" : "", ends ? " until=" : "", DATE, time);
}

static bool same(const struct mtasts_override *a, const struct mtasts_override *b) {
  const struct mtasts_names *x = &a->policy.mx;
  const struct mtasts_names *y = &b->policy.mx;
  return a->until == b->until && a->dane_off == b->dane_off && a->no_policy == b->no_policy &&
         a->policy.mode == b->policy.mode && x->size == y->size &&
         (x->size == 0 || memcmp(x->data, y->data, x->size) == 0);
}

static void log_override(const struct mtasts_domain_override *item, bool ended) {
  char text[128];
  describe(&item->override, text, sizeof text);
  if (ended)
    mtasts_log(MTASTS_LOG_WARNING, "override domain=%s%s: it has ended and has no effect",
               item->domain.name, text);
  else
    mtasts_log(MTASTS_LOG_INFO, "override domain=%s%s", item->domain.name, text);
}

static int64_t next_end(const struct mtasts_config *config, int64_t now) {
  int64_t next = INT64_MAX;
  for (size_t i = 0; i < config->override_count; i++) {
    int64_t until = config->overrides[i].override.until;
    if (now < until && until < next)
      next = until;
  }
  return next;
}

void mtasts_override_log_configure(struct mtasts_override_log *overrides,
                                   const struct mtasts_config *config,
                                   const struct mtasts_config *before, int64_t now) {
  size_t change = 0;
  for (size_t i = 0; i < config->override_count; i++) {
    const struct mtasts_domain_override *item = &config->overrides[i];
    const struct mtasts_override *old =
        before ? mtasts_config_override(before, &item->domain) : NULL;
    if ((!old || !same(old, &item->override)) && ++change <= MTASTS_OVERRIDE_LOG_MAX)
      log_override(item, now >= item->override.until);
  }
  if (change > MTASTS_OVERRIDE_LOG_MAX)
    mtasts_log(MTASTS_LOG_INFO, "override: %zu more are not logged",
               change - MTASTS_OVERRIDE_LOG_MAX);
  for (size_t i = 0; before && i < before->override_count; i++)
    if (!mtasts_config_override(config, &before->overrides[i].domain) &&
        ++change <= MTASTS_OVERRIDE_LOG_MAX)
      mtasts_log(MTASTS_LOG_INFO, "override domain=%s: it was removed",
                 before->overrides[i].domain.name);
  *overrides = (struct mtasts_override_log){.seen = now, .next = next_end(config, now)};
}

void mtasts_override_log_tick(struct mtasts_override_log *overrides,
                              const struct mtasts_config *config, int64_t now) {
  if (now < overrides->next && now >= overrides->seen)
    return;
  for (size_t i = 0; i < config->override_count; i++) {
    const struct mtasts_domain_override *item = &config->overrides[i];
    if (overrides->seen < item->override.until && item->override.until <= now)
      log_override(item, true);
  }
  *overrides = (struct mtasts_override_log){.seen = now, .next = next_end(config, now)};
}
