/* The thread that writes outcomes: a store that cannot be written, that is removed, reloads, the
 * end. */
#include "outcome_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "report/outcome_fixture.h"

const char *const unit_name = "daemon/outcome_writer";

enum {
  DAY = 20000,
  PATIENCE_MS = 10000,
};

#define OUTCOME(domain)                                                                            \
  "{\"d\":\"" domain "\",\"policies\":[{\"policy-type\":2,\"policy-string\":[\"mode: none\"],"     \
  "\"f\":0}]}"

static struct {
  struct mtasts_queue inbox;
  struct mtasts_stats stats;
  struct mtasts_outcome_writer *writer;
  struct mtasts_snapshot *snapshot;
  pthread_t thread;
  FILE *log;
  int stderr_before;
} it;

static void *run(void *context) {
  (void)context;
  mtasts_outcome_writer_run(it.writer);
  return NULL;
}

static struct mtasts_snapshot *snapshot(const char *directory) {
  char text[256];
  char error[MTASTS_ERROR_TEXT];
  struct mtasts_config *config = NULL;
  snprintf(text, sizeof text, "outcome { directory = \"%s/%s\" }\n", outcome_directory, directory);
  CU_ASSERT_EQUAL_FATAL(mtasts_config_parse(mtasts_span_of(text), "test", error, &config),
                        MTASTS_OK);
  return mtasts_snapshot_new(config);
}

static void start(const char *directory) {
  memset(&it.stats, 0, sizeof it.stats);
  CU_ASSERT_TRUE_FATAL(mtasts_queue_init(&it.inbox));
  it.snapshot = snapshot(directory);
  it.log = tmpfile();
  it.stderr_before = dup(STDERR_FILENO);
  dup2(fileno(it.log), STDERR_FILENO);
  it.writer = mtasts_outcome_writer_new(it.snapshot, &it.inbox, &it.stats);
  CU_ASSERT_PTR_NOT_NULL_FATAL(it.writer);
  CU_ASSERT_EQUAL_FATAL(pthread_create(&it.thread, NULL, run, NULL), 0);
}

static void stop(void) {
  mtasts_queue_give(&it.inbox, mtasts_job_new(MTASTS_JOB_STOP));
  pthread_join(it.thread, NULL);
  mtasts_outcome_writer_free(it.writer);
  mtasts_snapshot_unref(it.snapshot);
  mtasts_queue_destroy(&it.inbox);
  dup2(it.stderr_before, STDERR_FILENO);
  close(it.stderr_before);
}

/* Lines of the log with these words; closes the log. */
static unsigned logged(const char *words) {
  char line[2048];
  unsigned count = 0;
  rewind(it.log);
  while (fgets(line, sizeof line, it.log))
    count += strstr(line, words) != NULL;
  return count;
}

static void forget_log(void) {
  if (it.log)
    fclose(it.log);
  it.log = NULL;
}

static void give(uint32_t day, const char *datagram, uint64_t count) {
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_RECORD);
  job->batch = mtasts_outcome_batch_new(day, 8 << 20);
  batch_tell(job->batch, datagram, count);
  atomic_fetch_add(&it.stats.outcome_batches, 1);
  mtasts_queue_give(&it.inbox, job);
}

static bool recorded(unsigned long long count) {
  for (int i = 0; i < PATIENCE_MS; i++) {
    if (mtasts_count_get(&it.stats, MTASTS_COUNT_OUTCOME_RECORDED) >= count)
      return true;
    usleep(1000);
  }
  return false;
}

static bool taken(void) {
  for (int i = 0; i < PATIENCE_MS && atomic_load(&it.stats.outcome_batches) > 0; i++)
    usleep(1000);
  return atomic_load(&it.stats.outcome_batches) == 0;
}

/* Sessions of a day in the store `directory`. */
static uint64_t sessions(const char *directory, uint32_t day, const char *name) {
  struct mtasts_snapshot *named = snapshot(directory);
  char error[MTASTS_ERROR_TEXT];
  struct mtasts_outcome_store *store = NULL;
  uint64_t count = 0;
  if (mtasts_outcome_store_open(named->config, MTASTS_OUTCOME_READ, error, &store) == MTASTS_OK) {
    struct mtasts_day_report *report = store_read(store, day, name);
    count = report ? report->successful + report->failed : 0;
    mtasts_day_report_free(report);
  }
  mtasts_outcome_store_close(store);
  mtasts_snapshot_unref(named);
  return count;
}

static void up(void) {
  snprintf(outcome_directory, sizeof outcome_directory, "/tmp/mtasts-writer-XXXXXX");
  CU_ASSERT_PTR_NOT_NULL(mkdtemp(outcome_directory));
}

static void down(void) {
  forget_log();
  store_down(NULL);
}

static void test_written(void) {
  up();
  start("a");
  give(DAY, OUTCOME("a.example"), 2);
  give(DAY + 1, OUTCOME("a.example"), 3);
  CU_ASSERT_TRUE(recorded(5));
  give(DAY, OUTCOME("a.example"), 4);
  stop(); /* what was given before is written */
  CU_ASSERT_EQUAL(sessions("a", DAY, "a.example"), 6);
  CU_ASSERT_EQUAL(sessions("a", DAY + 1, "a.example"), 3);
  CU_ASSERT_EQUAL(mtasts_count_get(&it.stats, MTASTS_COUNT_OUTCOME_DAYS), 2);
  CU_ASSERT(mtasts_count_get(&it.stats, MTASTS_COUNT_OUTCOME_BYTES) > 0);
  CU_ASSERT_EQUAL(logged("outcome"), 0);
  down();
}

/* A file is in the place of the directory, and then is not any more. */
static void test_unwritable(void) {
  char path[128];
  up();
  snprintf(path, sizeof path, "%s/a", outcome_directory);
  FILE *file = fopen(path, "w");
  fclose(file);
  start("a");
  for (int i = 0; i < 3; i++) {
    give(DAY, OUTCOME("a.example"), 2);
    CU_ASSERT_TRUE(taken());
  }
  give(DAY + 1, OUTCOME("b.example"), 1);
  CU_ASSERT_TRUE(taken());
  CU_ASSERT_EQUAL(mtasts_count_get(&it.stats, MTASTS_COUNT_OUTCOME_FAILING), 1);
  CU_ASSERT_EQUAL(unlink(path), 0);
  CU_ASSERT_TRUE(recorded(7)); /* by itself */
  CU_ASSERT_EQUAL(mtasts_count_get(&it.stats, MTASTS_COUNT_OUTCOME_FAILING), 0);
  stop();
  CU_ASSERT_EQUAL(sessions("a", DAY, "a.example"), 6);
  CU_ASSERT_EQUAL(sessions("a", DAY + 1, "b.example"), 1);
  CU_ASSERT_EQUAL(logged("outcome: the store "), 2);
  CU_ASSERT_EQUAL(logged(path), 2);
  CU_ASSERT_EQUAL(logged("Not a directory; outcomes are kept"), 1);
  CU_ASSERT_EQUAL(logged(" is written again"), 1);
  down();
}

static void test_removed(void) {
  char path[128];
  up();
  start("a");
  give(DAY, OUTCOME("a.example"), 1);
  CU_ASSERT_TRUE(recorded(1));
  snprintf(path, sizeof path, "%s/a", outcome_directory);
  CU_ASSERT_EQUAL(nftw(path, remove_file, 8, FTW_DEPTH | FTW_PHYS), 0);
  give(DAY, OUTCOME("a.example"), 2);
  CU_ASSERT_TRUE(recorded(3));
  stop();
  CU_ASSERT_EQUAL(sessions("a", DAY, "a.example"), 2);
  down();
}

static void test_damaged(void) {
  char path[128];
  up();
  start("a");
  give(DAY, OUTCOME("a.example"), 1);
  stop();
  forget_log();
  snprintf(path, sizeof path, "%s/a/data.mdb", outcome_directory);
  CU_ASSERT_EQUAL(truncate(path, 5000), 0);
  start("a");
  give(DAY, OUTCOME("a.example"), 2);
  stop();
  CU_ASSERT_EQUAL(sessions("a", DAY, "a.example"), 2);
  CU_ASSERT_EQUAL(logged("renamed to data.mdb.damaged"), 1);
  down();
}

static void damage(const char *directory) {
  enum {
    PAGE = 4096
  };
  char garbage[PAGE];
  char path[128];
  struct stat file;
  memset(garbage, 0x5a, sizeof garbage);
  snprintf(path, sizeof path, "%s/%s/data.mdb", outcome_directory, directory);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  CU_ASSERT_FATAL(fd >= 0 && fstat(fd, &file) == 0);
  for (off_t at = 2 * PAGE; at < file.st_size; at += PAGE)
    CU_ASSERT(pwrite(fd, garbage, PAGE, at) == PAGE);
  close(fd);
}

/* Pages of the trees, not the file's head. */
static void test_damaged_pages(void) {
  up();
  start("a");
  give(DAY, OUTCOME("a.example"), 1);
  stop();
  forget_log();
  damage("a");
  start("a");
  give(DAY, OUTCOME("a.example"), 2);
  stop();
  CU_ASSERT_EQUAL(sessions("a", DAY, "a.example"), 2);
  CU_ASSERT_EQUAL(logged("outcome"), 1);
  CU_ASSERT_EQUAL(logged("renamed to data.mdb.damaged, and a new one begins: the reports of"), 1);
  down();
}

/* Many domains, so that data.mdb is large. */
static void give_many(uint32_t day) {
  char datagram[512];
  for (int part = 0; part < 4; part++) {
    struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_RECORD);
    job->batch = mtasts_outcome_batch_new(day, 64 << 20);
    for (int i = 0; i < 5000; i++) {
      snprintf(datagram, sizeof datagram, OUTCOME("d%d.e%d.example"), part, i);
      batch_tell(job->batch, datagram, 1);
    }
    atomic_fetch_add(&it.stats.outcome_batches, 1);
    mtasts_queue_give(&it.inbox, job);
  }
}

/* A large store that was not closed in order is checked in a thread of its own: sound, and not. */
static void test_large(void) {
  char path[128];
  up();
  start("a");
  give_many(DAY);
  stop();
  forget_log();
  snprintf(path, sizeof path, "%s/a/writer.lock", outcome_directory);
  CU_ASSERT_EQUAL(truncate(path, 0), 0);
  start("a");
  give(DAY, OUTCOME("d1.e1.example"), 2);
  CU_ASSERT_TRUE(taken());
  stop();
  CU_ASSERT_EQUAL(sessions("a", DAY, "d1.e1.example"), 3);
  CU_ASSERT_EQUAL(logged("its pages are checked"), 1);
  CU_ASSERT_EQUAL(logged("outcome"), 1);
  forget_log();
  damage("a");
  start("a");
  give(DAY, OUTCOME("d1.e1.example"), 4);
  stop();
  CU_ASSERT_EQUAL(sessions("a", DAY, "d1.e1.example"), 4);
  CU_ASSERT_EQUAL(logged("renamed to data.mdb.damaged"), 1);
  down();
}

/* A full file system, and room again: a line for each, and nothing is lost. */
static void test_full_disk(void) {
  char path[128];
  char block[4096] = "";
  up();
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("tmpfs", outcome_directory, "tmpfs", 0, "size=2m") != 0) {
    printf("no file system can be mounted here: %s\n", strerror(errno));
    it.log = tmpfile();
    down();
    return;
  }
  start("a");
  give(DAY, OUTCOME("a.example"), 1);
  CU_ASSERT_TRUE(recorded(1));
  snprintf(path, sizeof path, "%s/filler", outcome_directory);
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  while (write(fd, block, sizeof block) > 0)
    continue;
  close(fd);
  for (int i = 0; i < 2; i++) {
    give_many(DAY + 1);
    CU_ASSERT_TRUE(taken());
  }
  for (int i = 0; i < PATIENCE_MS && mtasts_count_get(&it.stats, MTASTS_COUNT_OUTCOME_FAILING) == 0;
       i++)
    usleep(1000);
  CU_ASSERT_EQUAL(mtasts_count_get(&it.stats, MTASTS_COUNT_OUTCOME_FAILING), 1);
  CU_ASSERT_EQUAL(mount("tmpfs", outcome_directory, "tmpfs", MS_REMOUNT, "size=64m"), 0);
  CU_ASSERT_TRUE(recorded(40001));
  stop();
  CU_ASSERT_EQUAL(sessions("a", DAY, "a.example"), 1);
  CU_ASSERT_EQUAL(sessions("a", DAY + 1, "d3.e4999.example"), 2);
  CU_ASSERT_EQUAL(logged("outcome"), 2);
  CU_ASSERT_EQUAL(logged("No space left on device"), 1);
  CU_ASSERT_EQUAL(logged(" is written again"), 1);
  forget_log();
  it.log = tmpfile();
  CU_ASSERT_EQUAL(umount(outcome_directory), 0);
  down();
}

static void test_reloaded(void) {
  up();
  start("a");
  give(DAY, OUTCOME("a.example"), 1);
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_CONFIGURE);
  CU_ASSERT_TRUE(recorded(1));
  job->snapshot = snapshot("b");
  mtasts_queue_give(&it.inbox, job);
  give(DAY, OUTCOME("a.example"), 2);
  stop();
  CU_ASSERT_EQUAL(sessions("a", DAY, "a.example"), 1);
  CU_ASSERT_EQUAL(sessions("b", DAY, "a.example"), 2);
  down();
}

const struct unit_test unit_tests[] = {
    {"outcomes are written, and at the end too", test_written},
    {"a store that cannot be written: one line, and nothing is lost", test_unwritable},
    {"a store that was removed is begun again", test_removed},
    {"a damaged store is renamed", test_damaged},
    {"damaged pages: a new store begins, and it is said what is lost", test_damaged_pages},
    {"a large store is checked while outcomes are taken", test_large},
    {"a full file system: two lines, and nothing is lost", test_full_disk},
    {"a reload to another directory", test_reloaded},
    {NULL, NULL}};
