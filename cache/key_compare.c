#include "key_compare.h"

#include <endian.h>

#include "lmdb_page.h"

enum {
  LINE = 64, /* bytes of a cache line of the processor */
  VALUE = 3, /* cache lines that most values fit in */
  MEMORY_PAGE = 4096,
};

/* Bytes of a page of the file that this thread reads, or 0. The TLS model makes it cheap in a
 * shared library.
 * */
static _Thread_local size_t reading __attribute__((tls_model("initial-exec")));

void mtasts_key_prefetch_begin(size_t page_size) {
  /* Pages of another size may not be aligned to pages of memory. */
  reading = page_size == MEMORY_PAGE ? page_size : 0;
}

void mtasts_key_prefetch_end(void) {
  reading = 0;
}

/* Prefetches the keys that a binary search may read in its next steps. Always inlined, like
 * prefetch: gcc removes a function that only prefetches as one without effect. */
__attribute__((always_inline)) static inline void prefetch_probes(const struct lmdb_page *page,
                                                                  size_t count) {
  for (size_t eighth = 1; eighth < 8; eighth++)
    __builtin_prefetch((const char *)page + page->nodes[count * eighth / 8] + NODE_HEADER);
}

__attribute__((always_inline)) static inline void prefetch(const MDB_val *key) {
  const char *bytes = key->mv_data;
  /* Found by the node's header: the key may be empty, and after it the next page may begin. */
  const char *start = bytes - NODE_HEADER - (uintptr_t)(bytes - NODE_HEADER) % MEMORY_PAGE;
  const struct lmdb_page *page = (const struct lmdb_page *)(const void *)start;
  if (page->lower < PAGE_HEADER + sizeof *page->nodes || page->lower > MEMORY_PAGE)
    return;
  size_t count = (size_t)(page->lower - PAGE_HEADER) / sizeof *page->nodes;
  if ((page->flags & LEAF) == 0) {
    if (start + page->nodes[count / 2] + NODE_HEADER == bytes)
      prefetch_probes(page, count);
    return;
  }
  if (start + page->nodes[(count - 1) / 2] + NODE_HEADER == bytes) {
    for (size_t i = 0; i < count; i++)
      __builtin_prefetch(start + page->nodes[i] + NODE_HEADER);
    return;
  }
  const char *value = bytes + key->mv_size;
  for (size_t line = 1; line <= VALUE; line++)
    __builtin_prefetch(value + line * LINE - 1);
}

static inline uint64_t word_at(const unsigned char *bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  return be64toh(word);
}

/* Both have `size` bytes. The last eight overlap with those before, which are equal by then. */
static inline int compare(const unsigned char *a, const unsigned char *b, size_t size) {
  if (size < sizeof(uint64_t))
    return memcmp(a, b, size);
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    size_t from = at + sizeof(uint64_t) <= size ? at : size - sizeof(uint64_t);
    uint64_t x = word_at(a + from);
    uint64_t y = word_at(b + from);
    if (x != y)
      return x < y ? -1 : 1;
  }
  return 0;
}

static inline int order_of(const MDB_val *a, const MDB_val *b) {
  int order = compare(a->mv_data, b->mv_data, a->mv_size < b->mv_size ? a->mv_size : b->mv_size);
  return order != 0 ? order : (a->mv_size > b->mv_size) - (a->mv_size < b->mv_size);
}

int mtasts_key_compare_prefetch(const MDB_val *key, const MDB_val *node) {
  if (reading)
    prefetch(node);
  return order_of(key, node);
}

int mtasts_key_compare(const MDB_val *a, const MDB_val *b) {
  return order_of(a, b);
}
