/*
 * outcome_bench: what it costs mtastsd to record outcomes, 2,000 a second, beside a process that
 * only receives them.
 *
 *   outcome_bench SOCKET PID
 *
 * Two mixes: a few domains that have most of the mail, as at a real site, the sessions of some
 * fail; and outcomes that are all different, each of another domain. Interleaved rounds. Prints
 * the number of outcomes that mtastsd got as its last line.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "figure.h"

enum {
  PACE = 2000, /* outcomes a second */
  SECONDS = 5, /* of a round */
  ROUNDS = 3,
  DOMAINS = 2000,
  REST_US = 1200000, /* after a round: what was received is written */
  TEXT_MAX = 2048,
};

#define MOST 5.0 /* percent of a core */

static unsigned long told; /* outcomes that mtastsd got */

static void die(const char *what) {
  fprintf(stderr, "outcome_bench: %s: %s\n", what, strerror(errno));
  exit(EX_SOFTWARE);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A number from 0 to less than 1, the same series each time. */
static double draw(void) {
  static unsigned long long state = 1;
  state = state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (double)(state >> 11) / (double)(1ULL << 53);
}

static size_t write_outcome(char *out, bool distinct, unsigned long number) {
  /* Half of the sessions are of a handful of domains. */
  unsigned long domain = distinct ? number : (unsigned long)(DOMAINS * pow(draw(), 4));
  /* A domain whose sessions fail is looked up again, at most once a minute: that is another cost.
   */
  bool failed = domain % (distinct ? 1000 : 50) == 9;
  int len = snprintf(
      out, TEXT_MAX,
      "{\"dpv\":\"1\",\"d\":\"d%lu.example\",\"pr\":\"v=TLSRPTv1;rua=mailto:tls@d%lu.example\","
      "\"policies\":[{\"policy-type\":2,\"policy-domain\":\"d%lu.example\",\"policy-string\":["
      "\"version: STSv1\",\"mode: enforce\",\"mx: mx1.d%lu.example\",\"mx: mx2.d%lu.example\","
      "\"max_age: 604800\"],\"mx-host\":[\"mx1.d%lu.example\",\"mx2.d%lu.example\"]%s,\"t\":%d,"
      "\"f\":%d}]}",
      domain, domain, domain, domain, domain, domain, domain,
      failed ? ",\"failure-details\":[{\"c\":203,\"s\":\"192.0.2.1\",\"n\":\"mx1.d.example\","
               "\"h\":\"250-mx1.d.example\\r\\n250-SIZE 10240000\\r\\n250 STARTTLS\","
               "\"r\":\"2001:db8::1\",\"f\":\"self-signed certificate\"}]"
             : "",
      failed, failed);
  return len < 0 || len >= TEXT_MAX ? 0 : (size_t)len;
}

static void wait_until(double time) {
  double left = time - now();
  if (left > 0)
    usleep((useconds_t)(left * 1e6));
}

static void send_round(int fd, bool distinct) {
  static unsigned long number;
  static char text[TEXT_MAX];
  double began = now();
  for (unsigned long i = 0; i < PACE * SECONDS; i++) {
    size_t len = write_outcome(text, distinct, number++);
    wait_until(began + (double)i / PACE);
    if (send(fd, text, len, 0) != (ssize_t)len)
      die("send");
  }
}

/* CPU time of all threads of a process, in seconds. */
static double spent_by(const char *pid) {
  char path[512];
  double sum = 0;
  snprintf(path, sizeof path, "/proc/%s/task", pid);
  DIR *tasks = opendir(path);
  if (!tasks)
    die(path);
  for (struct dirent *task; (task = readdir(tasks));) {
    char line[128];
    snprintf(path, sizeof path, "/proc/%s/task/%s/schedstat", pid, task->d_name);
    FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "re");
    if (file && fgets(line, sizeof line, file))
      sum += (double)strtoull(line, NULL, 10) / 1e9;
    if (file)
      fclose(file);
  }
  closedir(tasks);
  return sum;
}

/* Percent of a core that mtastsd took. */
static double daemon_round(const char *path, const char *pid, bool distinct) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
    die(path);
  double before = spent_by(pid);
  double began = now();
  send_round(fd, distinct);
  double seconds = now() - began;
  usleep(REST_US);
  close(fd);
  told += PACE * SECONDS;
  return 100 * (spent_by(pid) - before) / seconds;
}

static void receive(int fd) {
  static char text[1 << 16];
  while (recv(fd, text, sizeof text, 0) > 0)
    continue;
  _exit(0);
}

/* Percent of a core that a process took that only receives. */
static double receiver_round(bool distinct) {
  struct rusage used;
  int pair[2];
  int status;
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0)
    die("socketpair");
  pid_t child = fork();
  if (child == 0)
    receive(pair[0]);
  double began = now();
  send_round(pair[1], distinct);
  double seconds = now() - began;
  send(pair[1], "", 0, 0); /* ends it */
  close(pair[0]);
  close(pair[1]);
  if (child < 0 || wait4(child, &status, 0, &used) != child)
    die("wait4");
  double spent = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  return 100 * spent / seconds;
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

static bool measure(const char *path, const char *pid, bool distinct) {
  double ours[ROUNDS];
  double theirs[ROUNDS];
  char what[128];
  char beside[128];
  for (int i = 0; i < ROUNDS; i++) {
    ours[i] = daemon_round(path, pid, distinct);
    theirs[i] = receiver_round(distinct);
    printf("%-22s %5.2f %% of a core, a receiver %5.2f %%\n",
           distinct ? "each of another domain" : "a site's mail", ours[i], theirs[i]);
    fflush(stdout);
  }
  snprintf(what, sizeof what, "%d outcomes a second, %s: CPU", PACE,
           distinct ? "each of another domain" : "a site's mail");
  snprintf(beside, sizeof beside, "a process that only receives: %.1f %%", median(theirs));
  return figure_at_most("outcomes", what, beside,
                        (struct figure_number){median(ours), MOST, 1, "% of a core"});
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fputs("usage: outcome_bench SOCKET PID\n", stderr);
    return EX_USAGE;
  }
  bool ok = measure(argv[1], argv[2], false);
  ok &= measure(argv[1], argv[2], true);
  printf("%lu\n", told);
  return ok ? 0 : 1;
}
