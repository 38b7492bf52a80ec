#include "damaged.h"

#include "fixture.h"
#include "salvage_mark.h"

#include "salvage.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

const char *const unit_name = "cache/damaged";

static void spoil(const char *path, const char *name, const char *with) {
  char file[PATH_SIZE];
  file_path(file, path, name);
  int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0640);
  CU_ASSERT(fd >= 0 && write(fd, with, strlen(with)) == (ssize_t)strlen(with));
  close(fd);
}

static bool holds(const char *path, const char *name, const char *expected) {
  char file[PATH_SIZE];
  char got[64] = "";
  file_path(file, path, name);
  int fd = open(file, O_RDONLY);
  ssize_t n = read(fd, got, sizeof got - 1);
  close(fd);
  return n >= 0 && strcmp(got, expected) == 0;
}

static bool is_there(const char *path, const char *name) {
  char file[PATH_SIZE];
  file_path(file, path, name);
  return access(file, F_OK) == 0;
}

/* Removes the renamed damaged files; returns how many there were. */
static unsigned forget_damaged(const char *path) {
  char file[PATH_SIZE];
  unsigned count = 0;
  DIR *list = opendir(path);
  for (struct dirent *entry; (entry = readdir(list));)
    if (strncmp(entry->d_name, MTASTS_FILE_DAMAGED, strlen(MTASTS_FILE_DAMAGED)) == 0) {
      file_path(file, path, entry->d_name);
      CU_ASSERT_EQUAL(unlink(file), 0);
      count++;
    }
  closedir(list);
  return count;
}

/* Older ones keep the date of their damage, and the newest of them stay. */
static void test_older(void) {
  char path[32];
  directory_new(path);
  for (int year = 2020; year < 2026; year++) {
    char name[64];
    snprintf(name, sizeof name, MTASTS_FILE_DAMAGED "-%d0101T000000Z", year);
    spoil(path, name, "old");
  }
  spoil(path, MTASTS_FILE_DAMAGED, "older");
  spoil(path, "data.mdb", "newest");
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(path, NULL), MTASTS_OK);
  CU_ASSERT(holds(path, MTASTS_FILE_DAMAGED, "newest"));
  CU_ASSERT(is_there(path, MTASTS_FILE_DAMAGED "-20250101T000000Z"));
  CU_ASSERT(is_there(path, MTASTS_FILE_DAMAGED "-20240101T000000Z"));
  CU_ASSERT(!is_there(path, MTASTS_FILE_DAMAGED "-20230101T000000Z"));
  CU_ASSERT_EQUAL(forget_damaged(path), MTASTS_DAMAGED_MAX + 1);
  directory_free(path);
}

/* Which error a system call gets from the kernel in this process from now on, as on a file system
 * that does not have it. */
static bool refuse_calls(const unsigned *calls, size_t count, int error) {
  struct sock_filter filter[16] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  unsigned short length = 1;
  for (size_t i = 0; i < count; i++) {
    filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
    filter[length++] =
        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error);
  }
  filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const struct sock_fprog program = {length, filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Moves the damaged file in a process that has no such calls; returns its status. */
static enum mtasts_status move_without(const char *path, const unsigned *calls, size_t count) {
  int ended = -1;
  pid_t child = fork();
  if (child == 0) {
    bool refused = refuse_calls(calls, count, EINVAL);
    _exit(refused ? (int)mtasts_cache_move_damaged(path, NULL) : 99);
  }
  CU_ASSERT_FATAL(child > 0 && waitpid(child, &ended, 0) == child);
  CU_ASSERT(WIFEXITED(ended) && WEXITSTATUS(ended) != 99);
  return (enum mtasts_status)WEXITSTATUS(ended);
}

/* One that is still to be salvaged beside a new one that is damaged, too. */
static void spoil_twice(const char *path) {
  spoil(path, MTASTS_FILE_DAMAGED, "still to be salvaged");
  spoil(path, MTASTS_FILE_SALVAGE, "");
  spoil(path, "data.mdb", "newest");
}

/* The file that is still to be salvaged is never replaced: not if the file system knows no
 * RENAME_NOREPLACE, not if it has no links either, not if names are taken. */
static void test_unsalvaged(void) {
  static const unsigned calls[] = {SYS_renameat2, SYS_linkat};
  char path[32];
  directory_new(path);
  spoil_twice(path);
  CU_ASSERT_EQUAL(move_without(path, calls, 1), MTASTS_OK);
  CU_ASSERT(holds(path, MTASTS_FILE_DAMAGED, "still to be salvaged"));
  CU_ASSERT(!is_there(path, "data.mdb"));
  spoil_twice(path);
  CU_ASSERT_EQUAL(move_without(path, calls, 1), MTASTS_OK); /* within the same second, too */
  CU_ASSERT(!is_there(path, "data.mdb"));
  spoil_twice(path);
  CU_ASSERT_EQUAL(mtasts_cache_move_damaged(path, NULL), MTASTS_OK);
  CU_ASSERT(holds(path, MTASTS_FILE_DAMAGED, "still to be salvaged"));
  CU_ASSERT_EQUAL(forget_damaged(path), 4);
  spoil_twice(path);
  CU_ASSERT_NOT_EQUAL(move_without(path, calls, 2), MTASTS_OK);
  CU_ASSERT(holds(path, MTASTS_FILE_DAMAGED, "still to be salvaged"));
  CU_ASSERT(holds(path, "data.mdb", "newest"));
  CU_ASSERT_EQUAL(forget_damaged(path), 1);
  CU_ASSERT_EQUAL(mtasts_salvage_unmark(path), 0);
  char file[PATH_SIZE];
  file_path(file, path, "data.mdb");
  CU_ASSERT_EQUAL(unlink(file), 0);
  directory_free(path);
}

static void damaged_goes_aside(void) {
  char path[32];
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_store *store;
  directory_new(path);
  store = store_open(path);
  store_put(store, "old.example", policy(&sample, "1"));
  mtasts_store_close(store);
  for (int i = 1; i <= 2; i++) { /* the second replaces the first */
    char bytes[32];
    snprintf(bytes, sizeof bytes, "garbage %d", i);
    spoil(path, "data.mdb", bytes);
    CU_ASSERT(mtasts_store_open(path, &mtasts_store_defaults, &store) == MTASTS_CORRUPT);
    CU_ASSERT(mtasts_cache_move_damaged(path, NULL) == MTASTS_OK);
    CU_ASSERT(holds(path, MTASTS_FILE_DAMAGED, bytes));
    CU_ASSERT(!is_there(path, "data.mdb"));

    store = store_open(path);
    CU_ASSERT(look_up(mtasts_store_cache(store), "old.example", &entry) == MTASTS_IO);
    mtasts_store_set_salvaging(store, false);
    CU_ASSERT(look_up(mtasts_store_cache(store), "old.example", &entry) == MTASTS_ABSENT);
    store_put(store, "new.example", policy(&sample, "2"));
    mtasts_store_close(store);
    CU_ASSERT_EQUAL(mtasts_salvage_unmark(path), 0); /* as at the end of a salvage */
    store = store_open(path);
    CU_ASSERT(look_up(mtasts_store_cache(store), "new.example", &entry) == MTASTS_OK);
    mtasts_store_close(store);
  }
  forget_damaged(path);
  directory_free(path);
}

/* By a descriptor of its own, which flock treats like another process. */
static void a_writer_is_left_alone(void) {
  char path[32];
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  CU_ASSERT(mtasts_cache_move_damaged(path, NULL) == MTASTS_LOCKED);
  CU_ASSERT(is_there(path, "data.mdb") && !is_there(path, MTASTS_FILE_DAMAGED));
  mtasts_store_close(store);
  CU_ASSERT(mtasts_cache_move_damaged(path, NULL) == MTASTS_OK);
  forget_damaged(path);
  directory_free(path);
}

static void nothing_to_move(void) {
  char path[32];
  directory_new(path);
  CU_ASSERT(mtasts_cache_move_damaged(path, NULL) == MTASTS_NO_FILE);
  directory_free(path);
  CU_ASSERT(mtasts_cache_move_damaged(path, NULL) == MTASTS_NO_FILE);
}

const struct unit_test unit_tests[] = {
    {"a damaged data.mdb is kept beside a new one", damaged_goes_aside},
    {"not under the hands of a writer", a_writer_is_left_alone},
    {"no cache, nothing moved", nothing_to_move},
    {"those before are kept, dated and bounded", test_older},
    {"one that is still to be salvaged is never replaced", test_unsalvaged},
    {NULL, NULL}};
