#include "map_reply.h"

#include <stdio.h>
#include <string.h>

#include "ascii.h"
#include "unit.h"

const char *const unit_name = "daemon/map_reply";

enum {
  NOW = 1767225600
};

static const struct mtasts_domain domain = {.name = "example.com", .len = 11};
static char out[MTASTS_REPLY_MAX];

static bool is(const char *word, const char *name) {
  return strcmp(word, name) == 0;
}

/* What a vector says of the domain. */
struct fixture {
  unsigned char store[256];
  struct mtasts_policy policy;
  struct mtasts_override override;
  struct mtasts_entry entry;
  struct mtasts_map_answer found;
};

/* Packs as a policy's patterns are, whatever is in them. */
static void pack(struct fixture *fixture, const struct unit_field *joined) {
  struct mtasts_names *names = &fixture->policy.mx;
  names->data = fixture->store;
  for (size_t at = 0; at < joined->len;) {
    const char *end = memchr(joined->data + at, '|', joined->len - at);
    size_t len = end ? (size_t)(end - joined->data) - at : joined->len - at;
    fixture->store[names->size] = (unsigned char)len;
    memcpy(fixture->store + names->size + 1, joined->data + at, len);
    names->size += 1 + len;
    names->count++;
    at += len + 1;
  }
}

static bool take_verdict(struct fixture *fixture, const char *word) {
  struct mtasts_decision *decision = &fixture->found.decision;
  for (unsigned i = MTASTS_VERDICT_UNKNOWN; i <= MTASTS_VERDICT_DEFER; i++) {
    if (!is(word, mtasts_verdict_name((enum mtasts_verdict)i)))
      continue;
    decision->verdict = (enum mtasts_verdict)i;
    if (i == MTASTS_VERDICT_ENFORCE || i == MTASTS_VERDICT_TESTING) {
      fixture->policy.mode =
          i == MTASTS_VERDICT_ENFORCE ? MTASTS_MODE_ENFORCE : MTASTS_MODE_TESTING;
      decision->policy = &fixture->policy;
    }
    return true;
  }
  return false;
}

static bool take_circumstance(struct fixture *fixture, const char *word) {
  struct mtasts_decision *decision = &fixture->found.decision;
  for (unsigned i = MTASTS_MODE_NONE; i <= MTASTS_MODE_ENFORCE; i++)
    if (is(word, mtasts_mode_name((enum mtasts_mode)i))) {
      fixture->policy.mode = (enum mtasts_mode)i;
      decision->policy = &fixture->policy;
      return true;
    }
  for (unsigned i = MTASTS_ERROR_POLICY_FETCH; i <= MTASTS_ERROR_RECORD_INVALID; i++)
    if (is(word, mtasts_error_name((enum mtasts_error)i))) {
      fixture->entry.error = (enum mtasts_error)i;
      return true;
    }
  if (!is(word, "override"))
    return false;
  decision->source = MTASTS_SOURCE_OVERRIDE;
  return true;
}

static bool set(struct fixture *fixture, char *words) {
  char *rest;
  char *word = strtok_r(words, " ", &rest);
  bool known = word && take_verdict(fixture, word);
  while (known && (word = strtok_r(NULL, " ", &rest)))
    known = take_circumstance(fixture, word);
  fixture->override = (struct mtasts_override){.policy = fixture->policy, .until = INT64_MAX};
  fixture->override.policy.max_age = 0; /* which is not used */
  fixture->found.domain = &domain;
  fixture->found.text = MTASTS_SPAN("example.com");
  fixture->found.entry = &fixture->entry;
  if (fixture->found.decision.source == MTASTS_SOURCE_OVERRIDE) {
    fixture->found.override = &fixture->override;
    fixture->found.decision.policy = &fixture->override.policy;
  }
  return known;
}

static void compare(unsigned line, const char *what, const struct unit_field *want, size_t size) {
  bool beginning = want->len > 2 && strcmp(want->data + want->len - 2, " *") == 0;
  size_t len = beginning ? want->len - 2 : want->len;
  bool as_wanted = (beginning ? size > len : size == len) && memcmp(out, want->data, len) == 0;
  unit_check(as_wanted, "line %u, %s: '%.*s'", line, what, (int)size, out);
  for (size_t i = 0; i < size; i++)
    unit_check(out[i] >= ' ' && out[i] <= '~', "line %u, %s: byte %d", line, what, out[i]);
}

static void check(unsigned line, const struct unit_field *fields, size_t count) {
  struct fixture fixture = {
      .policy.max_age = 86400,
      .entry.detail = {"SERVFAIL for \x1b", 14},
  };
  struct mtasts_config *config;
  char error[MTASTS_ERROR_TEXT];
  if (count != 6) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  pack(&fixture, &fields[3]);
  bool set_up = set(&fixture, fields[2].data);
  unit_check(set_up, "line %u: no circumstances", line);
  if (mtasts_config_parse((struct mtasts_span){fields[4].data, fields[4].len}, "test", error,
                          &config) != MTASTS_OK) {
    unit_check(false, "line %u: %s", line, error);
    return;
  }
  struct mtasts_span name = {fields[1].data, fields[1].len};
  bool at_ask = mtasts_span_starts(name, MTASTS_SPAN("ask:"));
  if (at_ask)
    name = (struct mtasts_span){name.data + 4, name.len - 4};
  enum mtasts_map map =
      mtasts_map_named(name, at_ask ? MTASTS_SOCKET_ASK : MTASTS_SOCKET_SOCKETMAP);
  compare(line, fields[0].data, &fields[5],
          mtasts_map_reply_write(map, &fixture.found, config, NOW, out));
  mtasts_config_free(config);
}

static void test_table(void) {
  unit_vectors("tests/data/reply.tsv", 150, check);
}

/* An override that ends soon is published for no longer. */
static void test_override_ends(void) {
  static const unsigned char store[] = "\003a.b";
  struct mtasts_config *config;
  char error[MTASTS_ERROR_TEXT];
  struct mtasts_override override = {
      .policy = {.mode = MTASTS_MODE_ENFORCE, .mx = {store, 4, 1}},
      .until = NOW + 1000,
  };
  struct mtasts_map_answer found = {
      .text = MTASTS_SPAN("example.com"), .domain = &domain, .override = &override};
  CU_ASSERT_EQUAL_FATAL(mtasts_config_parse(MTASTS_SPAN(""), "test", error, &config), MTASTS_OK);
  mtasts_map_answer_decide(&found, NOW);
  size_t size = mtasts_map_reply_write(MTASTS_MAP_TLSRPT, &found, config, NOW, out);
  out[size] = '\0';
  unit_check(strstr(out, " { policy_string = max_age: 1000 } ") != NULL, "%s", out);
  mtasts_config_free(config);
}

const struct unit_test unit_tests[] = {
    {"each verdict in each map's words", test_table},
    {"an override is published until its end", test_override_ends},
    {NULL, NULL},
};
