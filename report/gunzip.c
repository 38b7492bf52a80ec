#include "gunzip.h"

#include <stdlib.h>
#include <zlib.h>

enum {
  FIRST_BYTES = 32768,
  GZIP_WINDOW = 16 + MAX_WBITS, /* inflateInit2: gzip alone, no zlib header */
};

bool mtasts_is_gzip(struct mtasts_span bytes) {
  return bytes.len >= 2 && (unsigned char)bytes.data[0] == 0x1f &&
         (unsigned char)bytes.data[1] == 0x8b;
}

/* Makes room for more output. One byte more than max shows that the stream is too large. */
static enum mtasts_gunzip grow(z_stream *stream, char **buffer, size_t *capacity, size_t max) {
  size_t used = *capacity;
  if (used > max)
    return MTASTS_GUNZIP_TOO_LARGE;
  size_t larger = used ? used * 2 : FIRST_BYTES;
  if (larger > max)
    larger = max + 1;
  char *grown = realloc(*buffer, larger);
  if (!grown)
    return MTASTS_GUNZIP_NO_MEMORY;
  *buffer = grown;
  *capacity = larger;
  stream->next_out = (Bytef *)grown + used;
  stream->avail_out = (uInt)(larger - used);
  return MTASTS_GUNZIP_OK;
}

/* A member has ended. Goes on with the next one, if there is one. */
static bool next_member(z_stream *stream) {
  struct mtasts_span rest = {(const char *)stream->next_in, stream->avail_in};
  const char deflate = 8; /* the only method, RFC 1952 section 2.3.1 */
  return mtasts_is_gzip(rest) && (rest.len < 3 || rest.data[2] == deflate) &&
         inflateReset(stream) == Z_OK;
}

static enum mtasts_gunzip inflate_all(z_stream *stream, size_t max, char **buffer, size_t *size) {
  enum mtasts_gunzip status = MTASTS_GUNZIP_OK;
  size_t capacity = 0;
  for (;;) {
    if (stream->avail_out == 0) {
      status = grow(stream, buffer, &capacity, max);
      if (status != MTASTS_GUNZIP_OK)
        return status;
    }
    int result = inflate(stream, Z_NO_FLUSH);
    *size = capacity - stream->avail_out;
    if (*size > max)
      return MTASTS_GUNZIP_TOO_LARGE;
    if (result == Z_STREAM_END && !next_member(stream))
      return MTASTS_GUNZIP_OK;
    if (result == Z_MEM_ERROR)
      return MTASTS_GUNZIP_NO_MEMORY;
    if (result == Z_BUF_ERROR || (result == Z_OK && stream->avail_in == 0 && stream->avail_out > 0))
      return MTASTS_GUNZIP_CUT;
    if (result != Z_OK && result != Z_STREAM_END)
      return MTASTS_GUNZIP_DAMAGED;
  }
}

enum mtasts_gunzip mtasts_gunzip(struct mtasts_span bytes, size_t max, char **out, size_t *size,
                                 uint64_t *work) {
  z_stream stream = {0};
  char *buffer = NULL;
  size_t inflated = 0;
  if (bytes.len > UINT32_MAX / 2)
    return MTASTS_GUNZIP_TOO_LARGE;
  stream.next_in = (z_const Bytef *)(uintptr_t)bytes.data;
  stream.avail_in = (uInt)bytes.len;
  if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
    return MTASTS_GUNZIP_NO_MEMORY;
  enum mtasts_gunzip status = inflate_all(&stream, max, &buffer, &inflated);
  inflateEnd(&stream);
  *work += inflated;
  if (status != MTASTS_GUNZIP_OK) {
    free(buffer);
    return status;
  }
  *out = buffer;
  *size = inflated;
  return MTASTS_GUNZIP_OK;
}
