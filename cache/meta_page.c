#include "meta_page.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdbool.h>
#include <unistd.h>

enum {
  TREE_FLAGS = 0x7f, /* the flags of a tree's layout, and MDB_FIXEDMAP */
};

/* LMDB sorts keys by these flags, and trusts the page size in either page. */
static bool meta_holds(const struct lmdb_meta_page *meta, size_t page_size) {
  if (meta->flags != META_FLAG || meta->magic != META_MAGIC || meta->version != META_VERSION ||
      meta->tree[0].page_size != page_size ||
      (meta->tree[0].flags & TREE_FLAGS) != MDB_INTEGERKEY ||
      (meta->tree[1].flags & TREE_FLAGS) != 0)
    return false;
  for (int i = 0; i < 2; i++)
    if (meta->tree[i].root != NO_ROOT &&
        (meta->tree[i].root < META_PAGES || meta->tree[i].root > meta->last_page))
      return false;
  return true;
}

static size_t newest_of(const struct lmdb_meta_page meta[2]) {
  return meta[1].transaction > meta[0].transaction;
}

/* LMDB chooses the meta page of a commit by the parity of the commit's number. */
static bool pair_holds(const struct lmdb_meta_page meta[2], size_t page_size) {
  return meta_holds(&meta[0], page_size) && meta_holds(&meta[1], page_size) &&
         meta[newest_of(meta)].transaction % META_PAGES == newest_of(meta);
}

/* *pages: the pages in the file. whole: must the file have all pages that the meta pages count, or
 * must it lack some? */
static int read_meta(int fd, bool whole, struct lmdb_meta_page meta[2], size_t *page_size,
                     size_t *pages) {
  struct stat file;
  if (pread(fd, &meta[0], sizeof meta[0], 0) != (ssize_t)sizeof meta[0])
    return MDB_INVALID;
  *page_size = meta[0].tree[0].page_size;
  if (*page_size < PAGE_SIZE_MIN || *page_size > PAGE_SIZE_MAX ||
      (*page_size & (*page_size - 1)) != 0 ||
      pread(fd, &meta[1], sizeof meta[1], (off_t)*page_size) != (ssize_t)sizeof meta[1])
    return MDB_INVALID;
  /* Read the length last: a file in use grows before its meta pages count the new pages. */
  if (fstat(fd, &file) != 0)
    return errno;
  *pages = (size_t)file.st_size / *page_size;
  bool is_whole = meta[0].last_page < *pages && meta[1].last_page < *pages;
  return pair_holds(meta, *page_size) && is_whole == whole ? 0 : MDB_INVALID;
}

static int read_trees(int fd, struct mtasts_data_trees *trees, bool whole) {
  struct lmdb_meta_page meta[2];
  size_t page_size;
  size_t pages = 0;
  int rc = read_meta(fd, whole, meta, &page_size, &pages);
  if (rc != 0)
    return rc;
  const struct lmdb_meta_page *newest = &meta[newest_of(meta)];
  *trees = (struct mtasts_data_trees){
      .page_size = page_size,
      .last_page = newest->last_page,
      .transaction = newest->transaction,
      .free = newest->tree[0],
      .main = newest->tree[1],
      .map_size = newest->map_size,
      .pages = pages,
  };
  return 0;
}

int mtasts_data_trees(int fd, struct mtasts_data_trees *trees) {
  return read_trees(fd, trees, true);
}

int mtasts_data_trees_of_short(int fd, struct mtasts_data_trees *trees) {
  int rc = read_trees(fd, trees, false);
  return rc == 0 && trees->last_page >= trees->map_size / trees->page_size ? MDB_INVALID : rc;
}

int mtasts_data_validate(int directory_fd, struct mtasts_data_file *data) {
  struct lmdb_meta_page meta[2];
  size_t page_size;
  size_t pages;
  int rc = mtasts_files_find(directory_fd, MTASTS_FILE_DATA, &data->file);
  if (rc != 0)
    return rc;
  int fd = openat(directory_fd, MTASTS_FILE_DATA, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return errno;
  rc = read_meta(fd, true, meta, &page_size, &pages);
  close(fd);
  if (rc == 0)
    data->map_size = meta[0].map_size > meta[1].map_size ? meta[0].map_size : meta[1].map_size;
  return rc;
}
