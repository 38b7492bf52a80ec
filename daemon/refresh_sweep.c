#include "refresh_sweep.h"

#include <stdlib.h>
#include <string.h>

#include "walk.h"

enum {
  MOVE_MAX = 4096 /* domains visited in one move */
};

/* Each part of the cache gets its own pass. With one shared pass, if a tenth of the entries were
 * policies, all policies would be refreshed in a tenth of the interval. */
enum {
  LASTING,     /* visits all policies, and refreshes those with a long life */
  SHORT_LIVED, /* visits the others twice in the same time */
  OTHERS,
  PASSES
};

static const struct {
  enum mtasts_walk_part part;
  unsigned per_interval; /* walks in an interval */
} pass_kinds[PASSES] = {
    [LASTING] = {MTASTS_WALK_POLICIES, 1},
    [SHORT_LIVED] = {MTASTS_WALK_POLICIES, 2},
    [OTHERS] = {MTASTS_WALK_ABSENT, 1},
};

struct pass {
  struct mtasts_walk_position position;
  uint64_t size; /* domains of the part, the most during this walk: else removals would delay it */
  uint64_t credit; /* domains to be visited, times milliseconds of a walk */
};

struct mtasts_refresh_sweep {
  struct mtasts_refresh_sweep_options options;
  struct pass passes[PASSES];
};

/* The form in which the positions are saved. */
struct saved_positions {
  struct {
    uint16_t size;
    unsigned char key[MTASTS_DOMAIN_MAX + 1];
  } positions[PASSES];
};

_Static_assert(sizeof(struct saved_positions) <= MTASTS_STORE_POSITION_MAX,
               "fits into a saved position");

/* One move, as the walk sees it. */
struct move {
  struct mtasts_refresh_sweep *sweep;
  const struct mtasts_discover_settings *settings;
  int64_t now;
  unsigned pass;
  uint64_t met;
};

void mtasts_refresh_sweep_recall(struct mtasts_refresh_sweep *sweep) {
  struct saved_positions saved_positions;
  size_t size;
  if (mtasts_store_load_position(sweep->options.store, &saved_positions, sizeof saved_positions,
                                 &size) != MTASTS_OK ||
      size != sizeof saved_positions)
    return;
  for (unsigned i = 0; i < PASSES; i++)
    if (saved_positions.positions[i].size <= sizeof saved_positions.positions[i].key) {
      sweep->passes[i].position.size = saved_positions.positions[i].size;
      memcpy(sweep->passes[i].position.key, saved_positions.positions[i].key,
             saved_positions.positions[i].size);
    }
}

static enum mtasts_status save_positions(const struct mtasts_refresh_sweep *sweep) {
  struct saved_positions saved_positions = {.positions[0].size = 0};
  for (unsigned i = 0; i < PASSES; i++) {
    const struct mtasts_walk_position *position = &sweep->passes[i].position;
    if (position->size > sizeof saved_positions.positions[i].key)
      continue;
    saved_positions.positions[i].size = position->size;
    memcpy(saved_positions.positions[i].key, position->key, position->size);
  }
  return mtasts_store_save_position(sweep->options.store, &saved_positions, sizeof saved_positions);
}

struct mtasts_refresh_sweep *
mtasts_refresh_sweep_new(const struct mtasts_refresh_sweep_options *options) {
  struct mtasts_refresh_sweep *made = calloc(1, sizeof *made);
  if (!made)
    return NULL;
  made->options = *options;
  mtasts_refresh_sweep_recall(made);
  return made;
}

void mtasts_refresh_sweep_free(struct mtasts_refresh_sweep *sweep) {
  free(sweep);
}

/* Does the other pass over this part handle the domain? */
static bool is_others(const struct move *move, const struct mtasts_entry *entry) {
  return move->pass == SHORT_LIVED && !mtasts_discover_short_lived(move->settings, entry);
}

static enum mtasts_sweep_action action_of(const struct move *move,
                                          const struct mtasts_domain *domain,
                                          const struct mtasts_entry *entry) {
  /* A policy may seem expired only because the clock is ahead. */
  if (mtasts_store_is_obsolete(entry, move->now) &&
      !(entry->has_policy && move->settings->keep_expired))
    return MTASTS_SWEEP_ACTION_REMOVE;
  if (entry->has_policy &&
      mtasts_discover_short_lived(move->settings, entry) == (move->pass == SHORT_LIVED) &&
      mtasts_discover_refresh_due(move->settings, entry, move->now) &&
      mtasts_usage_filter_in_use(move->sweep->options.usage, domain))
    return MTASTS_SWEEP_ACTION_REFRESH;
  return MTASTS_SWEEP_ACTION_NONE;
}

static bool meet(void *context, const struct mtasts_domain *domain, enum mtasts_status status,
                 const struct mtasts_entry *entry) {
  struct move *move = context;
  const struct mtasts_refresh_sweep_options *options = &move->sweep->options;
  /* A damaged value counts as absent: the next use replaces it. */
  if (status == MTASTS_OK && !is_others(move, entry) &&
      !options->action(options->context, domain, entry, action_of(move, domain, entry)))
    return false;
  move->met++;
  return true;
}

/* How many domains the pass must visit now. */
static uint64_t share(struct pass *pass, uint64_t elapsed, uint64_t round) {
  const uint64_t whole = pass->size * round;
  pass->credit += pass->size * (elapsed < round ? elapsed : round);
  if (pass->credit > whole)
    pass->credit = whole; /* after a long pause, at most one whole walk is made up for */
  return pass->credit / round;
}

static enum mtasts_status walk(struct move *move, uint64_t size, uint64_t count) {
  struct pass *pass = &move->sweep->passes[move->pass];
  struct mtasts_cache *cache = mtasts_store_cache(move->sweep->options.store);
  enum mtasts_status status = MTASTS_OK;
  bool end = true;
  /* Twice, if the end of the part is reached first. */
  for (int i = 0; i < 2 && status == MTASTS_OK && end && move->met < count; i++) {
    const struct mtasts_walk_step step = {
        .part = pass_kinds[move->pass].part,
        .max = count - move->met,
        .visit = meet,
        .context = move,
    };
    status = mtasts_cache_walk_from(cache, &step, &pass->position, &end);
    if (end)
      pass->size = size;
  }
  return status;
}

/* Milliseconds of one walk of a pass. If the interval is only minutes, a walk is no shorter than
 * the time between tries of a failing policy (RFC 8461 section 3.3). */
static uint64_t round_of(const struct mtasts_discover_settings *settings, unsigned pass) {
  int64_t least = settings->retry_min < settings->refresh_interval ? settings->retry_min
                                                                   : settings->refresh_interval;
  int64_t round = settings->refresh_interval / pass_kinds[pass].per_interval;
  return 1000 * (uint64_t)(round > least ? round : least);
}

static enum mtasts_status move_pass(struct move *move, uint64_t size, uint64_t elapsed) {
  struct pass *pass = &move->sweep->passes[move->pass];
  const uint64_t round = round_of(move->settings, move->pass);
  if (size > pass->size)
    pass->size = size;
  uint64_t count = share(pass, elapsed, round);
  enum mtasts_status status = walk(move, size, count < MOVE_MAX ? count : MOVE_MAX);
  /* The rest of the credit is used next time. */
  pass->credit -= move->met * round;
  return status;
}

enum mtasts_status mtasts_refresh_sweep_move(struct mtasts_refresh_sweep *sweep,
                                             const struct mtasts_discover_settings *settings,
                                             uint64_t elapsed, int64_t now) {
  struct mtasts_cache_space space;
  uint64_t met = 0;
  enum mtasts_status status = mtasts_cache_space(mtasts_store_cache(sweep->options.store), &space);
  for (unsigned i = 0; i < PASSES && status == MTASTS_OK; i++) {
    struct move move = {.sweep = sweep, .settings = settings, .now = now, .pass = i};
    status = move_pass(&move, space.domains[pass_kinds[i].part], elapsed);
    met += move.met;
  }
  if (status == MTASTS_OK && met > 0)
    status = save_positions(sweep);
  return status;
}
