/*
 * The cost of a cached decision (domain text in, verdict out) beside its limit: a bare mdb_get of
 * the same records in a renewed read transaction, which yields a pointer; and beside the same with
 * the record read, since where the cache is larger than the processor's, most of what a decision
 * adds is the wait for the record's bytes. A fourth side decides on the same domains in a cache
 * that knows their MX hosts and DANE as well. A process each, which take turns, round by round,
 * each with names of its own, and another one first in each round: none walks over what the one
 * before has just read. Medians of CPU time are printed, with the look-ups and allocations counted.
 *
 *   decision_bench DOMAINS
 *
 * Fails if a decision takes more than one look-up or any allocation, if it costs too much more than
 * the bare get (a small cache: 1.5 times as much; a large one: 150 ns), or if DANE and MX hosts
 * make it cost more than 1.2 times as much.
 */
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "bare.h"
#include "figure.h"
#include "fill.h"

#define DANE_MOST  1.2 /* times a decision without */
#define SMALL_MOST 1.5 /* times the bare get */
#define LARGE_MOST 150 /* nanoseconds more than the bare get */

enum {
  BARE,
  READ,
  DECISION,
  WITH_DANE,
  SIDES,
};

enum {
  ROUNDS = 101,
  ROUND_OPERATIONS = 100000,
  SMALL = 10000, /* domains */
  NOW = 1767225600
};

static uint64_t gets;
static uint64_t allocations;

/* Linked with --wrap=mdb_get: every look-up of the program passes here. */
int __real_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __wrap_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __wrap_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data) {
  gets++;
  return __real_mdb_get(txn, dbi, key, data);
}

/* And every allocation, LMDB's own too, passes here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size) {
  allocations++;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  allocations++;
  return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
  allocations++;
  return __libc_realloc(old, size);
}

static void die(const char *what) {
  fprintf(stderr, "decision_bench: %s\n", what);
  exit(EX_SOFTWARE);
}

static size_t next_index(uint64_t *state, size_t domains) {
  *state = *state * 6364136223846793005U + 1442695040888963407U;
  return (size_t)(*state >> 33) % domains;
}

static void fill(const char *directory, size_t domains, enum fill_kind kind) {
  struct mtasts_store_options options = mtasts_store_defaults;
  struct mtasts_store *store;
  if (mtasts_store_open(directory, &options, &store) != MTASTS_OK ||
      fill_store(store, 0, domains, kind, NOW) != MTASTS_OK)
    die("cannot fill the store");
  mtasts_store_close(store);
}

static double cpu_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* One side: opens the cache once, and runs a round whenever a byte arrives. */
struct side {
  void (*open)(struct side *side, const char *directory);
  void (*operate)(struct side *side, const char *name);
  struct bare bare;
  struct mtasts_cache *cache;
  struct mtasts_reader *reader;
  uint64_t seed; /* of its names, which are others in each round */
  uint64_t checked;
};

static void open_bare(struct side *side, const char *directory) {
  if (!bare_open(&side->bare, directory))
    die("cannot open the environment");
}

static MDB_val look_up(struct side *side, const char *name) {
  MDB_val value;
  if (!bare_get(&side->bare, name, &value))
    die("a record is missing");
  return value;
}

static void get_bare(struct side *side, const char *name) {
  MDB_val value = look_up(side, name);
  side->checked += value.mv_size > 0;
  bare_end(&side->bare);
}

static void get_and_read(struct side *side, const char *name) {
  MDB_val value = look_up(side, name);
  const unsigned char *bytes = value.mv_data;
  uint64_t sum = 1;
  for (size_t i = 0; i + sizeof sum <= value.mv_size; i += sizeof sum) {
    uint64_t word;
    memcpy(&word, bytes + i, sizeof word);
    sum = (sum ^ word) * 0x100000001b3;
  }
  side->checked += sum != 0;
  bare_end(&side->bare);
}

static void open_cache(struct side *side, const char *directory) {
  if (mtasts_cache_open(directory, &side->cache) != MTASTS_OK ||
      mtasts_reader_new(side->cache, &side->reader) != MTASTS_OK)
    die("cannot open the cache");
}

static void decide(struct side *side, const char *name, enum mtasts_verdict verdict) {
  struct mtasts_domain domain;
  struct mtasts_entry entry;
  if (mtasts_domain_parse((struct mtasts_span){name, strlen(name)}, &domain) != MTASTS_OK ||
      mtasts_reader_get(side->reader, &domain, &entry) != MTASTS_OK)
    die("a domain is missing");
  struct mtasts_decision decision = mtasts_decide(&entry, NULL, MTASTS_CACHED, NOW + 60);
  side->checked += decision.verdict == verdict;
}

static void decide_policy(struct side *side, const char *name) {
  decide(side, name, MTASTS_VERDICT_ENFORCE);
}

static void decide_dane(struct side *side, const char *name) {
  decide(side, name, MTASTS_VERDICT_DANE);
}

struct result {
  double nanoseconds; /* of CPU, each operation */
  uint64_t gets, allocations;
};

static void serve(struct side *side, const char *directory, size_t domains, int from, int to) {
  char go;
  char(*names)[FILL_NAME_SIZE] = malloc(ROUND_OPERATIONS * sizeof *names);
  if (!names)
    die("out of memory");
  side->open(side, directory);
  while (read(from, &go, 1) == 1) {
    for (size_t i = 0; i < ROUND_OPERATIONS; i++)
      fill_name(next_index(&side->seed, domains), names[i]);
    uint64_t gets_before = gets;
    uint64_t allocations_before = allocations;
    side->checked = 0;
    double start = cpu_nanoseconds();
    for (size_t i = 0; i < ROUND_OPERATIONS; i++)
      side->operate(side, names[i]);
    struct result result = {
        (cpu_nanoseconds() - start) / ROUND_OPERATIONS,
        gets - gets_before,
        allocations - allocations_before,
    };
    if (side->checked != ROUND_OPERATIONS)
      die("an operation came to nothing");
    if (write(to, &result, sizeof result) != sizeof result)
      break;
  }
  exit(0);
}

static void start(struct side *side, const char *directory, size_t domains, int *to, int *from) {
  int down[2];
  int up[2];
  if (pipe(down) || pipe(up))
    die("no pipe");
  pid_t child = fork();
  if (child < 0)
    die("no process");
  if (child == 0) {
    close(down[1]);
    close(up[0]);
    serve(side, directory, domains, down[0], up[1]);
  }
  close(down[0]);
  close(up[1]);
  *to = down[1];
  *from = up[0];
}

static struct result round_of(int to, int from) {
  struct result result;
  if (write(to, "g", 1) != 1 || read(from, &result, sizeof result) != sizeof result)
    die("a side died");
  return result;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
  qsort(values, count, sizeof *values, by_value);
  return values[count / 2];
}

static void make_cache(char *directory, size_t domains, enum fill_kind kind) {
  if (!mkdtemp(directory))
    die("no directory");
  fill(directory, domains, kind);
}

static bool remove_cache(const char *directory) {
  static const char *const files[] = {"data.mdb", "lock.mdb", "writer.lock"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char path[64];
    snprintf(path, sizeof path, "%s/%s", directory, files[i]);
    unlink(path);
  }
  return rmdir(directory) == 0;
}

/* The counts of a side's last round are what they must be: one look-up each, and nothing allocated.
 */
static bool counts_hold(const struct result *result) {
  return result->gets == ROUND_OPERATIONS && result->allocations == 0;
}

static void print_counts(const struct result *result) {
  printf("; %.2f mdb_get (1), %.2f allocations (0)\n", (double)result->gets / ROUND_OPERATIONS,
         (double)result->allocations / ROUND_OPERATIONS);
}

/* States the figures; returns whether all are within their limits. */
static bool judge(size_t domains, const struct result *decision, double times, double more,
                  double dane) {
  static const char limit[] = "bare renewed read transaction + mdb_get";
  char what[96];
  snprintf(what, sizeof what, "cached decision, %zu domains: CPU", domains);
  bool good = domains <= SMALL
                  ? figure_at_most("decision", what, limit,
                                   (struct figure_number){times, SMALL_MOST, 2, "times"})
                  : figure_at_most("decision", what, limit,
                                   (struct figure_number){more, LARGE_MOST, 0, "ns more"});
  snprintf(what, sizeof what, "the same, %zu domains: look-ups, allocations", domains);
  good = figure("decision", what, "", "1 and 0", counts_hold(decision) ? "1 and 0" : "more",
                counts_hold(decision)) &&
         good;
  snprintf(what, sizeof what, "with MX hosts and DANE, %zu domains: CPU", domains);
  return figure_at_most("decision", what, "without",
                        (struct figure_number){dane, DANE_MOST, 2, "times"}) &&
         good;
}

int main(int argc, char **argv) {
  size_t domains = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
  char plain[] = "/tmp/mtasts-bench-XXXXXX";
  char with_dane[] = "/tmp/mtasts-bench-XXXXXX";
  if (domains == 0)
    die("usage: decision_bench DOMAINS");
  make_cache(plain, domains, FILL_POLICY);
  make_cache(with_dane, domains, FILL_DANE);

  struct side sides[SIDES] = {
      [BARE] = {.open = open_bare, .operate = get_bare},
      [READ] = {.open = open_bare, .operate = get_and_read},
      [DECISION] = {.open = open_cache, .operate = decide_policy},
      [WITH_DANE] = {.open = open_cache, .operate = decide_dane},
  };
  int to[SIDES];
  int from[SIDES];
  for (int i = 0; i < SIDES; i++) {
    sides[i].seed = (uint64_t)i + 1;
    start(&sides[i], i == WITH_DANE ? with_dane : plain, domains, &to[i], &from[i]);
  }

  double cost[SIDES][ROUNDS];
  double ratio[ROUNDS];
  double over_get[ROUNDS];
  double over_read[ROUNDS];
  double dane_ratio[ROUNDS];
  struct result result[SIDES] = {0};
  for (int i = -1; i < ROUNDS; i++) { /* the first round warms up */
    for (int n = 0; n < SIDES; n++) {
      int side = (i + 1 + n) % SIDES;
      result[side] = round_of(to[side], from[side]);
    }
    if (i < 0)
      continue;
    for (int side = 0; side < SIDES; side++)
      cost[side][i] = result[side].nanoseconds;
    ratio[i] = cost[DECISION][i] / cost[BARE][i];
    over_get[i] = cost[DECISION][i] - cost[BARE][i];
    over_read[i] = cost[DECISION][i] - cost[READ][i];
    dane_ratio[i] = cost[WITH_DANE][i] / cost[DECISION][i];
  }
  double more = median(over_get, ROUNDS);
  double times = median(ratio, ROUNDS);
  bool small = domains <= SMALL;
  printf("%zu cached domains, CPU each, medians of %d rounds:\n"
         "  bare get %.0f ns; get and read %.0f ns; whole decision %.0f ns\n"
         "  the decision: %.2f times the bare get%s, %+.0f ns%s; %+.0f ns over get and read",
         domains, ROUNDS, median(cost[BARE], ROUNDS), median(cost[READ], ROUNDS),
         median(cost[DECISION], ROUNDS), times, small ? " (at most 1.5)" : "", more,
         small ? "" : " (at most 150)", median(over_read, ROUNDS));
  print_counts(&result[DECISION]);
  double dane = median(dane_ratio, ROUNDS);
  printf("  with two MX hosts and DANE: %.0f ns, %.2f times as much (at most %.2f)",
         median(cost[WITH_DANE], ROUNDS), dane, DANE_MOST);
  print_counts(&result[WITH_DANE]);
  /* Later sides have inherited the earlier ones' pipes: all ends before any is waited for. */
  for (int i = 0; i < SIDES; i++)
    close(to[i]);
  while (wait(NULL) > 0)
    ;
  bool removed = remove_cache(plain) && remove_cache(with_dane);
  bool good = judge(domains, &result[DECISION], times, more, dane);
  return removed && good && counts_hold(&result[WITH_DANE]) ? 0 : 1;
}
