#include "fetch_limits.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct mtasts_fetch_limit {
  struct in6_addr prefix; /* first: tsearch(3) compares by it and the length */
  unsigned length;        /* bits */
  size_t uses;
  size_t fetches; /* of these */
};

enum {
  IPV4_HOST = 128, /* mapped */
  IPV4_NETWORK = 120,
  IPV6_HOST = 64,
  IPV6_NETWORK = 48,
};

static int compare(const void *a, const void *b) {
  const struct mtasts_fetch_limit *one = a;
  const struct mtasts_fetch_limit *other = b;
  if (one->length != other->length)
    return one->length < other->length ? -1 : 1;
  return memcmp(&one->prefix, &other->prefix, sizeof one->prefix);
}

static struct mtasts_fetch_limit *find(struct mtasts_fetch_limits *origins,
                                       const struct in6_addr *address, unsigned length) {
  struct mtasts_fetch_limit wanted = {.length = length};
  memcpy(&wanted.prefix, address, length / 8);
  struct mtasts_fetch_limit *const *found = tfind(&wanted, &origins->tree, compare);
  struct mtasts_fetch_limit *origin = found ? *found : malloc(sizeof *origin);
  if (!origin)
    return NULL;
  if (!found) {
    *origin = wanted;
    if (!tsearch(origin, &origins->tree, compare)) {
      free(origin);
      return NULL;
    }
  }
  origin->uses++;
  return origin;
}

static void drop(struct mtasts_fetch_limits *origins, struct mtasts_fetch_limit *origin,
                 bool fetches) {
  if (!origin)
    return;
  origin->fetches -= fetches;
  if (--origin->uses > 0)
    return;
  tdelete(origin, &origins->tree, compare);
  free(origin);
}

bool mtasts_fetch_limits_add(struct mtasts_fetch_limits *origins,
                             struct mtasts_fetch_limit_use *usage, const struct in6_addr *address) {
  bool ipv4 = IN6_IS_ADDR_V4MAPPED(address);
  usage->fetches = false;
  usage->host = find(origins, address, ipv4 ? IPV4_HOST : IPV6_HOST);
  usage->network = usage->host ? find(origins, address, ipv4 ? IPV4_NETWORK : IPV6_NETWORK) : NULL;
  if (usage->network)
    return true;
  mtasts_fetch_limits_remove(origins, usage);
  return false;
}

void mtasts_fetch_limits_remove(struct mtasts_fetch_limits *origins,
                                struct mtasts_fetch_limit_use *usage) {
  drop(origins, usage->host, usage->fetches);
  drop(origins, usage->network, usage->fetches);
  *usage = (struct mtasts_fetch_limit_use){.host = NULL};
}

bool mtasts_fetch_limits_has_room(const struct mtasts_fetch_limit_use *usage, size_t max) {
  return usage->host->fetches < max && usage->network->fetches < 2 * max;
}

void mtasts_fetch_limits_fetch(struct mtasts_fetch_limit_use *usage) {
  usage->fetches = true;
  usage->host->fetches++;
  usage->network->fetches++;
}

bool mtasts_fetch_limits_waited_for(const struct mtasts_fetch_limit_use *usage) {
  return usage->network && usage->network->fetches < usage->network->uses;
}
