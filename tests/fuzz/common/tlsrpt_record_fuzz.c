/* The input is a set of TXT records, a line each. What a record yields is within its bounds, and a
 * usable target is read again as itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "tlsrpt_record.h"

enum {
  RECORDS_MAX = 16
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
  if (!ok)
    abort();
}

static size_t split(const char *text, size_t size, struct mtasts_span *txt) {
  size_t count = 0;
  while (size > 0 && count < RECORDS_MAX) {
    const char *end = memchr(text, '\n', size);
    size_t len = end ? (size_t)(end - text) : size;
    txt[count++] = (struct mtasts_span){text, len};
    len += end != NULL;
    text += len;
    size -= len;
  }
  return count;
}

static void check_rua(struct mtasts_span uri) {
  static struct mtasts_rua rua;
  static struct mtasts_rua again;
  mtasts_rua_parse(uri, &rua);
  require((rua.kind == MTASTS_RUA_UNUSABLE) == (rua.why != NULL));
  require(rua.kind == MTASTS_RUA_UNUSABLE || rua.kind == rua.meant);
  require(strlen(rua.target) < sizeof rua.target);
  for (const char *at = rua.target; *at; at++)
    require(mtasts_is_visible(*at) && *at != '|');
  if (rua.kind == MTASTS_RUA_MAILTO) {
    struct mtasts_addr_spec address;
    require(mtasts_addr_spec_parse(mtasts_span_of(rua.target), &address) == NULL);
    require(strcmp(address.text, rua.target) == 0 && strchr(rua.target, '/') == NULL);
  }
  if (rua.kind == MTASTS_RUA_HTTPS && strlen(rua.target) <= MTASTS_RUA_MAX) {
    mtasts_rua_parse(mtasts_span_of(rua.target), &again);
    require(again.kind == rua.kind && strcmp(again.target, rua.target) == 0);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mtasts_span txt[RECORDS_MAX];
  size_t count = split((const char *)data, size, txt);
  struct mtasts_tlsrpt_record record;
  mtasts_tlsrpt_record_parse(txt, count, &record);
  struct mtasts_tlsrpt_cursor cursor = mtasts_tlsrpt_begin(&record);
  struct mtasts_tlsrpt_item item;
  bool rua = false;
  while (mtasts_tlsrpt_next(&cursor, &item)) {
    require(item.text.len == 0 ||
            (item.text.data >= record.text.data &&
             item.text.data + item.text.len <= record.text.data + record.text.len));
    rua |= item.kind == MTASTS_TLSRPT_RUA;
    if (item.kind == MTASTS_TLSRPT_RUA)
      check_rua(item.text);
  }
  require(record.state != MTASTS_TLSRPT_VALID || rua);
  require((record.state == MTASTS_TLSRPT_INVALID) == (record.why != NULL));
  return 0;
}
