/* A peer's bytes: what is whole is part until its last byte comes, stands inside the bytes and
 * is framed to the same again; what is bad stays bad whatever follows. */
#include "netstring.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
  MOST = 300
};

static void require(bool truth) {
  if (!truth)
    abort();
}

static void check_whole(struct mtasts_span bytes, struct mtasts_span payload, size_t used) {
  char room[MTASTS_NETSTRING_HEAD + MOST + 1];
  struct mtasts_request request;
  require(used <= bytes.len && payload.len <= MOST && payload.data > bytes.data &&
          payload.data + payload.len + 1 == bytes.data + used);
  memcpy(room + MTASTS_NETSTRING_HEAD, payload.data, payload.len);
  struct mtasts_span again = mtasts_netstring_frame(room + MTASTS_NETSTRING_HEAD, payload.len);
  require(again.len == used && memcmp(again.data, bytes.data, used) == 0);
  if (mtasts_request_read(payload, &request))
    require(request.map.data == payload.data && request.map.len > 0 &&
            memchr(request.map.data, ' ', request.map.len) == NULL &&
            request.key.data == request.map.data + request.map.len + 1 &&
            request.map.len + 1 + request.key.len == payload.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mtasts_span bytes = {(const char *)data, size};
  struct mtasts_span payload;
  struct mtasts_span early;
  size_t used = 0;
  enum mtasts_netstring read = mtasts_netstring_read(bytes, MOST, &payload, &used);
  if (read == MTASTS_NETSTRING_WHOLE)
    check_whole(bytes, payload, used);
  size_t end = read == MTASTS_NETSTRING_WHOLE ? used : size;
  enum mtasts_netstring last = MTASTS_NETSTRING_PART;
  for (size_t cut = 0; cut < end && cut < 2 * MOST; cut++) {
    size_t cut_used;
    enum mtasts_netstring now =
        mtasts_netstring_read((struct mtasts_span){bytes.data, cut}, MOST, &early, &cut_used);
    require(now == MTASTS_NETSTRING_PART ||
            (now == MTASTS_NETSTRING_BAD && read == MTASTS_NETSTRING_BAD));
    require(last != MTASTS_NETSTRING_BAD || now == MTASTS_NETSTRING_BAD);
    last = now;
  }
  return 0;
}
