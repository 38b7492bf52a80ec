#include "tree_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ascii.h"
#include "data_file.h"
#include "environment.h"
#include "lmdb_page.h"

enum {
  TREE_SIZE = sizeof(struct mtasts_tree_record),
  TREES_MAX = 2,     /* nested trees: our databases are in the main one */
  COMMITS_APART = 1, /* commits during a read; a further one may write to its pages */
  READ_TRIES = 3,
};

/* The pages counted in a tree. */
struct page_use {
  uint64_t branch, leaf, overflow, entries;
  size_t depth; /* of its leaves; 0: none seen */
};

struct walk {
  int fd;
  size_t page_size;
  size_t last_page;  /* that may be in use */
  size_t last_free;  /* that may be free */
  size_t pages_left; /* no page of a sound tree is visited twice: ends every loop */
  uint64_t held;     /* the page that is in a path's buffer; 0: none */
  bool free_pages;   /* is this LMDB's own tree of free pages? */
  uint64_t freed_by; /* in that tree: the transaction of the last list */
  uint64_t newest;   /* transaction: the last that may have freed a page */
  /* A bit for each page that was seen in a tree or in a list of free pages. NULL: not counted, on a
   * path to one key. LMDB would overwrite a page that is in both, or in two places. */
  unsigned char *seen;
  struct page_use page_use; /* of the tree that is walked */
  unsigned trees;           /* nested trees, including this one */
  const atomic_bool *stop;  /* if set, no further page is read; NULL: never */
  unsigned char
      starts[PAGE_SIZE_MAX / 16]; /* of a page: a bit for each even offset at which a node begins */
};

static struct walk walk_of(int fd, const struct mtasts_data_trees *trees) {
  size_t pages = trees->last_page < trees->pages ? trees->last_page + 1 : trees->pages;
  return (struct walk){.fd = fd,
                       .page_size = trees->page_size,
                       .last_page = pages - 1,
                       .last_free = trees->last_page,
                       .newest = trees->transaction,
                       .pages_left = pages};
}

/* Marks pages, which are in the file or free beyond it, as seen. False: one of them was seen
 * before. */
static bool mark(const struct walk *walk, uint64_t number, uint64_t count) {
  for (; walk->seen && count > 0; number++, count--) {
    unsigned char bit = (unsigned char)(1U << number % 8);
    if (walk->seen[number / 8] & bit)
      return false;
    walk->seen[number / 8] |= bit;
  }
  return true;
}

static bool is_stopped(const atomic_bool *stop) {
  return stop && atomic_load_explicit(stop, memory_order_relaxed);
}

/* Reads a page, and checks that its header has this number. */
static bool read_page(struct walk *walk, uint64_t number, unsigned char *page) {
  if (is_stopped(walk->stop) || number < META_PAGES || number > walk->last_page ||
      walk->pages_left == 0 || !mark(walk, number, 1))
    return false;
  walk->pages_left--;
  return pread(walk->fd, page, walk->page_size, (off_t)(number * walk->page_size)) ==
             (ssize_t)walk->page_size &&
         get_64(page) == number;
}

struct node {
  bool big;               /* the data is the number of its overflow pages */
  bool tree;              /* the data is a tree's record */
  size_t size;            /* of the data */
  uint64_t child;         /* in a branch: its page */
  struct mtasts_span key; /* in a branch's first node it counts as less than any */
  const unsigned char *data;
};

static struct mtasts_tree_record record_of(const struct node *node) {
  struct mtasts_tree_record record;
  memcpy(&record, node->data, sizeof record);
  return record;
}

static bool overflow_holds(struct walk *walk, const struct node *node) {
  unsigned char head[PAGE_HEADER];
  uint64_t number = get_64(node->data);
  uint32_t pages;
  if (number < META_PAGES || number > walk->last_page ||
      pread(walk->fd, head, sizeof head, (off_t)(number * walk->page_size)) != sizeof head)
    return false;
  memcpy(&pages, head + AT_LOWER, sizeof pages);
  walk->page_use.overflow += pages;
  return get_64(head) == number && get_16(head + AT_FLAGS) == OVERFLOW_PAGES &&
         pages <= walk->last_page - number + 1 && pages <= walk->pages_left &&
         node->size + PAGE_HEADER <= pages * walk->page_size && mark(walk, number, pages);
}

/* Reads the node at this offset of a page. False: it is not within the page. */
static bool read_node(const struct walk *walk, const unsigned char *page, size_t at,
                      struct node *node) {
  size_t offset = get_16(page + at);
  if (offset < get_16(page + AT_UPPER) || offset + NODE_HEADER > walk->page_size)
    return false;
  const unsigned char *start = page + offset;
  size_t left = walk->page_size - offset - NODE_HEADER;
  uint16_t flags = get_16(start + AT_NODE_FLAGS);
  node->key = (struct mtasts_span){(const char *)start + NODE_HEADER, get_16(start + AT_KEY_SIZE)};
  node->size = (size_t)get_16(start) | (size_t)get_16(start + 2) << 16;
  node->child = (uint64_t)node->size | (uint64_t)flags << 32;
  if (node->key.len > left || node->key.len > MTASTS_LMDB_KEY_MAX)
    return false;
  if (get_16(page + AT_FLAGS) == BRANCH)
    return true;
  if (node->key.len == 0)
    return false;
  left -= node->key.len;
  node->data = start + NODE_HEADER + node->key.len;
  node->big = flags == NODE_BIG;
  node->tree = flags == NODE_TREE;
  if (node->big)
    return left >= sizeof(uint64_t);
  if (node->tree)
    return node->size == TREE_SIZE && left >= TREE_SIZE && record_of(node).flags == 0;
  return flags == 0 && node->size <= left;
}

/* LMDB leaves no page without a node, and no branch with only one: it asserts that a search finds
 * two. In the tree of free pages it accepts one (mdb_page_search_root). */
static size_t least_nodes(const struct walk *walk, unsigned kind) {
  return kind == BRANCH && !walk->free_pages ? 2 : 1;
}

/* Is the page's header valid? Its nodes are listed from PAGE_HEADER to *lower. All flags are
 * checked: a flag that LMDB uses for pages in memory would make it write to the map. */
static bool page_holds(const struct walk *walk, const unsigned char *page, size_t *lower) {
  unsigned kind = get_16(page + AT_FLAGS);
  size_t upper = get_16(page + AT_UPPER);
  *lower = get_16(page + AT_LOWER);
  return (kind == BRANCH || kind == LEAF) &&
         *lower >= PAGE_HEADER + least_nodes(walk, kind) * sizeof(uint16_t) && *lower <= upper &&
         upper <= walk->page_size && *lower % 2 == 0;
}

/* Bytes of the node that begins there, as LMDB counts them when it moves or removes a node. */
static size_t size_at(const unsigned char *page, size_t at) {
  size_t size = (size_t)NODE_HEADER + get_16(page + at + 6);
  if (get_16(page + AT_FLAGS) != BRANCH)
    size += get_16(page + at + 4) == NODE_BIG
                ? sizeof(uint64_t)
                : (size_t)get_16(page + at) | (size_t)get_16(page + at + 2) << 16;
  return size + size % 2;
}

/* Do the nodes follow each other without a gap, to the end of the page? LMDB moves them by their
 * sizes. */
static bool nodes_tile(struct walk *walk, const unsigned char *page, size_t lower) {
  size_t left = (lower - PAGE_HEADER) / sizeof(uint16_t);
  memset(walk->starts, 0, walk->page_size / 16);
  for (size_t at = PAGE_HEADER; at < lower; at += 2) {
    size_t start = get_16(page + at);
    if (start % 2 != 0 || start >= walk->page_size)
      return false;
    walk->starts[start / 16] |= (unsigned char)(1U << start / 2 % 8);
  }
  size_t at = get_16(page + AT_UPPER);
  for (; at + NODE_HEADER <= walk->page_size && left > 0; left--) {
    if (at % 2 != 0 || !(walk->starts[at / 16] & 1U << at / 2 % 8))
      return false;
    at += size_at(page, at);
  }
  return at == walk->page_size && left == 0;
}

/* Copies a part of a leaf node's data, which is in its page or in overflow pages. */
static bool read_data(const struct walk *walk, const struct node *node, size_t from, size_t size,
                      void *out) {
  if (from > node->size || size > node->size - from)
    return false;
  if (!node->big) {
    memcpy(out, node->data + from, size);
    return true;
  }
  off_t at = (off_t)(get_64(node->data) * walk->page_size + PAGE_HEADER + from);
  return pread(walk->fd, out, size, at) == (ssize_t)size;
}

/* Is this list of free pages valid? It has their count, which LMDB trusts, and as many numbers in
 * descending order. There may be room for more after them. Its key is the transaction; lists are in
 * ascending order of it. */
static bool free_list_holds(struct walk *walk, const struct node *node) {
  uint64_t last = walk->last_free + 1;
  uint64_t before = walk->freed_by;
  uint64_t count;
  if (node->key.len != sizeof(uint64_t) || node->tree ||
      !read_data(walk, node, 0, sizeof count, &count) || count >= node->size / sizeof count)
    return false;
  walk->freed_by = get_64((const unsigned char *)node->key.data);
  uint64_t *numbers = malloc(count * sizeof *numbers + 1);
  bool holds = numbers && walk->freed_by > before && walk->freed_by <= walk->newest &&
               read_data(walk, node, sizeof count, count * sizeof *numbers, numbers);
  for (uint64_t i = 0; i < count && holds; i++) {
    holds = numbers[i] >= META_PAGES && numbers[i] < last && mark(walk, numbers[i], 1);
    last = numbers[i];
  }
  free(numbers);
  return holds;
}

/* Checks a key in a branch of the tree of free pages; the first node has no key. */
static bool free_key_holds(const struct node *node, size_t at) {
  return at == PAGE_HEADER || node->key.len == sizeof(uint64_t);
}

static bool tree_holds(struct walk *walk, const struct mtasts_tree_record *record);

static bool subtree_holds(struct walk *walk, uint64_t root, size_t level);

/* Checks the pages or the tree that a node refers to. */
static bool node_holds(struct walk *walk, const struct node *node, bool branch, size_t at,
                       size_t level) {
  if (branch && !subtree_holds(walk, node->child, level + 1))
    return false;
  if (node->big && !overflow_holds(walk, node))
    return false;
  if (walk->free_pages)
    return branch ? free_key_holds(node, at) : free_list_holds(walk, node);
  if (!node->tree)
    return true;
  const struct mtasts_tree_record record = record_of(node);
  return tree_holds(walk, &record);
}

/* Counts the page and checks its nodes. */
static bool nodes_hold(struct walk *walk, const unsigned char *page, size_t level) {
  bool branch = get_16(page + AT_FLAGS) == BRANCH;
  struct page_use *page_use = &walk->page_use;
  struct node node;
  size_t lower;
  if (!page_holds(walk, page, &lower) || !nodes_tile(walk, page, lower))
    return false;
  if (!branch) {
    page_use->entries += (lower - PAGE_HEADER) / sizeof(uint16_t);
    if (page_use->depth != 0 && page_use->depth != level)
      return false;
    page_use->depth = level;
  }
  *(branch ? &page_use->branch : &page_use->leaf) += 1;
  for (size_t at = PAGE_HEADER; at < lower; at += 2) {
    node = (struct node){.data = NULL};
    if (!read_node(walk, page, at, &node) || !node_holds(walk, &node, branch, at, level))
      return false;
  }
  return true;
}

/* level: pages from the root of its tree to this page, including both. */
static bool subtree_holds(struct walk *walk, uint64_t root, size_t level) {
  unsigned char *page = level <= DEPTH_MAX ? malloc(walk->page_size) : NULL;
  bool holds = page && read_page(walk, root, page) && nodes_hold(walk, page, level);
  free(page);
  return holds;
}

/* Checks a tree against its record, which LMDB trusts. */
static bool tree_holds(struct walk *walk, const struct mtasts_tree_record *record) {
  const struct page_use outer = walk->page_use;
  struct page_use *page_use = &walk->page_use;
  *page_use = (struct page_use){.depth = 0};
  walk->trees++;
  bool holds = walk->trees <= TREES_MAX &&
               (record->root == NO_ROOT || subtree_holds(walk, record->root, 1)) &&
               page_use->branch == record->branch_pages && page_use->leaf == record->leaf_pages &&
               page_use->overflow == record->overflow_pages &&
               page_use->entries == record->entries && page_use->depth == record->depth;
  walk->page_use = outer;
  walk->trees--;
  return holds;
}

/* Checks all nodes of a page, because a search may read any of them. *found: in a branch the node
 * to follow, in a leaf the node of the key; its key.data is NULL if there is none. The keys must
 * ascend, or LMDB's search could lead to another page. */
static bool search_page(struct walk *walk, const unsigned char *page, struct mtasts_span key,
                        struct node *found) {
  bool branch = get_16(page + AT_FLAGS) & BRANCH;
  struct mtasts_span last = {NULL, 0};
  struct node node;
  size_t lower;
  *found = (struct node){.child = UINT64_MAX};
  if (!page_holds(walk, page, &lower))
    return false;
  for (size_t at = PAGE_HEADER; at < lower; at += 2) {
    node = (struct node){.child = UINT64_MAX};
    if (!read_node(walk, page, at, &node) ||
        (last.data && mtasts_span_compare(last, node.key) >= 0))
      return false;
    bool least = branch && at == PAGE_HEADER;
    int order = least ? -1 : mtasts_span_compare(node.key, key);
    if (order == 0 || (branch && order < 0))
      *found = node;
    if (!least)
      last = node.key;
  }
  return true;
}

/* Follows a key from the root down; *found as above, and points into page. */
static bool path_holds(struct walk *walk, uint64_t root, struct mtasts_span key,
                       unsigned char *page, struct node *found) {
  *found = (struct node){.child = root};
  if (root == NO_ROOT)
    return true; /* empty */
  for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
    if (found->child != walk->held && !read_page(walk, found->child, page))
      return false;
    walk->held = found->child;
    if (!search_page(walk, page, key, found))
      return false;
    if (get_16(page + AT_FLAGS) & LEAF)
      return !found->big || overflow_holds(walk, found);
  }
  return false;
}

/* Checks the trees of the newest commit. False if there is no memory, because an unchecked file
 * must not be trusted. */
static bool trees_hold(int fd, const struct mtasts_data_trees *trees, const atomic_bool *stop) {
  struct walk walk = walk_of(fd, trees);
  walk.stop = stop;
  walk.seen = calloc(trees->last_page / 8 + 1, 1);
  bool holds = walk.seen && tree_holds(&walk, &trees->main);
  walk.free_pages = true;
  holds = holds && tree_holds(&walk, &trees->free);
  free(walk.seen);
  return holds;
}

/* If it fails, errno is set. */
static int open_data(const char *directory, const char *name) {
  char *path;
  if (asprintf(&path, "%s/%s", directory, name) < 0)
    return -1;
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  free(path);
  return fd;
}

enum mtasts_status mtasts_tree_check(const char *directory) {
  return mtasts_tree_check_until(directory, NULL);
}

enum mtasts_status mtasts_tree_check_until(const char *directory, const atomic_bool *stop) {
  struct mtasts_data_trees before;
  struct mtasts_data_trees after;
  int fd = open_data(directory, MTASTS_FILE_DATA);
  if (fd < 0)
    return MTASTS_OK;
  /* Faults of the file as a whole are left to opening it, which reports them better. If the
   * transaction number has changed, the writer may have reused pages during the check. */
  bool damaged = mtasts_data_trees(fd, &before) == 0 && !trees_hold(fd, &before, stop) &&
                 mtasts_data_trees(fd, &after) == 0 && after.transaction == before.transaction;
  close(fd);
  if (is_stopped(stop))
    return MTASTS_TIMEOUT;
  return damaged ? MTASTS_CORRUPT : MTASTS_OK;
}

int mtasts_tree_lengthen(int directory) {
  struct mtasts_data_trees trees;
  int rc = 0;
  int fd = openat(directory, MTASTS_FILE_DATA, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return 0; /* opening reports better whether it is damaged or forbidden */
  if (mtasts_data_trees_of_short(fd, &trees) == 0 && trees_hold(fd, &trees, NULL) &&
      ftruncate(fd, (off_t)((trees.last_page + 1) * trees.page_size)) != 0)
    rc = errno;
  close(fd);
  return rc;
}

/* Returns as mtasts_format_number does. page: a buffer for one page. */
static unsigned read_format(struct walk *walk, uint64_t root, unsigned char *page) {
  struct node node;
  if (!path_holds(walk, root, mtasts_span_of(MTASTS_DB_FORMAT_KEY), page, &node) ||
      !node.key.data || node.big || node.tree)
    return 0;
  return mtasts_format_number(node.data, node.size);
}

unsigned mtasts_format_of(int fd) {
  struct mtasts_data_trees trees;
  if (mtasts_data_trees(fd, &trees) != 0)
    return 0;
  struct walk walk = walk_of(fd, &trees);
  unsigned char *page = malloc(trees.page_size);
  unsigned number = page ? read_format(&walk, trees.main.root, page) : 0;
  free(page);
  return number;
}

unsigned mtasts_format_unknown(const char *directory) {
  int fd = open_data(directory, MTASTS_FILE_DATA);
  unsigned number = fd >= 0 ? mtasts_format_of(fd) : 0;
  if (fd >= 0)
    close(fd);
  return mtasts_format_known(number) ? 0 : number;
}

static bool copy_value(const struct walk *walk, const struct node *node, unsigned char *value) {
  return !node->tree && node->size <= MTASTS_ENTRY_SIZE_MAX &&
         read_data(walk, node, 0, node->size, value);
}

/* Reads the value in the newest commit; `page` is a buffer for one page. */
static enum mtasts_status read_value(int fd, const struct mtasts_data_trees *trees,
                                     const struct mtasts_domain *domain, unsigned char *page,
                                     unsigned char *value, size_t *size) {
  static const char *const databases[] = {MTASTS_DB_POLICIES, MTASTS_DB_ABSENT};
  struct walk walk = walk_of(fd, trees);
  struct mtasts_span key = {domain->name, domain->len};
  struct node node;
  uint64_t roots[2];
  if (!mtasts_format_known(read_format(&walk, trees->main.root, page)))
    return MTASTS_CORRUPT;
  for (size_t i = 0; i < 2; i++) {
    if (!path_holds(&walk, trees->main.root, mtasts_span_of(databases[i]), page, &node) ||
        !node.tree)
      return MTASTS_CORRUPT;
    roots[i] = record_of(&node).root;
  }
  for (size_t i = 0; i < 2; i++) {
    if (!path_holds(&walk, roots[i], key, page, &node))
      return MTASTS_CORRUPT;
    if (!node.key.data)
      continue;
    *size = node.size;
    return copy_value(&walk, &node, value) ? MTASTS_OK : MTASTS_CORRUPT;
  }
  return MTASTS_ABSENT;
}

/* Reads the value once, and checks afterwards that the commit's pages were not reused meanwhile. */
static enum mtasts_status read_once(int fd, const struct mtasts_domain *domain,
                                    unsigned char *value, size_t *size) {
  struct mtasts_data_trees before;
  struct mtasts_data_trees after;
  int rc = mtasts_data_trees(fd, &before);
  if (rc != 0)
    return mtasts_env_status(rc);
  unsigned char *page = malloc(before.page_size);
  if (!page)
    return MTASTS_NO_MEMORY;
  enum mtasts_status status = read_value(fd, &before, domain, page, value, size);
  free(page);
  if ((rc = mtasts_data_trees(fd, &after)) != 0)
    return mtasts_env_status(rc);
  return after.transaction - before.transaction <= COMMITS_APART ? status : MTASTS_LOCKED;
}

enum mtasts_status mtasts_tree_read(const char *directory, const struct mtasts_domain *domain,
                                    unsigned char *value, struct mtasts_entry *entry) {
  return mtasts_tree_read_file(directory, MTASTS_FILE_DATA, domain, value, entry);
}

enum mtasts_status mtasts_tree_read_file(const char *directory, const char *name,
                                         const struct mtasts_domain *domain, unsigned char *value,
                                         struct mtasts_entry *entry) {
  size_t size = 0;
  struct stat file;
  int fd = open_data(directory, name);
  if (fd < 0)
    return mtasts_env_status(errno);
  enum mtasts_status status = MTASTS_PERMISSION;
  if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode)) {
    status = MTASTS_LOCKED;
    for (int tries = 0; tries < READ_TRIES && status == MTASTS_LOCKED; tries++)
      status = read_once(fd, domain, value, &size);
  }
  close(fd);
  return status == MTASTS_OK ? mtasts_entry_decode(value, size, entry) : status;
}
