/*
 * Measures mtastsd's cached answers against a server that sends the same bytes as a reply to every
 * request: CPU per answer, answers per second, and the latency of the slowest hundredth.
 * Interleaved rounds, medians of pairs, a line for each map and number of connections.
 *
 *   answer_bench SOCKET PID DOMAINS MAP...
 *   answer_bench -c CACHE SOCKET PID DOMAINS MAP...
 *
 * SOCKET and PID are mtastsd's; its cache holds domain-000000.mail.example.com and so on, DOMAINS
 * of them. Fails if a limit is missed; `!` marks it.
 *
 * -c is for a cache so large that a look-up mostly waits for memory. Then only the CPU is compared.
 * The limit is the CPU of the constant server, 1.5 times that of a bare look-up in CACHE (bare.h),
 * and 0.7 us together.
 */
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "bare.h"
#include "client.h"
#include "constant.h"
#include "figure.h"

enum {
  ROUNDS = 25,    /* many and short: what else the machine does weighs on both sides of a pair */
  ANSWERS = 9600, /* in a round */
  CONNECTIONS_MAX = 64,
  PIPELINED_MAX = 16,
  REPLY_SIZE = 128 << 10,
};

#define LARGE_BARE 1.5
#define LARGE_MORE 0.7 /* microseconds */

/* A load, and its limits relative to the constant server. If requests are pipelined, that server
 * has hardly any work, so only the throughput is compared. */
struct load {
  size_t connections;
  size_t pipelined; /* requests sent at once on each */
  double cpu_most;  /* times; 0: no limit */
  double rate_least;
  double latency_most;
};

static const struct load loads[] = {
    {1, 1, 1.4, 0.7, 1.5}, {8, 1, 1.4, 0.7, 1.5}, {64, 1, 1.4, 0.7, 1.5}, {8, 16, 0, 0.4, 0}};

struct cost {
  double cpu;     /* microseconds an answer */
  double rate;    /* answers a second */
  double latency; /* microseconds; 99 % wait less */
};

/* The sum of a figure over all threads of a process. */
static double sum_of_threads(pid_t pid, double (*told)(pid_t thread)) {
  char path[32];
  double sum = 0;
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *tasks = opendir(path);
  if (!tasks)
    die(path);
  for (struct dirent *task; (task = readdir(tasks));)
    if (task->d_name[0] != '.')
      sum += told((pid_t)strtol(task->d_name, NULL, 10));
  closedir(tasks);
  return sum;
}

/* Nanoseconds that it has run. */
static double time_of(pid_t thread) {
  char path[64];
  char line[64];
  snprintf(path, sizeof path, "/proc/%d/schedstat", (int)thread);
  FILE *file = fopen(path, "r");
  if (!file || !fgets(line, sizeof line, file))
    die(path);
  fclose(file);
  return strtod(line, NULL);
}

/* Processors: with two or more, the servers never share one with the client. */
enum {
  CLIENTS_OWN,
  SERVERS_OWN,
};

static void pin(pid_t thread, size_t processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  if (sysconf(_SC_NPROCESSORS_ONLN) > SERVERS_OWN && sched_setaffinity(thread, sizeof set, &set))
    die("sched_setaffinity");
}

static double move(pid_t thread) {
  pin(thread, SERVERS_OWN);
  return 0;
}

struct server {
  const char *path;
  pid_t pid;
  int poll;
  struct client clients[CONNECTIONS_MAX]; /* as many as the load has */
};

/* What one side is asked in a round. */
struct round {
  const char *map;
  const struct bare *bare; /* NULL: a small cache */
  size_t domains;
  uint64_t random;
  const struct load *load;
  struct server *server;
  size_t owed[CONNECTIONS_MAX]; /* replies */
  double asked[CONNECTIONS_MAX];
  double waits[ANSWERS];
  size_t wait_count;
};

static void ask(struct round *round, size_t i) {
  char requests[PIPELINED_MAX * CLIENT_REQUEST_MAX];
  char name[64];
  size_t size = 0;
  for (size_t n = 0; n < round->load->pipelined; n++) {
    client_domain(&round->random, round->domains, name);
    size += client_request(requests + size, round->map, name);
  }
  round->owed[i] = round->load->pipelined;
  round->asked[i] = seconds();
  client_send(&round->server->clients[i], requests, size);
}

/* Returns the replies that have come. */
static size_t take(struct round *round, size_t i) {
  size_t taken = client_take(&round->server->clients[i]);
  round->owed[i] -= taken;
  if (round->owed[i] == 0)
    round->waits[round->wait_count++] = seconds() - round->asked[i];
  return taken;
}

static void connect_all(struct server *server, size_t connections) {
  server->poll = epoll_create1(0);
  for (size_t i = 0; i < connections; i++) {
    client_open(&server->clients[i], server->path);
    epoll_ctl(server->poll, EPOLL_CTL_ADD, server->clients[i].fd,
              &(struct epoll_event){.events = EPOLLIN, .data.u64 = i});
  }
}

static void disconnect_all(struct server *server, size_t connections) {
  for (size_t i = 0; i < connections; i++)
    client_close(&server->clients[i]);
  close(server->poll);
}

static struct cost run(struct server *server, struct round *round) {
  const struct load *load = round->load;
  round->server = server;
  round->wait_count = 0;
  double cpu = sum_of_threads(server->pid, time_of);
  double start = seconds();
  size_t asked = 0;
  for (size_t i = 0; i < load->connections; i++, asked += load->pipelined)
    ask(round, i);
  for (size_t taken = 0; taken < ANSWERS;) {
    struct epoll_event ready[CONNECTIONS_MAX];
    int count = epoll_wait(server->poll, ready, CONNECTIONS_MAX, 10000);
    if (count <= 0)
      die("no answer");
    for (int n = 0; n < count; n++) {
      size_t i = (size_t)ready[n].data.u64;
      taken += take(round, i);
      if (round->owed[i] == 0 && asked < ANSWERS) {
        ask(round, i);
        asked += load->pipelined;
      }
    }
  }
  return (struct cost){
      .cpu = (sum_of_threads(server->pid, time_of) - cpu) / 1e3 / ANSWERS,
      .rate = ANSWERS / (seconds() - start),
      .latency = quantile(round->waits, round->wait_count, 0.99) * 1e6,
  };
}

/* A limit as the table shows it, followed by `!` if it is missed. */
static bool show_limit(int decimals, double limit, bool good) {
  char text[16] = "-";
  if (limit > 0)
    snprintf(text, sizeof text, "%.*f", decimals, limit);
  printf(" %4s%c", text, good ? ' ' : '!');
  return good;
}

/* ours, the constant server's, and how they compare */
struct figures {
  double values[3][ROUNDS];
};

static void note(struct figures *figures, size_t round, double ours, double constant) {
  figures->values[0][round] = ours;
  figures->values[1][round] = constant;
  figures->values[2][round] = ours / constant;
}

static double median(double values[ROUNDS]) {
  return quantile(values, ROUNDS, 0.5);
}

static void state(const char *map, const struct load *load, double dear, double fast, double late) {
  static const char constant[] = "a server of constant answers";
  char what[96];
  char label[64];
  snprintf(label, sizeof label, "map %s, %zu connections%s", map, load->connections,
           load->pipelined > 1 ? ", pipelined" : "");
  snprintf(what, sizeof what, "%s: CPU an answer", label);
  if (load->cpu_most > 0)
    figure_at_most("answers", what, constant,
                   (struct figure_number){dear, load->cpu_most, 2, "times"});
  snprintf(what, sizeof what, "%s: answers a second", label);
  figure_at_least("answers", what, constant,
                  (struct figure_number){fast * 100, load->rate_least * 100, 0, "%"});
  snprintf(what, sizeof what, "%s: how long 1 %% wait", label);
  if (load->latency_most > 0)
    figure_at_most("answers", what, constant,
                   (struct figure_number){late, load->latency_most, 2, "times"});
}

/* The two take turns in going first, so that a machine that slows down affects both alike. */
static bool compare(struct server *ours, struct server *constant, struct round *round) {
  const struct load *load = round->load;
  struct server *const sides[] = {constant, ours};
  struct figures cpu;
  struct figures rate;
  struct figures latency;
  for (size_t i = 0; i < ROUNDS; i++) {
    struct cost costs[2];
    const size_t first = i % 2;
    costs[first] = run(sides[first], round);
    costs[1 - first] = run(sides[1 - first], round);
    note(&cpu, i, costs[1].cpu, costs[0].cpu);
    note(&rate, i, costs[1].rate, costs[0].rate);
    note(&latency, i, costs[1].latency, costs[0].latency);
  }
  double dear = median(cpu.values[2]);
  double fast = median(rate.values[2]);
  double late = median(latency.values[2]);
  printf("%-15s %3zu x %-2zu %7.2f %6.2f %5.2f", round->map, load->connections, load->pipelined,
         median(cpu.values[0]), median(cpu.values[1]), dear);
  bool good = show_limit(1, load->cpu_most, load->cpu_most == 0 || dear <= load->cpu_most);
  printf(" %8.0f %8.0f %5.0f", median(rate.values[0]), median(rate.values[1]), fast * 100);
  good = show_limit(0, load->rate_least * 100, fast >= load->rate_least) && good;
  printf(" %7.0f %7.0f %5.2f", median(latency.values[0]), median(latency.values[1]), late);
  good = show_limit(1, load->latency_most, load->latency_most == 0 || late <= load->latency_most) &&
         good;
  putchar('\n');
  fflush(stdout);
  state(round->map, load, dear, fast, late);
  return good;
}

/* Microseconds of CPU a look-up. */
static double look_up_bare(const struct bare *bare, struct round *round) {
  static char names[ANSWERS][64];
  struct timespec from, to;
  for (size_t i = 0; i < ANSWERS; i++)
    client_domain(&round->random, round->domains, names[i]);
  /* The limit is measured on the same processor: another user of the machine may slow one of them
   * alone. */
  pin(0, SERVERS_OWN);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
  for (size_t i = 0; i < ANSWERS; i++) {
    MDB_val value;
    if (!bare_get(bare, names[i], &value))
      die(names[i]);
    bare_end(bare);
  }
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
  pin(0, CLIENTS_OWN);
  return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / 1e3 /
         ANSWERS;
}

static bool compare_large(struct server *ours, struct server *constant, struct round *round) {
  struct server *const sides[] = {constant, ours};
  double here[ROUNDS], there[ROUNDS], bare[ROUNDS], over[ROUNDS];
  for (size_t i = 0; i < ROUNDS; i++) {
    double *const cpu[] = {&there[i], &here[i]};
    const size_t first = i % 2;
    *cpu[first] = run(sides[first], round).cpu;
    bare[i] = look_up_bare(round->bare, round);
    *cpu[1 - first] = run(sides[1 - first], round).cpu;
    over[i] = here[i] - there[i] - LARGE_BARE * bare[i];
  }
  bool good = median(over) <= LARGE_MORE;
  printf("%-15s %3zu %12.2f %12.2f %12.2f %12.2f %8.2f%c\n", round->map, round->load->connections,
         median(here), median(there), median(bare), median(over), LARGE_MORE, good ? ' ' : '!');
  fflush(stdout);
  char what[96];
  snprintf(what, sizeof what, "map %s, %zu connections, %zu cached domains: CPU an answer",
           round->map, round->load->connections, round->domains);
  figure_at_most("million", what, "constant answers + 1.5 x the bare look-up",
                 (struct figure_number){median(over), LARGE_MORE, 2, "us more"});
  return good;
}

static bool compare_load(struct server *ours, struct server *constant, struct round *round) {
  size_t connections = round->load->connections;
  pin(0, CLIENTS_OWN);
  sum_of_threads(ours->pid, move);
  sum_of_threads(constant->pid, move);
  connect_all(ours, connections);
  connect_all(constant, connections);
  bool good = (round->bare ? compare_large : compare)(ours, constant, round);
  disconnect_all(ours, connections);
  disconnect_all(constant, connections);
  return good;
}

static bool compare_map(struct server *ours, struct round *round) {
  static char reply[REPLY_SIZE];
  char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
  char name[64];
  bool good = true;
  client_domain(&round->random, round->domains, name);
  size_t size = client_sample(ours->path, round->map, name, reply, sizeof reply);
  if (!memmem(reply, size, ":OK ", 4)) {
    fprintf(stderr, "answer_bench: %s %s: %.*s\n", round->map, name, (int)size, reply);
    exit(EX_SOFTWARE);
  }
  snprintf(path, sizeof path, "%s.constant", ours->path);
  struct server constant = {.path = path, .pid = constant_start(path, reply, size)};
  for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
    round->load = &loads[i];
    if (!round->bare || loads[i].pipelined == 1)
      good = compare_load(ours, &constant, round) && good;
  }
  kill(constant.pid, SIGKILL);
  unlink(path);
  return good;
}

static void print_head(void) {
  printf("%-15s %-8s %-25s %-29s %s\n", "", "connec-", "us of CPU an answer", "answers a second",
         "us that 1 % wait for longer");
  printf("%-15s %-8s %6s %6s %5s %4s  %8s %8s %5s %4s  %7s %7s %5s %4s\n", "map", "tions", "here",
         "const.", "times", "most", "here", "const.", "%", "min.", "here", "const.", "times",
         "most");
}

static void print_large_head(void) {
  printf("%-19s %12s %12s %12s %12s %8s\n%-15s %3s %12s %12s %12s %12s\n", "us of CPU an answer",
         "here", "constant", "bare", "here - const", "at most", "map", "", "", "server", "look-up",
         "- 1.5 bare");
}

int main(int argc, char **argv) {
  static struct round round = {.random = 1};
  struct bare bare;
  bool good = true;
  if (argc > 6 && strcmp(argv[1], "-c") == 0) {
    if (!bare_open(&bare, argv[2]))
      die(argv[2]);
    round.bare = &bare;
    argc -= 2;
    argv += 2;
  }
  if (argc < 5) {
    fprintf(stderr, "usage: answer_bench [-c CACHE] SOCKET PID DOMAINS MAP...\n");
    return 64;
  }
  struct server ours = {.path = argv[1], .pid = (pid_t)strtol(argv[2], NULL, 10)};
  round.domains = strtoul(argv[3], NULL, 10);
  if (round.bare)
    print_large_head();
  else
    print_head();
  for (int i = 4; i < argc; i++) {
    round.map = argv[i];
    good = compare_map(&ours, &round) && good;
  }
  return good ? 0 : 1;
}
