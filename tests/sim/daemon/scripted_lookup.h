/*
 * scripted_lookup.h: replaces net/lookup.c in programs that are linked with it. The discovery is
 * the same; a simulated world answers its queries. Answers come at once, from the event loop, and
 * failures after a timeout by the clock of the simulation.
 *
 * struct mtasts_net's resolver is the scripted net.
 */
#ifndef SIM_SCRIPTED_LOOKUP_H
#define SIM_SCRIPTED_LOOKUP_H

#include <sys/queue.h>

#include "lookup.h"
#include "world.h"

enum {
  SCRIPTED_TIMEOUT = 10, /* seconds until a question to a host that is down has failed */
};

enum scripted_event {
  SCRIPTED_TXT, /* the record is asked for */
  SCRIPTED_TXT_ANSWERED,
  SCRIPTED_TXT_FAILED,
  SCRIPTED_FETCH, /* the policy is */
  SCRIPTED_FETCHED,
  SCRIPTED_FETCH_FAILED,
};

/* forced: by a forced look-up, which ignores all that is known. */
typedef void scripted_fn(void *context, uint32_t number, enum scripted_event event, bool forced);

struct mtasts_resolver {
  const struct world_member *members;
  scripted_fn *tell;
  void *context;
  TAILQ_HEAD(scripted_queue, mtasts_lookup)
  waiting; /* for a host that is down, the longest first */
};

void scripted_net_init(struct mtasts_resolver *net);

/* Time has passed: lets fail what has waited long enough. */
void scripted_net_pass(struct mtasts_resolver *net, int64_t now);

#endif
