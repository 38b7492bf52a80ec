/* Which domains are in use, across an end and the next start. */
#include "cache/fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "usage_filter.h"

const char *const unit_name = "daemon/usage_filter_file";

enum {
  PERIOD = MTASTS_USAGE_FILTER_PERIOD,
  DAY = 86400,
  MANY = 1000,
};

static struct mtasts_domain named(const char *kind, int i) {
  return domain("%s%d.example.com", kind, i);
}

static bool known(const struct mtasts_usage_filter *usage, const char *kind, int i) {
  struct mtasts_domain name = named(kind, i);
  return mtasts_usage_filter_in_use(usage, &name);
}

static bool again(const struct mtasts_usage_filter *usage, const char *kind, int i) {
  struct mtasts_domain name = named(kind, i);
  return mtasts_usage_filter_asked_again(usage, &name);
}

/* One that knows what is asked for, and MANY domains of it; every tenth for the second time. */
static struct mtasts_usage_filter *used(void) {
  struct mtasts_usage_filter *usage = mtasts_usage_filter_new(NOW - PERIOD);
  mtasts_usage_filter_rotate(usage, NOW);
  for (int i = 0; i < MANY; i++) {
    struct mtasts_domain name = named("used", i);
    struct mtasts_usage_filter_slot slot = mtasts_usage_filter_locate(usage, &name);
    if (i % 10 == 0)
      mtasts_usage_filter_mark_again(usage, slot);
    else
      mtasts_usage_filter_mark(usage, slot);
  }
  return usage;
}

static void keep(const char *directory) {
  struct mtasts_usage_filter *usage = used();
  CU_ASSERT_TRUE(mtasts_usage_filter_save(usage, directory, NOW));
  mtasts_usage_filter_free(usage);
}

static void file_in(const char *directory, char path[64]) {
  snprintf(path, 64, "%s/use", directory);
}

static void test_kept(void) {
  char directory[32];
  char path[64];
  struct stat file;
  directory_new(directory);
  file_in(directory, path);
  keep(directory);
  CU_ASSERT_EQUAL_FATAL(stat(path, &file), 0);
  CU_ASSERT_TRUE(file.st_blocks * 512 < file.st_size / 2 && (file.st_mode & 07777 & ~0640U) == 0);

  struct mtasts_usage_filter *usage = mtasts_usage_filter_new(NOW + DAY / 2);
  CU_ASSERT_TRUE(known(usage, "never", 1));
  CU_ASSERT_TRUE(mtasts_usage_filter_load(usage, directory, NOW + DAY / 2));
  int lost = 0, wrong = 0, wrongly_again = 0;
  for (int i = 0; i < MANY; i++) {
    lost += !known(usage, "used", i) || (i % 10 == 0 && !again(usage, "used", i));
    wrong += known(usage, "never", i);
    wrongly_again += i % 10 != 0 && again(usage, "used", i);
  }
  CU_ASSERT_EQUAL(lost, 0);
  CU_ASSERT_TRUE(wrong < MANY / 50 && wrongly_again < MANY / 50);
  /* It turns when it would have turned. */
  mtasts_usage_filter_rotate(usage, NOW + PERIOD);
  CU_ASSERT_TRUE(known(usage, "used", 1));
  mtasts_usage_filter_rotate(usage, NOW + 2 * PERIOD);
  CU_ASSERT_FALSE(known(usage, "used", 1));
  /* A start that ends by a crash leaves nothing that would be out of date. */
  CU_ASSERT_NOT_EQUAL(stat(path, &file), 0);
  CU_ASSERT_FALSE(mtasts_usage_filter_load(usage, directory, NOW + DAY));
  mtasts_usage_filter_free(usage);
  directory_free(directory);
}

static void damage(const char *path, off_t at, const void *bytes, size_t size) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  CU_ASSERT_EQUAL(pwrite(fd, bytes, size, at), (ssize_t)size);
  close(fd);
}

static void refused(const char *directory, int64_t now, const char *what) {
  char path[64];
  struct stat file;
  struct mtasts_usage_filter *usage = mtasts_usage_filter_new(now);
  unit_check(!mtasts_usage_filter_load(usage, directory, now), "%s: recalled", what);
  unit_check(known(usage, "never", 1), "%s: not all count as asked for", what);
  file_in(directory, path);
  unit_check(lstat(path, &file) != 0, "%s: left there", what);
  mtasts_usage_filter_free(usage);
}

static void test_refused(void) {
  static const unsigned char beyond[] = {2, 0, 0, 0};
  char directory[32];
  char path[64];
  directory_new(directory);
  file_in(directory, path);
  refused(directory, NOW, "nothing");
  keep(directory);
  refused(directory, NOW + PERIOD, "of long ago");
  keep(directory);
  refused(directory, NOW - 1, "of the future");
  keep(directory);
  CU_ASSERT_EQUAL(truncate(path, 4096 + 1), 0);
  refused(directory, NOW, "short");
  keep(directory);
  damage(path, 0, "m", 1);
  damage(path, 11, "2", 1);
  refused(directory, NOW, "of another form");
  keep(directory);
  damage(path, 16 + 2 * 8 + 8 + 2 * 8, beyond, sizeof beyond);
  refused(directory, NOW, "a filter that is not there");
  CU_ASSERT_EQUAL(symlink("/etc/passwd", path), 0);
  struct mtasts_usage_filter *usage = mtasts_usage_filter_new(NOW);
  CU_ASSERT_FALSE(mtasts_usage_filter_load(usage, directory, NOW));
  mtasts_usage_filter_free(usage);
  keep(directory); /* in the place of the link */
  struct stat file;
  CU_ASSERT_TRUE(lstat(path, &file) == 0 && S_ISREG(file.st_mode));
  unlink(path);
  directory_free(directory);
}

static void test_nowhere(void) {
  struct mtasts_usage_filter *usage = used();
  CU_ASSERT_FALSE(mtasts_usage_filter_save(usage, "/nonexistent", NOW));
  CU_ASSERT_FALSE(mtasts_usage_filter_load(usage, "/nonexistent", NOW));
  mtasts_usage_filter_free(usage);
}

const struct unit_test unit_tests[] = {
    {"the usage filter is saved, and rotates on time", test_kept},
    {"what is not of this form or time is refused", test_refused},
    {"a directory that is not there", test_nowhere},
    {NULL, NULL},
};
