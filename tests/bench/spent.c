/*
 * spent: what a command takes.
 *
 *   spent FILE COMMAND…
 *
 * Writes to FILE a line of the wall time and the CPU time, in microseconds, and of the peak of
 * resident memory, in KiB. Exits as the command did.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

static long long microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static long long of(struct timeval time) {
  return (long long)time.tv_sec * 1000000 + time.tv_usec;
}

static void die(const char *what) {
  perror(what);
  exit(EX_SOFTWARE);
}

int main(int argc, char **argv) {
  struct rusage used;
  int status;
  if (argc < 3) {
    fputs("usage: spent FILE COMMAND...\n", stderr);
    return 64;
  }
  FILE *file = fopen(argv[1], "we");
  if (!file)
    die(argv[1]);
  long long began = microseconds();
  pid_t child = fork();
  if (child == 0) {
    execvp(argv[2], argv + 2);
    die(argv[2]);
  }
  if (child < 0 || wait4(child, &status, 0, &used) != child)
    die("wait4");
  fprintf(file, "%lld %lld %ld\n", microseconds() - began, of(used.ru_utime) + of(used.ru_stime),
          used.ru_maxrss);
  if (fclose(file) != 0)
    die(argv[1]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
