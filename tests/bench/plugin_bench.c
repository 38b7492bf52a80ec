/*
 * Measures a call of the Exim plugin as Exim makes it, with a new domain each time.
 *
 *   plugin_bench ask PLUGIN SOCKET DOMAINS   beside connect, constant reply, close
 *   plugin_bench read PLUGIN CACHE DOMAINS   beside mdb_env_open, mdb_get, mdb_env_close
 *
 * MTASTS_CONFIG names the configuration. `ask` needs mtastsd at its socket, `read` needs no server
 * there. Interleaved rounds; fails if the median of the pairs is above 1.5.
 */
#include <dlfcn.h>
#include <lmdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "constant.h"
#include "figure.h"

enum {
  ROUNDS = 9,
  CALLS = 2000,
  NAME_SIZE = 64,
  REPLY_SIZE = 128 << 10,
};

static const double most = 1.5;

typedef int function(unsigned char **yield, int argc, unsigned char **argv);

static void die(const char *what) {
  perror(what);
  exit(EX_SOFTWARE);
}

/* Exim's side */

static unsigned char store[64 << 10];
#pragma GCC visibility push(default)
void *store_get_3(int size, const void *proto, const char *name, int line);
unsigned char *expand_string(unsigned char *text);
void log_write(unsigned selector, int flags, const char *format, ...);
#pragma GCC visibility pop

void *store_get_3(int size, const void *proto, const char *name, int line) {
  (void)proto;
  (void)name;
  (void)line;
  return size <= (int)sizeof store ? store : NULL;
}
/* $exim_uid, $exim_gid: a user that may read the cache and is not root. */
unsigned char *expand_string(unsigned char *text) {
  static unsigned char nobody[] = "65534";
  (void)text;
  return nobody;
}
void log_write(unsigned selector, int flags, const char *format, ...) {
  (void)selector;
  (void)flags;
  (void)format;
}

/* both sides of a pair */

struct bench {
  function *policy;
  const char *path; /* of the constant server, or of the cache */
  size_t domains;
  size_t next;
};

static void next_name(struct bench *bench, char name[NAME_SIZE]) {
  snprintf(name, NAME_SIZE, "domain-%06zu.mail.example.com", bench->next++ % bench->domains);
}

static void call(struct bench *bench, const char *name) {
  unsigned char domain[NAME_SIZE];
  unsigned char *argv[] = {domain, NULL};
  unsigned char *yield = NULL;
  (void)bench;
  memcpy(domain, name, NAME_SIZE);
  if (bench->policy(&yield, 1, argv) != 0 || strncmp((char *)yield, "mode=enforce", 12) != 0) {
    fprintf(stderr, "plugin_bench: %s: %s\n", name, yield ? (char *)yield : "nothing");
    exit(EX_SOFTWARE);
  }
}

static void ask_constant(struct bench *bench, const char *name) {
  static char reply[REPLY_SIZE];
  struct sockaddr_un address = constant_address(bench->path);
  char request[NAME_SIZE + 16];
  int size = snprintf(request, sizeof request, "%zu:entry %s,", strlen(name) + 6, name);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) ||
      send(fd, request, (size_t)size, MSG_NOSIGNAL) != size ||
      recv(fd, reply, sizeof reply, 0) <= 0)
    die(bench->path);
  close(fd);
}

static void read_bare(struct bench *bench, const char *name) {
  char copy[NAME_SIZE];
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi policies;
  memcpy(copy, name, NAME_SIZE);
  MDB_val key = {strlen(copy), copy};
  MDB_val value;
  if (mdb_env_create(&env) || mdb_env_set_maxdbs(env, 4) ||
      mdb_env_open(env, bench->path, MDB_RDONLY, 0) || mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) ||
      mdb_dbi_open(txn, "policies", 0, &policies) || mdb_get(txn, policies, &key, &value))
    die("lmdb");
  mdb_txn_abort(txn);
  mdb_env_close(env);
}

static double run(struct bench *bench, void (*operate)(struct bench *bench, const char *name)) {
  struct timespec start;
  struct timespec end;
  char name[NAME_SIZE];
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (int i = 0; i < CALLS; i++) {
    next_name(bench, name);
    operate(bench, name);
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  return ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) /
         CALLS / 1e3;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values) {
  qsort(values, ROUNDS, sizeof *values, by_value);
  return values[ROUNDS / 2];
}

/* One answer of the daemon, which the constant server will give. */
static size_t sample(struct bench *bench, const char *path, char *reply) {
  struct sockaddr_un address = constant_address(path);
  char name[NAME_SIZE];
  char request[NAME_SIZE + 16];
  next_name(bench, name);
  int size = snprintf(request, sizeof request, "%zu:entry %s,", strlen(name) + 6, name);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) ||
      send(fd, request, (size_t)size, MSG_NOSIGNAL) != size)
    die(path);
  ssize_t got = recv(fd, reply, REPLY_SIZE, 0);
  close(fd);
  return got > 0 ? (size_t)got : 0;
}

/* Microseconds of ours and of the limit. */
static bool state(bool asks, double ours, double limit, double ratio) {
  char what[128];
  char beside[128];
  snprintf(what, sizeof what, "the Exim plugin's call, %s: %.1f µs",
           asks ? "asking mtastsd" : "without mtastsd", ours);
  snprintf(beside, sizeof beside, "%s: %.1f µs",
           asks ? "connect, constant reply, close" : "bare open, get, close", limit);
  printf("%s; %s: %.2f times (at most %.1f)\n", what, beside, ratio, most);
  return figure_at_most("answers", what, beside, (struct figure_number){ratio, most, 2, "×"});
}

int main(int argc, char **argv) {
  static char reply[REPLY_SIZE];
  char constant[sizeof((struct sockaddr_un *)NULL)->sun_path];
  if (argc != 5) {
    fprintf(stderr, "usage: plugin_bench ask|read PLUGIN SOCKET|CACHE DOMAINS\n");
    return 64;
  }
  bool asks = strcmp(argv[1], "ask") == 0;
  void *plugin = dlopen(argv[2], RTLD_NOW);
  if (!plugin) {
    fprintf(stderr, "plugin_bench: %s\n", dlerror());
    return EX_SOFTWARE;
  }
  struct bench bench = {.path = argv[3], .domains = strtoul(argv[4], NULL, 10)};
  *(void **)&bench.policy = dlsym(plugin, "mtasts_policy");
  pid_t server = 0;
  if (asks) {
    size_t size = sample(&bench, argv[3], reply);
    snprintf(constant, sizeof constant, "%s.constant", argv[3]);
    bench.path = constant;
    server = constant_start(constant, reply, size);
  }
  void (*const sides[])(struct bench * bench, const char *name) = {asks ? ask_constant : read_bare,
                                                                   call};
  double cost[2][ROUNDS];
  double ratio[ROUNDS];
  for (int i = -1; i < ROUNDS; i++) { /* the first round warms up */
    double each[2];
    const int first = i % 2 != 0; /* who goes first changes */
    each[first] = run(&bench, sides[first]);
    each[1 - first] = run(&bench, sides[1 - first]);
    if (i < 0)
      continue;
    cost[0][i] = each[0];
    cost[1][i] = each[1];
    ratio[i] = each[1] / each[0];
  }
  bool good = state(asks, median(cost[1]), median(cost[0]), median(ratio));
  if (server > 0) {
    kill(server, SIGKILL);
    unlink(constant);
  }
  return good ? 0 : 1;
}
