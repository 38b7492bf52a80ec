/*
 * Measures how readers of one cache slow each other, and how its writer slows them. A reader
 * decides on one domain after the other (domain text in, verdict out), of those of fill.h, in a
 * thread and with a mtasts_reader of its own.
 *
 *   readers_bench threads DOMAINS
 *     decisions a second by two readers on one mtasts_cache, beside those of one
 *   readers_bench refreshing CACHE DOMAINS SOCKET HOSTS PACE
 *     CPU a decision while mtastsd, at SOCKET, refreshes policies of h0.bench.example and so on,
 * PACE a second of HOSTS, beside that while it idles
 *
 * Many short rounds, interleaved, and the order changes each time; fails if the median of their
 * ratios misses its limit, or if mtastsd has refreshed fewer policies.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "figure.h"
#include "fill.h"

enum {
  NAMES = 1 << 18, /* asked for in turn */
  CHUNK = 256,     /* decisions between looks at a clock */
  THREADS = 2,

  THREAD_ROUNDS = 301,
  PACED_ROUNDS = 31,
  IN_FLIGHT = 64,
};

static const double thread_round = 0.01; /* seconds */
static const double paced_round = 0.4;
static const double settled = 0.15; /* after this long the pace is steady */

static char names[NAMES][FILL_NAME_SIZE];
static int64_t now;

static void check(enum mtasts_status status, const char *what) {
  if (status == MTASTS_OK)
    return;
  fprintf(stderr, "readers_bench: %s: %s\n", what, mtasts_status_name(status));
  exit(EX_SOFTWARE);
}

static void make_names(size_t domains) {
  uint64_t state = 1;
  for (size_t i = 0; i < NAMES; i++) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    fill_name((size_t)(state >> 33) % domains, names[i]);
  }
}

/* a reader */

struct reading {
  struct mtasts_reader *reader;
  size_t next; /* of the names */
  double length;
  pthread_barrier_t *start;
  pthread_t thread;

  double rate; /* decisions a second */
  double cpu;  /* nanoseconds a decision */
};

static void decide(struct mtasts_reader *reader, const char *name) {
  struct mtasts_domain domain;
  struct mtasts_entry entry;
  check(mtasts_domain_parse((struct mtasts_span){name, strlen(name)}, &domain), name);
  check(mtasts_reader_get(reader, &domain, &entry), name);
  if (mtasts_decide(&entry, NULL, MTASTS_CACHED, now).verdict != MTASTS_VERDICT_ENFORCE)
    die("a policy is not enforced");
}

static double cpu_seconds(void) {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static void *read_on(void *context) {
  struct reading *reading = context;
  struct mtasts_reader *reader = reading->reader;
  size_t next = reading->next; /* its own: what two threads write may not share a cache line */
  size_t decisions = 0;
  double took;
  pthread_barrier_wait(reading->start);
  double start = seconds();
  double used = cpu_seconds();
  do {
    for (int i = 0; i < CHUNK; i++)
      decide(reader, names[next++ % NAMES]);
    decisions += CHUNK;
    took = seconds() - start;
  } while (took < reading->length);
  reading->cpu = (cpu_seconds() - used) / (double)decisions * 1e9;
  reading->rate = (double)decisions / took;
  reading->next = next;
  return NULL;
}

static void start_reading(struct reading *reading, double length, pthread_barrier_t *start) {
  reading->length = length;
  reading->start = start;
  if (pthread_create(&reading->thread, NULL, read_on, reading))
    die("no thread");
}

static void open_readers(struct reading *readings, size_t count, struct mtasts_cache *cache) {
  for (size_t i = 0; i < count; i++) {
    check(mtasts_reader_new(cache, &readings[i].reader), "reader");
    readings[i].next = i * (NAMES / count);
  }
}

/* beside another reader */

struct total {
  double rate, cpu;
};

/* The first `count` of the readers, all at a time. */
static struct total read_together(struct reading *readings, unsigned count) {
  struct total total = {0};
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, count);
  for (unsigned i = 0; i < count; i++)
    start_reading(&readings[i], thread_round, &start);
  for (unsigned i = 0; i < count; i++) {
    pthread_join(readings[i].thread, NULL);
    total.rate += readings[i].rate;
    total.cpu += readings[i].cpu / count;
  }
  pthread_barrier_destroy(&start);
  return total;
}

static struct mtasts_cache *filled(char *directory, size_t domains) {
  struct mtasts_store_options options = mtasts_store_defaults;
  struct mtasts_store *store;
  struct mtasts_cache *cache;
  if (!mkdtemp(directory))
    die(directory);
  check(mtasts_store_open(directory, &options, &store), directory);
  check(fill_store(store, 0, domains, FILL_LISTED, now), directory);
  mtasts_store_close(store);
  check(mtasts_cache_open(directory, &cache), directory);
  return cache;
}

static void remove_cache(const char *directory) {
  static const char *const files[] = {"data.mdb", "lock.mdb", "writer.lock"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char path[64];
    snprintf(path, sizeof path, "%s/%s", directory, files[i]);
    unlink(path);
  }
  rmdir(directory);
}

static bool measure_threads(size_t domains) {
  static double one[THREAD_ROUNDS], both[THREAD_ROUNDS], ratio[THREAD_ROUNDS], cpu[THREAD_ROUNDS];
  char directory[] = "/tmp/mtasts-bench-XXXXXX";
  char what[128];
  char beside[128];
  struct reading readings[THREADS] = {0};
  struct mtasts_cache *cache = filled(directory, domains);
  open_readers(readings, THREADS, cache);
  for (int i = -1; i < THREAD_ROUNDS; i++) { /* the first round warms up */
    struct total totals[2];                  /* of one reader, and of all */
    const bool first = i % 2 != 0;
    totals[first] = read_together(readings, first ? THREADS : 1);
    totals[!first] = read_together(readings, first ? 1 : THREADS);
    if (i < 0)
      continue;
    one[i] = totals[0].rate;
    both[i] = totals[1].rate;
    ratio[i] = totals[1].rate / totals[0].rate;
    cpu[i] = totals[1].cpu / totals[0].cpu;
  }
  for (size_t i = 0; i < THREADS; i++)
    mtasts_reader_free(readings[i].reader);
  mtasts_cache_close(cache);
  remove_cache(directory);
  double times = quantile(ratio, THREAD_ROUNDS, 0.5);
  snprintf(what, sizeof what, "decisions in 2 threads, quiet, %zu domains: %.0f a second", domains,
           quantile(both, THREAD_ROUNDS, 0.5));
  snprintf(beside, sizeof beside, "in one thread: %.0f a second",
           quantile(one, THREAD_ROUNDS, 0.5));
  printf("%s; %s: %.2f times (at least 1.80); CPU a decision %.2f times; medians of %d rounds\n",
         what, beside, times, quantile(cpu, THREAD_ROUNDS, 0.5), THREAD_ROUNDS);
  return figure_at_least("readers", what, beside, (struct figure_number){times, 1.8, 2, "×"});
}

/* beside the writer */

static struct pace {
  const char *socket;
  size_t hosts;
  double rate;
  int poll;
  struct client clients[IN_FLIGHT];
  bool busy[IN_FLIGHT];
  size_t asked, answered;
  double measured; /* seconds of rounds, and how many answers came in them */
  size_t answered_measured;
} pace;

static void open_pace(void) {
  pace.poll = epoll_create1(0);
  for (size_t i = 0; i < IN_FLIGHT; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};
    client_open(&pace.clients[i], pace.socket);
    if (epoll_ctl(pace.poll, EPOLL_CTL_ADD, pace.clients[i].fd, &event))
      die("epoll_ctl");
  }
}

/* False: no connection is free for it. */
static bool ask_refresh(void) {
  char request[CLIENT_REQUEST_MAX];
  char name[64];
  size_t i = 0;
  while (i < IN_FLIGHT && pace.busy[i])
    i++;
  if (i == IN_FLIGHT)
    return false;
  snprintf(name, sizeof name, "h%zu.bench.example", pace.asked++ % pace.hosts);
  client_send(&pace.clients[i], request, client_request(request, "refresh", name));
  return pace.busy[i] = true;
}

static void take_answers(int milliseconds) {
  struct epoll_event ready[IN_FLIGHT];
  int count = epoll_wait(pace.poll, ready, IN_FLIGHT, milliseconds);
  for (int n = 0; n < count; n++) {
    size_t i = (size_t)ready[n].data.u64;
    if (client_take(&pace.clients[i]) == 0)
      continue;
    pace.busy[i] = false;
    pace.answered++;
  }
}

static void refresh_for(double length) {
  double start = seconds();
  size_t before = pace.asked;
  double passed = 0;
  while (passed < length) {
    while ((double)(pace.asked - before) < passed * pace.rate && ask_refresh())
      ;
    take_answers(1);
    passed = seconds() - start;
  }
}

static void refresh_measured(double length) {
  double start = seconds();
  size_t before = pace.answered;
  refresh_for(length);
  pace.measured += seconds() - start;
  pace.answered_measured += pace.answered - before;
}

/* Of mtastsd's counters. */
static unsigned long long counted(const char *name) {
  static char reply[64 << 10];
  char field[64];
  size_t size = client_sample(pace.socket, "stats", ".", reply, sizeof reply - 1);
  reply[size] = '\0';
  snprintf(field, sizeof field, "\"%s\":", name);
  const char *at = strstr(reply, field);
  if (!at)
    die(field);
  return strtoull(at + strlen(field), NULL, 10);
}

/* CPU a decision, nanoseconds. */
static double read_beside(struct reading *reading, bool refreshing) {
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, 1);
  if (refreshing)
    refresh_for(settled);
  start_reading(reading, paced_round, &start);
  if (refreshing)
    refresh_measured(paced_round);
  pthread_join(reading->thread, NULL);
  while (pace.answered < pace.asked)
    take_answers(100);
  pthread_barrier_destroy(&start);
  return reading->cpu;
}

static bool measure_refreshing(const char *directory, size_t domains) {
  static double quiet[PACED_ROUNDS], busy[PACED_ROUNDS], ratio[PACED_ROUNDS];
  char what[160];
  char beside[64];
  struct reading reading = {0};
  struct mtasts_cache *cache;
  check(mtasts_cache_open(directory, &cache), directory);
  open_readers(&reading, 1, cache);
  open_pace();
  unsigned long long before = counted("lookups");
  for (int i = -1; i < PACED_ROUNDS; i++) { /* likewise */
    double cpu[2];                          /* while it idles, and while it refreshes */
    const bool first = i % 2 != 0;
    cpu[first] = read_beside(&reading, first);
    cpu[!first] = read_beside(&reading, !first);
    if (i < 0)
      continue;
    quiet[i] = cpu[0];
    busy[i] = cpu[1];
    ratio[i] = cpu[1] / cpu[0];
  }
  unsigned long long refreshed = counted("lookups") - before;
  mtasts_reader_free(reading.reader);
  mtasts_cache_close(cache);
  double times = quantile(ratio, PACED_ROUNDS, 0.5);
  snprintf(what, sizeof what,
           "CPU a decision, %zu domains, while mtastsd refreshes %.0f policies "
           "a second: %.0f ns",
           domains, pace.rate, quantile(busy, PACED_ROUNDS, 0.5));
  snprintf(beside, sizeof beside, "while it idles: %.0f ns", quantile(quiet, PACED_ROUNDS, 0.5));
  double rate = (double)pace.answered_measured / pace.measured;
  printf("%s; %s: %.2f times (at most 1.20); medians of %d rounds, %.0f refreshes a second\n", what,
         beside, times, PACED_ROUNDS, rate);
  if (refreshed < pace.asked || rate < pace.rate * 0.9) {
    printf("this pace was not kept: of %zu refreshes %llu were made, %.0f a second\n", pace.asked,
           refreshed, rate);
    return false;
  }
  return figure_at_most("readers", what, beside, (struct figure_number){times, 1.2, 2, "×"});
}

int main(int argc, char **argv) {
  bool threads = argc == 3 && strcmp(argv[1], "threads") == 0;
  bool refreshing = argc == 7 && strcmp(argv[1], "refreshing") == 0;
  size_t domains = threads || refreshing ? strtoul(argv[threads ? 2 : 3], NULL, 10) : 0;
  if (domains == 0 || domains > FILL_MOST) {
    fprintf(stderr, "usage: readers_bench threads DOMAINS\n"
                    "       readers_bench refreshing CACHE DOMAINS SOCKET HOSTS PACE\n");
    return 64;
  }
  now = (int64_t)time(NULL);
  make_names(domains);
  if (threads)
    return measure_threads(domains) ? 0 : 1;
  pace.socket = argv[4];
  pace.hosts = strtoul(argv[5], NULL, 10);
  pace.rate = strtod(argv[6], NULL);
  if (pace.hosts == 0 || pace.rate <= 0)
    die("HOSTS and PACE are more than 0");
  return measure_refreshing(argv[2], domains) ? 0 : 1;
}
