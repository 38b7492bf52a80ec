#include "memory_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory_json.h"
#include "unit.h"

const char *const unit_name = "check/memory_store";

static const struct mtasts_domain domain = {"example.com", sizeof "example.com" - 1};

static struct mtasts_memory sample(size_t ids) {
  struct mtasts_memory memory = {
      .has_last = true,
      .last = {MTASTS_MODE_TESTING, 86400, {1, 2, 0xff}},
      .last_seen = 1796083200,
      .enforce_until = 1796690000,
      .id = "id1",
      .ttl = 3600,
      .changed = 1796083100,
      .id_count = ids,
  };
  for (size_t i = 0; i < ids; i++) {
    snprintf(memory.ids[i].id, sizeof memory.ids[i].id, "%032zu", i);
    memory.ids[i].policy =
        (struct mtasts_remembered_policy){MTASTS_MODE_ENFORCE, MTASTS_MAX_AGE_MAX, {0}};
  }
  return memory;
}

static void set_up(char directory[64]) {
  snprintf(directory, 64, "/dev/shm/memory-store-test-XXXXXX");
  CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
}

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *at) {
  (void)found;
  (void)type;
  (void)at;
  return remove(path);
}

static void take_down(const char *directory) {
  CU_ASSERT_EQUAL(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void put(int fd, const char *name, const char *text) {
  int file = openat(fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  CU_ASSERT_EQUAL(write(file, text, strlen(text)), (ssize_t)strlen(text));
  close(file);
}

static void is_kept(void) {
  char directory[64];
  char deep[160];
  struct mtasts_memory memory;
  set_up(directory);
  snprintf(deep, sizeof deep, "%s/a/b", directory);
  int fd = mtasts_memory_open(deep);
  CU_ASSERT_FATAL(fd >= 0);
  CU_ASSERT_EQUAL(mtasts_memory_load(fd, &domain, &memory), MTASTS_ABSENT);
  CU_ASSERT_FALSE(memory.has_last);
  for (size_t ids = 0; ids <= MTASTS_MEMORY_IDS; ids += MTASTS_MEMORY_IDS / 2) {
    struct mtasts_memory saved = sample(ids);
    CU_ASSERT_EQUAL(mtasts_memory_save(fd, &domain, &saved), MTASTS_OK);
    CU_ASSERT_EQUAL(mtasts_memory_load(fd, &domain, &memory), MTASTS_OK);
    CU_ASSERT_EQUAL(memory.last.mode, saved.last.mode);
    CU_ASSERT_TRUE(mtasts_remembered_equal(&memory.last, &saved.last));
    CU_ASSERT_EQUAL(memory.last_seen, saved.last_seen);
    CU_ASSERT_EQUAL(memory.enforce_until, saved.enforce_until);
    CU_ASSERT_STRING_EQUAL(memory.id, saved.id);
    CU_ASSERT_EQUAL(memory.ttl, saved.ttl);
    CU_ASSERT_EQUAL(memory.changed, saved.changed);
    CU_ASSERT_EQUAL(memory.id_count, ids);
    CU_ASSERT_EQUAL(memcmp(memory.ids, saved.ids, ids * sizeof *saved.ids), 0);
  }
  /* Nothing is left beside the file. */
  struct dirent **entries = NULL;
  int count = scandir(deep, &entries, NULL, alphasort);
  CU_ASSERT_EQUAL(count, 3); /* "." and ".." */
  CU_ASSERT_STRING_EQUAL(entries[2]->d_name, domain.name);
  while (count > 0)
    free(entries[--count]);
  free(entries);
  close(fd);
  take_down(directory);
}

static void another_ttl_and_no_policy(void) {
  struct mtasts_memory memory;
  struct mtasts_memory empty = {.id_count = 0};
  char *text = mtasts_memory_write(&domain, &empty);
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  CU_ASSERT_TRUE(mtasts_memory_read((struct mtasts_span){text, strlen(text)}, &domain, &memory));
  CU_ASSERT_FALSE(memory.has_last);
  free(text);
}

/* Each change of a good text is found; so is each prefix. */
static void what_is_damaged_is_refused(void) {
  static const char *const changes[][2] = {
      {"\"version\": 1", "\"version\": 2"},
      {"example.com", "example.net"},
      {"\"testing\"", "\"Testing\""},
      {"\"max_age\": 86400", "\"max_age\": 31557601"},
      {"\"max_age\": 86400", "\"max_age\": -1"},
      {"\"max_age\": 86400", "\"max_age\": 1.5"},
      {"\"mx\": \"0102", "\"mx\": \"01"},
      {"\"mx\": \"0102", "\"mx\": \"010x"},
      {"\"id\": \"id1\"", "\"id\": \"id-1\""},
      {"\"id\": \"id1\"", "\"id\": 1"},
      {"\"ttl\": 3600", "\"ttl\": 4294967296"},
      {"\"changed\": 1796083100", "\"changed\": 9223372036854775807"},
      {"\"changed\": 1796083100", "\"changed\": null"},
      {"\"ids\": [", "\"ids\": [ {},"},
  };
  struct mtasts_memory memory;
  struct mtasts_memory saved = sample(1);
  char *text = mtasts_memory_write(&domain, &saved);
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  size_t len = strlen(text);
  CU_ASSERT_TRUE(mtasts_memory_read((struct mtasts_span){text, len}, &domain, &memory));
  for (size_t i = 0; i < len; i++)
    unit_check(!mtasts_memory_read((struct mtasts_span){text, i}, &domain, &memory), "%zu bytes",
               i);
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    char changed[4096];
    const char *at = strstr(text, changes[i][0]);
    unit_check(at != NULL, "%s is not there", changes[i][0]);
    if (!at)
      continue;
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, changes[i][1],
             at + strlen(changes[i][0]));
    unit_check(
        !mtasts_memory_read((struct mtasts_span){changed, strlen(changed)}, &domain, &memory),
        "%s is read", changes[i][1]);
  }
  free(text);
}

static void damaged_files(void) {
  char directory[64];
  struct mtasts_memory memory;
  struct mtasts_memory saved = sample(2);
  set_up(directory);
  int fd = mtasts_memory_open(directory);
  put(fd, domain.name, "{");
  CU_ASSERT_EQUAL(mtasts_memory_load(fd, &domain, &memory), MTASTS_CORRUPT);
  CU_ASSERT_EQUAL(memory.id_count, 0);
  CU_ASSERT_EQUAL(mtasts_memory_save(fd, &domain, &saved), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_memory_load(fd, &domain, &memory), MTASTS_OK);
  /* A pipe is not waited for, a link not followed, a directory not read. */
  CU_ASSERT_EQUAL(unlinkat(fd, domain.name, 0), 0);
  CU_ASSERT_EQUAL(mkfifoat(fd, domain.name, 0600), 0);
  CU_ASSERT_EQUAL(mtasts_memory_load(fd, &domain, &memory), MTASTS_CORRUPT);
  CU_ASSERT_EQUAL(unlinkat(fd, domain.name, 0), 0);
  put(fd, "other", "kept");
  CU_ASSERT_EQUAL(symlinkat("other", fd, domain.name), 0);
  CU_ASSERT_EQUAL(mtasts_memory_load(fd, &domain, &memory), MTASTS_IO);
  CU_ASSERT_EQUAL(mtasts_memory_save(fd, &domain, &saved), MTASTS_OK);
  struct stat found;
  CU_ASSERT_EQUAL(fstatat(fd, "other", &found, 0), 0);
  CU_ASSERT_EQUAL(found.st_size, 4);
  close(fd);
  take_down(directory);
}

static void no_such_place(void) {
  errno = 0;
  CU_ASSERT_EQUAL(mtasts_memory_open("/dev/null/x"), -1);
  CU_ASSERT_EQUAL(errno, ENOTDIR);
}

/* Children that save side by side: each reading finds a whole file. */
static void side_by_side(void) {
  char directory[64];
  struct mtasts_memory memory;
  set_up(directory);
  int fd = mtasts_memory_open(directory);
  struct mtasts_memory saved = sample(MTASTS_MEMORY_IDS);
  CU_ASSERT_EQUAL(mtasts_memory_save(fd, &domain, &saved), MTASTS_OK);
  pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 200; i++) {
      struct mtasts_memory other = sample((size_t)i % MTASTS_MEMORY_IDS);
      mtasts_memory_save(fd, &domain, &other);
    }
    _exit(0);
  }
  int status = 1;
  unsigned whole = 0;
  do {
    whole += mtasts_memory_load(fd, &domain, &memory) != MTASTS_OK;
  } while (waitpid(child, &status, WNOHANG) == 0);
  CU_ASSERT_EQUAL(status, 0);
  CU_ASSERT_EQUAL(whole, 0);
  close(fd);
  take_down(directory);
}

const struct unit_test unit_tests[] = {
    {"a memory is kept as it was", is_kept},
    {"a memory of nothing can be read", another_ttl_and_no_policy},
    {"a text that is damaged is refused", what_is_damaged_is_refused},
    {"a file that is damaged is replaced", damaged_files},
    {"a place that cannot be", no_such_place},
    {"programs side by side find whole files", side_by_side},
    {NULL, NULL},
};
