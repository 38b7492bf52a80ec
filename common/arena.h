/*
 * arena.h: memory of many small pieces that are freed together.
 *
 * A piece is good until mtasts_arena_free. An allocation that fails gives NULL, or a span whose
 * data is NULL, and sets `failed`, which stays set: so a caller may check once, at the end. A
 * zeroed arena is empty. For one thread.
 */
#ifndef MTASTS_ARENA_H
#define MTASTS_ARENA_H

#include "mtasts.h"

struct mtasts_arena_block;

struct mtasts_arena {
  struct mtasts_arena_block *last;
  bool failed; /* an allocation has failed */
};

/* Zeroed memory, aligned for any type. size 0 gives a pointer, too. */
void *mtasts_arena_alloc(struct mtasts_arena *arena, size_t size);
/* Likewise for `count` objects of `size` bytes. */
void *mtasts_arena_array(struct mtasts_arena *arena, size_t count, size_t size);

/* A copy of the bytes, followed by a NUL that len does not count. */
struct mtasts_span mtasts_arena_copy(struct mtasts_arena *arena, struct mtasts_span bytes);

/* Like printf. The span's data is followed by a NUL. */
__attribute__((format(printf, 2, 3))) struct mtasts_span
mtasts_arena_printf(struct mtasts_arena *arena, const char *format, ...);

/* Frees all pieces; the arena is empty and can be used again. */
void mtasts_arena_free(struct mtasts_arena *arena);

#endif
