/*
 * Any policy, and the reply of each map for its domain. Replies are read as Postfix reads them
 * (smtp_tls_policy.c): what comes out is what the policy says, and nothing else. The same bytes are
 * then taken for patterns of a damaged cache: their replies need not be right, but say nothing that
 * a host name cannot.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map_reply.h"
#include "mx_list.h"
#include "postfix_reply.h"
#include "span.h"

enum {
  NOW = 1767225600,
  HOSTS = 3,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct mtasts_domain domain = {"example.com", 11};
static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.*";
static char out[MTASTS_REPLY_MAX];

static void require(bool truth) {
  if (!truth)
    abort();
}

static bool is(struct mtasts_span span, const char *text) {
  return mtasts_span_equal(span, (struct mtasts_span){text, strlen(text)});
}

/* reading */

struct attribute {
  struct mtasts_span name, value;
};

/* The next of the tokens that commas and white space separate and braces keep together. */
static bool next_token(struct mtasts_span *rest, struct mtasts_span *token) {
  while (rest->len > 0 && strchr(", \t\r\n", rest->data[0]))
    mtasts_span_drop(rest, 1);
  size_t len = 0;
  for (int depth = 0; len < rest->len; len++) {
    char c = rest->data[len];
    depth += (c == '{') - (c == '}');
    if (depth <= 0 && strchr(", \t\r\n", c))
      break;
  }
  *token = (struct mtasts_span){rest->data, len};
  mtasts_span_drop(rest, len);
  return len > 0;
}

static void strip(struct mtasts_span *text) {
  mtasts_span_skip_wsp(text);
  mtasts_span_trim_wsp(text);
}

static bool next_attribute(struct mtasts_span *rest, struct attribute *attribute) {
  struct mtasts_span token;
  if (!next_token(rest, &token))
    return false;
  if (mtasts_span_take(&token, '{')) {
    require(token.data[token.len - 1] == '}');
    token.len--;
  }
  require(mtasts_span_cut(&token, '=', &attribute->name));
  attribute->value = token;
  strip(&attribute->name);
  strip(&attribute->value);
  return true;
}

/* replies for a policy */

/* Postfix's words for names of its own choice. */
static bool is_keyword(struct mtasts_span name) {
  return is(name, "hostname") || is(name, "nexthop") || is(name, "dot-nexthop");
}

/* Takes the next pattern off the front of the value and of the policy: they must be the same. */
static void take_pattern(const struct mtasts_names *patterns, size_t *cursor,
                         struct mtasts_span value, bool starless) {
  struct mtasts_span pattern;
  require(mtasts_names_next(patterns, cursor, &pattern));
  if (starless)
    mtasts_span_take(&pattern, '*');
  require(mtasts_span_equal(pattern, value));
}

static void check_match(const struct mtasts_names *patterns, struct mtasts_span list,
                        enum mtasts_map map) {
  size_t cursor = 0;
  bool more;
  if (map == MTASTS_MAP_STS)
    require(list.len <= MTASTS_SENDMAIL_MATCH_MAX);
  do {
    struct mtasts_span one;
    more = mtasts_span_cut(&list, ':', &one);
    struct mtasts_span pattern = {NULL, 0};
    require(!is_keyword(one));
    /* Sendmail may get fewer names, in the order of the hosts. */
    if (map != MTASTS_MAP_STS) {
      take_pattern(patterns, &cursor, one, true);
      continue;
    }
    for (cursor = 0; mtasts_names_next(patterns, &cursor, &pattern);) {
      mtasts_span_take(&pattern, '*');
      if (mtasts_span_equal(pattern, one))
        break;
      pattern.data = NULL;
    }
    require(pattern.data != NULL);
  } while (more);
  require(map == MTASTS_MAP_STS || cursor == patterns->size);
}

/* The value of the n-th policy_string. */
static void check_string(const struct mtasts_policy *policy, size_t n, struct mtasts_span value,
                         size_t *cursor) {
  char text[64];
  if (n == 0) {
    require(is(value, "version: STSv1"));
  } else if (n == 1) {
    snprintf(text, sizeof text, "mode: %s", mtasts_mode_name(policy->mode));
    require(is(value, text));
  } else if (n == 2) {
    snprintf(text, sizeof text, "max_age: %u", policy->max_age);
    require(is(value, text));
  } else {
    require(mtasts_span_starts(value, MTASTS_SPAN("mx: ")));
    mtasts_span_drop(&value, 4);
    take_pattern(&policy->mx, cursor, value, false);
  }
}

static void check_attributes(const struct mtasts_policy *policy, struct mtasts_span rest,
                             enum mtasts_map map, bool secure) {
  struct attribute attribute;
  size_t matches = 0;
  size_t names = 0;
  size_t types = 0;
  size_t domains = 0;
  size_t strings = 0;
  size_t patterns = 0;
  size_t pattern_cursor = 0;
  size_t string_cursor = 0;
  while (next_attribute(&rest, &attribute)) {
    if (is(attribute.name, "match")) {
      check_match(&policy->mx, attribute.value, map);
      matches++;
    } else if (is(attribute.name, "servername")) {
      require(is(attribute.value, "hostname") && matches == 1);
      names++;
    } else if (is(attribute.name, "policy_type")) {
      require(is(attribute.value, "sts"));
      types++;
    } else if (is(attribute.name, "policy_domain")) {
      require(is(attribute.value, domain.name));
      domains++;
    } else if (is(attribute.name, "mx_host_pattern")) {
      take_pattern(&policy->mx, &pattern_cursor, attribute.value, false);
      patterns++;
    } else {
      require(is(attribute.name, "policy_string"));
      check_string(policy, strings++, attribute.value, &string_cursor);
    }
  }
  size_t reports = map == MTASTS_MAP_TLSRPT;
  require(matches == secure && names == secure && types == reports && domains == reports);
  require(patterns == reports * policy->mx.count);
  require(strings == 0 || strings == 3 + policy->mx.count);
}

static void check_decision(const struct mtasts_policy *policy, struct mtasts_span reply) {
  json_t *root = json_loadb(reply.data + 3, reply.len - 3, JSON_REJECT_DUPLICATES, NULL);
  const json_t *mx = json_object_get(json_object_get(root, "policy"), "mx");
  require(json_array_size(mx) == policy->mx.count);
  size_t cursor = 0;
  for (size_t i = 0; i < json_array_size(mx); i++) {
    const json_t *one = json_array_get(mx, i);
    struct mtasts_span value = {json_string_value(one), json_string_length(one)};
    take_pattern(&policy->mx, &cursor, value, false);
  }
  json_decref(root);
}

/* May the policy be kept from the MTA: it has a name that is a word of Postfix's, or too many? */
static bool is_unfit(const struct mtasts_policy *policy, enum mtasts_map map) {
  struct mtasts_span pattern;
  for (size_t cursor = 0; mtasts_names_next(&policy->mx, &cursor, &pattern);)
    if (is_keyword(pattern))
      return true;
  size_t size = policy->mx.size;
  if (map == MTASTS_MAP_STS)
    return size > MTASTS_SENDMAIL_MATCH_MAX;
  return map == MTASTS_MAP_TLSRPT &&
         2 * size + 18 * policy->mx.count > MTASTS_POSTFIX_REPLY_MAX - 200;
}

static void check_reply(const struct mtasts_policy *policy, struct mtasts_span reply,
                        enum mtasts_map map, bool may) {
  struct mtasts_span level;
  require(reply.len > 0 &&
          reply.len <= (map == MTASTS_MAP_DECISION ? MTASTS_REPLY_MAX : MTASTS_POSTFIX_REPLY_MAX));
  for (size_t i = 0; i < reply.len; i++)
    require(reply.data[i] >= ' ' && reply.data[i] <= '~');
  bool reported = policy->mode == MTASTS_MODE_TESTING && may && map == MTASTS_MAP_TLSRPT;
  if (is(reply, "NOTFOUND ")) {
    require(policy->mode != MTASTS_MODE_ENFORCE);
    require(!reported || is_unfit(policy, map));
  } else if (mtasts_span_starts(reply, MTASTS_SPAN("TEMP "))) {
    require(policy->mode == MTASTS_MODE_ENFORCE && reply.len <= 1024 && is_unfit(policy, map));
  } else {
    require(mtasts_span_starts(reply, MTASTS_SPAN("OK ")) && reply.len > 3);
    if (map == MTASTS_MAP_DECISION) {
      check_decision(policy, reply);
      return;
    }
    mtasts_span_drop(&reply, 3);
    require(next_token(&reply, &level));
    require(is(level, reported ? "may" : "secure"));
    require(reported || policy->mode == MTASTS_MODE_ENFORCE);
    check_attributes(policy, reply, map, !reported);
  }
}

/* asking */

static struct mtasts_span reply_to(struct mtasts_entry *entry, enum mtasts_map map,
                                   enum mtasts_plain_level level) {
  struct mtasts_config config = {.socketmap.plain_level = level};
  struct mtasts_map_answer found = {
      .text = MTASTS_SPAN("example.com"),
      .domain = &domain,
      .entry = entry,
      .freshness = MTASTS_FETCHED,
  };
  mtasts_map_answer_decide(&found, NOW);
  return (struct mtasts_span){out, mtasts_map_reply_write(map, &found, &config, NOW, out)};
}

/* A few hosts that the policy lists. */
static void find_hosts(struct mtasts_entry *entry, unsigned char *store) {
  char names[HOSTS][MTASTS_DOMAIN_MAX];
  struct mtasts_mx_host hosts[HOSTS];
  struct mtasts_span pattern;
  size_t count = 0;
  for (size_t at = 0; count < HOSTS && mtasts_names_next(&entry->policy.mx, &at, &pattern);) {
    memcpy(names[count], pattern.data, pattern.len);
    if (names[count][0] == '*')
      names[count][0] = 'x';
    hosts[count] = (struct mtasts_mx_host){.host = {names[count], pattern.len}};
    count++;
  }
  mtasts_mx_list_pack(hosts, count, store, &entry->mx);
}

static const enum mtasts_map maps[] = {MTASTS_MAP_POSTFIX, MTASTS_MAP_TLSRPT, MTASTS_MAP_STS,
                                       MTASTS_MAP_DECISION};

static void check_policy(struct mtasts_span body) {
  static unsigned char hosts[MTASTS_MX_LIST_MAX];
  unsigned char *store = malloc(body.len + 1);
  struct mtasts_entry entry = {.has_policy = true, .record = MTASTS_RECORD_VALID};
  require(store != NULL);
  if (mtasts_policy_parse(body, store, &entry.policy, NULL) == MTASTS_OK) {
    entry.expires = NOW + entry.policy.max_age;
    find_hosts(&entry, hosts);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
      for (unsigned level = MTASTS_PLAIN_DEFAULT; level <= MTASTS_PLAIN_MAY; level++)
        check_reply(&entry.policy, reply_to(&entry, maps[i], level), maps[i],
                    level == MTASTS_PLAIN_MAY);
  }
  free(store);
}

/* Of each attribute that holds names, the characters. */
static void check_characters(struct mtasts_span reply) {
  struct attribute attribute;
  struct mtasts_span level;
  if (!mtasts_span_starts(reply, MTASTS_SPAN("OK ")))
    return;
  mtasts_span_drop(&reply, 3);
  require(next_token(&reply, &level) && (is(level, "secure") || is(level, "may")));
  while (next_attribute(&reply, &attribute)) {
    struct mtasts_span value = attribute.value;
    if (is(attribute.name, "policy_string")) {
      if (!mtasts_span_starts(value, MTASTS_SPAN("mx: ")))
        continue;
      mtasts_span_drop(&value, 4);
    } else {
      require(is(attribute.name, "match") || is(attribute.name, "servername") ||
              is(attribute.name, "policy_type") || is(attribute.name, "policy_domain") ||
              is(attribute.name, "mx_host_pattern"));
    }
    for (size_t i = 0; i < value.len; i++)
      require(value.data[i] != '\0' && (strchr(name_chars, value.data[i]) ||
                                        (value.data[i] == ':' && is(attribute.name, "match"))));
  }
}

static void check_damaged(const uint8_t *data, size_t size) {
  struct mtasts_entry entry = {
      .has_policy = true,
      .policy = {.mode = MTASTS_MODE_ENFORCE, .max_age = 1, .mx = {data, size, 1}},
  };
  for (unsigned mode = MTASTS_MODE_TESTING; mode <= MTASTS_MODE_ENFORCE; mode++) {
    entry.policy.mode = mode;
    for (size_t i = 0; i < 3; i++)
      check_characters(reply_to(&entry, maps[i], MTASTS_PLAIN_MAY));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  check_policy((struct mtasts_span){(const char *)data, size});
  check_damaged(data, size);
  return 0;
}
