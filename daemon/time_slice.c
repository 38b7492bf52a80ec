#include "time_slice.h"

#include <event2/event.h>

#include "socketmap_private.h"

static void on_next(evutil_socket_t fd, short what, void *context);

void mtasts_time_slice_init(struct mtasts_time_slice *slice, struct event_base *base,
                            void (*resume)(struct mtasts_peer *peer)) {
  *slice = (struct mtasts_time_slice){.base = base, .resume = resume};
  TAILQ_INIT(&slice->clients);
  event_assign(&slice->next, base, -1, 0, on_next, slice);
}

void mtasts_time_slice_end(struct mtasts_time_slice *slice) {
  event_del(&slice->next);
}

/* libevent caches the time of its last poll, so a new cached time means a new turn. */
bool mtasts_time_slice_has_time(struct mtasts_time_slice *slice) {
  struct timeval look;
  int64_t now = mtasts_clock_coarse_ms();
  if (event_base_gettimeofday_cached(slice->base, &look) == 0 &&
      (look.tv_sec != slice->look.tv_sec || look.tv_usec != slice->look.tv_usec)) {
    slice->look = look;
    slice->began = now;
  }
  return now - slice->began < MTASTS_TIME_SLICE_MS;
}

void mtasts_time_slice_begin_peer(struct mtasts_time_slice *slice) {
  slice->peer_began = mtasts_clock_coarse_ms();
  slice->answered = 0;
}

bool mtasts_time_slice_peer_has_time(struct mtasts_time_slice *slice) {
  if (slice->answered++ == 0)
    return true;
  return !slice->one_answer &&
         mtasts_clock_coarse_ms() - slice->peer_began < MTASTS_TIME_SLICE_PEER_MS;
}

void mtasts_time_slice_put_off(struct mtasts_time_slice *slice, struct mtasts_peer *peer) {
  struct mtasts_client *client = peer->client;
  if (peer->put_off)
    return;
  if (TAILQ_EMPTY(&client->put_off))
    TAILQ_INSERT_TAIL(&slice->clients, client, turn);
  TAILQ_INSERT_TAIL(&client->put_off, peer, turn);
  peer->put_off = true;
  if (!event_pending(&slice->next, EV_TIMEOUT, NULL))
    event_add(&slice->next, &(struct timeval){.tv_sec = 0});
}

void mtasts_time_slice_forget(struct mtasts_time_slice *slice, struct mtasts_peer *peer) {
  struct mtasts_client *client = peer->client;
  if (!peer->put_off)
    return;
  peer->put_off = false;
  TAILQ_REMOVE(&client->put_off, peer, turn);
  if (TAILQ_EMPTY(&client->put_off))
    TAILQ_REMOVE(&slice->clients, client, turn);
}

/* The next peer of the client whose turn it is; the client goes behind the others. */
static void resume(struct mtasts_time_slice *slice) {
  struct mtasts_client *client = TAILQ_FIRST(&slice->clients);
  struct mtasts_peer *peer = TAILQ_FIRST(&client->put_off);
  mtasts_time_slice_forget(slice, peer);
  slice->one_answer = !TAILQ_EMPTY(&client->put_off);
  if (slice->one_answer) {
    TAILQ_REMOVE(&slice->clients, client, turn);
    TAILQ_INSERT_TAIL(&slice->clients, client, turn);
  }
  slice->resume(peer);
  slice->one_answer = false;
}

static void on_next(evutil_socket_t fd, short what, void *context) {
  struct mtasts_time_slice *slice = context;
  const struct mtasts_client *client;
  size_t round = 0;
  (void)fd;
  (void)what;
  TAILQ_FOREACH(client, &slice->clients, turn) {
    round++;
  }
  for (size_t i = 0;
       !TAILQ_EMPTY(&slice->clients) && (i < round || mtasts_time_slice_has_time(slice)); i++)
    resume(slice);
  if (!TAILQ_EMPTY(&slice->clients))
    event_add(&slice->next, &(struct timeval){.tv_sec = 0});
}
