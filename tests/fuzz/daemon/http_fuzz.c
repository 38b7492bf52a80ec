/* Any bytes as an HTTP request: wherever they are cut, the beginning of a good one is never bad,
 * and what is read does not depend on what follows. */
#include <stdlib.h>
#include <string.h>

#include "http.h"

static void check_path(struct mtasts_span path, struct mtasts_span bytes) {
  bool outside = path.len == 1 && path.data[0] == '/'; /* of a URL without one */
  if (!outside && (path.data < bytes.data || path.data + path.len > bytes.data + bytes.len))
    abort();
  for (size_t i = 0; i < path.len; i++)
    if (path.data[i] <= ' ' || path.data[i] > '~' || path.data[i] == '?')
      abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mtasts_http_request whole;
  struct mtasts_http_request part;
  struct mtasts_span bytes = {(const char *)data, size};
  enum mtasts_http_progress progress = mtasts_http_read(bytes, &whole);
  if (progress == MTASTS_HTTP_READ)
    check_path(whole.path, bytes);
  if (size > 600)
    return 0;
  for (bytes.len = 0; bytes.len < size; bytes.len++) {
    enum mtasts_http_progress early = mtasts_http_read(bytes, &part);
    if (early == MTASTS_HTTP_BAD && progress != MTASTS_HTTP_BAD)
      abort();
    if (early == MTASTS_HTTP_READ && (progress != MTASTS_HTTP_READ || part.method != whole.method ||
                                      part.path.len != whole.path.len))
      abort();
  }
  return 0;
}
