/*
 * mtasts cache list, show, stats: output of the cache's contents.
 */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "cache_access.h"
#include "cache_outcomes.h"
#include "daemon_access.h"
#include "discover.h"
#include "entry_json.h"
#include "json.h"
#include "out.h"
#include "rfc3339.h"
#include "store.h"
#include "walk.h"

enum {
  SPACE_BAR = 20 /* columns */
};

/* The terms of `--filter`. Terms of one kind add up; terms of different kinds must all hold. */
struct filter {
  const char *states[4]; /* names that mtasts_entry_state_name gives */
  size_t state_count;
  bool modes[3]; /* by enum mtasts_mode */
  bool by_mode, expired, expiring, failing;
  const char *glob; /* NULL: any domain */
};

static bool add_state(struct filter *filter, const char *term) {
  static const char *const names[] = {"policy", "absent", "invalid", "error"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(term, names[i]) == 0 && filter->state_count < 4) {
      filter->states[filter->state_count++] = names[i];
      return true;
    }
  return false;
}

static bool add_mode(struct filter *filter, const char *name) {
  for (size_t mode = 0; mode < 3; mode++)
    if (strcmp(name, mtasts_mode_name((enum mtasts_mode)mode)) == 0)
      return filter->by_mode = filter->modes[mode] = true;
  return false;
}

static bool add_term(struct filter *filter, const char *term) {
  if (strncmp(term, "mode=", 5) == 0)
    return add_mode(filter, term + 5);
  if (strncmp(term, "domain=", 7) == 0)
    return (filter->glob = term + 7) != NULL;
  if (strcmp(term, "expired") == 0)
    return filter->expired = true;
  if (strcmp(term, "expiring") == 0)
    return filter->expiring = true;
  if (strcmp(term, "failing") == 0)
    return filter->failing = true;
  return add_state(filter, term);
}

/* The terms point into the options, where NULs replace the commas. */
static bool read_filter(const struct mtasts_options *options, struct filter *filter) {
  for (size_t i = 0; i < options->filters.count; i++) {
    char *rest = options->filters.items[i];
    for (char *term; (term = strsep(&rest, ",")) != NULL;)
      if (!add_term(filter, term)) {
        mtasts_print_error(term,
                           "no such filter: mode=MODE, policy, absent, invalid, error, expired, "
                           "expiring, failing, domain=*.example.com");
        return false;
      }
  }
  return true;
}

static bool passes(const struct filter *filter, const struct mtasts_domain *domain,
                   const struct mtasts_entry *entry, int64_t now) {
  bool state = filter->state_count == 0;
  for (size_t i = 0; i < filter->state_count; i++)
    state = state || strcmp(filter->states[i], mtasts_entry_state_name(entry)) == 0;
  return state && (!filter->by_mode || (entry->has_policy && filter->modes[entry->policy.mode])) &&
         (!filter->expired || (entry->has_policy && !mtasts_entry_live(entry, now))) &&
         (!filter->expiring || mtasts_discover_near_end(entry, now)) &&
         (!filter->failing || mtasts_discover_failing(entry, now)) &&
         (!filter->glob || fnmatch(filter->glob, domain->name, 0) == 0);
}

/* The command list */

struct listing {
  const struct mtasts_options *options;
  struct filter filter;
  struct mtasts_table *table; /* NULL: JSON */
  int64_t now;
  int code;
};

static void cell_time(struct mtasts_table *table, enum mtasts_colour colour, int64_t time,
                      int64_t now) {
  char words[MTASTS_OUT_TEXT_MAX];
  mtasts_table_cell(table, colour, "%s", time > 0 ? mtasts_relative_time(time, now, words) : "-");
}

static void list_row(struct mtasts_table *table, const struct mtasts_domain *domain,
                     const struct mtasts_entry *entry, int64_t now) {
  bool live = mtasts_entry_live(entry, now);
  mtasts_table_cell(table, MTASTS_PLAIN, "%s", domain->name);
  mtasts_table_cell(table, MTASTS_PLAIN, "%s", mtasts_entry_state_name(entry));
  if (entry->has_policy) {
    mtasts_table_cell(table, mtasts_mode_colour(entry->policy.mode), "%s",
                      mtasts_mode_name(entry->policy.mode));
    mtasts_table_cell(table, MTASTS_PLAIN, "%s", *entry->policy_id ? entry->policy_id : "-");
    mtasts_table_cell(table, MTASTS_PLAIN, "%zu", entry->policy.mx.count);
    cell_time(table, live ? MTASTS_PLAIN : MTASTS_RED, entry->expires, now);
  } else {
    for (int i = 0; i < 4; i++)
      mtasts_table_cell(table, MTASTS_DIM, "-");
  }
  cell_time(table, MTASTS_PLAIN, entry->checked, now);
  cell_time(table, MTASTS_PLAIN, entry->next_check, now);
  mtasts_table_cell(table, MTASTS_YELLOW, "%s%s%.*s", mtasts_error_name(entry->error),
                    entry->detail.len > 0 ? ": " : "", (int)entry->detail.len,
                    entry->detail.data ? entry->detail.data : "");
}

static bool list_one(void *context, const struct mtasts_domain *domain, enum mtasts_status status,
                     const struct mtasts_entry *entry) {
  struct listing *listing = context;
  if (status != MTASTS_OK) {
    mtasts_print_error(domain->name, "the stored value is damaged; see mtasts cache verify");
    return true;
  }
  if (!passes(&listing->filter, domain, entry, listing->now))
    return true;
  if (listing->options->json) {
    listing->code = mtasts_json_print(mtasts_entry_json(domain, entry));
    return listing->code == MTASTS_EXIT_OK;
  }
  list_row(listing->table, domain, entry, listing->now);
  return ferror(stdout) == 0;
}

static int run_list(const struct mtasts_options *options) {
  static const char *const headers[] = {"DOMAIN",  "STATE",   "MODE",       "ID",    "MX",
                                        "EXPIRES", "CHECKED", "NEXT CHECK", "ERROR", NULL};
  struct listing listing = {.options = options, .now = time(NULL)};
  struct mtasts_cache_access access = {0};
  if (!read_filter(options, &listing.filter))
    return MTASTS_EXIT_USAGE;
  listing.code = mtasts_cache_access_open(options, MTASTS_CACHE_ACCESS_READ, &access);
  if (listing.code != MTASTS_EXIT_OK)
    return mtasts_cache_access_close(&access, listing.code);
  if (!options->json && !(listing.table = mtasts_table_new(stdout, headers)))
    return mtasts_cache_access_close(&access,
                                     mtasts_cache_access_print_error(&access, MTASTS_NO_MEMORY));
  enum mtasts_status status = mtasts_cache_walk(access.cache, list_one, &listing);
  mtasts_table_end(listing.table);
  if (status != MTASTS_OK)
    listing.code = mtasts_cache_access_print_error(&access, status);
  return mtasts_cache_access_close(&access, listing.code);
}

/* The command show */

static int show_one(const struct mtasts_options *options, const struct mtasts_cache_access *access,
                    struct mtasts_reader *reader, const char *text) {
  struct mtasts_domain domain;
  struct mtasts_entry entry;
  if (!mtasts_read_domain(text, &domain))
    return MTASTS_EXIT_DATA;
  enum mtasts_status status = mtasts_reader_get(reader, &domain, &entry);
  if (status == MTASTS_ABSENT) {
    mtasts_print_error(domain.name, "not in the cache %s", access->directory);
    return MTASTS_EXIT_NO;
  }
  if (status == MTASTS_CORRUPT) {
    mtasts_print_error(domain.name, "the stored value is damaged; see mtasts cache verify");
    return MTASTS_EXIT_DATA;
  }
  if (status != MTASTS_OK)
    return mtasts_cache_access_print_error(access, status);
  if (options->json)
    return mtasts_json_print(mtasts_entry_json(&domain, &entry));
  int64_t now = time(NULL);
  struct mtasts_decision decision = mtasts_decide(&entry, NULL, MTASTS_CACHED, now);
  struct mtasts_answer answer = {
      {text, strlen(text)}, .domain = &domain, .entry = &entry, .decision = &decision};
  mtasts_answer_print(&answer, now);
  return MTASTS_EXIT_OK;
}

static int run_show(const struct mtasts_options *options) {
  struct mtasts_cache_access access = {0};
  struct mtasts_reader *reader = NULL;
  int worst = mtasts_cache_access_open(options, MTASTS_CACHE_ACCESS_READ, &access);
  if (worst != MTASTS_EXIT_OK)
    return mtasts_cache_access_close(&access, worst);
  enum mtasts_status status = mtasts_reader_new(access.cache, &reader);
  if (status != MTASTS_OK)
    return mtasts_cache_access_close(&access, mtasts_cache_access_print_error(&access, status));
  for (size_t i = 0; i < options->arguments.count; i++) {
    int code = show_one(options, &access, reader, options->arguments.items[i]);
    worst = code > worst ? code : worst;
  }
  mtasts_reader_free(reader);
  return mtasts_cache_access_close(&access, worst);
}

/* The command stats */

/* The counters of mtastsd, if it runs and this cache is its own; else NULL. */
static json_t *daemon_stats(const struct mtasts_options *options,
                            const struct mtasts_config *config) {
  char buffer[8192];
  struct mtasts_span json;
  if (!mtasts_daemon_access_serves(options, config) ||
      mtasts_daemon_access_stats(config, buffer, sizeof buffer, &json) != MTASTS_OK)
    return NULL;
  return json_loadb(json.data, json.len, 0, NULL);
}

static json_t *stats_json(const struct mtasts_cache_stats *s, const struct mtasts_config *config,
                          const struct mtasts_cache_outcomes *outcomes, json_t *daemon) {
  const struct {
    const char *name;
    uint64_t count;
  } counts[] = {
      {"entries", s->entries},
      {"policies", s->policies},
      {"enforce", s->enforce},
      {"testing", s->testing},
      {"none", s->none},
      {"absent", s->absent},
      {"expired", s->expired},
      {"expiring", s->expiring},
      {"failing", s->failing},
      {"failing_enforce", s->failing_enforce},
      {"corrupt", s->corrupt},
      {"bytes_data", s->bytes_data},
      {"bytes_used", s->space.bytes_used},
      {"bytes_free", s->space.bytes_free},
      {"map_size", s->space.map_size},
      {"map_size_max", config->cache.map_size_max},
      {"readers", s->readers},
  };
  char oldest[MTASTS_RFC3339_SIZE];
  json_t *json = json_object();
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    json_object_set_new(json, counts[i].name, json_integer((json_int_t)counts[i].count));
  mtasts_rfc3339_format(s->oldest_fetched, oldest);
  json_object_set_new(json, "oldest_fetched",
                      s->oldest_fetched > 0 ? json_string(oldest) : json_null());
  json_object_set_new(json, "outcomes", mtasts_cache_outcomes_json(outcomes));
  if (daemon)
    json_object_set(json, "daemon", daemon);
  return json;
}

/* A count that an administrator should look at. */
static void print_warning(const char *name, uint64_t count, const char *words) {
  if (count > 0)
    printf("%s%-11s %" PRIu64 "%s: %s\n", mtasts_colour_on(MTASTS_YELLOW), name, count,
           mtasts_colour_off(MTASTS_YELLOW), words);
}

/* The file grows as it fills: the space used is shown as a share of its maximum. */
static void print_space(const struct mtasts_cache_stats *s, uint64_t max) {
  char data[MTASTS_OUT_TEXT_MAX], used[MTASTS_OUT_TEXT_MAX], size[MTASTS_OUT_TEXT_MAX];
  char idle[MTASTS_OUT_TEXT_MAX], bar[SPACE_BAR + 3];
  const struct mtasts_cache_space *space = &s->space;
  double share = (double)space->bytes_used / (double)max;
  enum mtasts_colour colour = share * 100 < MTASTS_STORE_PAUSE ? MTASTS_PLAIN : MTASTS_YELLOW;
  printf("space       %s%s %.1f %%%s of map_size_max, %s\n", mtasts_colour_on(colour),
         mtasts_bar(share, SPACE_BAR, bar), 100 * share, mtasts_colour_off(colour),
         mtasts_human_size(max, size));
  printf("            %s for %s of data; %s of the file are free\n",
         mtasts_human_size(space->bytes_used, used), mtasts_human_size(s->bytes_data, data),
         mtasts_human_size(space->bytes_free, idle));
}

static void print_stats(const struct mtasts_cache_access *access,
                        const struct mtasts_cache_stats *s, int64_t now) {
  char words[MTASTS_OUT_TEXT_MAX];
  printf("%s%s%s\n", mtasts_colour_on(MTASTS_BOLD), access->directory,
         mtasts_colour_off(MTASTS_BOLD));
  printf("domains     %" PRIu64 "\n", s->entries);
  printf("  policies  %" PRIu64 ": %" PRIu64 " enforce, %" PRIu64 " testing, %" PRIu64 " none",
         s->policies, s->enforce, s->testing, s->none);
  if (s->expired > 0)
    printf("; %s%" PRIu64 " expired%s", mtasts_colour_on(MTASTS_YELLOW), s->expired,
           mtasts_colour_off(MTASTS_YELLOW));
  printf("\n  no policy %" PRIu64 "\n", s->absent);
  if (s->corrupt > 0)
    printf("%sdamaged     %" PRIu64 "%s: see mtasts cache verify\n", mtasts_colour_on(MTASTS_RED),
           s->corrupt, mtasts_colour_off(MTASTS_RED));
  print_warning("failing", s->failing, "see mtasts cache list --filter failing");
  print_warning("expiring", s->expiring,
                "enforce policies near their end; see mtasts cache list --filter expiring");
  if (s->oldest_fetched > 0)
    printf("oldest      fetched %s\n", mtasts_relative_time(s->oldest_fetched, now, words));
  print_space(s, access->config->cache.map_size_max);
  printf("readers     %" PRIu64 "\n", s->readers);
}

static json_int_t counter(const json_t *daemon, const char *name) {
  return json_integer_value(json_object_get(daemon, name));
}

static void print_failures(const json_t *daemon) {
  static const struct {
    const char *counter;
    enum mtasts_error type;
  } failures[] = {
      {"fetch_failures", MTASTS_ERROR_POLICY_FETCH},
      {"invalid_policies", MTASTS_ERROR_POLICY_INVALID},
      {"webpki_failures", MTASTS_ERROR_WEBPKI_INVALID},
      {"dns_failures", MTASTS_ERROR_DNS},
      {"dnssec_failures", MTASTS_ERROR_DNSSEC},
      {"invalid_records", MTASTS_ERROR_RECORD_INVALID},
  };
  const char *before = "  failed    ";
  for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
    json_int_t count = counter(daemon, failures[i].counter);
    if (count == 0)
      continue;
    printf("%s%" JSON_INTEGER_FORMAT " %s", before, count, mtasts_error_name(failures[i].type));
    before = ", ";
  }
  if (*before == ',')
    putchar('\n');
}

/* The bound within which `percent` of the delayed answers came; NULL: beyond all bounds. */
static const char *wait_bound(json_t *waits, json_int_t all, json_int_t percent) {
  const char *bound;
  json_t *count;
  json_int_t sum = 0;
  json_object_foreach(waits, bound, count) {
    sum += json_integer_value(count);
    if (sum * 100 >= all * percent)
      return strcmp(bound, "more") == 0 ? NULL : bound;
  }
  return NULL;
}

static void print_waits(const json_t *daemon) {
  static const json_int_t percents[] = {50, 90, 99};
  json_t *waits = json_object_get(daemon, "waits");
  const char *bound;
  json_t *count;
  json_int_t all = 0;
  json_object_foreach(waits, bound, count) all += json_integer_value(count);
  if (all == 0)
    return;
  printf("  waits     ");
  for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
    bound = wait_bound(waits, all, percents[i]);
    printf("%s%" JSON_INTEGER_FORMAT " %% %s %s ms", i > 0 ? ", " : "", percents[i],
           bound ? "within" : "past", bound ? bound : "10000");
  }
  putchar('\n');
}

static void print_daemon(const json_t *daemon) {
  if (!daemon)
    return;
  printf("mtastsd     %" JSON_INTEGER_FORMAT " requests: %" JSON_INTEGER_FORMAT
         " from the cache (%" JSON_INTEGER_FORMAT " stale), %" JSON_INTEGER_FORMAT
         " waited for a look-up, %" JSON_INTEGER_FORMAT " unknown\n",
         counter(daemon, "requests"), counter(daemon, "hits"), counter(daemon, "stale"),
         counter(daemon, "misses"), counter(daemon, "unknown"));
  printf("  look-ups  %" JSON_INTEGER_FORMAT ", of those refreshes %" JSON_INTEGER_FORMAT
         "; in flight %" JSON_INTEGER_FORMAT ", waiting %" JSON_INTEGER_FORMAT "\n",
         counter(daemon, "lookups"), counter(daemon, "refreshes"), counter(daemon, "in_flight"),
         counter(daemon, "waiting"));
  print_failures(daemon);
  print_waits(daemon);
}

static int run_stats(const struct mtasts_options *options) {
  struct mtasts_cache_access access = {0};
  struct mtasts_cache_stats stats;
  int code = mtasts_cache_access_open(options, MTASTS_CACHE_ACCESS_READ, &access);
  if (code != MTASTS_EXIT_OK)
    return mtasts_cache_access_close(&access, code);
  int64_t now = time(NULL);
  enum mtasts_status status = mtasts_cache_count(access.cache, now, &stats);
  if (status != MTASTS_OK)
    return mtasts_cache_access_close(&access, mtasts_cache_access_print_error(&access, status));
  struct mtasts_cache_outcomes outcomes;
  mtasts_cache_outcomes_read(options, &access, &outcomes);
  json_t *daemon = daemon_stats(options, access.config);
  if (options->json) {
    code = mtasts_json_print(stats_json(&stats, access.config, &outcomes, daemon));
  } else {
    print_stats(&access, &stats, now);
    mtasts_cache_outcomes_print(&outcomes);
    print_daemon(daemon);
  }
  json_decref(daemon);
  return mtasts_cache_access_close(&access, code);
}

const struct mtasts_command mtasts_command_cache_list = {
    .name = "cache list",
    .arguments = "[--filter TERM,...]",
    .summary = "Lists the cached domains",
    .help = "  --filter TERM,...  only those that pass: mode=enforce, mode=testing, mode=none;\n"
            "                   policy, absent, invalid, error (the state); expired;\n"
            "                   expiring (enforce policies near their end); failing (but those\n"
            "                   of mode none); domain=*.example.com. Modes add up, and so do\n"
            "                   states.\n\n"
            "Examples:\n"
            "  mtasts cache list --filter mode=enforce,failing\n"
            "  mtasts --json cache list --filter 'domain=*.example.com' | jq .policy_domain\n",
    .least = 0,
    .max = 0,
    .run = run_list,
};

const struct mtasts_command mtasts_command_cache_show = {
    .name = "cache show",
    .arguments = "DOMAIN...",
    .summary = "Prints all that the cache knows of a domain",
    .help = "Exit 1 if a domain is not in the cache.\n\n"
            "Examples:\n"
            "  mtasts cache show example.com\n",
    .least = 1,
    .max = SIZE_MAX,
    .run = run_show,
};

const struct mtasts_command mtasts_command_cache_stats = {
    .name = "cache stats",
    .arguments = "",
    .summary = "Counts domains, policies, outcomes and space",
    .help = "Examples:\n"
            "  mtasts cache stats\n",
    .least = 0,
    .max = 0,
    .run = run_stats,
};
