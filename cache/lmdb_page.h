/*
 * lmdb_page.h: the layout of LMDB 0.9's data.mdb (MDB_page, MDB_node, MDB_meta and MDB_db in its
 * mdb.c), in this machine's byte order. All code that reads pages without LMDB uses it.
 */
#ifndef MTASTS_CACHE_LMDB_PAGE_H
#define MTASTS_CACHE_LMDB_PAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "with shorter words LMDB's pages are others");

/* The start of a page. In the first page of a large value, `lower` and `upper` together are the
 * number of its pages. */
struct lmdb_page {
  uint64_t number;
  uint16_t pad;
  uint16_t flags;
  uint16_t lower;   /* the offset at which the list of nodes ends */
  uint16_t upper;   /* the offset of the first node */
  uint16_t nodes[]; /* the offset of each of them */
};

/* A tree, in a meta page or in a node. */
struct mtasts_tree_record {
  uint32_t page_size; /* in the tree of free pages: page size of the file */
  uint16_t flags;
  uint16_t depth;
  uint64_t branch_pages;
  uint64_t leaf_pages;
  uint64_t overflow_pages;
  uint64_t entries;
  uint64_t root; /* SIZE_MAX: empty */
};

/* The start of the first two pages. */
struct lmdb_meta_page {
  uint64_t number;
  uint16_t pad;
  uint16_t flags;
  uint32_t bounds;
  uint32_t magic;
  uint32_t version;
  void *address;
  size_t map_size;
  struct mtasts_tree_record tree[2]; /* free pages, main database */
  size_t last_page;
  size_t transaction;
};

enum {
  PAGE_HEADER = offsetof(struct lmdb_page, nodes),
  AT_FLAGS = offsetof(struct lmdb_page, flags),
  AT_LOWER = offsetof(struct lmdb_page, lower),
  AT_UPPER = offsetof(struct lmdb_page, upper),
  BRANCH = 0x01,
  LEAF = 0x02,
  OVERFLOW_PAGES = 0x04,
  META_FLAG = 0x08,
  PAGE_SIZE_MIN = 512,
  PAGE_SIZE_MAX = 65536,
  META_PAGES = 2,
  META_VERSION = 1,
  NODE_HEADER = 8, /* size or page number, low and high (2 each), flags (2), size of the key (2) */
  AT_NODE_FLAGS = 4,
  AT_KEY_SIZE = 6,
  NODE_BIG = 0x01, /* the data is the number of its overflow pages */
  NODE_TREE = 0x02,
  DEPTH_MAX = 32,
};
#define META_MAGIC 0xBEEFC0DE
#define NO_ROOT    SIZE_MAX

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
