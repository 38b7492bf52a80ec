/*
 * page.h: the pages of LMDB 0.9 (MDB_page and MDB_node in its mdb.c), in this machine's order.
 */
#ifndef MTASTS_CACHE_PAGE_H
#define MTASTS_CACHE_PAGE_H

#include <stdint.h>
#include <string.h>

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "with shorter words LMDB's pages are others");

enum {
  PAGE_HEADER = 16, /* number (8), pad (2), flags (2), lower (2), upper (2) or pages (4) */
  AT_FLAGS = 10,
  AT_LOWER = 12,
  AT_UPPER = 14,
  BRANCH = 0x01,
  LEAF = 0x02,
  OVERFLOW_PAGES = 0x04,
  NODE_HEADER = 8, /* size or page number, low and high (2 each), flags (2), size of the key (2) */
  AT_NODE_FLAGS = 4,
  AT_KEY_SIZE = 6,
  NODE_BIG = 0x01, /* the data is the number of its overflow pages */
  NODE_TREE = 0x02,
  DEPTH_MAX = 32,
};

static inline uint16_t get_16(const unsigned char *at) {
  uint16_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static inline uint64_t get_64(const unsigned char *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

#endif
