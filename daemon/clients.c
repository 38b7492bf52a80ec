#include "clients.h"

#include <string.h>

void mtasts_clients_init(struct mtasts_clients *clients, unsigned network_errands) {
  memset(clients, 0, sizeof *clients);
  clients->errands.most = MTASTS_ERRANDS_MAX;
  clients->errands.kept = MTASTS_ERRANDS_KEPT;
  clients->waiters.most = MTASTS_WAITERS_MAX;
  clients->waiters.kept = MTASTS_WAITERS_KEPT;
  clients->network_errands = network_errands;
  for (size_t i = 0; i < sizeof clients->all / sizeof *clients->all; i++)
    TAILQ_INIT(&clients->all[i].put_off);
  for (size_t i = 0; i < MTASTS_ORIGINS; i++) {
    clients->all[MTASTS_CLIENTS_MAX + i].origin = (enum mtasts_origin)i;
    clients->all[MTASTS_CLIENTS_MAX + i].uid = (uid_t)-1;
  }
}

/* The client's place, or a free one, or the one that the origin's clients share. */
static struct mtasts_client *place_of(struct mtasts_clients *clients, enum mtasts_origin origin,
                                      uid_t uid) {
  struct mtasts_client *shared = &clients->all[MTASTS_CLIENTS_MAX + origin];
  struct mtasts_client *place = shared;
  if (origin == MTASTS_ORIGIN_NETWORK || origin == MTASTS_ORIGIN_OUTCOME)
    return shared;
  for (size_t i = 0; i < MTASTS_CLIENTS_MAX; i++) {
    struct mtasts_client *client = &clients->all[i];
    if (client->held == 0)
      place = client;
    else if (client->uid == uid && client->origin == origin)
      return client;
  }
  return place;
}

struct mtasts_client *mtasts_clients_hold(struct mtasts_clients *clients, enum mtasts_origin origin,
                                          uid_t uid) {
  struct mtasts_client *client = place_of(clients, origin, uid);
  if (client->held++ == 0 && client < &clients->all[MTASTS_CLIENTS_MAX]) {
    client->origin = origin;
    client->uid = uid;
  }
  return client;
}

void mtasts_clients_release(struct mtasts_client *client) {
  client->held--;
}

/* Is there room beside what is kept for the other origins? Nobody waits at an outcome, so nothing
 * is kept for it. */
static bool has_room(const struct mtasts_allowance *share, enum mtasts_origin origin) {
  unsigned kept = 0;
  for (unsigned other = 0; other < MTASTS_ORIGINS; other++)
    if (other != origin && other != MTASTS_ORIGIN_OUTCOME && share->used[other] < share->kept)
      kept += share->kept - share->used[other];
  return share->total + kept < share->most;
}

static void take(struct mtasts_allowance *share, enum mtasts_origin origin) {
  share->total++;
  share->used[origin]++;
}

static void give_back(struct mtasts_allowance *share, enum mtasts_origin origin) {
  share->total--;
  share->used[origin]--;
}

static unsigned errands_max(const struct mtasts_clients *clients, enum mtasts_origin origin) {
  switch (origin) {
  case MTASTS_ORIGIN_NETWORK:
    return clients->network_errands;
  case MTASTS_ORIGIN_OUTCOME:
    return MTASTS_ERRANDS_OUTCOME_MAX;
  case MTASTS_ORIGIN_SOCKETMAP:
  case MTASTS_ORIGIN_ASK:
  case MTASTS_ORIGINS:
    break;
  }
  return MTASTS_ERRANDS_CLIENT_MAX;
}

bool mtasts_clients_take_errand(struct mtasts_clients *clients, struct mtasts_client *client,
                                bool behind) {
  unsigned most = errands_max(clients, client->origin);
  if (behind)
    most -= most / 4;
  if (client->errands >= most || !has_room(&clients->errands, client->origin))
    return false;
  take(&clients->errands, client->origin);
  client->errands++;
  client->held++;
  return true;
}

void mtasts_clients_end_errand(struct mtasts_clients *clients, struct mtasts_client *client) {
  give_back(&clients->errands, client->origin);
  client->errands--;
  mtasts_clients_release(client);
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
