#include "hand.h"

#include <stdlib.h>
#include <string.h>

#include "walk.h"

enum {
  MOVE_MAX = 4096 /* domains met in one move */
};

/* Were both parts one circle, all policies of a cache with a tenth of them would be refreshed in
 * a tenth of the interval. */
struct mtasts_hand {
  struct mtasts_hand_options options;
  struct mtasts_walk_place places[MTASTS_WALK_PARTS];
  uint64_t credit[MTASTS_WALK_PARTS]; /* domains to be met, times milliseconds of a round */
};

_Static_assert(sizeof(struct mtasts_hand){0}.places <= MTASTS_STORE_NOTE_MAX, "fits into a note");

/* One move, as the walk sees it. */
struct move {
  struct mtasts_hand *hand;
  const struct mtasts_discover_settings *settings;
  int64_t now;
  uint64_t met;
};

struct mtasts_hand *mtasts_hand_new(const struct mtasts_hand_options *options) {
  struct mtasts_hand *made = calloc(1, sizeof *made);
  size_t size;
  if (!made)
    return NULL;
  made->options = *options;
  if (mtasts_store_note_get(options->store, made->places, sizeof made->places, &size) !=
          MTASTS_OK ||
      size != sizeof made->places)
    memset(made->places, 0, sizeof made->places);
  return made;
}

void mtasts_hand_free(struct mtasts_hand *hand) {
  free(hand);
}

static enum mtasts_chore chore_of(const struct move *move, const struct mtasts_domain *domain,
                                  const struct mtasts_entry *entry) {
  if (mtasts_store_useless(entry, move->now))
    return MTASTS_CHORE_REMOVE;
  if (entry->has_policy && mtasts_discover_refresh_due(move->settings, entry, move->now) &&
      mtasts_use_known(move->hand->options.use, domain))
    return MTASTS_CHORE_REFRESH;
  return MTASTS_CHORE_NONE;
}

static bool meet(void *context, const struct mtasts_domain *domain, enum mtasts_status status,
                 const struct mtasts_entry *entry) {
  struct move *move = context;
  const struct mtasts_hand_options *options = &move->hand->options;
  /* A damaged value counts as absent: the next use replaces it. */
  if (status == MTASTS_OK &&
      !options->chore(options->context, domain, entry, chore_of(move, domain, entry)))
    return false;
  move->met++;
  return true;
}

/* How many domains of a part of that size are to be met by now. */
static uint64_t share(uint64_t *credit, uint64_t size, uint64_t elapsed, uint64_t round) {
  *credit += size * elapsed;
  if (*credit > size * round)
    *credit = size * round; /* whatever was missed, once round is all there is */
  return *credit / round;
}

static enum mtasts_status move_part(struct move *move, enum mtasts_walk_part part, uint64_t count) {
  enum mtasts_status status = MTASTS_OK;
  bool end = true;
  /* Twice, where the end of the part comes first. */
  for (int i = 0; i < 2 && status == MTASTS_OK && end && move->met < count; i++)
    status = mtasts_cache_walk_on(mtasts_store_cache(move->hand->options.store), part,
                                  &move->hand->places[part], count - move->met, meet, move, &end);
  return status;
}

enum mtasts_status mtasts_hand_move(struct mtasts_hand *hand,
                                    const struct mtasts_discover_settings *settings,
                                    uint64_t elapsed, int64_t now) {
  const uint64_t round = (uint64_t)settings->refresh_interval * 1000;
  struct mtasts_store *store = hand->options.store;
  struct mtasts_cache_space space;
  uint64_t met = 0;
  enum mtasts_status status = mtasts_cache_space(mtasts_store_cache(store), &space);
  if (elapsed > round)
    elapsed = round;
  for (enum mtasts_walk_part part = 0; part < MTASTS_WALK_PARTS && status == MTASTS_OK; part++) {
    struct move move = {.hand = hand, .settings = settings, .now = now};
    uint64_t count = share(&hand->credit[part], space.domains[part], elapsed, round);
    status = move_part(&move, part, count < MOVE_MAX ? count : MOVE_MAX);
    /* What was not done is done next time. */
    hand->credit[part] -= move.met * round;
    met += move.met;
  }
  if (status == MTASTS_OK && met > 0)
    status = mtasts_store_note_set(store, hand->places, sizeof hand->places);
  return status;
}
