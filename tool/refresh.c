/*
 * mtasts refresh: asks anew for cached policies.
 */
#include <time.h>

#include "answer.h"
#include "batch.h"
#include "out.h"
#include "place.h"
#include "walk.h"

struct refresh {
  const struct mtasts_options *options;
  struct mtasts_place place;
  struct mtasts_discover_settings settings;
  struct mtasts_list domains;
  int64_t now;
  bool memory; /* ran out */
};

/* Adds a cached policy where it is wanted. */
static bool choose(void *context, const struct mtasts_domain *domain, enum mtasts_status status,
                   const struct mtasts_entry *entry) {
  struct refresh *refresh = context;
  if (status == MTASTS_OK && entry->has_policy &&
      (refresh->options->all ||
       mtasts_discover_refresh_due(&refresh->settings, entry, refresh->now)))
    refresh->memory = !mtasts_list_add(&refresh->domains, domain);
  return !refresh->memory;
}

/* The cache is closed again before the session opens it to write. */
static int choose_all(struct refresh *refresh) {
  struct mtasts_place *place = &refresh->place;
  int code = mtasts_place_open(refresh->options, MTASTS_READ, place);
  if (code != MTASTS_EXIT_OK)
    return code;
  refresh->settings = mtasts_config_settings(place->config);
  refresh->now = time(NULL);
  enum mtasts_status status = mtasts_cache_walk(place->cache, choose, refresh);
  if (refresh->memory)
    status = MTASTS_NO_MEMORY;
  if (status != MTASTS_OK)
    code = mtasts_place_complain(place, status);
  return mtasts_place_close_cache(place, code);
}

static int take_named(struct refresh *refresh) {
  const struct mtasts_values *words = &refresh->options->words;
  for (size_t i = 0; i < words->count; i++) {
    struct mtasts_domain domain;
    if (!mtasts_read_domain(words->items[i], &domain))
      return MTASTS_EXIT_DATA;
    if (!mtasts_list_add(&refresh->domains, &domain)) {
      mtasts_complain("refresh", "out of memory");
      return MTASTS_EXIT_MEMORY;
    }
  }
  return MTASTS_EXIT_OK;
}

static uint64_t total(void *context) {
  const struct refresh *refresh = context;
  return refresh->domains.count;
}

static enum mtasts_supply next(void *context, struct mtasts_domain *domain) {
  struct refresh *refresh = context;
  return mtasts_list_take(&refresh->domains, domain) ? MTASTS_SUPPLY_GIVEN : MTASTS_SUPPLY_END;
}

static int run(const struct mtasts_options *options) {
  bool named = options->words.count > 0;
  if (options->all + options->due + named > 1) {
    mtasts_complain("refresh", "--all, --due and DOMAIN exclude each other");
    return MTASTS_EXIT_USAGE;
  }
  struct refresh refresh = {.options = options};
  int code = named ? take_named(&refresh) : choose_all(&refresh);
  if (code == MTASTS_EXIT_OK) {
    struct mtasts_batch batch = {
        .options = options,
        .place = named ? NULL : &refresh.place,
        .name = "refresh",
        .forced = true,
        .rest = "what was learnt is stored",
        .pipe = -1,
        .total = total,
        .next = next,
        .context = &refresh,
    };
    code = mtasts_batch_run(&batch);
  }
  mtasts_list_free(&refresh.domains);
  return mtasts_place_close(&refresh.place, code);
}

const struct mtasts_command mtasts_command_refresh = {
    .name = "refresh",
    .arguments = "[--due|--all] [--jobs N] [DOMAIN...]",
    .summary = "Asks anew for cached policies",
    .help = "  --due     those whose refresh is due (the default)\n"
            "  --all     all of them\n"
            "  --jobs N  look-ups in flight at most, 1 to 4096 (64)\n\n"
            "With DOMAIN, these alone, cached or not. mtastsd does the due ones by itself; on a\n"
            "host without it, have this run once a day.\n\n"
            "Examples:\n"
            "  mtasts refresh\n"
            "  mtasts refresh example.com\n",
    .least = 0,
    .most = SIZE_MAX,
    .run = run,
};
