#include "world.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  HOUR = 3600,
  DAY = 24 * HOUR,
  WEEK = 7 * DAY,
};

/* Odd, so that multiplying by it has an inverse modulo 2^32. */
#define SPREAD 2654435761U
#define GATHER 244002641U

struct kind {
  const char *name;
  uint32_t share; /* of a thousand */
};

static const struct kind kinds[WORLD_KINDS] = {
    [WORLD_LASTING] = {"weeks", 442},       [WORLD_DAY] = {"a day", 200},
    [WORLD_HOUR] = {"an hour", 3},          [WORLD_NONE] = {"mode none", 30},
    [WORLD_NONE_DOWN] = {"none, down", 10}, [WORLD_CHANGING] = {"new id", 100},
    [WORLD_HTTPS_DOWN] = {"host down", 10}, [WORLD_DNS_DOWN] = {"DNS down", 10},
    [WORLD_GONE] = {"record vanishes", 5},  [WORLD_UNUSED] = {"unused", 50},
    [WORLD_ABSENT] = {"no record", 140},
};

const char *world_kind_name(enum world_kind kind) {
  return kinds[kind].name;
}

/* splitmix64: the n-th random number of a member. */
static uint64_t chance(uint32_t number, uint64_t n) {
  uint64_t x = (((uint64_t)number << 8) + n + 1) * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

static enum world_kind kind_of(uint64_t chosen) {
  uint32_t left = (uint32_t)(chosen % 1000);
  enum world_kind kind = 0;
  while (left >= kinds[kind].share)
    left -= kinds[kind++].share;
  return kind;
}

static uint32_t max_age_of(enum world_kind kind, uint64_t chosen) {
  switch ((int)kind) {
  case WORLD_HOUR:
    return HOUR;
  case WORLD_DAY:
    return DAY;
  case WORLD_UNUSED:
    return 2 * DAY;
  default:
    return WEEK * (uint32_t)(1 + chosen % 10);
  }
}

struct world_member world_member(uint32_t number, int64_t start) {
  static const uint32_t ttls[] = {60, 300, HOUR, 4 * HOUR, DAY, WEEK};
  enum world_kind kind = kind_of(chance(number, 0));
  struct world_member member = {
      .kind = kind,
      .mode = chance(number, 1) % 4 == 0 ? MTASTS_MODE_TESTING : MTASTS_MODE_ENFORCE,
      .ttl = ttls[chance(number, 2) % (sizeof ttls / sizeof *ttls)],
      .max_age = max_age_of(kind, chance(number, 3)),
      .from = start + DAY + (int64_t)(chance(number, 4) % (3 * DAY)),
  };
  if (kind == WORLD_NONE || kind == WORLD_NONE_DOWN)
    member.mode = MTASTS_MODE_NONE;
  bool for_good = kind == WORLD_CHANGING || kind == WORLD_GONE;
  member.until =
      for_good ? INT64_MAX : member.from + HOUR + (int64_t)(chance(number, 5) % (2 * DAY));
  return member;
}

struct mtasts_domain world_name(uint32_t number) {
  struct mtasts_domain name;
  name.len = (size_t)snprintf(name.name, sizeof name.name, "%08x.example", number * SPREAD);
  return name;
}

uint32_t world_number(const struct mtasts_domain *domain) {
  return (uint32_t)strtoul(domain->name, NULL, 16) * GATHER;
}
