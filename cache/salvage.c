#include "salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "environment.h"
#include "error_map.h"
#include "files.h"
#include "format.h"
#include "lmdb_page.h"
#include "meta_page.h"
#include "salvage_mark.h"

enum {
  PAGE_USUAL = 4096, /* bytes, if the meta pages are not valid */
  FREE_VISITS_MAX = 1 << 20,
};

struct mtasts_salvage {
  int fd;
  size_t page_size;
  uint64_t pages;
  unsigned char *free;  /* a bit for each free page */
  uint64_t visits;      /* of pages of the tree of free pages: ends every loop */
  unsigned char *value; /* of MTASTS_ENTRY_SIZE_MAX */
  unsigned char *page;
  uint64_t next; /* page */
  struct mtasts_store *store;
  int64_t now;
  struct mtasts_salvaged done;
};

/* A node, checked to be within its page. */
struct found {
  const unsigned char *key;
  size_t key_size;
  const unsigned char *data;
  size_t size; /* bytes of the data, wherever it is */
  uint16_t flags;
  uint64_t child; /* in a branch */
};

static bool read_page(const struct mtasts_salvage *salvage, uint64_t number, unsigned char *page) {
  return number >= META_PAGES && number < salvage->pages &&
         pread(salvage->fd, page, salvage->page_size, (off_t)(number * salvage->page_size)) ==
             (ssize_t)salvage->page_size &&
         get_64(page) == number;
}

/* How many nodes the page lists, at most as many as fit. */
static size_t count_nodes(const struct mtasts_salvage *salvage, const unsigned char *page) {
  size_t lower = get_16(page + AT_LOWER);
  return lower < PAGE_HEADER || lower > salvage->page_size
             ? 0
             : (lower - PAGE_HEADER) / sizeof(uint16_t);
}

static bool find_node(const struct mtasts_salvage *salvage, const unsigned char *page, size_t index,
                      struct found *found) {
  size_t offset = get_16(page + PAGE_HEADER + index * sizeof(uint16_t));
  if (offset < PAGE_HEADER || offset + NODE_HEADER > salvage->page_size)
    return false;
  const unsigned char *start = page + offset;
  size_t left = salvage->page_size - offset - NODE_HEADER;
  found->flags = get_16(start + AT_NODE_FLAGS);
  found->key = start + NODE_HEADER;
  found->key_size = get_16(start + AT_KEY_SIZE);
  if (found->key_size > left)
    return false;
  found->data = found->key + found->key_size;
  found->size = (size_t)get_16(start) | (size_t)get_16(start + 2) << 16;
  found->child = (uint64_t)found->size | (uint64_t)found->flags << 32;
  if (get_16(page + AT_FLAGS) == BRANCH)
    return true;
  left -= found->key_size;
  return (found->flags == NODE_BIG ? sizeof(uint64_t) : found->size) <= left;
}

/* Reads up to `max` bytes of a leaf node's data, in its page or in overflow pages. */
static bool read_data(const struct mtasts_salvage *salvage, const struct found *found, size_t max,
                      void *out) {
  size_t size = found->size < max ? found->size : max;
  if (found->flags != NODE_BIG) {
    memcpy(out, found->data, size);
    return true;
  }
  uint64_t number = get_64(found->data);
  unsigned char head[PAGE_HEADER];
  off_t at = (off_t)(number * salvage->page_size);
  return number >= META_PAGES && number < salvage->pages &&
         pread(salvage->fd, head, sizeof head, at) == (ssize_t)sizeof head &&
         get_64(head) == number && get_16(head + AT_FLAGS) == OVERFLOW_PAGES &&
         pread(salvage->fd, out, size, at + PAGE_HEADER) == (ssize_t)size;
}

/* free pages */

static void mark_free(struct mtasts_salvage *salvage, const struct found *found) {
  size_t max = (salvage->pages + 1) * sizeof(uint64_t);
  size_t size = found->size < max ? found->size : max;
  unsigned char *list = malloc(size + 1);
  if (list && size >= sizeof(uint64_t) && read_data(salvage, found, size, list)) {
    uint64_t count = get_64(list);
    for (uint64_t i = 1; i <= count && (i + 1) * sizeof(uint64_t) <= size; i++) {
      uint64_t number = get_64(list + i * sizeof(uint64_t));
      if (number < salvage->pages)
        salvage->free[number / 8] |= (unsigned char)(1U << number % 8);
    }
  }
  free(list);
}

static void find_free(struct mtasts_salvage *salvage, uint64_t root, unsigned depth) {
  struct found found;
  if (root == NO_ROOT || depth == 0 || salvage->visits == 0)
    return;
  salvage->visits--;
  unsigned char *page = malloc(salvage->page_size);
  if (page && read_page(salvage, root, page)) {
    unsigned kind = get_16(page + AT_FLAGS);
    salvage->free[root / 8] |= (unsigned char)(1U << root % 8); /* it holds no domain */
    for (size_t i = 0; i < count_nodes(salvage, page); i++) {
      if (!find_node(salvage, page, i, &found))
        continue;
      if (kind == BRANCH)
        find_free(salvage, found.child, depth - 1);
      else if (kind == LEAF && found.key_size == sizeof(uint64_t))
        mark_free(salvage, &found);
    }
  }
  free(page);
}

/* domains */

static void keep(struct mtasts_salvage *salvage, const struct mtasts_domain *domain,
                 const struct mtasts_entry *entry) {
  /* A policy that has expired is for the sweep, which does not trust a clock that has jumped. */
  if (!entry->has_policy && mtasts_store_is_obsolete(entry, salvage->now))
    return;
  enum mtasts_status status = mtasts_store_put_older(salvage->store, domain, entry, salvage->now);
  if (status == MTASTS_OK)
    salvage->done.domains++;
  else if (status != MTASTS_FULL)
    salvage->done.status = status;
}

/* Nodes of other kinds have no dot in their key: names of trees, and transactions. */
static void take_node(struct mtasts_salvage *salvage, const struct found *found) {
  struct mtasts_domain domain;
  struct mtasts_entry entry;
  struct mtasts_span name = {(const char *)found->key, found->key_size};
  if (mtasts_domain_parse(name, &domain) != MTASTS_OK || domain.len != name.len ||
      memcmp(domain.name, name.data, name.len) != 0 || !memchr(name.data, '.', name.len))
    return;
  if (found->size <= MTASTS_ENTRY_SIZE_MAX &&
      read_data(salvage, found, found->size, salvage->value) &&
      mtasts_entry_decode(salvage->value, found->size, &entry) == MTASTS_OK &&
      mtasts_entry_check(&entry))
    keep(salvage, &domain, &entry);
  else
    salvage->done.damaged++;
}

static void take_page(struct mtasts_salvage *salvage, uint64_t number) {
  struct found found;
  const unsigned char *page = salvage->page;
  if (salvage->free[number / 8] & 1U << number % 8 || !read_page(salvage, number, salvage->page) ||
      get_16(page + AT_FLAGS) != LEAF)
    return;
  size_t count = count_nodes(salvage, page);
  salvage->done.damaged += count == 0;
  for (size_t i = 0; i < count; i++)
    if (find_node(salvage, page, i, &found))
      take_node(salvage, &found);
    else
      salvage->done.damaged++;
}

static void release(struct mtasts_salvage *salvage) {
  free(salvage->page);
  free(salvage->value);
  free(salvage->free);
  free(salvage);
}

struct mtasts_salvage *mtasts_salvage_begin(int fd, struct mtasts_store *store, int64_t now) {
  struct mtasts_data_trees trees;
  struct stat file;
  struct mtasts_salvage *salvage = fstat(fd, &file) == 0 ? calloc(1, sizeof *salvage) : NULL;
  if (!salvage)
    return NULL;
  bool told = mtasts_data_trees(fd, &trees) == 0 || mtasts_data_trees_of_short(fd, &trees) == 0;
  *salvage = (struct mtasts_salvage){
      .fd = fd, .store = store, .now = now, .visits = FREE_VISITS_MAX, .next = META_PAGES};
  salvage->page_size = told ? trees.page_size : PAGE_USUAL;
  salvage->pages = (uint64_t)file.st_size / salvage->page_size;
  salvage->free = calloc(salvage->pages / 8 + 1, 1);
  salvage->value = malloc(MTASTS_ENTRY_SIZE_MAX);
  salvage->page = malloc(salvage->page_size);
  if (!salvage->free || !salvage->value || !salvage->page) {
    release(salvage);
    return NULL;
  }
  if (told)
    find_free(salvage, trees.free.root, DEPTH_MAX);
  return salvage;
}

bool mtasts_salvage_step(struct mtasts_salvage *salvage, unsigned pages) {
  for (; pages > 0 && salvage->next < salvage->pages; pages--) {
    take_page(salvage, salvage->next);
    if (salvage->done.status != MTASTS_OK)
      return false;
    salvage->next++;
  }
  return salvage->next < salvage->pages;
}

bool mtasts_salvage_failed(struct mtasts_salvage *salvage) {
  enum mtasts_status status = mtasts_store_flush(salvage->store);
  if (salvage->done.status == MTASTS_OK && status != MTASTS_FULL)
    salvage->done.status = status;
  bool failed = salvage->done.status != MTASTS_OK;
  salvage->done.status = MTASTS_OK;
  return failed;
}

struct mtasts_salvaged mtasts_salvage_end(struct mtasts_salvage *salvage) {
  enum mtasts_status status = mtasts_store_flush(salvage->store);
  if (salvage->done.status == MTASTS_OK && status != MTASTS_FULL)
    salvage->done.status = status;
  struct mtasts_salvaged done = salvage->done;
  release(salvage);
  return done;
}

struct mtasts_salvaged mtasts_salvage(int fd, struct mtasts_store *store, int64_t now) {
  struct mtasts_salvage *salvage = mtasts_salvage_begin(fd, store, now);
  if (!salvage)
    return (struct mtasts_salvaged){.status = errno == ENOMEM ? MTASTS_NO_MEMORY : MTASTS_IO};
  while (mtasts_salvage_step(salvage, UINT_MAX))
    continue;
  return mtasts_salvage_end(salvage);
}

static int open_directory(const char *directory) {
  return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int mtasts_salvage_open(const char *directory) {
  int files = open_directory(directory);
  int fd = files >= 0
               ? openat(files, MTASTS_FILE_DAMAGED, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
               : -1;
  int error = errno;
  if (files >= 0)
    close(files);
  errno = error;
  return fd;
}

bool mtasts_salvage_marked(const char *directory) {
  int files = open_directory(directory);
  bool marked = files >= 0 && mtasts_salvage_mark_find(files);
  if (files >= 0)
    close(files);
  return marked;
}

int mtasts_salvage_unmark(const char *directory) {
  int files = open_directory(directory);
  if (files < 0)
    return errno;
  int rc = mtasts_salvage_mark_clear(files);
  close(files);
  return rc;
}

enum mtasts_status mtasts_cache_replace(const char *directory,
                                        const struct mtasts_store_options *options,
                                        struct mtasts_store **store, unsigned *format) {
  bool marked = mtasts_salvage_marked(directory);
  enum mtasts_status status = mtasts_cache_move_damaged(directory, format);
  if (status == MTASTS_OK)
    status = mtasts_store_open(directory, options, store);
  if (status == MTASTS_OK && *format != 0 && !marked) {
    /* A data.mdb.damaged that was salvaged long ago has nothing to do with this file. */
    mtasts_salvage_unmark(directory);
    mtasts_store_set_salvaging(*store, false);
  }
  return status;
}

bool mtasts_cache_recover_rest(const char *directory, struct mtasts_store *store, int64_t now,
                               struct mtasts_salvaged *salvaged) {
  if (!mtasts_store_salvaging(store))
    return false;
  int fd = mtasts_salvage_open(directory);
  if (fd >= 0)
    *salvaged = mtasts_salvage(fd, store, now);
  else
    *salvaged = (struct mtasts_salvaged){.status = mtasts_env_status(errno)};
  if (fd >= 0)
    close(fd);
  /* With the mark, a later start would bring back what was removed after this salvage. */
  if (salvaged->status == MTASTS_OK && mtasts_salvage_unmark(directory) == 0)
    mtasts_store_set_salvaging(store, false);
  return true;
}

enum mtasts_status mtasts_cache_recover(const char *directory,
                                        const struct mtasts_store_options *options, int64_t now,
                                        struct mtasts_store **store,
                                        struct mtasts_salvaged *salvaged) {
  unsigned format;
  *salvaged = (struct mtasts_salvaged){.status = MTASTS_OK};
  enum mtasts_status status = mtasts_cache_replace(directory, options, store, &format);
  if (status == MTASTS_OK)
    mtasts_cache_recover_rest(directory, *store, now, salvaged);
  salvaged->format = format;
  return status;
}

const char *mtasts_salvaged_words(const struct mtasts_salvaged *salvaged, const char *directory,
                                  char words[MTASTS_SALVAGED_WORDS]) {
  bool done = salvaged->status == MTASTS_OK;
  if (salvaged->format != 0)
    snprintf(words, MTASTS_SALVAGED_WORDS,
             "%s/" MTASTS_FILE_DATA
             " has format %u, and this version reads format %d: it is now " MTASTS_FILE_FORMAT
             "%u, untouched, and the cache begins empty",
             directory, salvaged->format, MTASTS_FORMAT, salvaged->format);
  else
    snprintf(words, MTASTS_SALVAGED_WORDS,
             "%s/" MTASTS_FILE_DATA " is damaged or not a cache: it is now " MTASTS_FILE_DAMAGED
             ", and what could be read of it is in a new one: %" PRIu64 " domains; %" PRIu64
             " places were damaged%s%s",
             directory, salvaged->domains, salvaged->damaged,
             done ? "" : "; the rest is tried again: ",
             done ? "" : mtasts_status_name(salvaged->status));
  return words;
}
