/*
 * Drives engine/discover.h and the decision with scenario files (see README here). What a use
 * learns goes through the stored form before the next one, as after a restart.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "discover.h"
#include "entry_codec.h"
#include "mx_list.h"

enum {
  WORDS_MAX = 64,
  TEXTS_MAX = 4,
  START = 1767225600 /* 2026-01-01T00:00:00Z */
};

/* What the Internet would answer, and the time. */
struct world {
  int64_t now;
  enum mtasts_dns_status txt;
  uint32_t txt_ttl;
  char texts[TEXTS_MAX][1024];
  size_t text_count;
  enum mtasts_error https;
  bool unresolved;
  bool https_local;
  bool dated;
  bool txt_local;
  bool mx_local;
  char body[MTASTS_POLICY_MAX + 2];
  size_t body_len;
  char https_detail[MTASTS_DETAIL_MAX];
  enum mtasts_mx_state mx;
  uint32_t mx_ttl;
  char hosts[16][64];
  struct mtasts_mx_host mx_hosts[16];
  size_t host_count;
  enum mtasts_security mx_security;
  enum mtasts_dane dane[16]; /* of each host */
  uint32_t dane_ttl;
  bool overridden;
  struct mtasts_override override;
  char override_body[1024];
  unsigned char override_store[1024];
};

/* One scenario under way. */
struct story {
  const char *file;
  unsigned line;
  unsigned passed, failed;
  struct mtasts_discover_settings settings;
  struct world world;
  unsigned char *value; /* the stored form, NULL: not in the cache */
  size_t value_size;
};

/* What a use came to, and the memory that it points into. */
struct outcome {
  struct mtasts_discovery discovery;
  struct mtasts_decision decision;
  char asked[64];
  bool at_once; /* the cache could answer without a look-up */
  unsigned char mx_store[MTASTS_MX_LIST_MAX];
  unsigned char dane_store[MTASTS_MX_LIST_MAX];
  unsigned char policy_store[MTASTS_POLICY_MAX + 2];
  char detail_store[MTASTS_DETAIL_MAX];
};

__attribute__((format(printf, 3, 4))) static void check(struct story *story, bool ok,
                                                        const char *format, ...) {
  if (ok) {
    story->passed++;
    return;
  }
  story->failed++;
  printf("%s:%u: ", story->file, story->line);
  va_list args;
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  putchar('\n');
}

static struct mtasts_span span(const char *text) {
  return (struct mtasts_span){text, strlen(text)};
}

/* The world's answers. */

static bool set_txt(struct world *world, const char *text, bool add) {
  static const struct {
    const char *word;
    enum mtasts_dns_status outcome;
  } failures[] = {{"none", MTASTS_DNS_NODATA},
                  {"nxdomain", MTASTS_DNS_NXDOMAIN},
                  {"servfail", MTASTS_DNS_FAILED},
                  {"local-fault", MTASTS_DNS_FAILED},
                  {"bogus", MTASTS_DNS_BOGUS}};
  if (!add)
    world->text_count = 0;
  for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
    if (strcmp(text, failures[i].word) == 0) {
      world->txt = failures[i].outcome;
      world->txt_local = strcmp(text, "local-fault") == 0;
      return true;
    }
  if (world->text_count == TEXTS_MAX)
    return false;
  world->txt = MTASTS_DNS_ANSWER;
  snprintf(world->texts[world->text_count++], sizeof world->texts[0], "%s", text);
  return true;
}

/* Writes a policy for MODE MAX_AGE MX… and returns its length. */
static size_t write_policy(char *out, size_t size, const char *mode, const char *max_age,
                           char *const *mx, size_t count) {
  int at = snprintf(out, size, "version: STSv1\nmode: %s\nmax_age: %s\n", mode, max_age);
  for (size_t i = 0; i < count; i++)
    at += snprintf(out + at, size - (size_t)at, "mx: %s\n", mx[i]);
  return (size_t)at;
}

static bool set_https(struct world *world, char *rest, char **words, size_t count) {
  world->https = MTASTS_ERROR_NONE;
  world->unresolved = count >= 2 && strcmp(words[0], "unresolved") == 0;
  world->https_local = count >= 2 && strcmp(words[0], "local-fault") == 0;
  world->dated = count >= 2 && strcmp(words[0], "dated") == 0;
  if (count >= 2 && strcmp(words[0], "raw") == 0) {
    world->body_len = 0;
    for (const char *c = rest + strlen("raw "); *c; c++) {
      bool escape = c[0] == '\\' && c[1] == 'n';
      world->body[world->body_len++] = escape ? '\n' : *c;
      c += escape;
    }
    return true;
  }
  if (world->unresolved || world->https_local ||
      (count >= 2 && strcmp(words[0], "fetch-error") == 0))
    world->https = MTASTS_ERROR_POLICY_FETCH;
  else if (world->dated || (count >= 2 && strcmp(words[0], "webpki-invalid") == 0))
    world->https = MTASTS_ERROR_WEBPKI_INVALID;
  if (world->https != MTASTS_ERROR_NONE) {
    snprintf(world->https_detail, sizeof world->https_detail, "%s", strchr(rest, ' ') + 1);
    return true;
  }
  if (count < 2)
    return false;
  world->body_len =
      write_policy(world->body, sizeof world->body, words[0], words[1], words + 2, count - 2);
  return true;
}

static bool set_mx(struct world *world, char **words, size_t count) {
  static const struct {
    const char *word;
    enum mtasts_mx_state state;
  } states[] = {{"implicit", MTASTS_MX_IMPLICIT},
                {"null", MTASTS_MX_NULL},
                {"nxdomain", MTASTS_MX_NXDOMAIN},
                {"servfail", MTASTS_MX_ERROR},
                {"local-fault", MTASTS_MX_ERROR}};
  world->host_count = 0;
  world->mx_local = count == 1 && strcmp(words[0], "local-fault") == 0;
  for (size_t i = 0; i < sizeof states / sizeof *states; i++)
    if (count == 1 && strcmp(words[0], states[i].word) == 0) {
      world->mx = states[i].state;
      return true;
    }
  if (count == 0 || count % 2 != 0 || count > 32)
    return false;
  world->mx = MTASTS_MX_LISTED;
  for (size_t i = 0; i < count; i += 2) {
    size_t n = world->host_count++;
    snprintf(world->hosts[n], sizeof world->hosts[n], "%s", words[i + 1]);
    world->mx_hosts[n] = (struct mtasts_mx_host){
        .preference = (uint16_t)strtoul(words[i], NULL, 10), .host = span(world->hosts[n])};
  }
  return true;
}

static const char *const security_words[] = {"unknown", "insecure", "secure", "bogus"};
static const char *const dane_words[] = {"none",  "usable", "unusable", "bogus",
                                         "error", "lost",   "mixed",    "unknown"};

/* The index of a word; -1 if it is none of them. */
static int place_of(const char *word, const char *const *words, int count) {
  for (int i = 0; i < count; i++)
    if (strcmp(word, words[i]) == 0)
      return i;
  return -1;
}

static bool set_security(struct world *world, const char *word) {
  int place = place_of(word, security_words, 4);
  if (place >= 0)
    world->mx_security = (enum mtasts_security)place;
  return place >= 0;
}

static bool set_dane(struct world *world, char **words, size_t count) {
  if (count > 16)
    return false;
  for (size_t i = 0; i < count; i++) {
    int place = place_of(words[i], dane_words, MTASTS_DANE_LOST + 1);
    if (place < 0)
      return false;
    world->dane[i] = (enum mtasts_dane)place;
  }
  return true;
}

static bool set_override(struct world *world, char **words, size_t count) {
  world->overridden = count > 0 && strcmp(words[0], "off") != 0;
  if (!world->overridden)
    return count == 1;
  size_t size = write_policy(world->override_body, sizeof world->override_body, words[0], "86400",
                             words + 1, count - 1);
  world->override.until = INT64_MAX;
  return mtasts_policy_parse((struct mtasts_span){world->override_body, size},
                             world->override_store, &world->override.policy, NULL) == MTASTS_OK;
}

/* One use. */

static void answer_txt(struct outcome *outcome, const struct world *world) {
  struct mtasts_span texts[TEXTS_MAX];
  for (size_t i = 0; i < world->text_count; i++)
    texts[i] = span(world->texts[i]);
  struct mtasts_txt_answer answer = {.outcome = world->txt,
                                     .ttl = world->txt_ttl,
                                     .texts = texts,
                                     .count = world->text_count,
                                     .local = world->txt_local,
                                     .detail = span("TXT _mta-sts.example.com: no answer")};
  mtasts_discover_txt(&outcome->discovery, &answer, world->now);
}

static void pack_hosts(const struct world *world, bool dane, unsigned char *store,
                       struct mtasts_mx_list *list) {
  struct mtasts_mx_host hosts[16];
  size_t count = world->host_count;
  memcpy(hosts, world->mx_hosts, sizeof hosts);
  if (world->mx == MTASTS_MX_IMPLICIT)
    hosts[count++] = (struct mtasts_mx_host){.host = span("example.com")};
  for (size_t i = 0; dane && i < count; i++)
    hosts[i].dane = world->dane[i];
  mtasts_mx_list_pack(hosts, count, store, list);
}

static void answer_mx(struct outcome *outcome, const struct world *world) {
  struct mtasts_mx_answer answer = {
      .state = world->mx,
      .ttl = world->mx_ttl,
      .security = world->mx_security,
      .local = world->mx_local,
  };
  if (world->mx_security == MTASTS_SECURITY_BOGUS) {
    answer.state = MTASTS_MX_ERROR;
    answer.detail = span("MX example.com: signature expired");
  } else {
    pack_hosts(world, false, outcome->mx_store, &answer.mx);
  }
  mtasts_discover_mx(&outcome->discovery, &answer, world->now);
}

static void answer_dane(struct outcome *outcome, const struct world *world) {
  struct mtasts_dane_answer answer = {.ttl = world->dane_ttl,
                                      .detail = span("TLSA _25._tcp.mx.example.com: no answer")};
  pack_hosts(world, true, outcome->dane_store, &answer.mx);
  mtasts_discover_dane(&outcome->discovery, &answer, world->now);
}

static void answer_https(struct outcome *outcome, const struct world *world) {
  struct mtasts_policy_answer answer = {.error = world->https,
                                        .unresolved = world->unresolved,
                                        .local = world->https_local,
                                        .dated = world->dated,
                                        .body = {world->body, world->body_len},
                                        .store = outcome->policy_store,
                                        .detail_store = outcome->detail_store,
                                        .detail = span(world->https_detail)};
  mtasts_discover_policy(&outcome->discovery, &answer, world->now);
}

static void note_asked(struct outcome *outcome, const char *what) {
  size_t at = strlen(outcome->asked);
  snprintf(outcome->asked + at, sizeof outcome->asked - at, "%s%s", at ? "," : "", what);
}

/* Keeps the entry as the cache would. */
static void keep(struct story *story, const struct mtasts_entry *entry) {
  size_t size = mtasts_entry_size(entry);
  unsigned char *value = malloc(size);
  if (!value)
    abort();
  mtasts_entry_encode(entry, value);
  free(story->value);
  story->value = value;
  story->value_size = size;
}

/* Runs a use; with `die_after` its process dies once that was answered, storing nothing. */
static void use(struct story *story, struct outcome *outcome, bool forced, const char *die_after) {
  static const struct {
    unsigned need;
    const char *name;
    void (*answer)(struct outcome *, const struct world *);
  } steps[] = {{MTASTS_NEED_TXT, "txt", answer_txt},
               {MTASTS_NEED_MX, "mx", answer_mx},
               {MTASTS_NEED_POLICY, "https", answer_https},
               {MTASTS_NEED_DANE, "dane", answer_dane}};
  const struct mtasts_discover_settings *settings = &story->settings;
  const struct world *world = &story->world;
  struct mtasts_entry known;
  bool cached = story->value != NULL;
  if (cached)
    check(story, mtasts_entry_decode(story->value, story->value_size, &known) == MTASTS_OK,
          "what was stored cannot be read");
  memset(outcome->asked, 0, sizeof outcome->asked);
  struct mtasts_discovery *d = &outcome->discovery;
  outcome->at_once = cached && (mtasts_discover_due(settings, &known, world->now) == 0 ||
                                mtasts_discover_answers(settings, &known, world->now));
  mtasts_discover_begin(d, settings, cached ? &known : NULL, forced, world->now);
  for (size_t i = 0; d->needs && i < sizeof steps / sizeof *steps; i++) {
    if (!(d->needs & steps[i].need))
      continue;
    note_asked(outcome, steps[i].name);
    steps[i].answer(outcome, world);
    if (die_after && strcmp(die_after, steps[i].name) == 0)
      return;
  }
  check(story, d->needs == 0, "the machine still needs %u", d->needs);
  outcome->decision = mtasts_decide(&d->entry, world->overridden ? &world->override : NULL,
                                    d->freshness, world->now);
}

/* What must hold. */

static void expect_hosts(struct story *story, const struct mtasts_decision *decision, char *hosts,
                         bool wanted) {
  char *rest = NULL;
  for (char *host = strtok_r(hosts, ",", &rest); host; host = strtok_r(NULL, ",", &rest))
    check(story, mtasts_decision_allows(decision, span(host)) == wanted, "%s: mail is %s", host,
          wanted ? "refused" : "allowed");
}

/* What the value of a key came to; NULL for an unknown key. buffer holds numbers. */
static const char *value_of(const char *key, const struct outcome *outcome, int64_t now,
                            char *buffer, size_t size) {
  const struct mtasts_discovery *d = &outcome->discovery;
  const struct mtasts_entry *entry = &d->entry;
  const struct mtasts_policy *policy = outcome->decision.policy;
  const struct {
    const char *key, *value;
  } texts[] = {
      {"verdict", mtasts_verdict_name(outcome->decision.verdict)},
      {"source", mtasts_source_name(outcome->decision.source)},
      {"mode", policy ? mtasts_mode_name(policy->mode) : ""},
      {"id", entry->policy_id},
      {"record-id", entry->record_id},
      {"record", mtasts_record_state_name(entry->record)},
      {"error", mtasts_error_name(entry->error)},
      {"ask", outcome->asked},
      {"at-once", outcome->at_once ? "yes" : "no"},
      {"dane", dane_words[entry->dane]},
      {"hosts", entry->mx.count == 0 ? "none"
                : entry->mx_kept     ? "kept"
                                     : "current"},
      {"stored", d->urgent    ? "now"
                 : d->changed ? "yes"
                              : "no"},
  };
  const struct {
    const char *key;
    int64_t when;
  } times[] = {
      {"expires", entry->has_policy ? entry->expires : 0},
      {"next", entry->next_check},
      {"retry", entry->retry_at},
      {"dane-next", entry->dane_expires},
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (strcmp(key, texts[i].key) == 0)
      return texts[i].value[0] ? texts[i].value : "-";
  for (size_t i = 0; i < sizeof times / sizeof *times; i++)
    if (strcmp(key, times[i].key) == 0) {
      snprintf(buffer, size, "%" PRId64, times[i].when - now);
      return times[i].when == 0 ? "-" : buffer;
    }
  if (strcmp(key, "failures") != 0)
    return NULL;
  snprintf(buffer, size, "%" PRIu32, entry->failures);
  return buffer;
}

static void expect_detail(struct story *story, struct mtasts_span detail, char *words) {
  for (char *c = words; *c; c++)
    *c = *c == '_' ? ' ' : *c;
  check(story, detail.data && memmem(detail.data, detail.len, words, strlen(words)),
        "detail is \"%.*s\", without \"%s\"", (int)detail.len, detail.data ? detail.data : "",
        words);
}

static void expect(struct story *story, const struct outcome *outcome, const char *key,
                   char *value) {
  char buffer[32];
  if (strcmp(key, "yes") == 0 || strcmp(key, "no") == 0) {
    expect_hosts(story, &outcome->decision, value, key[0] == 'y');
    return;
  }
  if (strcmp(key, "detail") == 0) {
    expect_detail(story, outcome->discovery.entry.detail, value);
    return;
  }
  const char *got = value_of(key, outcome, story->world.now, buffer, sizeof buffer);
  check(story, got && strcmp(got, value) == 0, "%s is %s, not %s", key, got ? got : "unknown",
        value);
}

static void use_and_expect(struct story *story, bool forced, char **words, size_t count) {
  struct outcome *outcome = calloc(1, sizeof *outcome);
  if (!outcome)
    abort();
  use(story, outcome, forced, NULL);
  check(story, count > 0, "a use that expects nothing");
  for (size_t i = 0; i < count; i++) {
    char *equals = strchr(words[i], '=');
    if (!equals) {
      check(story, false, "%s: KEY=VALUE expected", words[i]);
      continue;
    }
    *equals = '\0';
    expect(story, outcome, words[i], equals + 1);
  }
  if (outcome->discovery.changed)
    keep(story, &outcome->discovery.entry);
  free(outcome);
}

static void crash(struct story *story, const char *after) {
  struct outcome *outcome = calloc(1, sizeof *outcome);
  if (!outcome)
    abort();
  use(story, outcome, false, after);
  check(story, strstr(outcome->asked, after) != NULL, "%s was not asked", after);
  free(outcome);
}

static bool pass_time(struct world *world, const char *text) {
  char *unit;
  long long amount = strtoll(text, &unit, 10);
  switch (*unit) {
  case 'd':
    amount *= 24; /* fall through */
  case 'h':
    amount *= 60; /* fall through */
  case 'm':
    amount *= 60; /* fall through */
  case 's':
    world->now += amount;
    return unit[1] == '\0';
  default:
    return false;
  }
}

/* Carries out one line. Returns false if it cannot be parsed. */
static bool set_resolver(struct story *story, const char *word) {
  story->settings.resolver_out = strcmp(word, "out") == 0;
  if (strcmp(word, "back") == 0)
    story->settings.resolver_back = story->world.now;
  return story->settings.resolver_out || strcmp(word, "back") == 0;
}

static bool run_line(struct story *story, char *line) {
  struct world *world = &story->world;
  char *command = strtok_r(line, " ", &line);
  char rest[1024];
  snprintf(rest, sizeof rest, "%s", line);
  char *words[WORDS_MAX];
  size_t count = 0;
  for (char *word; count < WORDS_MAX && (word = strtok_r(NULL, " ", &line));)
    words[count++] = word;
  if (strcmp(command, "use") == 0 || strcmp(command, "force") == 0)
    use_and_expect(story, command[0] == 'f', words, count);
  else if (strcmp(command, "forget") == 0 && count == 0) {
    free(story->value);
    story->value = NULL;
  } else if (count == 0)
    return false;
  else if (strcmp(command, "txt") == 0 || strcmp(command, "txt+") == 0)
    return set_txt(world, rest, command[3] == '+');
  else if (strcmp(command, "txt-ttl") == 0)
    world->txt_ttl = (uint32_t)strtoul(words[0], NULL, 10);
  else if (strcmp(command, "mx-ttl") == 0)
    world->mx_ttl = (uint32_t)strtoul(words[0], NULL, 10);
  else if (strcmp(command, "dane-ttl") == 0)
    world->dane_ttl = (uint32_t)strtoul(words[0], NULL, 10);
  else if (strcmp(command, "dnssec") == 0)
    story->settings.dane = strcmp(words[0], "off") != 0;
  else if (strcmp(command, "mx-security") == 0)
    return set_security(world, words[0]);
  else if (strcmp(command, "mx-dane") == 0)
    return set_dane(world, words, count);
  else if (strcmp(command, "https") == 0)
    return set_https(world, rest, words, count);
  else if (strcmp(command, "mx") == 0)
    return set_mx(world, words, count);
  else if (strcmp(command, "override") == 0)
    return set_override(world, words, count);
  else if (strcmp(command, "resolver") == 0)
    return set_resolver(story, words[0]);
  else if (strcmp(command, "clock") == 0)
    story->settings.clock_in_doubt = strcmp(words[0], "in-doubt") == 0;
  else if (strcmp(command, "wait") == 0)
    return pass_time(world, words[0]);
  else if (strcmp(command, "crash") == 0)
    crash(story, words[0]);
  else
    return false;
  return true;
}

static void run_file(struct story *story) {
  FILE *file = fopen(story->file, "re");
  check(story, file != NULL, "cannot be opened");
  if (!file)
    return;
  char *line = NULL;
  size_t size = 0;
  for (story->line = 1; getline(&line, &size, file) > 0; story->line++) {
    line[strcspn(line, "\n")] = '\0';
    if (story->line == 1)
      check(story, line[0] == '#', "the first line must be a comment, the title");
    if (line[0] == '#' || line[0] == '\0')
      continue;
    if (!run_line(story, line))
      check(story, false, "cannot be understood");
  }
  check(story, story->passed > 1, "nothing was checked");
  free(line);
  fclose(file);
}

int main(int argc, char **argv) {
  unsigned passed = 0;
  unsigned failed = 0;
  for (int i = 1; i < argc; i++) {
    struct story *story = calloc(1, sizeof *story);
    if (!story)
      return 1;
    story->file = argv[i];
    story->world.now = START;
    story->world.txt = MTASTS_DNS_NXDOMAIN;
    story->world.mx = MTASTS_MX_NXDOMAIN;
    story->world.mx_security = MTASTS_SECURITY_INSECURE;
    story->world.txt_ttl = story->world.mx_ttl = story->world.dane_ttl = 300;
    story->settings = (struct mtasts_discover_settings){
        .refresh_interval = 86400, .retry_min = 300, .retry_max = 86400};
    run_file(story);
    if (story->failed == 0)
      passed++;
    else
      failed++;
    free(story->value);
    free(story);
  }
  printf("%-28s %u passed, %u failed\n", "scenarios", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
