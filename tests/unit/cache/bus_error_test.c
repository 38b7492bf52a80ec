/* What ends a process whose mapped file fails under it, and how. That a full disk does not, the lab
 * shows (tests/lab/check_disk.sh): it takes a file system that copies what it writes. */
#include "bus_error.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sysexits.h>

#include "fixture.h"
#include "lock_file.h"

const char *const unit_name = "cache/bus_error";

enum {
  PAGE = 4096,
  AT_TRANSACTION = 48, /* of MDB_txninfo in LMDB's mdb.c */
};

struct place {
  char path[32];
  const char *name;
  bool writing;
  int said; /* the file that standard error is written to */
};

/* Maps a page past the file's end, and touches it. */
static int touch(void *context) {
  const struct place *place = context;
  char file[PATH_SIZE];
  dup2(place->said, STDERR_FILENO);
  if (!mtasts_bus_error_catch("program"))
    return 1;
  file_path(file, place->path, place->name);
  int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  volatile char *map =
      mmap(NULL, PAGE, PROT_READ | (place->writing ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
  if (fd < 0 || map == MAP_FAILED)
    return 2;
  if (place->writing)
    map[0] = 1;
  return map[0];
}

static int send_itself(void *context) {
  (void)context;
  mtasts_bus_error_catch("program");
  raise(SIGBUS);
  return 0;
}

/* One line, and a status that the unit starts it again after; no signal, no loop. */
static void test_ends(void) {
  struct place cases[] = {
      {.name = "data.mdb"}, {.name = "lock.mdb", .writing = true}, {.name = "lock.mdb"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct place *place = &cases[i];
    char said[512] = "";
    int ends[2];
    directory_new(place->path);
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    place->said = ends[1];
    int code = in_child(touch, place);
    unit_check(code == EX_IOERR, "case %zu: %d", i, code);
    ssize_t size = read(ends[0], said, sizeof said - 1);
    char begins[256];
    snprintf(begins, sizeof begins, "program: %s/%s is mapped", place->path, place->name);
    unit_check(size > 0 && strncmp(said, begins, strlen(begins)) == 0, "case %zu: %s", i, said);
    CU_ASSERT_PTR_EQUAL(strchr(said, '\n'), said + size - 1);
    close(ends[0]);
    close(ends[1]);
    directory_free(place->path);
  }
}

/* The memory of a page of lock.mdb fails, of which the kernel would tell so. A process may send
 * itself a signal with any code. */
static int lose_memory(void *context) {
  const struct place *place = context;
  char file[PATH_SIZE];
  dup2(place->said, STDERR_FILENO);
  file_path(file, place->path, place->name);
  int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (!mtasts_bus_error_catch("program") || fd < 0 || ftruncate(fd, PAGE) != 0)
    return 1;
  volatile char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED)
    return 2;
  siginfo_t info = {.si_signo = SIGBUS, .si_code = BUS_MCEERR_AR};
  info.si_addr = (void *)(uintptr_t)map;
  return syscall(SYS_rt_sigqueueinfo, getpid(), SIGBUS, &info) == 0 ? 3 : 4;
}

/* Such a page cannot be copied, and the access would fail again for ever. */
static void test_failing_memory(void) {
  struct place place = {.name = "lock.mdb", .said = STDERR_FILENO};
  int ends[2];
  directory_new(place.path);
  CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  place.said = ends[1];
  CU_ASSERT_EQUAL(in_child(lose_memory, &place), EX_IOERR);
  close(ends[0]);
  close(ends[1]);
  directory_free(place.path);
}

static void test_sent_by_a_process(void) {
  CU_ASSERT_EQUAL(in_child(send_itself, NULL), 128 + SIGBUS);
  CU_ASSERT_EQUAL(mtasts_bus_error_count(), 0);
}

/* A writer went on with lock.mdb in memory, and another process still has the file open: LMDB would
 * begin the next commit at the number in it, and write over newer ones. */
static void test_left_behind(void) {
  char path[32];
  char file[PATH_SIZE];
  uint64_t old = 1;
  struct sample sample;
  struct mtasts_entry entry;
  struct mtasts_cache *other;
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  for (int i = 0; i < 6; i++) {
    struct mtasts_domain key = domain("d%d.example", i);
    CU_ASSERT_EQUAL(mtasts_store_put(store, &key, policy(&sample, "1"), NOW), MTASTS_OK);
    CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  }
  mtasts_store_close(store);
  file_path(file, path, "lock.mdb");
  struct stat before;
  struct stat after;
  CU_ASSERT_EQUAL(stat(file, &before), 0);
  store = store_open(path);
  CU_ASSERT_EQUAL(stat(file, &after), 0);
  CU_ASSERT_EQUAL(before.st_ino, after.st_ino); /* one that is not behind stays */
  mtasts_store_close(store);
  pid_t reader = fork();
  CU_ASSERT_FATAL(reader >= 0);
  if (reader == 0) {
    alarm(60);
    if (mtasts_cache_open(path, &other) == MTASTS_OK)
      pause();
    _exit(1);
  }
  /* It has the file open when it has written to it. */
  int fd = open(file, O_RDWR | O_CLOEXEC);
  struct flock held = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
  for (int i = 0; i < 1000; i++) {
    held = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    if (fcntl(fd, F_GETLK, &held) == 0 && held.l_type == F_RDLCK)
      break;
    usleep(5000);
  }
  CU_ASSERT_EQUAL(held.l_type, F_RDLCK);
  CU_ASSERT_EQUAL(pwrite(fd, &old, sizeof old, AT_TRANSACTION), sizeof old);
  close(fd);
  store = store_open(path);
  CU_ASSERT_EQUAL(stat(file, &after), 0);
  CU_ASSERT(before.st_ino != after.st_ino);
  store_put(store, "next.example", policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  for (int i = 0; i < 6; i++) {
    struct mtasts_domain key = domain("d%d.example", i);
    CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), key.name, &entry), MTASTS_OK);
  }
  mtasts_store_close(store);
  kill(reader, SIGKILL);
  waitpid(reader, NULL, 0);
  directory_free(path);
}

/* A process that was killed while LMDB wrote the head of lock.mdb leaves the number 0 in it. No
 * process has the file open: LMDB corrects it. Another file would separate readers from writers. */
static void test_killed_while_opening(void) {
  char path[32];
  char file[PATH_SIZE];
  const uint64_t none = 0;
  struct sample sample;
  struct mtasts_entry entry;
  struct stat before;
  struct stat after;
  directory_new(path);
  struct mtasts_store *store = store_open(path);
  for (int i = 0; i < 6; i++) {
    store_put(store, domain("d%d.example", i).name, policy(&sample, "1"));
    CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  }
  mtasts_store_close(store);
  file_path(file, path, "lock.mdb");
  int fd = open(file, O_RDWR | O_CLOEXEC);
  CU_ASSERT_EQUAL(pwrite(fd, &none, sizeof none, AT_TRANSACTION), sizeof none);
  close(fd);
  CU_ASSERT_EQUAL(stat(file, &before), 0);
  store = store_open(path);
  CU_ASSERT_EQUAL(stat(file, &after), 0);
  CU_ASSERT_EQUAL(before.st_ino, after.st_ino);
  store_put(store, "next.example", policy(&sample, "1"));
  CU_ASSERT_EQUAL(mtasts_store_flush(store), MTASTS_OK);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "d5.example", &entry), MTASTS_OK);
  CU_ASSERT_EQUAL(look_up(mtasts_store_cache(store), "next.example", &entry), MTASTS_OK);
  mtasts_store_close(store);
  directory_free(path);
}

const struct unit_test unit_tests[] = {
    {"a file that is cut short ends the process in order", test_ends},
    {"memory that fails ends the process in order", test_failing_memory},
    {"a SIGBUS that a process sent stays one", test_sent_by_a_process},
    {"a leftover lock file is not used", test_left_behind},
    {"a lock file that LMDB corrects itself stays", test_killed_while_opening},
    {NULL, NULL},
};
