/*
 * bare.h: the limit of a look-up in a cache: mdb_get in a renewed read transaction, and nothing
 * else.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <lmdb.h>
#include <stdbool.h>

struct bare {
  MDB_env *env;
  MDB_dbi policies;
  MDB_txn *txn;
};

/* Opens the policies of a cache for reading. */
bool bare_open(struct bare *bare, const char *directory);

/* Looks a domain up; the value is good until bare_end. */
bool bare_get(const struct bare *bare, const char *name, MDB_val *value);
void bare_end(const struct bare *bare);

#endif
