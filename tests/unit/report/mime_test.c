#include "mime.h"

#include "ascii.h"
#include "unit.h"

#include <string.h>

const char *const unit_name = "report/mime";

/* a Content-Type, its kind, its boundary */
static void check(unsigned line, const struct unit_field *fields, size_t count) {
  static const char *const kinds[] = {"leaf", "multipart", "message"};
  struct mtasts_mime_type type;
  if (count != 3) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  mtasts_mime_type((struct mtasts_span){fields[0].data, fields[0].len}, &type);
  unit_check(strcmp(kinds[type.kind], fields[1].data) == 0, "line %u: %s is a %s", line,
             fields[0].data, kinds[type.kind]);
  if (type.kind == MTASTS_MIME_MULTIPART)
    unit_check(type.delimiter_len == fields[2].len + 2 && memcmp(type.delimiter, "--", 2) == 0 &&
                   memcmp(type.delimiter + 2, fields[2].data, fields[2].len) == 0,
               "line %u: the delimiter is %.*s", line, (int)type.delimiter_len, type.delimiter);
}

static void types(void) {
  unit_vectors("tests/data/report/mime.tsv", 30, check);
}

static void long_boundary(void) {
  static char text[5000];
  struct mtasts_mime_type type;
  memset(text, 'x', sizeof text);
  memcpy(text, "multipart/mixed; boundary=", 26);
  mtasts_mime_type((struct mtasts_span){text, sizeof text}, &type);
  CU_ASSERT(type.delimiter_len == sizeof type.delimiter);
}

static void encodings(void) {
  static const struct {
    const char *text;
    enum mtasts_mime_encoding encoding;
  } cases[] = {
      {" base64", MTASTS_MIME_BASE64},
      {" BASE64 (really)", MTASTS_MIME_BASE64},
      {"\r\n base64;", MTASTS_MIME_BASE64},
      {" (a comment) \"base64\"", MTASTS_MIME_BASE64},
      {"Quoted-Printable", MTASTS_MIME_QUOTED_PRINTABLE},
      {"7bit", MTASTS_MIME_IDENTITY},
      {"x-uuencode", MTASTS_MIME_IDENTITY},
      {"", MTASTS_MIME_IDENTITY},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    unit_check(mtasts_mime_encoding((struct mtasts_span){cases[i].text, strlen(cases[i].text)}) ==
                   cases[i].encoding,
               "%s", cases[i].text);
}

const struct unit_test unit_tests[] = {
    {"kinds and boundaries of media types", types},
    {"a boundary that is too long is cut", long_boundary},
    {"transfer encodings", encodings},
    {NULL, NULL},
};
