/*
 * world.h: a made-up Internet of any number of domains, for simulations: what each of them
 * publishes at what time. All of it follows from the domain's number, so that a run can be
 * repeated.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "mtasts.h"

enum world_kind {
  WORLD_LASTING,    /* a policy of weeks, enforce or testing */
  WORLD_DAY,        /* of a day */
  WORLD_HOUR,       /* of an hour */
  WORLD_NONE,       /* of mode none */
  WORLD_NONE_DOWN,  /* the same, and its policy host is down for a while */
  WORLD_CHANGING,   /* another id and policy from some moment on */
  WORLD_HTTPS_DOWN, /* its policy host is down for hours or days */
  WORLD_DNS_DOWN,   /* its DNS is */
  WORLD_GONE,       /* its record vanishes; the policy host stays */
  WORLD_UNUSED,     /* looked up once, and never used */
  WORLD_ABSENT,     /* no record */
  WORLD_KINDS,
};

struct world_member {
  enum world_kind kind;
  enum mtasts_mode mode;
  uint32_t ttl;        /* seconds, of the record and of the MX hosts */
  uint32_t max_age;    /* seconds */
  int64_t from, until; /* when what happens to its kind happens: since the epoch, until excluded */
};

/* The member of that number in a world that begins at `start`. */
struct world_member world_member(uint32_t number, int64_t start);

/* Its name, in an order that has nothing to do with the numbers, and back. */
struct mtasts_domain world_name(uint32_t number);
uint32_t world_number(const struct mtasts_domain *domain);

const char *world_kind_name(enum world_kind kind);

/* Does the event of its kind happen now? */
static inline bool world_happens(const struct world_member *member, int64_t now) {
  return now >= member->from && now < member->until;
}

#endif
