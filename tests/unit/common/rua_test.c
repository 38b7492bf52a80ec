#include "rua.h"

#include <string.h>

#include "ascii.h"
#include "unit.h"

const char *const unit_name = "common/rua";

static const char *kind_name(enum mtasts_rua_kind kind) {
  static const char *const names[] = {"unusable", "mailto", "https"};
  return names[kind];
}

static void check_vector(unsigned line, const struct unit_field *fields, size_t count) {
  unit_check(count == 4, "line %u: not four fields", line);
  if (count != 4)
    return;
  struct mtasts_rua rua;
  mtasts_rua_parse((struct mtasts_span){fields[3].data, fields[3].len}, &rua);
  const char *name = fields[0].data;
  const char *expected = fields[2].data;
  bool refused = rua.kind == MTASTS_RUA_UNUSABLE && rua.meant != MTASTS_RUA_UNUSABLE;
  unit_check(strcmp(refused ? "refused" : kind_name(rua.kind), fields[1].data) == 0,
             "line %u: %s: %s (%s)", line, name, kind_name(rua.kind),
             rua.why ? rua.why : rua.target);
  if (rua.kind == MTASTS_RUA_UNUSABLE) {
    unit_check(rua.why && strstr(rua.why, expected), "line %u: %s: why: %s", line, name, rua.why);
    unit_check(rua.target[0] == '\0', "line %u: %s: target written", line, name);
    return;
  }
  unit_check(!rua.why, "line %u: %s: why: %s", line, name, rua.why);
  unit_check(strcmp(rua.target, expected) == 0, "line %u: %s: %s", line, name, rua.target);
  unit_check(strstr(rua.target, rua.domain.name) != NULL, "line %u: %s: domain", line, name);
}

static void vectors(void) {
  unit_vectors("tests/data/rua.tsv", 100, check_vector);
}

/* The longest URI, and one byte more. */
static void bound(void) {
  char uri[MTASTS_RUA_MAX + 2] = "https://b.example?";
  struct mtasts_rua rua;
  memset(uri + strlen(uri), 'a', sizeof uri - strlen(uri));
  mtasts_rua_parse((struct mtasts_span){uri, MTASTS_RUA_MAX}, &rua);
  CU_ASSERT_EQUAL(rua.kind, MTASTS_RUA_HTTPS);
  CU_ASSERT_EQUAL(strlen(rua.target), MTASTS_RUA_MAX + 1);
  mtasts_rua_parse((struct mtasts_span){uri, MTASTS_RUA_MAX + 1}, &rua);
  CU_ASSERT_EQUAL(rua.kind, MTASTS_RUA_UNUSABLE);
}

static void every_byte(void) {
  for (unsigned byte = 0; byte < 256; byte++) {
    char uri[] = "mailto:aXb@c.example";
    uri[8] = (char)byte;
    struct mtasts_rua rua;
    mtasts_rua_parse(mtasts_span_of(uri), &rua);
    bool text = mtasts_is_alnum((char)byte) || (byte != 0 && strchr("$&'*+-=_~.", (int)byte));
    if (byte != '?' && byte != '#')
      unit_check((rua.kind == MTASTS_RUA_MAILTO) == text, "byte %u: %d", byte, (int)rua.kind);
  }
}

const struct unit_test unit_tests[] = {
    {"every URI of rua.tsv is read as it says", vectors},
    {"a URI has a bound", bound},
    {"every byte in a local part", every_byte},
    {NULL, NULL},
};
