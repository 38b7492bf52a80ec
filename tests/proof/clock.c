/*
 * clock.c: preloaded, it makes the clock of a process run faster, so that days pass in an hour, and
 * CLOCK_BOOTTIME with it, so that it does not look like one that is set over and over.
 *
 * MTASTS_CLOCK="SPEED REAL MONOTONIC": at MONOTONIC (nanoseconds of the monotonic clock, which
 * itself is left alone) it was REAL (nanoseconds since the epoch), and each second since then
 * counts as SPEED. All processes that are given the same words have the same time.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define API __attribute__((visibility("default")))

static long long speed, real, monotonic; /* speed 0: not set */

__attribute__((constructor)) static void begin(void) {
  const char *words = getenv("MTASTS_CLOCK");
  char *end;
  if (!words)
    return;
  speed = strtoll(words, &end, 10);
  real = strtoll(end, &end, 10);
  monotonic = strtoll(end, &end, 10);
  if (*end != '\0' || speed < 1)
    abort();
}

static int read_clock(clockid_t id, struct timespec *time) {
  return (int)syscall(SYS_clock_gettime, id, time);
}

API int clock_gettime(clockid_t id, struct timespec *time) {
  if (speed == 0 || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE && id != CLOCK_BOOTTIME))
    return read_clock(id, time);
  int status = read_clock(CLOCK_MONOTONIC, time);
  long long passed = time->tv_sec * 1000000000LL + time->tv_nsec - monotonic;
  long long now = real + passed * speed;
  time->tv_sec = now / 1000000000;
  time->tv_nsec = now % 1000000000;
  return status;
}

API time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out)
    *out = now.tv_sec;
  return now.tv_sec;
}

API int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec now;
  (void)zone;
  int status = clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return status;
}
