#include <string.h>

#include "mtasts.h"
#include "unit.h"

const char *const unit_name = "engine/mx";

/* Packs names that a space separates; returns their number. */
static struct mtasts_names pack(const char *text, unsigned char *store) {
  struct mtasts_names names = {.data = store};
  while (*text) {
    size_t len = strcspn(text, " ");
    store[names.size] = (unsigned char)len;
    memcpy(store + names.size + 1, text, len);
    names.size += 1 + len;
    names.count++;
    text += len + (text[len] == ' ');
  }
  return names;
}

static void check_match(unsigned line, const struct unit_field *fields, size_t count) {
  unit_check(count == 4, "line %u: not four fields", line);
  if (count != 4)
    return;
  unsigned char store[1024];
  struct mtasts_names patterns = pack(fields[1].data, store);
  struct mtasts_span host = {fields[2].data, fields[2].len};
  struct mtasts_span found = mtasts_mx_match(&patterns, host);
  const char *expected = fields[3].data;
  bool ok = found.data ? found.len == strlen(expected) && !memcmp(found.data, expected, found.len)
                       : strcmp(expected, "-") == 0;
  unit_check(ok, "line %u: %s: %.*s", line, fields[0].data, (int)found.len,
             found.data ? found.data : "");
}

static void match_vectors(void) {
  unit_vectors("tests/data/match.tsv", 40, check_match);
}

static void match_of_long_hosts(void) {
  unsigned char store[1024];
  char host[300];
  memset(host, 'a', sizeof host);
  struct mtasts_names patterns = pack("*.example.com", store);
  memcpy(host + 300 - 12, ".example.com", 12);
  for (size_t len = 240; len <= 300; len++) {
    struct mtasts_span name = {host + 300 - len, len};
    CU_ASSERT_EQUAL(mtasts_mx_match(&patterns, name).data != NULL, len <= MTASTS_DOMAIN_MAX);
  }
}

/* policy.tsv has the rest of the grammar. */
static void patterns(void) {
  static const struct {
    const char *text;
    const char *pattern; /* "" if there is none */
  } vectors[] = {
      {"mx.example.com", "mx.example.com"},
      {"MX.EXAMPLE.COM.", "mx.example.com"},
      {"*.Example.com", "*.example.com"},
      {"*.com.", "*.com"},
      {"x", "x"},
      {"", ""},
      {".", ""},
      {"*", ""},
      {"*.", ""},
      {"x..", ""},
      {" x", ""},
      {"x ", ""},
      {"192.0.2.1", ""},
      {"a_b.example", ""},
  };
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    char out[MTASTS_DOMAIN_MAX] = "untouched";
    const char *expected = vectors[i].pattern;
    struct mtasts_span text = {vectors[i].text, strlen(vectors[i].text)};
    size_t len = mtasts_mx_pattern(text, out);
    unit_check(len == strlen(expected), "%s: length %zu", vectors[i].text, len);
    if (len == 0)
      expected = "untouched";
    unit_check(memcmp(out, expected, strlen(expected)) == 0, "%s: text", vectors[i].text);
  }
}

static size_t steps(const unsigned char *data, size_t size) {
  struct mtasts_names names = {.data = data, .size = size, .count = 9};
  struct mtasts_span name;
  size_t cursor = 0;
  size_t count = 0;
  while (mtasts_names_next(&names, &cursor, &name))
    count++;
  CU_ASSERT_FALSE(mtasts_names_next(&names, &cursor, &name));
  return count;
}

static void names_stop_at_the_first_bad_byte(void) {
  CU_ASSERT_EQUAL(steps(NULL, 0), 0);
  CU_ASSERT_EQUAL(steps((const unsigned char *)"\1a\2bc", 5), 2);
  CU_ASSERT_EQUAL(steps((const unsigned char *)"\1a\2b", 4), 1);   /* cut short */
  CU_ASSERT_EQUAL(steps((const unsigned char *)"\1a\2", 3), 1);    /* a length alone */
  CU_ASSERT_EQUAL(steps((const unsigned char *)"\1a\0\1b", 5), 1); /* an empty name */
  unsigned char longest[1 + 254] = {253};
  CU_ASSERT_EQUAL(steps(longest, 1 + 253), 1);
  longest[0] = 254; /* longer than any domain name */
  CU_ASSERT_EQUAL(steps(longest, 1 + 254), 0);
}

const struct unit_test unit_tests[] = {
    {"every host of match.tsv meets the pattern it says", match_vectors},
    {"a host longer than a domain name matches nothing", match_of_long_hosts},
    {"a pattern is validated and written in lower case", patterns},
    {"a list of names is read up to its first bad byte", names_stop_at_the_first_bad_byte},
    {NULL, NULL},
};
