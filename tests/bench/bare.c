#include "bare.h"

#include <stdint.h>
#include <string.h>

bool bare_open(struct bare *bare, const char *directory) {
  if (mdb_env_create(&bare->env) || mdb_env_set_maxdbs(bare->env, 4) ||
      mdb_env_open(bare->env, directory, MDB_RDONLY | MDB_NOTLS, 0) ||
      mdb_txn_begin(bare->env, NULL, MDB_RDONLY, &bare->txn) ||
      mdb_dbi_open(bare->txn, "policies", 0, &bare->policies) || mdb_txn_commit(bare->txn) ||
      mdb_txn_begin(bare->env, NULL, MDB_RDONLY, &bare->txn))
    return false;
  mdb_txn_reset(bare->txn);
  return true;
}

bool bare_get(const struct bare *bare, const char *name, MDB_val *value) {
  MDB_val key = {strlen(name), (void *)(uintptr_t)name};
  return mdb_txn_renew(bare->txn) == 0 && mdb_get(bare->txn, bare->policies, &key, value) == 0;
}

void bare_end(const struct bare *bare) {
  mdb_txn_reset(bare->txn);
}
