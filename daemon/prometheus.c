#include "prometheus.h"

#include "ad_check.h"
#include "strbuf.h"

enum kind {
  COUNTER,
  GAUGE,
};

static void add_head(struct mtasts_strbuf *text, const char *name, enum kind kind,
                     const char *help) {
  mtasts_strbuf_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                       kind == COUNTER ? "counter" : "gauge");
}

static void add_one(struct mtasts_strbuf *text, const char *name, enum kind kind,
                    unsigned long long value, const char *help) {
  add_head(text, name, kind, help);
  mtasts_strbuf_printf(text, "%s %llu\n", name, value);
}

/* counters */

static void add_counts(struct mtasts_strbuf *text, const struct mtasts_stats *stats) {
  const char *before = "";
  for (enum mtasts_counter i = 0; i < MTASTS_COUNTERS; i++) {
    const struct mtasts_counter_words *words = &mtasts_counter_words[i];
    if (strcmp(words->metric, before) != 0)
      add_head(text, words->metric, words->gauge ? GAUGE : COUNTER, words->help);
    mtasts_strbuf_put(text, words->metric);
    if (words->type != MTASTS_ERROR_NONE)
      mtasts_strbuf_printf(text, "{type=\"%s\"}", mtasts_error_name(words->type));
    else if (words->label)
      mtasts_strbuf_printf(text, "{%s}", words->label);
    mtasts_strbuf_printf(text, " %llu\n", mtasts_count_get(stats, i));
    before = words->metric;
  }
}

/* answers that waited, by how long */

static void add_seconds(struct mtasts_strbuf *text, unsigned long long ms) {
  unsigned long long rest = ms % 1000;
  mtasts_strbuf_printf(text, "%llu", ms / 1000);
  if (rest > 0)
    mtasts_strbuf_printf(text, ".%0*llu",
                         rest % 100 == 0  ? 1
                         : rest % 10 == 0 ? 2
                                          : 3,
                         rest % 100 == 0  ? rest / 100
                         : rest % 10 == 0 ? rest / 10
                                          : rest);
}

static void add_waits(struct mtasts_strbuf *text, const struct mtasts_stats *stats) {
  static const char name[] = "mtasts_answer_wait_seconds";
  unsigned long long sum = 0;
  mtasts_strbuf_printf(text,
                       "# HELP %s Time that a request waits if the cache cannot answer it. Hits "
                       "and overrides are not counted.\n# TYPE %s histogram\n",
                       name, name);
  for (int i = 0; i <= MTASTS_WAITS; i++) {
    sum += atomic_load_explicit(&stats->waits[i], memory_order_relaxed);
    mtasts_strbuf_printf(text, "%s_bucket{le=\"", name);
    if (i < MTASTS_WAITS)
      add_seconds(text, (unsigned long long)mtasts_wait_bounds[i]);
    else
      mtasts_strbuf_put(text, "+Inf");
    mtasts_strbuf_printf(text, "\"} %llu\n", sum);
  }
  mtasts_strbuf_printf(text, "%s_sum ", name);
  add_seconds(text, atomic_load_explicit(&stats->waited, memory_order_relaxed));
  mtasts_strbuf_printf(text, "\n%s_count %llu\n", name, sum);
}

/* the cache */

static void add_space(struct mtasts_strbuf *text, const struct mtasts_prometheus *e) {
  static const char domains[] = "mtasts_cache_domains";
  const struct mtasts_cache_space *space = e->space;
  add_head(text, domains, GAUGE, "Domains in the cache: with a policy, and without.");
  mtasts_strbuf_printf(text, "%s{state=\"policy\"} %llu\n", domains,
                       (unsigned long long)space->domains[MTASTS_WALK_POLICIES]);
  mtasts_strbuf_printf(text, "%s{state=\"absent\"} %llu\n", domains,
                       (unsigned long long)space->domains[MTASTS_WALK_ABSENT]);
  add_one(text, "mtasts_cache_used_bytes", GAUGE, space->bytes_used,
          "Bytes of the cache's map that are in use.");
  add_one(text, "mtasts_cache_free_bytes", GAUGE, space->bytes_free,
          "Bytes of the cache's file that are free for reuse.");
  add_one(text, "mtasts_cache_map_bytes", GAUGE, space->map_size,
          "Bytes of the cache's map; it grows.");
  add_one(text, "mtasts_cache_map_max_bytes", GAUGE, e->map_size_max,
          "Bytes that the cache's map may grow to.");
}

static void add_policy_counts(struct mtasts_strbuf *text, const struct mtasts_prometheus *e) {
  static const char policies[] = "mtasts_policies";
  const struct mtasts_cache_stats *stats = &e->policy_counts->stats;
  add_head(text, policies, GAUGE, "Policies in the cache by mode, including expired ones.");
  mtasts_strbuf_printf(text, "%s{mode=\"enforce\"} %llu\n", policies,
                       (unsigned long long)stats->enforce);
  mtasts_strbuf_printf(text, "%s{mode=\"testing\"} %llu\n", policies,
                       (unsigned long long)stats->testing);
  mtasts_strbuf_printf(text, "%s{mode=\"none\"} %llu\n", policies, (unsigned long long)stats->none);
  add_one(text, "mtasts_policies_expired", GAUGE, stats->expired,
          "Policies that have expired and are still kept.");
  add_one(text, "mtasts_policies_failing", GAUGE, stats->failing_enforce,
          "Enforce policies in force whose last check or refresh failed.");
  add_one(text, "mtasts_policies_expiring", GAUGE, stats->expiring,
          "Enforce policies within two days of their end, or past half of a shorter life.");
  add_one(text, "mtasts_oldest_policy_age_seconds", GAUGE,
          e->policy_counts->oldest > 0 && e->now > e->policy_counts->oldest
              ? (unsigned long long)(e->now - e->policy_counts->oldest)
              : 0,
          "Age of the oldest in-use policy at the last count.");
  add_one(text, "mtasts_census_timestamp_seconds", GAUGE,
          (unsigned long long)e->policy_counts->taken,
          "When the policies were last counted by mode, since the epoch.");
}

/* the daemon */

static void add_daemon(struct mtasts_strbuf *text, const struct mtasts_prometheus *e) {
  add_head(text, "mtasts_build_info", GAUGE, "The version of mtastsd, as a label of a constant 1.");
  mtasts_strbuf_printf(text, "mtasts_build_info{version=\"%s\"} 1\n", MTASTS_VERSION);
  add_one(text, "mtasts_start_time_seconds", GAUGE, (unsigned long long)e->started,
          "When mtastsd started, since the epoch.");
  add_one(text, "mtasts_healthy", GAUGE, e->healthy, "1 if /healthz reports ok.");
  add_head(text, "mtasts_loop_up", GAUGE, "1 if the loop reads its inbox.");
  mtasts_strbuf_printf(text, "mtasts_loop_up{loop=\"front\"} %d\nmtasts_loop_up{loop=\"net\"} %d\n",
                       e->loop_up[MTASTS_LOOP_FRONT], e->loop_up[MTASTS_LOOP_NET]);
  add_head(text, "mtasts_site_mode", GAUGE, "1 for the site_mode in force.");
  mtasts_strbuf_printf(
      text, "mtasts_site_mode{mode=\"enforce\"} %d\nmtasts_site_mode{mode=\"monitor\"} %d\n",
      !e->monitor, e->monitor);
  add_one(text, "mtasts_overrides", GAUGE, e->overrides, "Overrides in the configuration.");
  add_one(text, "mtasts_dns_works", GAUGE,
          !atomic_load_explicit(&e->stats->dns_fails, memory_order_relaxed),
          "0 while none of the DNS servers answers.");
  int ad = atomic_load_explicit(&e->stats->host_ad, memory_order_relaxed);
  if (ad != MTASTS_AD_UNKNOWN)
    add_one(text, "mtasts_host_resolver_validates", GAUGE, ad == MTASTS_AD_SET,
            "1 if the resolver of resolv.conf sets the AD bit, without which MTAs cannot use "
            "DANE.");
  add_one(text, "mtasts_lookups_max", GAUGE, e->lookups_max,
          "Look-ups that may run at a time: refresh.in_flight.");
}

size_t mtasts_prometheus_write(const struct mtasts_prometheus *measures, char *out, size_t size) {
  struct mtasts_strbuf text = {.data = out, .size = size};
  add_daemon(&text, measures);
  add_counts(&text, measures->stats);
  add_waits(&text, measures->stats);
  if (measures->space)
    add_space(&text, measures);
  if (measures->policy_counts->taken > 0)
    add_policy_counts(&text, measures);
  return text.full ? 0 : text.len;
}
