#include "clients.h"

#include <string.h>

void mtasts_clients_init(struct mtasts_clients *clients, unsigned network_pending_jobs) {
  memset(clients, 0, sizeof *clients);
  clients->pending_jobs.max = MTASTS_PENDING_JOBS_MAX;
  clients->pending_jobs.reserved = MTASTS_PENDING_JOBS_RESERVED;
  clients->waiters.max = MTASTS_WAITERS_MAX;
  clients->waiters.reserved = MTASTS_WAITERS_RESERVED;
  clients->network_pending_jobs = network_pending_jobs;
  for (size_t i = 0; i < sizeof clients->all / sizeof *clients->all; i++)
    TAILQ_INIT(&clients->all[i].put_off);
  for (size_t i = 0; i < MTASTS_ORIGINS; i++) {
    clients->all[MTASTS_CLIENTS_MAX + i].origin = (enum mtasts_origin)i;
    clients->all[MTASTS_CLIENTS_MAX + i].uid = (uid_t)-1;
  }
}

/* The client's slot, or a free one, or the one that the origin's clients share. */
static struct mtasts_client *slot_of(struct mtasts_clients *clients, enum mtasts_origin origin,
                                     uid_t uid) {
  struct mtasts_client *shared = &clients->all[MTASTS_CLIENTS_MAX + origin];
  struct mtasts_client *slot = shared;
  if (origin == MTASTS_ORIGIN_NETWORK || origin == MTASTS_ORIGIN_OUTCOME)
    return shared;
  for (size_t i = 0; i < MTASTS_CLIENTS_MAX; i++) {
    struct mtasts_client *client = &clients->all[i];
    if (client->references == 0)
      slot = client;
    else if (client->uid == uid && client->origin == origin)
      return client;
  }
  return slot;
}

struct mtasts_client *mtasts_clients_ref(struct mtasts_clients *clients, enum mtasts_origin origin,
                                         uid_t uid) {
  struct mtasts_client *client = slot_of(clients, origin, uid);
  if (client->references++ == 0 && client < &clients->all[MTASTS_CLIENTS_MAX]) {
    client->origin = origin;
    client->uid = uid;
  }
  return client;
}

void mtasts_clients_unref(struct mtasts_client *client) {
  client->references--;
}

/* Is there room after the reserves of the other origins? Outcomes have no waiters, so nothing is
 * reserved for them. */
static bool has_room(const struct mtasts_allowance *share, enum mtasts_origin origin) {
  unsigned reserved = 0;
  for (unsigned other = 0; other < MTASTS_ORIGINS; other++)
    if (other != origin && other != MTASTS_ORIGIN_OUTCOME && share->used[other] < share->reserved)
      reserved += share->reserved - share->used[other];
  return share->total + reserved < share->max;
}

static void take(struct mtasts_allowance *share, enum mtasts_origin origin) {
  share->total++;
  share->used[origin]++;
}

static void give_back(struct mtasts_allowance *share, enum mtasts_origin origin) {
  share->total--;
  share->used[origin]--;
}

static unsigned pending_jobs_max(const struct mtasts_clients *clients, enum mtasts_origin origin) {
  switch (origin) {
  case MTASTS_ORIGIN_NETWORK:
    return clients->network_pending_jobs;
  case MTASTS_ORIGIN_OUTCOME:
    return MTASTS_PENDING_JOBS_OUTCOME_MAX;
  case MTASTS_ORIGIN_SOCKETMAP:
  case MTASTS_ORIGIN_ASK:
  case MTASTS_ORIGINS:
    break;
  }
  return MTASTS_PENDING_JOBS_CLIENT_MAX;
}

bool mtasts_clients_take_pending_job(struct mtasts_clients *clients, struct mtasts_client *client,
                                     bool background) {
  unsigned max = pending_jobs_max(clients, client->origin);
  if (background)
    max -= max / 4;
  if (client->pending_jobs >= max || !has_room(&clients->pending_jobs, client->origin))
    return false;
  take(&clients->pending_jobs, client->origin);
  client->pending_jobs++;
  client->references++;
  return true;
}

void mtasts_clients_end_pending_job(struct mtasts_clients *clients, struct mtasts_client *client) {
  give_back(&clients->pending_jobs, client->origin);
  client->pending_jobs--;
  mtasts_clients_unref(client);
}

bool mtasts_clients_take_waiter(struct mtasts_clients *clients, struct mtasts_client *client) {
  if (client->waiters >= MTASTS_WAITERS_CLIENT_MAX || !has_room(&clients->waiters, client->origin))
    return false;
  take(&clients->waiters, client->origin);
  client->waiters++;
  return true;
}

void mtasts_clients_end_waiter(struct mtasts_clients *clients, struct mtasts_client *client) {
  give_back(&clients->waiters, client->origin);
  client->waiters--;
}
