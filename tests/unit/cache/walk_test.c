#include "data_file.h"
#include "fixture.h"
#include "tree_check.h"

const char *const unit_name = "cache/walk";

struct seen {
  char names[512]; /* "a b c " */
  unsigned corrupt;
  const char *stop; /* at this name; NULL: nowhere */
};

static bool see(void *context, const struct mtasts_domain *name, enum mtasts_status status,
                const struct mtasts_entry *entry) {
  struct seen *seen = context;
  size_t length = strlen(seen->names);
  CU_ASSERT_EQUAL(entry == NULL, status == MTASTS_CORRUPT);
  if (status == MTASTS_CORRUPT) {
    seen->corrupt++;
    return true;
  }
  if (seen->stop && strcmp(seen->stop, name->name) == 0)
    return false;
  snprintf(seen->names + length, sizeof seen->names - length, "%c ", name->name[0]);
  return true;
}

/* One step; returns whether that was the end. */
static bool walk_on(struct mtasts_store *store, enum mtasts_walk_part part,
                    struct mtasts_walk_position *position, uint64_t max, struct seen *seen) {
  bool end = false;
  CU_ASSERT_EQUAL(
      mtasts_cache_walk_from(
          mtasts_store_cache(store),
          &(struct mtasts_walk_step){.part = part, .max = max, .visit = see, .context = seen},
          position, &end),
      MTASTS_OK);
  return end;
}

static struct mtasts_store *filled(const char *path) {
  struct mtasts_store *store = store_open(path);
  struct sample sample;
  char name[] = "x.example";
  for (const char *at = "bdfhj"; *at; at++) {
    name[0] = *at;
    store_put(store, name, policy(&sample, "1"));
  }
  for (const char *at = "aceg"; *at; at++) {
    name[0] = *at;
    store_put(store, name, absent(&sample));
  }
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  return store;
}

static void goes_on_from_a_place(void) {
  char path[32];
  directory_new(path);
  struct mtasts_store *store = filled(path);
  struct mtasts_walk_position position = {0};
  struct seen seen = {.stop = NULL};
  struct mtasts_cache_space space = {.map_size = 0};
  CU_ASSERT_EQUAL(mtasts_cache_space(mtasts_store_cache(store), &space), MTASTS_OK);
  CU_ASSERT_EQUAL(space.domains[MTASTS_WALK_POLICIES], 5);
  CU_ASSERT_EQUAL(space.domains[MTASTS_WALK_ABSENT], 4);
  CU_ASSERT_FALSE(walk_on(store, MTASTS_WALK_POLICIES, &position, 2, &seen));
  CU_ASSERT_FALSE(walk_on(store, MTASTS_WALK_POLICIES, &position, 0, &seen));
  CU_ASSERT_STRING_EQUAL(seen.names, "b d ");
  mtasts_store_close(store);
  store = store_open(path); /* the place is nothing but bytes */

  struct sample sample;
  struct mtasts_domain gone = domain("d.example");
  CU_ASSERT_EQUAL(mtasts_store_remove(store, &gone), MTASTS_OK);
  store_put(store, "a.example", policy(&sample, "1")); /* behind the position: not seen this time */
  store_put(store, "e.example", policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  seen.stop = "h.example";
  CU_ASSERT_FALSE(walk_on(store, MTASTS_WALK_POLICIES, &position, 9, &seen));
  CU_ASSERT_STRING_EQUAL(seen.names, "b d e f ");
  seen.stop = NULL;
  CU_ASSERT_TRUE(walk_on(store, MTASTS_WALK_POLICIES, &position, 9, &seen));
  CU_ASSERT_STRING_EQUAL(seen.names, "b d e f h j ");
  CU_ASSERT_FALSE(walk_on(store, MTASTS_WALK_POLICIES, &position, 1, &seen));
  CU_ASSERT_STRING_EQUAL(seen.names, "b d e f h j a ");
  memset(&position, 0xff, sizeof position);
  memset(&seen, 0, sizeof seen);
  CU_ASSERT_TRUE(walk_on(store, MTASTS_WALK_ABSENT, &position, 9, &seen));
  CU_ASSERT_STRING_EQUAL(seen.names, "c g ");
  mtasts_store_close(store);
  directory_free(path);
}

/* Keys of every length that LMDB knows: none holds a walk up. */
static void passes_any_key(void) {
  char path[32];
  unsigned char bytes[MTASTS_LMDB_KEY_MAX];
  directory_new(path);
  struct mtasts_store *store = filled(path);
  struct mtasts_cache *cache = mtasts_store_cache(store);
  MDB_txn *txn;
  memset(bytes, 'c', sizeof bytes);
  CU_ASSERT_EQUAL_FATAL(mdb_txn_begin(cache->env, NULL, 0, &txn), 0);
  for (size_t size = 254; size <= sizeof bytes; size++) {
    MDB_val key = {size, bytes};
    MDB_val value = {1, bytes};
    CU_ASSERT_EQUAL(mdb_put(txn, cache->policies, &key, &value, 0), 0);
  }
  CU_ASSERT_EQUAL(mdb_txn_commit(txn), 0);
  struct mtasts_walk_position position = {0};
  struct seen seen = {.stop = NULL};
  unsigned steps = 0;
  while (steps < 1000 && !walk_on(store, MTASTS_WALK_POLICIES, &position, 1, &seen))
    steps++;
  CU_ASSERT_STRING_EQUAL(seen.names, "b d f h j ");
  CU_ASSERT_EQUAL(seen.corrupt, sizeof bytes - 253);
  CU_ASSERT_EQUAL(steps + 1, seen.corrupt + 5); /* the last step reports the end */
  mtasts_store_close(store);
  directory_free(path);
}

/* `expected` NULL: there is no note. */
static void check_note(struct mtasts_store *store, const char *expected) {
  char note[MTASTS_STORE_POSITION_MAX];
  size_t size = 0;
  enum mtasts_status status = mtasts_store_load_position(store, note, sizeof note, &size);
  if (expected)
    unit_check(status == MTASTS_OK && size == strlen(expected) && memcmp(note, expected, size) == 0,
               "note: %s, not %.*s", expected, (int)size, note);
  else
    CU_ASSERT_EQUAL(status, MTASTS_ABSENT);
}

static void set_note(struct mtasts_store *store, const char *text) {
  CU_ASSERT_EQUAL(mtasts_store_save_position(store, text, strlen(text)), MTASTS_OK);
}

static void keeps_a_note(void) {
  char path[32];
  uint64_t before;
  uint64_t after;
  struct sample sample;
  directory_new(path);
  struct mtasts_store *store = filled(path);
  check_note(store, NULL); /* as in every older cache */
  set_note(store, "one");
  check_note(store, "one"); /* the first has its own commit */
  set_note(store, "second");
  check_note(store, "one"); /* the next one waits for company */
  store_put(store, "k.example", policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  check_note(store, "second");
  set_note(store, "third");
  mtasts_store_close(store);
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
  store = store_open(path);
  check_note(store, "third");

  char large[MTASTS_STORE_POSITION_MAX + 1] = "";
  CU_ASSERT_EQUAL(mtasts_store_save_position(store, large, sizeof large), MTASTS_TOO_LARGE);
  CU_ASSERT_EQUAL(mtasts_store_save_position(store, large, sizeof large - 1), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_load_position(store, large, 5, &(size_t){0}), MTASTS_ABSENT);
  set_note(store, "fourth");
  CU_ASSERT_EQUAL(mtasts_store_compact(store, &before, &after), MTASTS_OK);
  check_note(store, "fourth");
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
  struct mtasts_cache_stats stats = count(mtasts_store_cache(store));
  CU_ASSERT_EQUAL(stats.entries, 10);
  CU_ASSERT_EQUAL(stats.corrupt, 0);
  mtasts_store_close(store);
  directory_free(path);
}

/* A removal that is collected: with its group, and replaced by what is put afterwards. */
static void drops_in_groups(void) {
  char path[32];
  struct mtasts_entry entry;
  struct sample sample;
  struct mtasts_domain first = domain("b.example");
  struct mtasts_domain second = domain("d.example");
  directory_new(path);
  struct mtasts_store *store = filled(path);
  struct mtasts_cache *cache = mtasts_store_cache(store);
  CU_ASSERT_EQUAL(mtasts_store_drop(store, &first), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_drop(store, &second), MTASTS_OK);
  store_put(store, "d.example", policy(&sample, "2"));
  CU_ASSERT_EQUAL(mtasts_store_pending(store), 2);
  CU_ASSERT_EQUAL(look_up(cache, "b.example", &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  CU_ASSERT_EQUAL(look_up(cache, "b.example", &entry), MTASTS_ABSENT);
  CU_ASSERT_EQUAL(look_up(cache, "d.example", &entry), MTASTS_OK);
  CU_ASSERT_STRING_EQUAL(entry.policy_id, "2");
  mtasts_store_close(store);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"a walk is left and taken up again, by another process too", goes_on_from_a_place},
    {"no key holds a walk up", passes_any_key},
    {"a saved position outlives the process and a compaction", keeps_a_note},
    {"removals are committed in groups", drops_in_groups},
    {NULL, NULL},
};
