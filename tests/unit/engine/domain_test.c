#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mtasts.h"
#include "unit.h"

const char *const unit_name = "engine/domain";

static void check_vector(unsigned line, const struct unit_field *fields, size_t count) {
  unit_check(count == 3, "line %u: not three fields", line);
  if (count != 3)
    return;
  struct mtasts_domain domain = {.name = "untouched", .len = 9};
  struct mtasts_span text = {fields[1].data, fields[1].len};
  enum mtasts_status status = mtasts_domain_parse(text, &domain);

  char found[sizeof domain.name];
  if (status == MTASTS_OK)
    snprintf(found, sizeof found, "%s", domain.name);
  else
    snprintf(found, sizeof found, "(%s)", mtasts_status_name(status));
  unit_check(strcmp(found, fields[2].data) == 0, "line %u: %s: %s", line, fields[0].data, found);
  unit_check(domain.len == strlen(domain.name), "line %u: %s: length", line, fields[0].data);
  unit_check(status == MTASTS_OK || strcmp(domain.name, "untouched") == 0,
             "line %u: %s: domain written", line, fields[0].data);
}

static void vectors(void) {
  unit_vectors("tests/data/domain.tsv", 60, check_vector);
}

/* The end of the span is the end of the text, whatever follows it. */
static void reads_the_span_alone(void) {
  struct mtasts_domain domain;
  struct mtasts_span text = {"example.com", 9};
  CU_ASSERT_EQUAL(mtasts_domain_parse(text, &domain), MTASTS_OK);
  CU_ASSERT_STRING_EQUAL(domain.name, "example.c");
}

static void no_bytes(void) {
  struct mtasts_domain domain;
  CU_ASSERT_EQUAL(mtasts_domain_parse((struct mtasts_span){NULL, 0}, &domain), MTASTS_INVALID);
}

/* A bare name is read eight bytes at a time, one in brackets byte by byte; the result is the same.
 */
static void both_ways(void) {
  static const char chars[] = "abcdefghijkXYZ0129--__....\x80:/@[`{ ";
  unsigned plain = 0;
  srandom(1);
  for (int i = 0; i < 200000; i++) {
    char text[72] = "[";
    size_t len = 1 + (size_t)random() % 66;
    size_t kinds = i % 2 ? sizeof chars - 1 : 24;
    for (size_t k = 1; k <= len; k++)
      text[k] = chars[(size_t)random() % kinds];
    text[len + 1] = ']';
    struct mtasts_domain one = {.name = "untouched"};
    struct mtasts_domain other = {.name = "untouched"};
    enum mtasts_status status = mtasts_domain_parse((struct mtasts_span){text, len + 2}, &other);
    enum mtasts_status alone = mtasts_domain_parse((struct mtasts_span){text + 1, len}, &one);
    /* What follows a port or begins with a bracket or a dot is another matter in brackets. */
    if (memchr(text + 1, ':', len) || memchr(text + 1, '[', len) || text[1] == '.')
      continue;
    unit_check(alone == status && strcmp(one.name, other.name) == 0 && one.len == other.len,
               "%.*s: %s, %s", (int)len, text + 1, one.name, other.name);
    plain += alone == MTASTS_OK;
  }
  CU_ASSERT(plain > 10000);
}

const struct unit_test unit_tests[] = {
    {"every text of domain.tsv gives the policy domain it says", vectors},
    {"nothing behind the span is read", reads_the_span_alone},
    {"a span without bytes is no domain", no_bytes},
    {"reading by words and by bytes comes to the same", both_ways},
    {NULL, NULL},
};
