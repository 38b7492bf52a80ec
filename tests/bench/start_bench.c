/*
 * How long mtastsd takes from its start to its first answer, with a full cache and with an empty
 * one:
 *
 *   start_bench [-k] MTASTSD FULL.CONF FULL.SOCKET EMPTY.CONF EMPTY.SOCKET
 *
 * The full one is asked for a cached domain (fill.h), the empty one for a domain with an override,
 * which its configuration has to have. Each start ends in order before the next one, or with -k by
 * SIGKILL. Interleaved rounds, and the other one first in every second; prints the medians, in
 * milliseconds, and that of the rounds' ratios.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "constant.h"

enum {
  ROUNDS = 31,
  WAIT_MAX = 10, /* seconds */
  CACHED = 1234, /* of the domains */
};

struct side {
  const char *config, *socket;
  char domain[64];
  double spent[ROUNDS];
};

static pid_t start(const char *program, const char *config) {
  pid_t child = fork();
  if (child < 0)
    die("fork");
  if (child > 0)
    return child;
  int nothing = open("/dev/null", O_WRONLY);
  dup2(nothing, STDOUT_FILENO);
  dup2(nothing, STDERR_FILENO);
  execl(program, program, "--config", config, "--foreground", (char *)NULL);
  _exit(127);
}

static bool listens(const char *path) {
  struct sockaddr_un address = constant_address(path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  bool there = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
  close(fd);
  return there;
}

/* Milliseconds from the start to an answer that says how to deliver. */
static double round_of(const char *program, const struct side *side, int ended_by) {
  const struct timespec moment = {.tv_nsec = 100000};
  char reply[512];
  unlink(side->socket);
  double began = seconds();
  pid_t child = start(program, side->config);
  while (!listens(side->socket)) {
    if (seconds() - began > WAIT_MAX || waitpid(child, NULL, WNOHANG) != 0)
      die("mtastsd does not come up");
    nanosleep(&moment, NULL);
  }
  size_t size = client_sample(side->socket, "postfix", side->domain, reply, sizeof reply);
  double spent = seconds() - began;
  if (!memmem(reply, size, ":OK secure", 10))
    die("that was no answer");
  kill(child, ended_by);
  waitpid(child, NULL, 0);
  return spent * 1000;
}

int main(int argc, char **argv) {
  const bool killed = argc > 1 && strcmp(argv[1], "-k") == 0;
  const int ended_by = killed ? SIGKILL : SIGTERM;
  argc -= killed;
  argv += killed;
  if (argc != 6) {
    fprintf(stderr,
            "usage: start_bench [-k] MTASTSD FULL.CONF FULL.SOCKET EMPTY.CONF EMPTY.SOCKET\n");
    return 64;
  }
  struct side full = {.config = argv[2], .socket = argv[3]};
  struct side empty = {.config = argv[4], .socket = argv[5], .domain = "override.example"};
  double ratios[ROUNDS];
  snprintf(full.domain, sizeof full.domain, "domain-%06d.mail.example.com", CACHED);
  round_of(argv[1], &empty,
           ended_by); /* the first reads the program and its libraries from the disk */
  round_of(argv[1], &full, ended_by);
  for (int i = 0; i < ROUNDS; i++) {
    struct side *const sides[] = {&empty, &full};
    const int first = i % 2;
    sides[first]->spent[i] = round_of(argv[1], sides[first], ended_by);
    sides[1 - first]->spent[i] = round_of(argv[1], sides[1 - first], ended_by);
    ratios[i] = full.spent[i] / empty.spent[i];
  }
  printf("%.1f %.1f %.2f\n", quantile(full.spent, ROUNDS, 0.5), quantile(empty.spent, ROUNDS, 0.5),
         quantile(ratios, ROUNDS, 0.5));
  return 0;
}
