#include "origins.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct mtasts_origin {
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
  const struct mtasts_origin *one = a;
  const struct mtasts_origin *other = b;
  if (one->length != other->length)
    return one->length < other->length ? -1 : 1;
  return memcmp(&one->prefix, &other->prefix, sizeof one->prefix);
}

static struct mtasts_origin *find(struct mtasts_origins *origins, const struct in6_addr *address,
                                  unsigned length) {
  struct mtasts_origin wanted = {.length = length};
  memcpy(&wanted.prefix, address, length / 8);
  struct mtasts_origin *const *found = tfind(&wanted, &origins->tree, compare);
  struct mtasts_origin *origin = found ? *found : malloc(sizeof *origin);
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

static void drop(struct mtasts_origins *origins, struct mtasts_origin *origin, bool fetches) {
  if (!origin)
    return;
  origin->fetches -= fetches;
  if (--origin->uses > 0)
    return;
  tdelete(origin, &origins->tree, compare);
  free(origin);
}

bool mtasts_origins_add(struct mtasts_origins *origins, struct mtasts_origin_use *use,
                        const struct in6_addr *address) {
  bool ipv4 = IN6_IS_ADDR_V4MAPPED(address);
  use->fetches = false;
  use->host = find(origins, address, ipv4 ? IPV4_HOST : IPV6_HOST);
  use->network = use->host ? find(origins, address, ipv4 ? IPV4_NETWORK : IPV6_NETWORK) : NULL;
  if (use->network)
    return true;
  mtasts_origins_remove(origins, use);
  return false;
}

void mtasts_origins_remove(struct mtasts_origins *origins, struct mtasts_origin_use *use) {
  drop(origins, use->host, use->fetches);
  drop(origins, use->network, use->fetches);
  *use = (struct mtasts_origin_use){.host = NULL};
}

bool mtasts_origins_has_room(const struct mtasts_origin_use *use, size_t most) {
  return use->host->fetches < most && use->network->fetches < 2 * most;
}

void mtasts_origins_fetch(struct mtasts_origin_use *use) {
  use->fetches = true;
  use->host->fetches++;
  use->network->fetches++;
}

bool mtasts_origins_waited_for(const struct mtasts_origin_use *use) {
  return use->network && use->network->fetches < use->network->uses;
}
