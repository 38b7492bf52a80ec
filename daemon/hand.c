#include "hand.h"

#include <stdlib.h>
#include <string.h>

#include "walk.h"

enum {
  MOVE_MAX = 4096 /* domains met in one move */
};

/* Were both parts one circle, all policies of a cache with a tenth of them would be refreshed in
 * a tenth of the interval. */
enum {
  LASTING,     /* meets all policies, and refreshes those that last */
  SHORT_LIVED, /* comes to the others twice in the same time */
  OTHERS,
  POINTERS
};

static const struct {
  enum mtasts_walk_part part;
  unsigned rounds; /* in an interval */
} circles[POINTERS] = {
    [LASTING] = {MTASTS_WALK_POLICIES, 1},
    [SHORT_LIVED] = {MTASTS_WALK_POLICIES, 2},
    [OTHERS] = {MTASTS_WALK_ABSENT, 1},
};

struct pointer {
  struct mtasts_walk_place place;
  uint64_t size;   /* domains of the part, the most in this round: else removing would delay it */
  uint64_t credit; /* domains to be met, times milliseconds of a round */
};

struct mtasts_hand {
  struct mtasts_hand_options options;
  struct pointer pointers[POINTERS];
};

/* What is kept of the places. */
struct note {
  struct {
    uint16_t size;
    unsigned char key[MTASTS_DOMAIN_MAX + 1];
  } places[POINTERS];
};

_Static_assert(sizeof(struct note) <= MTASTS_STORE_NOTE_MAX, "fits into a note");

/* One move, as the walk sees it. */
struct move {
  struct mtasts_hand *hand;
  const struct mtasts_discover_settings *settings;
  int64_t now;
  unsigned pointer;
  uint64_t met;
};

void mtasts_hand_recall(struct mtasts_hand *hand) {
  struct note note;
  size_t size;
  if (mtasts_store_note_get(hand->options.store, &note, sizeof note, &size) != MTASTS_OK ||
      size != sizeof note)
    return;
  for (unsigned i = 0; i < POINTERS; i++)
    if (note.places[i].size <= sizeof note.places[i].key) {
      hand->pointers[i].place.size = note.places[i].size;
      memcpy(hand->pointers[i].place.key, note.places[i].key, note.places[i].size);
    }
}

static enum mtasts_status keep_places(const struct mtasts_hand *hand) {
  struct note note = {.places[0].size = 0};
  for (unsigned i = 0; i < POINTERS; i++) {
    const struct mtasts_walk_place *place = &hand->pointers[i].place;
    if (place->size > sizeof note.places[i].key)
      continue;
    note.places[i].size = place->size;
    memcpy(note.places[i].key, place->key, place->size);
  }
  return mtasts_store_note_set(hand->options.store, &note, sizeof note);
}

struct mtasts_hand *mtasts_hand_new(const struct mtasts_hand_options *options) {
  struct mtasts_hand *made = calloc(1, sizeof *made);
  if (!made)
    return NULL;
  made->options = *options;
  mtasts_hand_recall(made);
  return made;
}

void mtasts_hand_free(struct mtasts_hand *hand) {
  free(hand);
}

/* Is the domain left to the other pointer of its part? */
static bool is_others(const struct move *move, const struct mtasts_entry *entry) {
  return move->pointer == SHORT_LIVED && !mtasts_discover_short_lived(move->settings, entry);
}

static enum mtasts_chore chore_of(const struct move *move, const struct mtasts_domain *domain,
                                  const struct mtasts_entry *entry) {
  /* An expired policy may have expired by a clock that is ahead. */
  if (mtasts_store_useless(entry, move->now) &&
      !(entry->has_policy && move->settings->keep_expired))
    return MTASTS_CHORE_REMOVE;
  if (entry->has_policy &&
      mtasts_discover_short_lived(move->settings, entry) == (move->pointer == SHORT_LIVED) &&
      mtasts_discover_refresh_due(move->settings, entry, move->now) &&
      mtasts_use_known(move->hand->options.use, domain))
    return MTASTS_CHORE_REFRESH;
  return MTASTS_CHORE_NONE;
}

static bool meet(void *context, const struct mtasts_domain *domain, enum mtasts_status status,
                 const struct mtasts_entry *entry) {
  struct move *move = context;
  const struct mtasts_hand_options *options = &move->hand->options;
  /* A damaged value counts as absent: the next use replaces it. */
  if (status == MTASTS_OK && !is_others(move, entry) &&
      !options->chore(options->context, domain, entry, chore_of(move, domain, entry)))
    return false;
  move->met++;
  return true;
}

/* How many domains the pointer is to meet by now. */
static uint64_t share(struct pointer *pointer, uint64_t elapsed, uint64_t round) {
  const uint64_t whole = pointer->size * round;
  pointer->credit += pointer->size * (elapsed < round ? elapsed : round);
  if (pointer->credit > whole)
    pointer->credit = whole; /* whatever was missed, once round is all there is */
  return pointer->credit / round;
}

static enum mtasts_status walk(struct move *move, uint64_t size, uint64_t count) {
  struct pointer *pointer = &move->hand->pointers[move->pointer];
  struct mtasts_cache *cache = mtasts_store_cache(move->hand->options.store);
  enum mtasts_status status = MTASTS_OK;
  bool end = true;
  /* Twice, where the end of the part comes first. */
  for (int i = 0; i < 2 && status == MTASTS_OK && end && move->met < count; i++) {
    const struct mtasts_walk_step step = {
        .part = circles[move->pointer].part,
        .most = count - move->met,
        .visit = meet,
        .context = move,
    };
    status = mtasts_cache_walk_on(cache, &step, &pointer->place, &end);
    if (end)
      pointer->size = size;
  }
  return status;
}

/* Milliseconds in which a pointer comes round: where the interval is of minutes, no more often than
 * a failing policy is tried (RFC 8461 section 3.3). */
static uint64_t round_of(const struct mtasts_discover_settings *settings, unsigned pointer) {
  int64_t least = settings->retry_min < settings->refresh_interval ? settings->retry_min
                                                                   : settings->refresh_interval;
  int64_t round = settings->refresh_interval / circles[pointer].rounds;
  return 1000 * (uint64_t)(round > least ? round : least);
}

static enum mtasts_status move_pointer(struct move *move, uint64_t size, uint64_t elapsed) {
  struct pointer *pointer = &move->hand->pointers[move->pointer];
  const uint64_t round = round_of(move->settings, move->pointer);
  if (size > pointer->size)
    pointer->size = size;
  uint64_t count = share(pointer, elapsed, round);
  enum mtasts_status status = walk(move, size, count < MOVE_MAX ? count : MOVE_MAX);
  /* What was not done is done next time. */
  pointer->credit -= move->met * round;
  return status;
}

enum mtasts_status mtasts_hand_move(struct mtasts_hand *hand,
                                    const struct mtasts_discover_settings *settings,
                                    uint64_t elapsed, int64_t now) {
  struct mtasts_cache_space space;
  uint64_t met = 0;
  enum mtasts_status status = mtasts_cache_space(mtasts_store_cache(hand->options.store), &space);
  for (unsigned i = 0; i < POINTERS && status == MTASTS_OK; i++) {
    struct move move = {.hand = hand, .settings = settings, .now = now, .pointer = i};
    status = move_pointer(&move, space.domains[circles[i].part], elapsed);
    met += move.met;
  }
  if (status == MTASTS_OK && met > 0)
    status = keep_places(hand);
  return status;
}
