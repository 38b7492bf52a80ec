#include "tree_check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data_file.h"

/* The pages of LMDB 0.9 (MDB_page, MDB_node and MDB_db in its mdb.c), in this machine's order. */
enum {
  PAGE_HEADER = 16, /* number (8), pad (2), flags (2), lower (2), upper (2) or pages (4) */
  AT_FLAGS = 10,
  AT_LOWER = 12,
  AT_UPPER = 14,
  BRANCH = 0x01,
  LEAF = 0x02,
  OVERFLOW_PAGES = 0x04,
  KINDS = 0x0f,
  NODE_HEADER = 8, /* size or page number, low and high (2 each), flags (2), size of the key (2) */
  NODE_BIG = 0x01, /* the data is the number of its overflow pages */
  NODE_TREE = 0x02,
  TREE_SIZE = 48,
  AT_ROOT = 40,
  DEPTH_MAX = 32,
};

struct walk {
  int fd;
  size_t page_size;
  size_t last_page;
  size_t pages_left; /* a sound tree visits none twice: ends every circle */
};

static uint16_t get_16(const unsigned char *at) {
  uint16_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static uint64_t get_64(const unsigned char *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

/* Reads a page that says itself that it has this number. */
static bool read_page(struct walk *walk, uint64_t number, unsigned char *page) {
  if (number < 2 || number > walk->last_page || walk->pages_left == 0)
    return false;
  walk->pages_left--;
  return pread(walk->fd, page, walk->page_size, (off_t)(number * walk->page_size)) ==
             (ssize_t)walk->page_size &&
         get_64(page) == number;
}

static bool overflow_holds(struct walk *walk, uint64_t number, size_t size) {
  unsigned char head[PAGE_HEADER];
  uint32_t pages;
  if (number < 2 || number > walk->last_page ||
      pread(walk->fd, head, sizeof head, (off_t)(number * walk->page_size)) != sizeof head)
    return false;
  memcpy(&pages, head + AT_LOWER, sizeof pages);
  return get_64(head) == number && (get_16(head + AT_FLAGS) & KINDS) == OVERFLOW_PAGES &&
         pages <= walk->last_page - number + 1 && pages <= walk->pages_left &&
         size + PAGE_HEADER <= pages * walk->page_size;
}

static bool tree_holds(struct walk *walk, uint64_t root, unsigned depth);

/* A node of `room` bytes at most. */
static bool node_holds(struct walk *walk, const unsigned char *node, size_t room, bool branch,
                       unsigned depth) {
  uint16_t flags = get_16(node + 4);
  size_t key = get_16(node + 6);
  size_t low = (size_t)get_16(node) | (size_t)get_16(node + 2) << 16;
  if (NODE_HEADER + key > room)
    return false;
  if (branch)
    return tree_holds(walk, (uint64_t)low | (uint64_t)flags << 32, depth - 1);
  const unsigned char *data = node + NODE_HEADER + key;
  room -= NODE_HEADER + key;
  if (flags & NODE_BIG)
    return room >= sizeof(uint64_t) && overflow_holds(walk, get_64(data), low);
  if (low > room)
    return false;
  if (flags & NODE_TREE)
    return low == TREE_SIZE && tree_holds(walk, get_64(data + AT_ROOT), depth - 1);
  return flags == 0;
}

static bool page_holds(struct walk *walk, const unsigned char *page, unsigned depth) {
  unsigned kind = get_16(page + AT_FLAGS) & KINDS;
  size_t lower = get_16(page + AT_LOWER);
  size_t upper = get_16(page + AT_UPPER);
  if ((kind != BRANCH && kind != LEAF) || lower < PAGE_HEADER || lower > upper ||
      upper > walk->page_size || lower % 2 != 0)
    return false;
  for (size_t at = PAGE_HEADER; at < lower; at += 2) {
    size_t node = get_16(page + at);
    if (node < upper || node + NODE_HEADER > walk->page_size ||
        !node_holds(walk, page + node, walk->page_size - node, kind == BRANCH, depth))
      return false;
  }
  return true;
}

static bool tree_holds(struct walk *walk, uint64_t root, unsigned depth) {
  if (root == UINT64_MAX)
    return true; /* empty */
  unsigned char *page = depth > 0 ? malloc(walk->page_size) : NULL;
  bool holds = page && read_page(walk, root, page) && page_holds(walk, page, depth);
  free(page);
  return holds;
}

/* Walks the trees of the newest commit. */
static bool trees_hold(int fd, const struct mtasts_data_trees *trees) {
  if (trees->last_page >= MTASTS_TREE_CHECK_MAX / trees->page_size)
    return true;
  struct walk walk = {fd, trees->page_size, trees->last_page, trees->last_page + 1};
  return tree_holds(&walk, trees->free_root, DEPTH_MAX) &&
         tree_holds(&walk, trees->root, DEPTH_MAX);
}

enum mtasts_status mtasts_tree_check(const char *directory) {
  struct mtasts_data_trees before;
  struct mtasts_data_trees after;
  char *path;
  if (asprintf(&path, "%s/" MTASTS_FILE_DATA, directory) < 0)
    return MTASTS_NO_MEMORY;
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  free(path);
  if (fd < 0)
    return MTASTS_OK;
  /* What is wrong with the file as a whole, opening it says better. A transaction number that
   * moved on means that its writer has used old pages again under our eyes. */
  bool damaged = mtasts_data_trees(fd, &before) == 0 && !trees_hold(fd, &before) &&
                 mtasts_data_trees(fd, &after) == 0 && after.transaction == before.transaction;
  close(fd);
  return damaged ? MTASTS_CORRUPT : MTASTS_OK;
}
