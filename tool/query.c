/*
 * mtasts query: the whole decision for a domain.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "command.h"
#include "entry_codec.h"
#include "explain.h"
#include "idn.h"
#include "json.h"
#include "lookup_session.h"

enum {
  JOBS = 64,
};

/* One argument and its answer. */
struct slot {
  const char *text;
  enum mtasts_status parsed;
  struct mtasts_domain domain;
  bool answered;
  unsigned char *bytes; /* the entry points into it */
  struct mtasts_entry entry;
  bool known; /* entry is set */
  bool overridden;
  struct mtasts_override override;
  void *patterns; /* of the override */
  bool asked, monitor;
  enum mtasts_freshness freshness;
  int64_t now;
  json_t *steps; /* NULL without --explain */
};

struct query {
  const struct mtasts_options *options;
  struct slot *slots;
  size_t count;
  size_t next;
  bool memory; /* memory ran out */
};

static void step(void *context, uint64_t microseconds, const char *section, const char *text) {
  const struct slot *slot = context;
  if (slot->steps)
    mtasts_explain_step(slot->steps, microseconds, section, text);
}

static void read_slot(struct slot *slot, const char *text, bool explained) {
  char words[MTASTS_DOMAIN_MAX + 32];
  slot->text = text;
  slot->steps = explained ? json_array() : NULL;
  slot->parsed = mtasts_domain_from_text((struct mtasts_span){text, strlen(text)}, &slot->domain);
  if (slot->parsed != MTASTS_OK)
    return;
  snprintf(words, sizeof words, "policy domain: %s", slot->domain.name);
  step(slot, 0, "2", words);
}

static enum mtasts_supply next(void *context, struct mtasts_lookup_item *item) {
  struct query *query = context;
  while (query->next < query->count) {
    struct slot *slot = &query->slots[query->next++];
    if (slot->parsed != MTASTS_OK)
      continue;
    item->domain = slot->domain;
    item->token = slot;
    item->trace = slot->steps ? step : NULL;
    return MTASTS_SUPPLY_GIVEN;
  }
  return MTASTS_SUPPLY_END;
}

/* Copies the entry, encoded as in the cache. False: no memory. */
static bool keep_entry(struct slot *slot, const struct mtasts_entry *entry) {
  slot->bytes = malloc(mtasts_entry_size(entry));
  if (!slot->bytes)
    return false;
  size_t size = mtasts_entry_encode(entry, slot->bytes);
  slot->known = mtasts_entry_decode(slot->bytes, size, &slot->entry) == MTASTS_OK;
  return true;
}

static bool keep_override(struct slot *slot, const struct mtasts_override *override) {
  struct mtasts_names *mx = &slot->override.policy.mx;
  slot->override = *override;
  slot->patterns = malloc(mx->size + 1);
  if (!slot->patterns)
    return false;
  if (mx->size > 0)
    memcpy(slot->patterns, mx->data, mx->size);
  mx->data = slot->patterns;
  return slot->overridden = true;
}

/* The result is valid only during the callback, and domains are printed in the order given: so it
 * keeps a copy. */
static void keep(void *context, const struct mtasts_lookup_item *item,
                 const struct mtasts_lookup_result *result) {
  struct query *query = context;
  struct slot *slot = item->token;
  slot->answered = true;
  slot->asked = result->asked;
  slot->monitor = result->monitor;
  slot->freshness = result->freshness;
  slot->now = result->now;
  if ((result->entry && !keep_entry(slot, result->entry)) ||
      (result->override && !keep_override(slot, result->override)))
    query->memory = true;
}

/* Output */

static struct mtasts_decision decide(struct slot *slot) {
  if (slot->parsed == MTASTS_NO_POLICY)
    return (struct mtasts_decision){
        .verdict = MTASTS_VERDICT_NONE,
        .source = MTASTS_SOURCE_NONE,
        .rule = "an address or .parent: there is no policy domain (RFC 8461 section 2)",
    };
  struct mtasts_decision decision =
      mtasts_decide(slot->known ? &slot->entry : NULL, slot->overridden ? &slot->override : NULL,
                    slot->freshness, slot->now);
  if (decision.verdict == MTASTS_VERDICT_UNKNOWN && slot->asked && !slot->known)
    decision.rule = "mtastsd has no answer yet; ask again";
  return decision;
}

/* table is NULL for JSON, and for the report of a single domain. */
static int print_slot(const struct query *query, struct slot *slot, struct mtasts_table *table) {
  struct mtasts_decision decision = decide(slot);
  struct mtasts_answer answer = {
      .text = {slot->text, strlen(slot->text)},
      .domain = slot->parsed == MTASTS_OK ? &slot->domain : NULL,
      .entry = slot->known ? &slot->entry : NULL,
      .override = slot->overridden ? &slot->override : NULL,
      .decision = &decision,
      .monitor = slot->monitor,
  };
  step(slot, 0, "5", decision.rule);
  int code = MTASTS_EXIT_OK;
  if (query->options->json) {
    code = mtasts_json_answer(&answer, slot->steps);
  } else if (table) {
    mtasts_answer_row(table, &answer);
  } else {
    if (slot->steps)
      mtasts_explain_print(slot->steps);
    mtasts_answer_print(&answer, slot->now);
  }
  if (code == MTASTS_EXIT_OK && decision.verdict == MTASTS_VERDICT_DEFER)
    code = MTASTS_EXIT_LATER;
  return code;
}

/* Several domains make a table, except with --explain. Returns the exit code. */
static int print_all(const struct query *query) {
  bool tabular = query->count > 1 && !query->options->json && !query->options->explain;
  struct mtasts_table *table = tabular ? mtasts_answer_table() : NULL;
  bool malformed = false, later = false;
  int code = MTASTS_EXIT_OK;
  for (size_t i = 0; i < query->count && (code == MTASTS_EXIT_OK || code == MTASTS_EXIT_LATER);
       i++) {
    struct slot *slot = &query->slots[i];
    struct mtasts_domain domain;
    if (slot->parsed == MTASTS_INVALID)
      malformed = !mtasts_read_domain(slot->text, &domain); /* it prints the error */
    else if (slot->answered || slot->parsed == MTASTS_NO_POLICY)
      code = print_slot(query, slot, table);
    later = later || code == MTASTS_EXIT_LATER;
  }
  mtasts_table_end(table);
  if (code == MTASTS_EXIT_OK || code == MTASTS_EXIT_LATER)
    code = malformed ? MTASTS_EXIT_DATA : later ? MTASTS_EXIT_LATER : MTASTS_EXIT_OK;
  return code;
}

static int ask(struct query *query) {
  struct mtasts_lookup_session *session;
  const struct mtasts_lookup_session_options options = {
      .options = query->options,
      .jobs = JOBS,
      .forced = query->options->refresh,
      .next = next,
      .done = keep,
      .context = query,
  };
  int code = mtasts_lookup_session_open(&options, &session);
  if (code != MTASTS_EXIT_OK)
    return code;
  code = mtasts_lookup_session_run(session);
  if (query->memory) {
    mtasts_print_error("query", "out of memory");
    code = MTASTS_EXIT_MEMORY;
  }
  int printed = print_all(query);
  code = code == MTASTS_EXIT_OK ? printed : code;
  mtasts_lookup_session_close(session, code); /* the answer counts even if it cannot be stored */
  return code;
}

static int run(const struct mtasts_options *options) {
  if (options->offline && options->refresh) {
    mtasts_print_error("query", "--offline and --refresh exclude each other");
    return MTASTS_EXIT_USAGE;
  }
  struct query query = {.options = options, .count = options->arguments.count};
  query.slots = calloc(query.count, sizeof *query.slots);
  if (!query.slots) {
    mtasts_print_error("query", "out of memory");
    return MTASTS_EXIT_MEMORY;
  }
  for (size_t i = 0; i < query.count; i++)
    read_slot(&query.slots[i], options->arguments.items[i], options->explain);
  int code = ask(&query);
  for (size_t i = 0; i < query.count; i++) {
    free(query.slots[i].bytes);
    free(query.slots[i].patterns);
    json_decref(query.slots[i].steps);
  }
  free(query.slots);
  return code;
}

const struct mtasts_command mtasts_command_query = {
    .name = "query",
    .arguments = "[--offline] [--refresh] [--explain] DOMAIN...",
    .summary = "Prints the whole decision for a domain: policy, MX hosts, verdict, why",
    .help = "  --offline  answer from the cache alone\n"
            "  --refresh  look up again, even if an answer is cached\n"
            "  --explain  each step with its time and the section of the RFC\n\n"
            "mtastsd answers if it runs and none of --offline, --explain, --cache,\n"
            "--resolver and --ca-file is given. Else what is learnt is stored if the cache\n"
            "may be written; with --resolver or --ca-file only if --cache or --config names\n"
            "the cache. Exit 75 if a verdict is defer, 69 if no DNS server answers.\n\n"
            "Examples:\n"
            "  mtasts query example.com\n"
            "  mtasts query --explain example.com\n"
            "  mtasts --json query example.com example.net | jq .verdict\n"
            "  mtasts --cache /tmp/cache --resolver 9.9.9.9 query example.com\n",
    .least = 1,
    .max = SIZE_MAX,
    .run = run,
};
