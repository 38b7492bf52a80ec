/*
 * The CPU that mtastsd spends on a cached answer, beside a server that gives the same bytes to
 * whatever it is asked; and answers a second of both. Interleaved rounds, medians of pairs.
 *
 *   answer_bench SOCKET PID MAP DOMAINS
 *
 * SOCKET and PID are mtastsd's; its cache holds domain-000000.mail.example.com and so on, DOMAINS
 * of them. Fails where an answer costs more than 1.4 times the constant, or throughput falls below
 * 70 % of it.
 */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "constant.h"

enum {
  ROUNDS = 5,
  ANSWERS = 100000, /* in a round */
  CONNECTIONS_MAX = 64,
  REPLY_SIZE = 128 << 10,
};

static const double cpu_most = 1.4;
static const double throughput_least = 0.7;

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* the clients */

struct load {
  const char *map;
  size_t domains;
  uint64_t random;
};

static void ask(struct load *load, int fd) {
  char payload[256];
  char request[300];
  load->random = load->random * 6364136223846793005U + 1442695040888963407U;
  int size = snprintf(payload, sizeof payload, "%s domain-%06zu.mail.example.com", load->map,
                      (size_t)(load->random >> 33) % load->domains);
  size = snprintf(request, sizeof request, "%d:%s,", size, payload);
  if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size)
    die("send");
}

/* Reads a whole reply, netstring and all. */
static size_t take(int fd, char *reply) {
  size_t used = 0;
  size_t wanted = 0;
  while (wanted == 0 || used < wanted) {
    ssize_t got = recv(fd, reply + used, REPLY_SIZE - used, 0);
    if (got <= 0)
      die("a server has gone");
    used += (size_t)got;
    const char *colon = memchr(reply, ':', used);
    if (wanted == 0 && colon)
      wanted = strtoul(reply, NULL, 10) + (size_t)(colon - reply) + 2;
  }
  return used;
}

static int connect_to(const char *path) {
  struct sockaddr_un address = constant_address(path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
    die(path);
  return fd;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Nanoseconds that all threads of a process have run. */
static double cpu_of(pid_t pid) {
  char path[300];
  double sum = 0;
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *tasks = opendir(path);
  if (!tasks)
    die(path);
  for (struct dirent *task; (task = readdir(tasks));) {
    if (task->d_name[0] == '.')
      continue;
    char line[64];
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, task->d_name);
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, sizeof line, file))
      die(path);
    fclose(file);
    sum += strtod(line, NULL);
  }
  closedir(tasks);
  return sum;
}

struct cost {
  double cpu;  /* microseconds an answer */
  double rate; /* answers a second */
};

static struct cost run(const char *path, pid_t pid, size_t connections, struct load *load) {
  static char reply[REPLY_SIZE];
  int fds[CONNECTIONS_MAX];
  int poll = epoll_create1(0);
  for (size_t i = 0; i < connections; i++) {
    fds[i] = connect_to(path);
    epoll_ctl(poll, EPOLL_CTL_ADD, fds[i],
              &(struct epoll_event){.events = EPOLLIN, .data.fd = fds[i]});
  }
  double cpu = cpu_of(pid);
  double start = seconds();
  size_t asked = 0;
  for (; asked < connections; asked++)
    ask(load, fds[asked]);
  for (size_t taken = 0; taken < ANSWERS;) {
    struct epoll_event ready[CONNECTIONS_MAX];
    int count = epoll_wait(poll, ready, CONNECTIONS_MAX, 10000);
    if (count <= 0)
      die("no answer");
    for (int i = 0; i < count; i++, taken++) {
      take(ready[i].data.fd, reply);
      if (asked++ < ANSWERS)
        ask(load, ready[i].data.fd);
    }
  }
  struct cost cost = {(cpu_of(pid) - cpu) / 1e3 / ANSWERS, ANSWERS / (seconds() - start)};
  for (size_t i = 0; i < connections; i++)
    close(fds[i]);
  close(poll);
  return cost;
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

static bool compare(const char *ours, pid_t pid, const char *constant, pid_t constant_pid,
                    size_t connections, struct load *load) {
  double cpu[2][ROUNDS];
  double rate[2][ROUNDS];
  double cpu_ratio[ROUNDS];
  double rate_ratio[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    struct cost limit = run(constant, constant_pid, connections, load);
    struct cost cost = run(ours, pid, connections, load);
    cpu[0][i] = limit.cpu;
    cpu[1][i] = cost.cpu;
    rate[0][i] = limit.rate;
    rate[1][i] = cost.rate;
    cpu_ratio[i] = cost.cpu / limit.cpu;
    rate_ratio[i] = cost.rate / limit.rate;
  }
  double dear = median(cpu_ratio);
  double fast = median(rate_ratio);
  printf("map %s, %zu connections: CPU an answer %.2f us, constant server %.2f us: %.2f times"
         " (at most %.1f); %.0f and %.0f answers a second: %.0f %% (at least %.0f %%)\n",
         load->map, connections, median(cpu[1]), median(cpu[0]), dear, cpu_most, median(rate[1]),
         median(rate[0]), fast * 100, throughput_least * 100);
  return dear <= cpu_most && fast >= throughput_least;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: answer_bench SOCKET PID MAP DOMAINS\n");
    return 64;
  }
  struct load load = {argv[3], strtoul(argv[4], NULL, 10), 1};
  pid_t pid = (pid_t)strtol(argv[2], NULL, 10);
  char constant[sizeof((struct sockaddr_un *)NULL)->sun_path];
  static char reply[REPLY_SIZE];
  int fd = connect_to(argv[1]);
  ask(&load, fd);
  size_t reply_size = take(fd, reply);
  close(fd);

  snprintf(constant, sizeof constant, "%s.constant", argv[1]);
  pid_t constant_pid = constant_start(constant, reply, reply_size);
  printf("map %s: replies of %zu bytes\n", load.map, reply_size);
  bool good = compare(argv[1], pid, constant, constant_pid, 8, &load);
  good = compare(argv[1], pid, constant, constant_pid, 64, &load) && good;
  kill(constant_pid, SIGKILL);
  unlink(constant);
  return good ? 0 : 1;
}
