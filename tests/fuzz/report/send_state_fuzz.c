/* The input is a stored state. What is read is written as the same bytes. */
#include <stdlib.h>

#include "ascii.h"
#include "send_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const struct mtasts_span bytes = {(const char *)data, size};
  static struct mtasts_send_state state;
  struct mtasts_bytes again = {.data = NULL};
  if (mtasts_send_state_decode(bytes, &state) != MTASTS_OK)
    return 0;
  mtasts_send_state_encode(&state, &again);
  if (!mtasts_span_equal(bytes, mtasts_bytes_span(&again)))
    abort();
  mtasts_bytes_free(&again);
  return 0;
}
