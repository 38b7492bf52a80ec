/* A data.mdb that an earlier version wrote is read, entry by entry, as it was written; one of a
 * version that is not known is distinguished from a damaged one, and nothing of it is lost.
 * docs/design.md says what to add here when the format changes. */
#include "format.h"

#include <lmdb.h>

#include "data_file.h"
#include "fixture.h"
#include "salvage.h"
#include "tree_check.h"

const char *const unit_name = "cache/format";

enum {
  WORDS = 4096, /* bytes */
};

__attribute__((format(printf, 2, 3))) static void add(char *words, const char *format, ...) {
  size_t used = strlen(words);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(words + used, WORDS - used, format, arguments);
  va_end(arguments);
}

/* Every field, as the tables have it. */
static void describe(const struct mtasts_entry *entry, char words[WORDS]) {
  struct mtasts_span name;
  struct mtasts_mx_host mx;
  words[0] = '\0';
  if (entry->has_policy) {
    add(words, "policy %s %u '%s' %jd..%jd", mtasts_mode_name(entry->policy.mode),
        entry->policy.max_age, entry->policy_id, (intmax_t)entry->fetched,
        (intmax_t)entry->expires);
    for (size_t cursor = 0; mtasts_names_next(&entry->policy.mx, &cursor, &name);)
      add(words, " %.*s", (int)name.len, name.data);
    add(words, "; ");
  }
  add(words, "record %s '%s'; checked %jd next %jd retry %jd failures %u%s; %s '%.*s'; mx %s",
      mtasts_record_state_name(entry->record), entry->record_id, (intmax_t)entry->checked,
      (intmax_t)entry->next_check, (intmax_t)entry->retry_at, entry->failures,
      entry->unresolved ? " unresolved" : "", mtasts_error_name(entry->error),
      (int)entry->detail.len, entry->detail.len > 0 ? entry->detail.data : "",
      mtasts_mx_state_name(entry->mx_state));
  for (size_t cursor = 0; mtasts_mx_next(&entry->mx, &cursor, &mx);)
    add(words, " %u:%.*s:%d", mx.preference, (int)mx.host.len, mx.host.data, (int)mx.dane);
  add(words, " until %jd; dane %d until %jd", (intmax_t)entry->mx_expires, (int)entry->dane,
      (intmax_t)entry->dane_expires);
}

/* A copy, in a directory of its own: the committed file stays as it is. */
static void copy_of(const char *file, char path[32]) {
  char to[PATH_SIZE];
  char buffer[4096];
  size_t got;
  directory_new(path);
  file_path(to, path, "data.mdb");
  FILE *from = fopen(file, "r");
  FILE *copy = fopen(to, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(from);
  CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
  while ((got = fread(buffer, 1, sizeof buffer, from)) > 0)
    CU_ASSERT_EQUAL(fwrite(buffer, 1, got, copy), got);
  fclose(from);
  CU_ASSERT_EQUAL(fclose(copy), 0);
}

static struct mtasts_cache *cache; /* that a table is compared with */
static const char *directory;
static uint64_t compared;

static void compare(unsigned line, const struct unit_field *fields, size_t count) {
  static unsigned char value[MTASTS_ENTRY_SIZE_MAX];
  struct mtasts_reader *reader;
  struct mtasts_entry entry;
  char words[WORDS] = "";
  CU_ASSERT_EQUAL_FATAL(count, 2);
  struct mtasts_domain key = domain("%s", fields[0].data);
  CU_ASSERT_EQUAL_FATAL(mtasts_reader_new(cache, &reader), MTASTS_OK);
  if (mtasts_reader_get(reader, &key, &entry) == MTASTS_OK)
    describe(&entry, words);
  mtasts_reader_free(reader);
  unit_check(strcmp(words, fields[1].data) == 0, "line %u: %s:\n  %s\n  %s", line, fields[0].data,
             fields[1].data, words);
  /* As the Exim plugin reads it. */
  words[0] = '\0';
  if (mtasts_tree_read(directory, &key, value, &entry) == MTASTS_OK)
    describe(&entry, words);
  unit_check(strcmp(words, fields[1].data) == 0, "line %u: %s, page by page", line, fields[0].data);
  compared++;
}

static void compare_all(const char *path, const char *table) {
  struct mtasts_store *store = store_open(path);
  cache = mtasts_store_cache(store);
  directory = path;
  compared = 0;
  unit_vectors(table, 10, compare);
  struct mtasts_cache_stats stats = count(cache);
  CU_ASSERT_EQUAL(stats.entries, compared);
  CU_ASSERT_EQUAL(stats.corrupt, 0);
  mtasts_store_close(store);
}

static void test_format_2(void) {
  static const char table[] = "tests/data/cache-format-2/entries.tsv";
  struct sample sample;
  struct mtasts_salvaged salvaged;
  char path[32];
  char other[32];
  char file[PATH_SIZE];
  copy_of("tests/data/cache-format-2/data.mdb", path);
  CU_ASSERT_EQUAL(mtasts_tree_check(path), MTASTS_OK);
  compare_all(path, table);
  /* Written to, it loses nothing. */
  struct mtasts_store *store = store_open(path);
  struct mtasts_domain key = domain("new.example");
  store_put(store, key.name, policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_remove(store, &key), MTASTS_OK);
  mtasts_store_close(store);
  compare_all(path, table);
  /* Nor does it page by page, into another. */
  directory_new(other);
  file_path(file, path, "data.mdb");
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  store = store_open(other);
  salvaged = mtasts_salvage(fd, store, 1700000000);
  CU_ASSERT(salvaged.status == MTASTS_OK && salvaged.damaged == 0);
  mtasts_store_close(store);
  close(fd);
  compare_all(other, table);
  directory_free(other);
  directory_free(path);
}

static void set_format(const char *path, const char *format) {
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi dbi;
  MDB_val key = {sizeof MTASTS_DB_FORMAT_KEY - 1, (void *)(uintptr_t)MTASTS_DB_FORMAT_KEY};
  MDB_val value = {strlen(format), (void *)(uintptr_t)format};
  CU_ASSERT_EQUAL_FATAL(mdb_env_create(&env), 0);
  CU_ASSERT_EQUAL_FATAL(mdb_env_open(env, path, 0, 0600), 0);
  CU_ASSERT_EQUAL_FATAL(mdb_txn_begin(env, NULL, 0, &txn), 0);
  CU_ASSERT_EQUAL(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
  CU_ASSERT_EQUAL(mdb_put(txn, dbi, &key, &value, 0), 0);
  CU_ASSERT_EQUAL(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
}

/* Counts the files whose names begin so, and removes them. */
static unsigned take_files(const char *path, const char *beginning) {
  unsigned count = 0;
  DIR *list = opendir(path);
  CU_ASSERT_PTR_NOT_NULL_FATAL(list);
  for (struct dirent *file; (file = readdir(list));)
    if (strncmp(file->d_name, beginning, strlen(beginning)) == 0) {
      count++;
      CU_ASSERT_EQUAL(unlinkat(dirfd(list), file->d_name, 0), 0);
    }
  closedir(list);
  return count;
}

/* A cache that a later version wrote is kept unchanged beside a new cache, each time, and is
 * reported. */
static void test_unknown(void) {
  char path[32];
  char words[MTASTS_SALVAGED_WORDS];
  char file[PATH_SIZE];
  struct stat before;
  struct stat after;
  struct mtasts_store *store = NULL;
  struct mtasts_salvaged salvaged;
  directory_new(path);
  file_path(file, path, "data.mdb");
  for (unsigned i = 0; i < 2; i++) {
    mtasts_store_close(store_open(path));
    set_format(path, "mtasts 3");
    CU_ASSERT_EQUAL(stat(file, &before), 0);
    CU_ASSERT_EQUAL(mtasts_format_unknown(path), 3);
    CU_ASSERT_EQUAL(mtasts_store_open(path, &mtasts_store_defaults, &store), MTASTS_CORRUPT);
    CU_ASSERT(stat(file, &after) == 0 && after.st_ino == before.st_ino);
    CU_ASSERT_EQUAL_FATAL(
        mtasts_cache_recover(path, &mtasts_store_defaults, NOW, &store, &salvaged), MTASTS_OK);
    CU_ASSERT(salvaged.format == 3 && salvaged.damaged == 0);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(mtasts_salvaged_words(&salvaged, path, words), "it is now data.mdb.format-3"));
    CU_ASSERT_EQUAL(mtasts_format_unknown(path), 0);
    mtasts_store_close(store);
  }
  file_path(file, path, "data.mdb.format-3");
  CU_ASSERT_EQUAL(stat(file, &after), 0);
  CU_ASSERT_EQUAL(take_files(path, "data.mdb.format-3"), 2);
  CU_ASSERT_EQUAL(take_files(path, "data.mdb.damaged"), 0);
  directory_free(path);
}

static void test_numbers(void) {
  static const struct {
    const char *record;
    unsigned number;
  } records[] = {{"mtasts 2", 2},
                 {"mtasts 10", 10},
                 {"mtasts 999999", 999999},
                 {"mtasts 1000000", 0},
                 {"mtasts 9999999999", 0},
                 {"mtasts 0", 0},
                 {"mtasts 02", 0},
                 {"mtasts ", 0},
                 {"mtasts", 0},
                 {"", 0},
                 {"mtasts 2 ", 0},
                 {"mtasts -2", 0},
                 {"Mtasts 2", 0}};
  for (size_t i = 0; i < sizeof records / sizeof *records; i++)
    unit_check(mtasts_format_number(records[i].record, strlen(records[i].record)) ==
                   records[i].number,
               "\"%s\"", records[i].record);
  CU_ASSERT_EQUAL(mtasts_format_number(MTASTS_DB_FORMAT, sizeof MTASTS_DB_FORMAT - 1),
                  MTASTS_FORMAT);
  CU_ASSERT(mtasts_format_known(MTASTS_FORMAT) && mtasts_format_known(MTASTS_FORMAT_OLDEST));
  CU_ASSERT(!mtasts_format_known(MTASTS_FORMAT + 1) && !mtasts_format_known(0));
}

const struct unit_test unit_tests[] = {
    {"a file of format 2", test_format_2},
    {"a format that is not known", test_unknown},
    {"numbers of formats", test_numbers},
    {NULL, NULL},
};
