#include "bytes.h"

#include "span.h"

enum {
  ROOM_FIRST = 256,
};

static bool reserve(struct mtasts_bytes *bytes, size_t more) {
  if (bytes->failed)
    return false;
  if (more <= bytes->room - bytes->len)
    return true;
  size_t room = bytes->room > 0 ? bytes->room : ROOM_FIRST;
  while (room < SIZE_MAX / 2 && room - bytes->len < more)
    room *= 2;
  char *grown = room - bytes->len >= more ? realloc(bytes->data, room) : NULL;
  if (!grown) {
    bytes->failed = true;
    return false;
  }
  bytes->data = grown;
  bytes->room = room;
  return true;
}

void mtasts_bytes_add(struct mtasts_bytes *bytes, struct mtasts_span more) {
  if (more.len == 0 || !reserve(bytes, more.len))
    return;
  memcpy(bytes->data + bytes->len, more.data, more.len);
  bytes->len += more.len;
}

void mtasts_bytes_number(struct mtasts_bytes *bytes, uint64_t number, size_t width) {
  if (!reserve(bytes, width))
    return;
  for (size_t i = width; i > 0; i--)
    bytes->data[bytes->len++] = (char)(number >> (8 * (i - 1)));
}

void mtasts_bytes_patch(struct mtasts_bytes *bytes, size_t at, uint32_t number) {
  if (bytes->failed)
    return;
  for (size_t i = 0; i < 4; i++)
    bytes->data[at + i] = (char)(number >> (8 * (3 - i)));
}

struct mtasts_span mtasts_bytes_take(struct mtasts_bytes_reader *reader, size_t len) {
  if (reader->failed || len > reader->rest.len) {
    reader->failed = true;
    return MTASTS_SPAN("");
  }
  struct mtasts_span taken = {reader->rest.data, len};
  mtasts_span_drop(&reader->rest, len);
  return taken;
}

uint64_t mtasts_bytes_take_number(struct mtasts_bytes_reader *reader, size_t width) {
  struct mtasts_span bytes = mtasts_bytes_take(reader, width);
  uint64_t number = 0;
  for (size_t i = 0; i < bytes.len; i++)
    number = number << 8 | (unsigned char)bytes.data[i];
  return number;
}

struct mtasts_span mtasts_bytes_take_text(struct mtasts_bytes_reader *reader) {
  return mtasts_bytes_take(reader, (size_t)mtasts_bytes_take_number(reader, 4));
}
