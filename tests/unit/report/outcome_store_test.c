/* The store of outcomes: what stays over a crash, days, states of reports, and its bounds. */
#include "outcome_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clean_shutdown.h"
#include "outcome_fixture.h"
#include "strbuf.h"

const char *const unit_name = "report/outcome_store";

enum {
  DAY = 20000,
  KILLS = 12,
};

#define OUTCOME(domain)                                                                            \
  "{\"d\":\"" domain "\",\"policies\":[{\"policy-type\":2,\"policy-string\":[\"mode: none\"],"     \
  "\"f\":0}]}"

static uint64_t sessions_of(struct mtasts_outcome_store *store, uint32_t day, const char *name) {
  struct mtasts_day_report *report = store_read(store, day, name);
  uint64_t sessions = report ? report->successful + report->failed : 0;
  mtasts_day_report_free(report);
  return sessions;
}

static void test_reopened(void) {
  struct mtasts_outcome_store *store = store_up("");
  store_tell(store, DAY, OUTCOME("a.example"), 2);
  mtasts_outcome_store_close(store);
  store = store_open(MTASTS_OUTCOME_WRITE);
  store_tell(store, DAY, OUTCOME("a.example"), 3);
  mtasts_outcome_store_close(store);
  store = store_open(MTASTS_OUTCOME_READ);
  CU_ASSERT_EQUAL(sessions_of(store, DAY, "a.example"), 5);
  CU_ASSERT_TRUE(mtasts_outcome_store_in_place(store));
  store_down(store);
}

static enum mtasts_status open_to_read(void) {
  char error[MTASTS_ERROR_TEXT] = "";
  struct mtasts_outcome_store *store = NULL;
  enum mtasts_status status =
      mtasts_outcome_store_open(outcome_config, MTASTS_OUTCOME_READ, error, &store);
  CU_ASSERT(status == MTASTS_OK || strstr(error, outcome_directory));
  mtasts_outcome_store_close(store);
  return status;
}

static void test_other_files(void) {
  char path[128];
  struct mtasts_outcome_store *store = store_up("");
  snprintf(path, sizeof path, "%s/store/data.mdb", outcome_directory);
  store_tell(store, DAY, OUTCOME("a.example"), 2);
  mtasts_outcome_store_close(store);
  CU_ASSERT_EQUAL(open_to_read(), MTASTS_OK);
  CU_ASSERT_EQUAL(truncate(path, 5000), 0);
  CU_ASSERT_EQUAL(open_to_read(), MTASTS_CORRUPT);
  CU_ASSERT_EQUAL(truncate(path, 0), 0);
  CU_ASSERT_EQUAL(open_to_read(), MTASTS_NO_FILE);
  CU_ASSERT_EQUAL(unlink(path), 0);
  CU_ASSERT_EQUAL(open_to_read(), MTASTS_NO_FILE);
  CU_ASSERT_EQUAL(symlink("/dev/null", path), 0);
  CU_ASSERT_EQUAL(open_to_read(), MTASTS_PERMISSION);
  store_down(NULL);
}

/* files and their modes, whatever the umask */
static void test_modes(void) {
  char path[128];
  struct stat found;
  mode_t before = umask(0);
  struct mtasts_outcome_store *store = store_up("");
  umask(before);
  snprintf(path, sizeof path, "%s/store", outcome_directory);
  CU_ASSERT(stat(path, &found) == 0 && (found.st_mode & 07777) == 0750);
  snprintf(path, sizeof path, "%s/store/data.mdb", outcome_directory);
  CU_ASSERT(stat(path, &found) == 0 && (found.st_mode & 07777) == 0640);
  snprintf(path, sizeof path, "%s/store/lock.mdb", outcome_directory);
  CU_ASSERT(stat(path, &found) == 0 && (found.st_mode & 07777) == 0660);
  store_down(store);
}

/* Writes batches, and tells of each that is on disk, until it is killed. */
static void write_for_ever(int told) {
  struct mtasts_outcome_store *store = store_open(MTASTS_OUTCOME_WRITE);
  for (uint64_t count = 1;; count++) {
    store_tell(store, DAY, OUTCOME("a.example"), 1);
    if (write(told, &count, sizeof count) != sizeof count)
      _exit(1);
  }
}

/* After kill -9 all that was told is there, and at most one batch more; nothing counts twice. */
static void test_killed(void) {
  struct mtasts_outcome_store *store = store_up("");
  uint64_t before = 0;
  mtasts_outcome_store_close(store);
  for (int i = 0; i < KILLS; i++) {
    int ends[2];
    uint64_t told = 0;
    uint64_t wanted = 1 + (uint64_t)i * 3;
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
      close(ends[0]);
      write_for_ever(ends[1]);
    }
    close(ends[1]);
    while (told < wanted && read(ends[0], &told, sizeof told) == sizeof told)
      continue;
    usleep((useconds_t)(i * 137));
    kill(pid, SIGKILL);
    while (read(ends[0], &told, sizeof told) == sizeof told)
      continue;
    waitpid(pid, NULL, 0);
    close(ends[0]);
    store = store_open(MTASTS_OUTCOME_WRITE);
    uint64_t after = sessions_of(store, DAY, "a.example") - before;
    unit_check(after == told || after == told + 1, "told %llu, there are %llu",
               (unsigned long long)told, (unsigned long long)after);
    before += after;
    mtasts_outcome_store_close(store);
  }
  store_down(NULL);
}

/* mtastsd and `report send` write at the same time. */
static void test_two_writers(void) {
  struct mtasts_outcome_store *store = store_up("");
  struct mtasts_domain domain;
  int status;
  CU_ASSERT_EQUAL(mtasts_domain_parse(MTASTS_SPAN("a.example"), &domain), MTASTS_OK);
  mtasts_outcome_store_close(store);
  pid_t pid = fork();
  store = store_open(MTASTS_OUTCOME_WRITE);
  for (uint32_t i = 0; i < 40; i++) {
    if (pid != 0)
      store_tell(store, DAY, OUTCOME("a.example"), 1);
    else if (mtasts_report_state_put(store, i, &domain, MTASTS_SPAN("state")) != MTASTS_OK)
      _exit(1);
  }
  if (pid == 0)
    _exit(0);
  CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
  CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CU_ASSERT_EQUAL(sessions_of(store, DAY, "a.example"), 40);
  for (uint32_t i = 0; i < 40; i++) {
    char *state = NULL;
    size_t size;
    CU_ASSERT_EQUAL(mtasts_report_state_get(store, i, &domain, &state, &size), MTASTS_OK);
    free(state);
  }
  store_down(store);
}

static char visited_text[256];
static struct mtasts_strbuf visited;

static void visit_nothing(void) {
  visited = MTASTS_STRBUF(visited_text);
  visited_text[0] = '\0';
}

static bool visit_domain(void *context, const struct mtasts_domain *domain, unsigned kinds) {
  (void)context;
  mtasts_strbuf_printf(&visited, "%s %u,", domain->name, kinds);
  return true;
}

static bool visit_state(void *context, const struct mtasts_domain *domain,
                        struct mtasts_span state) {
  (void)context;
  mtasts_strbuf_printf(&visited, "%s=", domain->name);
  mtasts_strbuf_add(&visited, state);
  mtasts_strbuf_put(&visited, ",");
  return true;
}

static void test_domains(void) {
  struct mtasts_outcome_store *store = store_up("");
  store_tell(store, DAY, OUTCOME("b.example"), 1);
  store_tell(store, DAY + 1, OUTCOME("c.example"), 1);
  store_tell(store, DAY,
             "{\"d\":\"a.example\",\"policies\":[{\"policy-type\":1,\"policy-domain\":"
             "\"mx.a.example\",\"f\":0}]}",
             1);
  visit_nothing();
  CU_ASSERT_EQUAL(mtasts_outcome_store_domains(store, DAY, visit_domain, NULL), MTASTS_OK);
  CU_ASSERT_STRING_EQUAL(visited_text, "a.example 1,b.example 1,mx.a.example 2,");
  visit_nothing();
  CU_ASSERT_EQUAL(mtasts_outcome_store_domains(store, DAY + 2, visit_domain, NULL), MTASTS_OK);
  CU_ASSERT_STRING_EQUAL(visited_text, "");
  store_down(store);
}

static void test_states(void) {
  struct mtasts_outcome_store *store = store_up("");
  static const char large[MTASTS_REPORT_STATE_MAX + 1];
  struct mtasts_domain a;
  struct mtasts_domain b;
  char *state = NULL;
  size_t size = 0;
  CU_ASSERT_EQUAL(mtasts_domain_parse(MTASTS_SPAN("a.example"), &a), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_domain_parse(MTASTS_SPAN("b.example"), &b), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_report_state_get(store, DAY, &a, &state, &size), MTASTS_ABSENT);
  CU_ASSERT_EQUAL(mtasts_report_state_put(store, DAY, &b, MTASTS_SPAN("2")), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_report_state_put(store, DAY, &a, MTASTS_SPAN("0")), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_report_state_put(store, DAY, &a, MTASTS_SPAN("1")), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_report_state_put(store, DAY + 1, &a, MTASTS_SPAN("")), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_report_state_get(store, DAY, &a, &state, &size), MTASTS_OK);
  CU_ASSERT(size == 1 && state[0] == '1');
  free(state);
  CU_ASSERT_EQUAL(mtasts_report_state_get(store, DAY + 1, &a, &state, &size), MTASTS_OK);
  CU_ASSERT(size == 0);
  free(state);
  visit_nothing();
  CU_ASSERT_EQUAL(mtasts_report_state_each(store, DAY, visit_state, NULL), MTASTS_OK);
  CU_ASSERT_STRING_EQUAL(visited_text, "a.example=1,b.example=2,");
  CU_ASSERT_EQUAL(
      mtasts_report_state_put(store, DAY, &a, (struct mtasts_span){large, MTASTS_REPORT_STATE_MAX}),
      MTASTS_OK);
  CU_ASSERT_EQUAL(
      mtasts_report_state_put(store, DAY, &a, (struct mtasts_span){large, sizeof large}),
      MTASTS_TOO_LARGE);
  store_down(store);
}

static void test_drop(void) {
  struct mtasts_outcome_store *store = store_up("");
  struct mtasts_outcome_stats stats;
  struct mtasts_domain domain;
  char *state;
  size_t size;
  bool more = true;
  CU_ASSERT_EQUAL(mtasts_domain_parse(MTASTS_SPAN("a.example"), &domain), MTASTS_OK);
  for (uint32_t day = DAY; day < DAY + 5; day++) {
    store_tell(store, day, OUTCOME("a.example"), 1);
    CU_ASSERT_EQUAL(mtasts_report_state_put(store, day, &domain, MTASTS_SPAN("x")), MTASTS_OK);
  }
  CU_ASSERT_EQUAL(mtasts_outcome_store_stats(store, &stats), MTASTS_OK);
  CU_ASSERT(stats.days == 5 && stats.first == DAY && stats.last == DAY + 4 && stats.domains == 5);
  CU_ASSERT(stats.bytes > 0 && stats.file_bytes >= stats.bytes);
  while (more)
    CU_ASSERT_EQUAL_FATAL(mtasts_outcome_store_drop(store, DAY + 3, &more), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_outcome_store_stats(store, &stats), MTASTS_OK);
  CU_ASSERT(stats.days == 2 && stats.first == DAY + 3);
  CU_ASSERT_EQUAL(sessions_of(store, DAY + 2, "a.example"), 0);
  CU_ASSERT_EQUAL(sessions_of(store, DAY + 3, "a.example"), 1);
  CU_ASSERT_EQUAL(mtasts_report_state_get(store, DAY + 2, &domain, &state, &size), MTASTS_ABSENT);
  CU_ASSERT_EQUAL(mtasts_report_state_get(store, DAY + 3, &domain, &state, &size), MTASTS_OK);
  free(state);
  store_down(store);
}

/* A day of more records than one transaction drops. */
static void test_drop_much(void) {
  struct mtasts_outcome_store *store = store_up("");
  struct mtasts_outcome_batch *batch = mtasts_outcome_batch_new(DAY, 64 << 20);
  struct mtasts_outcome_stats stats;
  char datagram[256];
  unsigned steps = 0;
  bool more = true;
  for (int i = 0; i < 3000; i++) {
    snprintf(datagram, sizeof datagram, OUTCOME("d%d.example"), i);
    batch_tell(batch, datagram, 1);
  }
  store_write(store, batch);
  for (; more; steps++)
    CU_ASSERT_EQUAL_FATAL(mtasts_outcome_store_drop(store, DAY + 1, &more), MTASTS_OK);
  CU_ASSERT(steps > 2);
  CU_ASSERT_EQUAL(mtasts_outcome_store_stats(store, &stats), MTASTS_OK);
  CU_ASSERT(stats.days == 0 && stats.domains == 0);
  store_down(store);
}

/* One organisation floods a small store with domains; another's outcome is counted in full. */
static void test_shares(void) {
  struct mtasts_outcome_store *store = store_up("max_size = 1048576");
  struct mtasts_outcome_batch *batch = mtasts_outcome_batch_new(DAY, 64 << 20);
  struct mtasts_outcome_written written;
  struct mtasts_outcome_stats stats;
  char datagram[512];
  store_tell(store, DAY, OUTCOME("h1.evil.example"), 1);
  for (int i = 0; i < 5000; i++) {
    snprintf(datagram, sizeof datagram,
             "{\"d\":\"h%d.evil.example\",\"policies\":[{\"policy-type\":2,\"policy-string\":[\"%d"
             "\"],\"f\":1,\"failure-details\":[{\"c\":203,\"h\":\"h%d.example\"}]}]}",
             i, i, i);
    batch_tell(batch, datagram, 1);
  }
  CU_ASSERT_EQUAL(store_add(store, batch, &written), MTASTS_OK);
  mtasts_outcome_batch_free(batch);
  unit_check(written.refused > 4000 && written.recorded > 50, "%llu refused",
             (unsigned long long)written.refused);
  store_tell(store, DAY,
             "{\"d\":\"good.example\",\"policies\":[{\"policy-type\":2,\"f\":1,\"failure-details\":"
             "[{\"c\":203,\"h\":\"mx.good.example\"}]}]}",
             4);
  struct mtasts_day_report *report = store_read(store, DAY, "good.example");
  CU_ASSERT_PTR_NOT_NULL_FATAL(report);
  CU_ASSERT_EQUAL(report->policies[0].details[0].detail.fields[MTASTS_FIELD_HELO].len, 15);
  mtasts_day_report_free(report);
  CU_ASSERT_EQUAL(mtasts_outcome_store_stats(store, &stats), MTASTS_OK);
  unit_check(stats.bytes < 300000, "%llu bytes", (unsigned long long)stats.bytes);
  /* What is missing at a TLSA base domain of that organisation is counted. */
  batch = mtasts_outcome_batch_new(DAY, 64 << 20);
  batch_tell(batch,
             "{\"d\":\"r.example\",\"policies\":[{\"policy-type\":1,\"policy-domain\":"
             "\"mx.evil.example\",\"f\":0}]}",
             3);
  CU_ASSERT_EQUAL(store_add(store, batch, &written), MTASTS_OK);
  mtasts_outcome_batch_free(batch);
  CU_ASSERT(written.recorded == 3 && written.refused == 0 && written.base_refused == 3);
  /* Its domains that are there go on to be counted. */
  uint64_t before = sessions_of(store, DAY, "h1.evil.example");
  store_tell(store, DAY, OUTCOME("h1.evil.example"), 9);
  CU_ASSERT_EQUAL(sessions_of(store, DAY, "h1.evil.example"), before + 9);
  store_down(store);
}

/* A detail that is there takes nothing more from the share, however often it is counted. */
static void test_share_once(void) {
  struct mtasts_outcome_store *store = store_up("max_size = 1048576");
  static char buffer[48 << 10];
  struct mtasts_strbuf datagram = MTASTS_STRBUF(buffer);
  mtasts_strbuf_put(&datagram, "{\"d\":\"a.example\",\"policies\":[{\"policy-type\":2,\"f\":1,"
                               "\"failure-details\":[{\"c\":203}");
  for (int i = 0; i < 3000; i++)
    mtasts_strbuf_put(&datagram, ",{\"c\":203}");
  mtasts_strbuf_put(&datagram, "]}]}");
  store_tell(store, DAY, buffer, 1);
  store_tell(store, DAY,
             "{\"d\":\"a.example\",\"policies\":[{\"policy-type\":2,\"f\":1,\"failure-details\":"
             "[{\"c\":203,\"h\":\"mx.a.example\"}]}]}",
             4);
  struct mtasts_day_report *report = store_read(store, DAY, "a.example");
  CU_ASSERT_PTR_NOT_NULL_FATAL(report);
  CU_ASSERT_EQUAL(report->policies[0].detail_count, 2);
  mtasts_day_report_free(report);
  store_down(store);
}

/* Many organisations fill the store over days: the oldest days go, but not the last ones. */
static void test_full(void) {
  struct mtasts_outcome_store *store = store_up("max_size = 1048576");
  struct mtasts_outcome_stats stats;
  char datagram[512];
  for (uint32_t day = 0; day < 12; day++) {
    struct mtasts_outcome_batch *batch = mtasts_outcome_batch_new(DAY + day, 64 << 20);
    struct mtasts_outcome_written written;
    for (int i = 0; i < 500; i++) {
      snprintf(datagram, sizeof datagram, OUTCOME("d%d.example"), i);
      batch_tell(batch, datagram, 1);
    }
    CU_ASSERT_EQUAL(store_add(store, batch, &written), MTASTS_OK);
    CU_ASSERT_EQUAL(written.refused, 0);
    mtasts_outcome_batch_free(batch);
  }
  CU_ASSERT_EQUAL(mtasts_outcome_store_stats(store, &stats), MTASTS_OK);
  unit_check(stats.days >= 3 && stats.days < 12 && stats.last == DAY + 11, "%llu days",
             (unsigned long long)stats.days);
  CU_ASSERT(stats.file_bytes <= 1048576 + (1048576 / 8) + (1 << 20) + 65536);
  store_down(store);
}

static void fill_day(struct mtasts_outcome_store *store, uint32_t day, int domains) {
  struct mtasts_outcome_batch *batch = mtasts_outcome_batch_new(day, 64 << 20);
  char datagram[512];
  for (int i = 0; i < domains; i++) {
    snprintf(datagram, sizeof datagram, OUTCOME("d%d.example"), i);
    batch_tell(batch, datagram, 1);
  }
  store_write(store, batch);
}

/* The status of opening, and of reading all domains of the day if it opens. */
static enum mtasts_status use(enum mtasts_outcome_access_mode mode) {
  char error[MTASTS_ERROR_TEXT] = "";
  struct mtasts_outcome_store *store = NULL;
  enum mtasts_status status = mtasts_outcome_store_open(outcome_config, mode, error, &store);
  if (status == MTASTS_OK)
    for (int i = 0; i < 300; i += 7) {
      char name[32];
      snprintf(name, sizeof name, "d%d.example", i);
      mtasts_day_report_free(store_read(store, DAY, name));
    }
  mtasts_outcome_store_close(store);
  return status;
}

/* LMDB would follow the pointers of a damaged page: no page is mapped before it was checked. */
static void test_damaged_pages(void) {
  enum {
    PAGE = 4096
  };
  char path[128];
  char page[PAGE];
  char garbage[PAGE];
  unsigned found = 0;
  struct stat file;
  struct mtasts_outcome_store *store = store_up("");
  fill_day(store, DAY, 300);
  mtasts_outcome_store_close(store);
  memset(garbage, 0x5a, sizeof garbage);
  snprintf(path, sizeof path, "%s/store/data.mdb", outcome_directory);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  CU_ASSERT_FATAL(fd >= 0 && fstat(fd, &file) == 0);
  for (off_t at = 2 * PAGE; at < file.st_size; at += PAGE) {
    CU_ASSERT_EQUAL(pread(fd, page, PAGE, at), PAGE);
    CU_ASSERT_EQUAL(pwrite(fd, garbage, PAGE, at), PAGE);
    for (unsigned mode = MTASTS_OUTCOME_READ; mode <= MTASTS_OUTCOME_WRITE; mode++) {
      enum mtasts_status status = use(mode);
      unit_check(status == MTASTS_OK || status == MTASTS_CORRUPT, "page %jd: %s",
                 (intmax_t)(at / PAGE), mtasts_status_name(status));
      found += status == MTASTS_CORRUPT;
    }
    CU_ASSERT_EQUAL(pwrite(fd, page, PAGE, at), PAGE);
  }
  close(fd);
  unit_check(found > 20, "%u damaged pages found", found);
  CU_ASSERT_EQUAL(use(MTASTS_OUTCOME_READ), MTASTS_OK);
  store_down(NULL);
}

/* The mark of a clean shutdown: of the last writer, and of none that failed. */
static void test_mark(void) {
  char path[128];
  char error[MTASTS_ERROR_TEXT];
  struct mtasts_outcome_store *second = NULL;
  struct mtasts_outcome_store *store = store_up("");
  snprintf(path, sizeof path, "%s/store", outcome_directory);
  fill_day(store, DAY, 10);
  CU_ASSERT_FALSE(mtasts_stamp_fits(path));
  CU_ASSERT_EQUAL(mtasts_outcome_store_open(outcome_config, MTASTS_OUTCOME_READ, error, &second),
                  MTASTS_OK);
  mtasts_outcome_store_close(second);
  CU_ASSERT_FALSE(mtasts_stamp_fits(path));
  mtasts_outcome_store_close(store);
  CU_ASSERT_TRUE(mtasts_stamp_fits(path));
  CU_ASSERT_EQUAL(use(MTASTS_OUTCOME_READ), MTASTS_OK);
  CU_ASSERT_TRUE(mtasts_stamp_fits(path));
  store = store_open(MTASTS_OUTCOME_WRITE);
  CU_ASSERT_FALSE(mtasts_stamp_fits(path));
  pid_t pid = fork();
  if (pid == 0) { /* another writer comes and goes */
    store = store_open(MTASTS_OUTCOME_WRITE);
    mtasts_outcome_store_close(store);
    _exit(mtasts_stamp_fits(path));
  }
  int status;
  CU_ASSERT(waitpid(pid, &status, 0) == pid && status == 0);
  mtasts_outcome_store_close(store);
  CU_ASSERT_TRUE(mtasts_stamp_fits(path));
  store_down(NULL);
}

/* A file size limit stands for a disk that is full: the handle goes on afterwards. */
static void test_failed_write(void) {
  struct rlimit before;
  struct rlimit little;
  struct mtasts_outcome_written written;
  struct mtasts_outcome_store *store = store_up("");
  store_tell(store, DAY, OUTCOME("a.example"), 1);
  struct mtasts_outcome_batch *batch = mtasts_outcome_batch_new(DAY, 64 << 20);
  char datagram[512];
  for (int i = 0; i < 2000; i++) {
    snprintf(datagram, sizeof datagram, OUTCOME("d%d.example"), i);
    batch_tell(batch, datagram, 1);
  }
  signal(SIGXFSZ, SIG_IGN);
  CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &before), 0);
  little = before;
  little.rlim_cur = 65536;
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &little), 0);
  for (int i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(mtasts_outcome_store_add(store, batch, &written), MTASTS_IO);
  CU_ASSERT_EQUAL(sessions_of(store, DAY, "a.example"), 1);
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &before), 0);
  CU_ASSERT_EQUAL(store_add(store, batch, &written), MTASTS_OK);
  CU_ASSERT_EQUAL(sessions_of(store, DAY, "d1999.example"), 1);
  CU_ASSERT_EQUAL(sessions_of(store, DAY, "a.example"), 1);
  /* After a failure another file in its place is not opened unchecked. */
  char path[128];
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &little), 0);
  mtasts_outcome_batch_free(batch);
  batch = mtasts_outcome_batch_new(DAY + 1, 64 << 20);
  for (int i = 0; i < 2000; i++) {
    snprintf(datagram, sizeof datagram, OUTCOME("d%d.example"), i);
    batch_tell(batch, datagram, 1);
  }
  CU_ASSERT_EQUAL(mtasts_outcome_store_add(store, batch, &written), MTASTS_IO);
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &before), 0);
  snprintf(path, sizeof path, "%s/store/data.mdb", outcome_directory);
  CU_ASSERT_EQUAL(unlink(path), 0);
  CU_ASSERT_EQUAL(mtasts_outcome_store_add(store, batch, &written), MTASTS_NO_FILE);
  CU_ASSERT_FALSE(mtasts_outcome_store_in_place(store));
  mtasts_outcome_batch_free(batch);
  store_down(store);
}

const struct unit_test unit_tests[] = {
    {"counters stay, and go on", test_reopened},
    {"files that are no store", test_other_files},
    {"modes of the files", test_modes},
    {"kill -9 loses no batch that was written", test_killed},
    {"two processes write", test_two_writers},
    {"the policy domains of a day", test_domains},
    {"states of reports", test_states},
    {"days are dropped with their states", test_drop},
    {"a large day is dropped in steps", test_drop_much},
    {"no organisation takes the room of others", test_shares},
    {"a full store drops the oldest days", test_full},
    {"a share is charged once", test_share_once},
    {"damaged pages are never mapped", test_damaged_pages},
    {"the mark of a clean shutdown", test_mark},
    {"after a failed write the handle goes on", test_failed_write},
    {NULL, NULL}};
