#include "arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  BLOCK_SIZE = 4096, /* bytes of a block's pieces, unless one piece is larger */
};

struct mtasts_arena_block {
  struct mtasts_arena_block *before;
  size_t used;
  size_t size;
  alignas(max_align_t) unsigned char bytes[];
};

static struct mtasts_arena_block *add_block(struct mtasts_arena *arena, size_t size) {
  size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
  struct mtasts_arena_block *made = calloc(1, sizeof *made + room);
  if (!made)
    return NULL;
  made->size = room;
  made->before = arena->last;
  arena->last = made;
  return made;
}

void *mtasts_arena_alloc(struct mtasts_arena *arena, size_t size) {
  struct mtasts_arena_block *block = arena->last;
  if (size > SIZE_MAX / 2) {
    arena->failed = true;
    return NULL;
  }
  size = (size + alignof(max_align_t)) / alignof(max_align_t) * alignof(max_align_t);
  if (!block || size > block->size - block->used)
    block = add_block(arena, size);
  if (!block) {
    arena->failed = true;
    return NULL;
  }
  void *piece = block->bytes + block->used;
  block->used += size;
  return piece;
}

void *mtasts_arena_array(struct mtasts_arena *arena, size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total))
    total = SIZE_MAX;
  return mtasts_arena_alloc(arena, total);
}

struct mtasts_span mtasts_arena_copy(struct mtasts_arena *arena, struct mtasts_span bytes) {
  char *copy = mtasts_arena_alloc(arena, bytes.len + 1);
  if (!copy)
    return (struct mtasts_span){NULL, 0};
  if (bytes.len > 0)
    memcpy(copy, bytes.data, bytes.len);
  return (struct mtasts_span){copy, bytes.len};
}

struct mtasts_span mtasts_arena_printf(struct mtasts_arena *arena, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *text = length < 0 ? NULL : mtasts_arena_alloc(arena, (size_t)length + 1);
  if (!text)
    return (struct mtasts_span){NULL, 0};
  va_start(arguments, format);
  vsnprintf(text, (size_t)length + 1, format, arguments);
  va_end(arguments);
  return (struct mtasts_span){text, (size_t)length};
}

void mtasts_arena_free(struct mtasts_arena *arena) {
  struct mtasts_arena_block *block = arena->last;
  while (block) {
    struct mtasts_arena_block *before = block->before;
    free(block);
    block = before;
  }
  *arena = (struct mtasts_arena){.last = NULL};
}
