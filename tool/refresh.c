/*
 * mtasts refresh: looks up cached policies again.
 */
#include <time.h>

#include "answer.h"
#include "batch.h"
#include "cache_access.h"
#include "out.h"
#include "walk.h"

struct refresh {
  const struct mtasts_options *options;
  struct mtasts_cache_access access;
  struct mtasts_discover_settings settings;
  struct mtasts_domain_list domains;
  int64_t now;
  bool memory; /* memory ran out */
};

/* Adds a cached policy if it is selected. */
static bool choose(void *context, const struct mtasts_domain *domain, enum mtasts_status status,
                   const struct mtasts_entry *entry) {
  struct refresh *refresh = context;
  if (status == MTASTS_OK && entry->has_policy &&
      (refresh->options->all ||
       mtasts_discover_refresh_due(&refresh->settings, entry, refresh->now)))
    refresh->memory = !mtasts_domain_list_add(&refresh->domains, domain);
  return !refresh->memory;
}

/* Closes the cache afterwards, so that the session can open it for writing. */
static int choose_all(struct refresh *refresh) {
  struct mtasts_cache_access *access = &refresh->access;
  int code = mtasts_cache_access_open(refresh->options, MTASTS_CACHE_ACCESS_READ, access);
  if (code != MTASTS_EXIT_OK)
    return code;
  refresh->settings = mtasts_config_settings(access->config);
  refresh->now = time(NULL);
  enum mtasts_status status = mtasts_cache_walk(access->cache, choose, refresh);
  if (refresh->memory)
    status = MTASTS_NO_MEMORY;
  if (status != MTASTS_OK)
    code = mtasts_cache_access_print_error(access, status);
  return mtasts_cache_access_close_cache(access, code);
}

static int take_named(struct refresh *refresh) {
  const struct mtasts_option_values *words = &refresh->options->arguments;
  for (size_t i = 0; i < words->count; i++) {
    struct mtasts_domain domain;
    if (!mtasts_read_domain(words->items[i], &domain))
      return MTASTS_EXIT_DATA;
    if (!mtasts_domain_list_add(&refresh->domains, &domain)) {
      mtasts_print_error("refresh", "out of memory");
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
  return mtasts_domain_list_take(&refresh->domains, domain) ? MTASTS_SUPPLY_GIVEN
                                                            : MTASTS_SUPPLY_END;
}

static int run(const struct mtasts_options *options) {
  bool named = options->arguments.count > 0;
  if (options->all + options->due + named > 1) {
    mtasts_print_error("refresh", "--all, --due and DOMAIN exclude each other");
    return MTASTS_EXIT_USAGE;
  }
  struct refresh refresh = {.options = options};
  int code = named ? take_named(&refresh) : choose_all(&refresh);
  if (code == MTASTS_EXIT_OK) {
    struct mtasts_batch batch = {
        .options = options,
        .access = named ? NULL : &refresh.access,
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
  mtasts_domain_list_free(&refresh.domains);
  return mtasts_cache_access_close(&refresh.access, code);
}

const struct mtasts_command mtasts_command_refresh = {
    .name = "refresh",
    .arguments = "[--due|--all] [--jobs N] [DOMAIN...]",
    .summary = "Looks up cached policies again",
    .help = "  --due     those whose refresh is due (the default)\n"
            "  --all     all of them\n"
            "  --jobs N  look-ups in flight at most, 1 to 4096 (64)\n\n"
            "With DOMAIN, these alone, cached or not. mtastsd refreshes what is due by itself; on\n"
            "a host without it, run this once a day.\n\n"
            "Examples:\n"
            "  mtasts refresh\n"
            "  mtasts refresh example.com\n",
    .least = 0,
    .max = SIZE_MAX,
    .run = run,
};
