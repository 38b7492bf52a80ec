#include "arena.h"

#include <stdint.h>
#include <string.h>

#include "unit.h"

static void pieces(void) {
  struct mtasts_arena arena = {.failed = false};
  unsigned char *made[300];
  for (size_t i = 0; i < 300; i++) {
    made[i] = mtasts_arena_alloc(&arena, i * 7);
    unit_check(made[i] && (uintptr_t)made[i] % 16 == 0, "piece %zu is aligned", i);
    for (size_t at = 0; at < i * 7; at++)
      unit_check(made[i][at] == 0, "piece %zu is zeroed", i);
    memset(made[i], (int)i, i * 7);
  }
  for (size_t i = 0; i < 300; i++)
    for (size_t at = 0; at < i * 7; at++)
      if (made[i][at] != (unsigned char)i)
        CU_FAIL("pieces overlap");
  CU_ASSERT(!arena.failed);
  mtasts_arena_free(&arena);
  CU_ASSERT_PTR_NULL(arena.last);
}

static void text(void) {
  struct mtasts_arena arena = {.failed = false};
  struct mtasts_span copy = mtasts_arena_copy(&arena, (struct mtasts_span){"a\0b", 3});
  CU_ASSERT(copy.len == 3 && memcmp(copy.data, "a\0b", 4) == 0);
  struct mtasts_span empty = mtasts_arena_copy(&arena, (struct mtasts_span){NULL, 0});
  CU_ASSERT(empty.data && empty.len == 0);
  struct mtasts_span number = mtasts_arena_printf(&arena, "%05000d", 7);
  CU_ASSERT(number.len == 5000 && number.data[4999] == '7' && number.data[5000] == '\0');
  mtasts_arena_free(&arena);
}

static void too_large(void) {
  struct mtasts_arena arena = {.failed = false};
  CU_ASSERT_PTR_NULL(mtasts_arena_array(&arena, SIZE_MAX / 2, 4));
  CU_ASSERT(arena.failed);
  CU_ASSERT_PTR_NOT_NULL(mtasts_arena_alloc(&arena, 1));
  CU_ASSERT(arena.failed);
  mtasts_arena_free(&arena);
  CU_ASSERT(!arena.failed);
}

const char *const unit_name = "arena";
const struct unit_test unit_tests[] = {
    {"pieces are aligned, zeroed and apart", pieces},
    {"text is copied and formatted", text},
    {"what is too large sets failed", too_large},
    {NULL, NULL},
};
