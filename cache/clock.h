/*
 * clock.h: the monotonic clock, for deadlines and durations. It starts at an arbitrary moment,
 * never goes back, and does not move when the time of day is set. It is here because cache/ is the
 * lowest module that reads a clock: engine/ takes the time as an argument.
 *
 * Expiry goes by the time of day: time(NULL).
 */
#ifndef MTASTS_CLOCK_H
#define MTASTS_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t mtasts_clock_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline int64_t mtasts_clock_ms(void) {
  return (int64_t)(mtasts_clock_us() / 1000);
}

static inline int64_t mtasts_clock_seconds(void) {
  return (int64_t)(mtasts_clock_us() / 1000000);
}

/* Milliseconds of the same clock at the kernel's last tick: a few milliseconds old, and cheap
 * enough for the hot path. Compare it only with itself. */
static inline int64_t mtasts_clock_coarse_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
