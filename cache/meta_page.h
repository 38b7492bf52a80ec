/*
 * meta_page.h: the meta pages of data.mdb, read without LMDB: how long the file must be, and where
 * its trees begin. Functions return 0, an errno or an LMDB error.
 */
#ifndef MTASTS_CACHE_META_PAGE_H
#define MTASTS_CACHE_META_PAGE_H

#include "files.h"
#include "lmdb_page.h"

struct mtasts_data_file {
  struct stat file;
  size_t map_size; /* bytes, as its last writer set it */
};

/* The newest commit, as the meta pages describe it. */
struct mtasts_data_trees {
  size_t page_size;
  size_t last_page;
  size_t transaction;
  struct mtasts_tree_record free;
  struct mtasts_tree_record main;
  size_t map_size; /* bytes */
  size_t pages;    /* in the file */
};

/* MDB_INVALID: as for mtasts_data_validate. */
int mtasts_data_trees(int fd, struct mtasts_data_trees *trees);

/* Likewise, for a file that is shorter than its meta pages say, though no longer than its map may
 * be. MDB_INVALID: any other file. */
int mtasts_data_trees_of_short(int fd, struct mtasts_data_trees *trees);

/* MDB_INVALID: not LMDB's, truncated, or its meta pages contradict themselves. */
int mtasts_data_validate(int directory_fd, struct mtasts_data_file *data);

#endif
