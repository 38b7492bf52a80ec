#include "turns.h"

#include <event2/event.h>

#include "socketmap_private.h"

static void on_next(evutil_socket_t fd, short what, void *context);

void mtasts_turns_init(struct mtasts_turns *turns, struct event_base *base,
                       void (*go_on)(struct mtasts_peer *peer)) {
  *turns = (struct mtasts_turns){.base = base, .go_on = go_on};
  TAILQ_INIT(&turns->clients);
  event_assign(&turns->next, base, -1, 0, on_next, turns);
}

void mtasts_turns_end(struct mtasts_turns *turns) {
  event_del(&turns->next);
}

/* The loop remembers the time of its last look at its descriptors, and tells another one after the
 * next. */
bool mtasts_turns_has_time(struct mtasts_turns *turns) {
  struct timeval look;
  int64_t now = mtasts_uptime();
  if (event_base_gettimeofday_cached(turns->base, &look) == 0 &&
      (look.tv_sec != turns->look.tv_sec || look.tv_usec != turns->look.tv_usec)) {
    turns->look = look;
    turns->began = now;
  }
  return now - turns->began < MTASTS_TURN_MS;
}

void mtasts_turns_begin_peer(struct mtasts_turns *turns) {
  turns->peer_began = mtasts_uptime();
  turns->answered = 0;
}

bool mtasts_turns_peer_has_time(struct mtasts_turns *turns) {
  if (turns->answered++ == 0)
    return true;
  return !turns->one_answer && mtasts_uptime() - turns->peer_began < MTASTS_TURN_PEER_MS;
}

void mtasts_turns_put_off(struct mtasts_turns *turns, struct mtasts_peer *peer) {
  struct mtasts_client *client = peer->client;
  if (peer->put_off)
    return;
  if (TAILQ_EMPTY(&client->put_off))
    TAILQ_INSERT_TAIL(&turns->clients, client, turn);
  TAILQ_INSERT_TAIL(&client->put_off, peer, turn);
  peer->put_off = true;
  if (!event_pending(&turns->next, EV_TIMEOUT, NULL))
    event_add(&turns->next, &(struct timeval){.tv_sec = 0});
}

void mtasts_turns_forget(struct mtasts_turns *turns, struct mtasts_peer *peer) {
  struct mtasts_client *client = peer->client;
  if (!peer->put_off)
    return;
  peer->put_off = false;
  TAILQ_REMOVE(&client->put_off, peer, turn);
  if (TAILQ_EMPTY(&client->put_off))
    TAILQ_REMOVE(&turns->clients, client, turn);
}

/* The next peer of the client whose turn it is; the client goes behind the others. */
static void go_on(struct mtasts_turns *turns) {
  struct mtasts_client *client = TAILQ_FIRST(&turns->clients);
  struct mtasts_peer *peer = TAILQ_FIRST(&client->put_off);
  mtasts_turns_forget(turns, peer);
  turns->one_answer = !TAILQ_EMPTY(&client->put_off);
  if (turns->one_answer) {
    TAILQ_REMOVE(&turns->clients, client, turn);
    TAILQ_INSERT_TAIL(&turns->clients, client, turn);
  }
  turns->go_on(peer);
  turns->one_answer = false;
}

static void on_next(evutil_socket_t fd, short what, void *context) {
  struct mtasts_turns *turns = context;
  const struct mtasts_client *client;
  size_t round = 0;
  (void)fd;
  (void)what;
  TAILQ_FOREACH(client, &turns->clients, turn) {
    round++;
  }
  for (size_t i = 0; !TAILQ_EMPTY(&turns->clients) && (i < round || mtasts_turns_has_time(turns));
       i++)
    go_on(turns);
  if (!TAILQ_EMPTY(&turns->clients))
    event_add(&turns->next, &(struct timeval){.tv_sec = 0});
}
