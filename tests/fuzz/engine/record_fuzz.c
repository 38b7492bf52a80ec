/* The input is a set of TXT records, a line each. Their order must not matter, and the id that is
 * read must make a record again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mtasts.h"

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

static void check_id(const char *id) {
  size_t len = strlen(id);
  require(len >= 1 && len <= MTASTS_ID_MAX);
  char text[64];
  snprintf(text, sizeof text, "v=STSv1; id=%s", id);
  struct mtasts_span txt = {text, strlen(text)};
  struct mtasts_record again;
  require(mtasts_record_parse(&txt, 1, &again, NULL) == MTASTS_OK);
  require(strcmp(again.id, id) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mtasts_span txt[RECORDS_MAX];
  struct mtasts_span reversed[RECORDS_MAX];
  size_t count = split((const char *)data, size, txt);
  for (size_t i = 0; i < count; i++)
    reversed[i] = txt[count - 1 - i];

  struct mtasts_record record = {.id = ""};
  struct mtasts_record other = {.id = ""};
  const char *why = NULL;
  enum mtasts_status status = mtasts_record_parse(txt, count, &record, &why);
  require(status == MTASTS_OK || status == MTASTS_ABSENT || status == MTASTS_INVALID);
  require((status == MTASTS_INVALID) == (why != NULL));
  require(mtasts_record_parse(reversed, count, &other, NULL) == status);
  require(strcmp(record.id, other.id) == 0);
  if (status == MTASTS_OK)
    check_id(record.id);
  return 0;
}
