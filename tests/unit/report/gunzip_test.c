#include "gunzip.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

const char *const unit_name = "report/gunzip";

enum {
  SIZE = 200000,
};

/* Adds one member with the text after `used` bytes of out; returns the new number of bytes. */
static size_t add_member(char *out, size_t used, const char *text, size_t len) {
  z_stream stream = {0};
  deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = (z_const Bytef *)(uintptr_t)text;
  stream.avail_in = (uInt)len;
  stream.next_out = (Bytef *)out + used;
  stream.avail_out = (uInt)(SIZE - used);
  deflate(&stream, Z_FINISH);
  used = SIZE - stream.avail_out;
  deflateEnd(&stream);
  return used;
}

static enum mtasts_gunzip inflate_text(const char *bytes, size_t len, size_t max, char **out,
                                       size_t *size) {
  uint64_t work = 0;
  *out = NULL;
  return mtasts_gunzip((struct mtasts_span){bytes, len}, max, out, size, &work);
}

static void check(const char *what, const char *bytes, size_t len, size_t max,
                  enum mtasts_gunzip expected, const char *text) {
  char *out;
  size_t size = 0;
  enum mtasts_gunzip status = inflate_text(bytes, len, max, &out, &size);
  unit_check(status == expected, "%s: status %d, not %d", what, status, expected);
  if (status == MTASTS_GUNZIP_OK && text)
    unit_check(size == strlen(text) && memcmp(out, text, size) == 0, "%s: %zu bytes", what, size);
  unit_check((status == MTASTS_GUNZIP_OK) == (out != NULL), "%s: memory is given on success only",
             what);
  free(out);
}

static char zipped[SIZE];

static void members(void) {
  size_t one = add_member(zipped, 0, "hello ", 6);
  size_t two = add_member(zipped, one, "world", 5);
  check("one member", zipped, one, 100, MTASTS_GUNZIP_OK, "hello ");
  check("two members", zipped, two, 100, MTASTS_GUNZIP_OK, "hello world");
  memcpy(zipped + two, "\r\nrubbish", 9);
  check("rubbish behind", zipped, two + 9, 100, MTASTS_GUNZIP_OK, "hello world");
  check("a second member cut short", zipped, two - 3, 100, MTASTS_GUNZIP_CUT, NULL);
  check("an empty member", zipped, add_member(zipped, 0, "", 0), 100, MTASTS_GUNZIP_OK, "");
}

static void cut_anywhere(void) {
  size_t len = add_member(zipped, 0, "hello world, hello world", 24);
  for (size_t i = 2; i < len; i++)
    check("cut", zipped, i, 100, MTASTS_GUNZIP_CUT, NULL);
}

static void damaged(void) {
  size_t len = add_member(zipped, 0, "hello world, hello world", 24);
  zipped[len - 6] ^= 1; /* of the checksum */
  check("wrong checksum", zipped, len, 100, MTASTS_GUNZIP_DAMAGED, NULL);
  zipped[len - 6] ^= 1;
  zipped[2] = 1; /* no method of RFC 1952 */
  check("wrong method", zipped, len, 100, MTASTS_GUNZIP_DAMAGED, NULL);
}

static void bound(void) {
  static char zeros[100000];
  size_t len = add_member(zipped, 0, zeros, sizeof zeros);
  check("just as large", zipped, len, sizeof zeros, MTASTS_GUNZIP_OK, NULL);
  check("one byte too large", zipped, len, sizeof zeros - 1, MTASTS_GUNZIP_TOO_LARGE, NULL);
  check("far too large", zipped, len, 10, MTASTS_GUNZIP_TOO_LARGE, NULL);
}

const struct unit_test unit_tests[] = {
    {"members follow one another", members},
    {"a stream cut short is refused, wherever", cut_anywhere},
    {"damage is found", damaged},
    {"no more than max bytes", bound},
    {NULL, NULL},
};
