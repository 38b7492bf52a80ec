/*
 * damage.h: a cache to be damaged, and what goes through all of it.
 */
#ifndef CACHE_DAMAGE_H
#define CACHE_DAMAGE_H

#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

enum {
  POLICIES = 300
};

/* A closed cache with some policies; the length of its data.mdb. */
static inline off_t make_cache(char path[32]) {
  struct sample sample;
  struct stat found;
  char file[PATH_SIZE];
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  for (int i = 0; i < POLICIES; i++)
    store_put(store, domain("p%d.example", i).name, policy(&sample, "1"));
  store_put(store, "absent.example", absent(&sample));
  mtasts_store_close(store);
  file_path(file, path, "data.mdb");
  CU_ASSERT_EQUAL_FATAL(stat(file, &found), 0);
  return found.st_size;
}

/* The layout of LMDB's pages: MDB_page and MDB_node in its mdb.c. */
static inline uint16_t *field(unsigned char *page, size_t at) {
  return (uint16_t *)(void *)(page + at);
}

static inline bool pass_over(void *context, const struct mtasts_domain *key,
                             enum mtasts_status status, const struct mtasts_entry *entry) {
  (void)context;
  (void)key;
  (void)status;
  (void)entry;
  return true;
}

static inline int walk_all(void *path) {
  struct mtasts_cache *cache;
  enum mtasts_status status = mtasts_cache_open(path, &cache);
  if (status == MTASTS_OK)
    status = mtasts_cache_walk(cache, pass_over, NULL);
  return (int)status;
}

#endif
