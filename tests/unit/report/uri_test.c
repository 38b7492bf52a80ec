/* What is a URI, and what only looks like one. */
#include "uri.h"

#include "span.h"
#include "unit.h"

const char *const unit_name = "report/uri";

static void test_valid(void) {
  static const char *const texts[] = {
      "https://a.example/",
      "https://a.example",
      "https://a.example:8443/x?y=z#part",
      "mailto:tls@a.example",
      "urn:x",
      "https://[2001:db8::1]/x",
      "https://[2001:db8::1]:443",
      "https://user@a.example/",
      "a+b-c.d:x",
      "https://a.example/%7e%2F",
      "https://a.example/:@",
      "file:///x",
      "https://a.example:/",
      "https://a.example/?#",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    unit_check(mtasts_uri_valid(mtasts_span_of(texts[i])), "%s: refused", texts[i]);
}

static void test_invalid(void) {
  static const char *const texts[] = {
      "",
      ":",
      "x",
      "x:",
      "1x:y",
      "+x:y",
      "https",
      "https://x/%zz[",
      "https://x/%",
      "https://x/%1",
      "https://x/%g0",
      "https://x/[",
      "https://x/]",
      "https://x/[a]",
      "https://x/?[",
      "x:[::1]",
      "https://[::1/",
      "https://[zz]/",
      "https://[]/",
      "https://[::1]x/",
      "https://::1]/",
      "https://[::1]:x/",
      "https://a.example:x/",
      "https://a@b@c/",
      "https://%zz@a.example/",
      "https://%zz/",
      "https://x/#a#b",
      "https://x/a b",
      "https://x/<",
      "https://x/\xc3\xa4",
      "https://x/\\",
      "https://[2001:db8::1%25eth0]/",
      "bad scheme:x",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    unit_check(!mtasts_uri_valid(mtasts_span_of(texts[i])), "%s: accepted", texts[i]);
  CU_ASSERT_FALSE(mtasts_uri_valid((struct mtasts_span){"x:a\0b", 5}));
}

const struct unit_test unit_tests[] = {
    {"URIs", test_valid}, {"texts that are none", test_invalid}, {NULL, NULL}};
