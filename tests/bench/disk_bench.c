/*
 * Measures a cache's size on disk. A million domains with two mx patterns each are added in random
 * order and in groups, as mtastsd commits them. A tenth as many updates follow, while two readers
 * begin and end reads all the time. Then the cache is compacted. Each size is compared with the
 * bytes of names and values, and with its limit.
 *
 * disk_bench [DOMAINS]
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

#include "figure.h"
#include "fill.h"
#include "walk.h"

enum {
  READERS = 2,
  UPDATED = 10,     /* one in so many domains */
  DAY = 86400,      /* seconds after which they are updated */
  ALONE = 8,        /* one commit in so many is of one update */
  NEED = 1000,      /* bytes that a domain may take on disk */
  NOW = 1800000000, /* seconds since the epoch */
  DIRECTORY_SIZE = 32,
};

struct bench {
  char directory[DIRECTORY_SIZE];
  size_t domains;
  struct mtasts_store *store;
  unsigned *order; /* of the domains */
  uint64_t random;
  bool missed;
};

struct shared {
  struct mtasts_cache *cache;
  size_t domains;
  atomic_bool stop;
  atomic_size_t reads;
  atomic_size_t failures;
};

/* xorshift64*: the same numbers in each run. */
static size_t draw(uint64_t *state, size_t below) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return (size_t)((*state * UINT64_C(0x2545f4914f6cdd1d) >> 32) % below);
}

static int fail(const char *what, enum mtasts_status status) {
  fprintf(stderr, "disk_bench: %s: %s\n", what, mtasts_status_name(status));
  return EX_SOFTWARE;
}

static enum mtasts_status put(struct bench *bench, size_t i, const struct mtasts_entry *entry,
                              int64_t now) {
  char name[FILL_NAME_SIZE];
  struct mtasts_domain domain;
  struct mtasts_span text = {name, fill_name(i, name)};
  enum mtasts_status status = mtasts_domain_parse(text, &domain);
  return status == MTASTS_OK ? mtasts_store_put(bench->store, &domain, entry, now) : status;
}

static void shuffle(struct bench *bench) {
  for (size_t i = 0; i < bench->domains; i++)
    bench->order[i] = (unsigned)i;
  for (size_t i = bench->domains; i > 1; i--) {
    size_t other = draw(&bench->random, i);
    unsigned last = bench->order[i - 1];
    bench->order[i - 1] = bench->order[other];
    bench->order[other] = last;
  }
}

static enum mtasts_status fill(struct bench *bench) {
  const struct mtasts_entry entry = fill_entry(FILL_LISTED, NOW);
  enum mtasts_status status = MTASTS_OK;
  for (size_t i = 0; i < bench->domains && status == MTASTS_OK; i++)
    status = put(bench, bench->order[i], &entry, NOW);
  return status == MTASTS_OK ? mtasts_store_flush(bench->store) : status;
}

/* A day later: every second one has got DANE, and its value grows. Groups of any size. */
static enum mtasts_status update(struct bench *bench) {
  const struct mtasts_entry entries[] = {fill_entry(FILL_LISTED, NOW + DAY),
                                         fill_entry(FILL_DANE, NOW + DAY)};
  size_t left = bench->domains / UPDATED;
  enum mtasts_status status = MTASTS_OK;
  while (left > 0 && status == MTASTS_OK) {
    bool alone = draw(&bench->random, ALONE) == 0;
    size_t group = alone ? 1 : 1 + draw(&bench->random, MTASTS_STORE_GROUP);
    for (; group > 0 && left > 0 && status == MTASTS_OK; group--, left--)
      status = put(bench, draw(&bench->random, bench->domains), &entries[left % 2], NOW + DAY);
    if (status == MTASTS_OK)
      status = mtasts_store_flush(bench->store);
  }
  return status;
}

static void *read_on(void *context) {
  struct shared *shared = context;
  struct mtasts_reader *reader;
  uint64_t random = 2;
  if (mtasts_reader_new(shared->cache, &reader) != MTASTS_OK) {
    atomic_fetch_add(&shared->failures, 1);
    return NULL;
  }
  while (!atomic_load(&shared->stop)) {
    struct mtasts_domain domain;
    struct mtasts_entry entry;
    domain.len = fill_name(draw(&random, shared->domains), domain.name);
    if (mtasts_reader_get(reader, &domain, &entry) != MTASTS_OK)
      atomic_fetch_add(&shared->failures, 1);
    atomic_fetch_add(&shared->reads, 1);
  }
  mtasts_reader_free(reader);
  return NULL;
}

static enum mtasts_status update_under_readers(struct bench *bench) {
  struct shared shared = {.cache = mtasts_store_cache(bench->store), .domains = bench->domains};
  pthread_t threads[READERS];
  size_t started = 0;
  while (started < READERS && pthread_create(&threads[started], NULL, read_on, &shared) == 0)
    started++;
  enum mtasts_status status = started == READERS ? update(bench) : MTASTS_NO_MEMORY;
  atomic_store(&shared.stop, true);
  while (started > 0)
    pthread_join(threads[--started], NULL);
  char got[64];
  const size_t reads = atomic_load(&shared.reads);
  const size_t failures = atomic_load(&shared.failures);
  printf("  %zu reads meanwhile, %zu failed\n", reads, failures);
  snprintf(got, sizeof got, "%zu and %zu", reads, failures);
  bench->missed |= !figure("disk", "reads while it is updated: all, failed ones", "",
                           "more than 0, and 0", got, reads > 0 && failures == 0);
  return status;
}

static uint64_t file_bytes(const struct bench *bench) {
  char path[DIRECTORY_SIZE + sizeof "/data.mdb"];
  struct stat file;
  snprintf(path, sizeof path, "%s/data.mdb", bench->directory);
  return stat(path, &file) == 0 ? (uint64_t)file.st_size : UINT64_MAX;
}

static void show(struct bench *bench, const char *what, uint64_t bytes, uint64_t data,
                 double limit) {
  double times = (double)bytes / (double)data;
  char label[96];
  snprintf(label, sizeof label, "%s, %zu domains", what, bench->domains);
  bool good = figure_at_most("disk", label, "the bytes of names and values",
                             (struct figure_number){times, limit, 2, "times"});
  printf("  %-28s %7.1f MB  %5.2f x the data (limit %.1f)%s\n", what, (double)bytes / 1e6, times,
         limit, good ? "" : "  MISSED");
  bench->missed |= !good;
}

static enum mtasts_status count(const struct bench *bench, struct mtasts_cache_stats *stats) {
  enum mtasts_status status =
      mtasts_cache_count(mtasts_store_cache(bench->store), NOW + DAY, stats);
  return status == MTASTS_OK && stats->policies != bench->domains ? MTASTS_CORRUPT : status;
}

static int run(struct bench *bench) {
  struct mtasts_cache_stats stats;
  uint64_t before, after;
  enum mtasts_status status;
  shuffle(bench);
  if ((status = fill(bench)) != MTASTS_OK || (status = count(bench, &stats)) != MTASTS_OK)
    return fail("filling", status);
  printf("disk, %zu domains of two mx patterns: %.1f MB of names and values\n", bench->domains,
         (double)stats.bytes_data / 1e6);
  show(bench, "live tree", stats.space.bytes_used, stats.bytes_data, 2);
  if ((status = update_under_readers(bench)) != MTASTS_OK ||
      (status = count(bench, &stats)) != MTASTS_OK)
    return fail("updating", status);
  show(bench, "file after updates", file_bytes(bench), stats.bytes_data, 3);
  if ((status = mtasts_store_compact(bench->store, &before, &after)) != MTASTS_OK ||
      (status = count(bench, &stats)) != MTASTS_OK)
    return fail("compacting", status);
  show(bench, "file after compact", file_bytes(bench), stats.bytes_data, 1.7);
  return bench->missed;
}

/* In memory, if it has room for two: compacting makes a copy. */
static bool make_directory(struct bench *bench) {
  struct statvfs disk;
  bool fits = statvfs("/dev/shm", &disk) == 0 &&
              (uint64_t)disk.f_bavail * disk.f_frsize > 2 * (uint64_t)NEED * bench->domains;
  snprintf(bench->directory, sizeof bench->directory, "%s/mtasts-disk-XXXXXX",
           fits ? "/dev/shm" : "/tmp");
  return mkdtemp(bench->directory) != NULL;
}

static void remove_directory(const struct bench *bench) {
  static const char *const names[] = {"data.mdb", "lock.mdb", "writer.lock"};
  char path[DIRECTORY_SIZE + 16];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", bench->directory, names[i]);
    unlink(path);
  }
  rmdir(bench->directory);
}

static void warn(void *context, const char *sentence) {
  (void)context;
  fprintf(stderr, "disk_bench: %s\n", sentence);
}

int main(int argc, char **argv) {
  struct bench bench = {.domains = argc == 2 ? strtoul(argv[1], NULL, 10) : FILL_MOST, .random = 1};
  struct mtasts_store_options options = mtasts_store_defaults;
  int code = EX_SOFTWARE;
  if (argc > 2 || bench.domains < UPDATED || bench.domains > FILL_MOST) {
    fprintf(stderr, "usage: disk_bench [DOMAINS] (%d to %d)\n", UPDATED, FILL_MOST);
    return 64;
  }
  options.warn = warn;
  bench.order = calloc(bench.domains, sizeof *bench.order);
  if (!bench.order || !make_directory(&bench)) {
    perror("disk_bench");
    return EX_SOFTWARE;
  }
  enum mtasts_status status = mtasts_store_open(bench.directory, &options, &bench.store);
  if (status == MTASTS_OK) {
    code = run(&bench);
    mtasts_store_close(bench.store);
  } else {
    fail("opening", status);
  }
  remove_directory(&bench);
  free(bench.order);
  return code;
}
