#include "mx_match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mx_list.h"
#include "unit.h"

const char *const unit_name = "engine/mx_match";

static unsigned char pattern_store[MTASTS_POLICY_MAX];
static unsigned char host_store[MTASTS_MX_LIST_MAX];
static struct mtasts_names patterns;
static struct mtasts_mx_list hosts;

static void begin(void) {
  patterns = (struct mtasts_names){.data = pattern_store};
  hosts = (struct mtasts_mx_list){.data = host_store};
}

static bool add_pattern(const char *text) {
  size_t len = strlen(text);
  if (patterns.size + 1 + len > sizeof pattern_store)
    return false;
  pattern_store[patterns.size] = (unsigned char)len;
  memcpy(pattern_store + patterns.size + 1, text, len);
  patterns.size += 1 + len;
  patterns.count++;
  return true;
}

static void add_host(const char *text) {
  size_t len = strlen(text);
  unsigned char *entry = host_store + hosts.size;
  memset(entry, 0, 3);
  entry[3] = (unsigned char)len;
  memcpy(entry + 4, text, len);
  hosts.size += 4 + len;
  hosts.count++;
}

/* Each host has what it would have by itself. */
static void check(const char *what) {
  struct mtasts_span found[MTASTS_MX_HOSTS_MAX];
  struct mtasts_mx_host mx;
  size_t matched = mtasts_mx_match_all(&patterns, &hosts, found);
  size_t n = 0;
  for (size_t cursor = 0; mtasts_mx_next(&hosts, &cursor, &mx); n++) {
    struct mtasts_span expected = mtasts_mx_match(&patterns, mx.host);
    unit_check(found[n].data == expected.data, "%s: %.*s: %.*s, not %.*s", what, (int)mx.host.len,
               mx.host.data, (int)found[n].len, found[n].data ? found[n].data : "",
               (int)expected.len, expected.data ? expected.data : "");
    matched -= found[n].data != NULL;
  }
  CU_ASSERT_EQUAL(n, hosts.count);
  CU_ASSERT_EQUAL(matched, 0);
}

/* Short names of few letters, so that there are many matches. */
static const char *random_name(unsigned *seed, bool wildcard) {
  static char name[32];
  size_t len = 0;
  unsigned labels = 1 + (unsigned)rand_r(seed) % 3;
  if (wildcard)
    name[len++] = '*', name[len++] = '.';
  for (unsigned i = 0; i < labels; i++) {
    if (i > 0)
      name[len++] = '.';
    for (int letters = 1 + rand_r(seed) % 2; letters > 0; letters--)
      name[len++] = (char)('a' + rand_r(seed) % 2);
  }
  name[len] = '\0';
  return name;
}

static void test_like_one_by_one(void) {
  unsigned seed = 1;
  for (int round = 0; round < 300; round++) {
    char what[32];
    snprintf(what, sizeof what, "round %d", round);
    begin();
    for (int i = rand_r(&seed) % 40; i > 0; i--)
      add_pattern(random_name(&seed, rand_r(&seed) % 2));
    for (int i = rand_r(&seed) % MTASTS_MX_HOSTS_MAX; i >= 0; i--)
      add_host(random_name(&seed, false));
    check(what);
  }
}

/* The largest policy and all hosts, of one length, so that the length distinguishes none. */
static void largest(bool wildcard, bool same) {
  char text[32];
  begin();
  for (int i = 0; i < MTASTS_MX_HOSTS_MAX; i++) {
    snprintf(text, sizeof text, same ? "m%05d.mail.example" : "mx.m%05d.example", i);
    add_host(text);
  }
  for (int i = 99999; i > 0; i--) {
    snprintf(text, sizeof text, "%sm%05d.%s", wildcard ? "*." : "mx.", i, "example");
    if (same)
      snprintf(text, sizeof text, "*.mail.example");
    if (!add_pattern(text))
      break;
  }
}

static void test_largest(void) {
  largest(true, false);
  check("wildcards of one length");
  largest(false, false);
  check("names of one length");
  largest(true, true);
  check("one pattern, thousands of times");
}

/* One by one these are 500,000 comparisons and more; the time is of the processor, and its bound
 * allows for a sanitizer. */
static void test_cost(void) {
  struct mtasts_span found[MTASTS_MX_HOSTS_MAX];
  for (int kind = 0; kind < 3; kind++) {
    largest(kind > 0, kind > 1);
    clock_t began = clock();
    for (int i = 0; i < 10; i++)
      mtasts_mx_match_all(&patterns, &hosts, found);
    double all = (double)(clock() - began) / 10;
    struct mtasts_mx_host mx;
    began = clock();
    for (size_t cursor = 0; mtasts_mx_next(&hosts, &cursor, &mx);)
      found[0] = mtasts_mx_match(&patterns, mx.host);
    double each = (double)(clock() - began);
    unit_check(kind == 2 || all < each / 2, "kind %d: %.0f us, one by one %.0f us", kind, all,
               each);
    unit_check(all < 0.02 * CLOCKS_PER_SEC, "kind %d: %.0f us", kind, all);
  }
}

const struct unit_test unit_tests[] = {
    {"as one by one", test_like_one_by_one},
    {"the largest policy and all hosts", test_largest},
    {"at a small cost", test_cost},
    {NULL, NULL},
};
