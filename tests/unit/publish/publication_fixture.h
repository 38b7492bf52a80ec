/*
 * publication_fixture.h: a publication, and what a function writes of it, for the tests of texts.
 */
#ifndef PUBLICATION_FIXTURE_H
#define PUBLICATION_FIXTURE_H

#include "publication.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const fixture_mx[] = {"mx.example.com", "*.mail.example.com"};

static inline struct mtasts_publication fixture_publication(void) {
  return (struct mtasts_publication){
      .domain = "example.com",
      .mode = MTASTS_MODE_TESTING,
      .max_age = 604800,
      .mx = {fixture_mx, 2},
      .id = "20260101T000000000000",
      .ttl = 3600,
      .web_root = "/srv/example.com/www",
      .certificate = "/c/{host}.pem",
      .key = "/k/{host}/{host}.key",
      .begins = 1767225600, /* 2026-01-01 */
  };
}

typedef void fixture_write_fn(FILE *stream, const struct mtasts_publication *publication);

/* The caller frees the text. */
static inline char *fixture_text(fixture_write_fn *write,
                                 const struct mtasts_publication *publication) {
  static char *text; /* on the stack, gcc 12 would take the text itself for a local */
  static size_t size;
  FILE *stream = open_memstream(&text, &size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
  write(stream, publication);
  fclose(stream);
  return text;
}

static inline bool fixture_has(fixture_write_fn *write,
                               const struct mtasts_publication *publication, const char *words) {
  char *text = fixture_text(write, publication);
  bool has = strstr(text, words) != NULL;
  free(text);
  return has;
}

#endif
