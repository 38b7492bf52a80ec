#include "netstring.h"

#include "ascii.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

const char *const unit_name = "common/netstring";

static const char *const words[] = {"whole", "part", "bad"};

/* bytes, most, what it is, payload, rest */
static void check_text(unsigned line, const struct unit_field *fields, size_t count) {
  struct mtasts_span payload = {NULL, 0};
  size_t used = 0;
  if (count != 3 && count != 5) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  struct mtasts_span bytes = {fields[0].data, fields[0].len};
  size_t max = strtoull(fields[1].data, NULL, 10);
  enum mtasts_netstring read = mtasts_netstring_read(bytes, max, &payload, &used);
  unit_check(strcmp(words[read], fields[2].data) == 0, "line %u: %s", line, words[read]);
  if (read != MTASTS_NETSTRING_WHOLE || count != 5) {
    unit_check(!payload.data && used == 0, "line %u: written all the same", line);
    return;
  }
  struct mtasts_span rest = {bytes.data + used, bytes.len - used};
  unit_check(mtasts_span_equal(payload, (struct mtasts_span){fields[3].data, fields[3].len}),
             "line %u: payload %.*s", line, (int)payload.len, payload.data);
  unit_check(mtasts_span_equal(rest, (struct mtasts_span){fields[4].data, fields[4].len}),
             "line %u: rest %.*s", line, (int)rest.len, rest.data);
}

static void texts(void) {
  unit_vectors("tests/data/netstring.tsv", 45, check_text);
}

/* Sizes around every number of digits: what was framed is read, and is part until its comma. */
static void frames(void) {
  const size_t size_max = MTASTS_NETSTRING_MAX;
  char *room = malloc(MTASTS_NETSTRING_HEAD + size_max + 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(room);
  memset(room, '7', MTASTS_NETSTRING_HEAD + size_max + 1);
  for (size_t ten = 1; ten <= size_max + 1; ten *= 10) {
    for (size_t size = ten - 1; size <= ten && size <= size_max; size++) {
      char *start = room + MTASTS_NETSTRING_HEAD;
      struct mtasts_span whole = mtasts_netstring_frame(start, size);
      struct mtasts_span payload;
      size_t used = 0;
      unit_check(mtasts_netstring_read(whole, size, &payload, &used) == MTASTS_NETSTRING_WHOLE &&
                     payload.data == start && payload.len == size && used == whole.len,
                 "%zu: not read back", size);
      whole.len--;
      unit_check(mtasts_netstring_read(whole, size, &payload, &used) == MTASTS_NETSTRING_PART,
                 "%zu: whole without its comma", size);
      start[size] = '7';
    }
  }
  free(room);
}

static void requests(void) {
  const struct {
    struct mtasts_span payload;
    const char *map; /* NULL: none */
    const char *key;
  } cases[] = {
      {MTASTS_SPAN("postfix example.com"), "postfix", "example.com"},
      {MTASTS_SPAN("QUERY [mail.example.com]:587"), "QUERY", "[mail.example.com]:587"},
      {MTASTS_SPAN("import {\"a\": 1}"), "import", "{\"a\": 1}"},
      {MTASTS_SPAN("m  two"), "m", " two"},
      {MTASTS_SPAN("m "), "m", ""},
      {MTASTS_SPAN("postfix"), NULL, NULL},
      {MTASTS_SPAN(" example.com"), NULL, NULL},
      {MTASTS_SPAN(" "), NULL, NULL},
      {{NULL, 0}, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct mtasts_request request = {{NULL, 0}, {NULL, 0}};
    bool read = mtasts_request_read(cases[i].payload, &request);
    if (!cases[i].map)
      unit_check(!read && !request.map.data, "case %zu: read", i);
    else
      unit_check(read && request.map.len == strlen(cases[i].map) &&
                     memcmp(request.map.data, cases[i].map, request.map.len) == 0 &&
                     request.key.len == strlen(cases[i].key) &&
                     memcmp(request.key.data, cases[i].key, request.key.len) == 0,
                 "case %zu: not read as %s and %s", i, cases[i].map, cases[i].key);
  }
}

const struct unit_test unit_tests[] = {
    {"bytes: whole, part or bad, and no more is used than the netstring", texts},
    {"a frame of any size is read back", frames},
    {"requests: a map, a space and the key", requests},
    {NULL, NULL}};
