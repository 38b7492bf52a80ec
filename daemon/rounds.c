#include "rounds.h"

enum {
  AGENDA_BURST = 128, /* looked up again in one round */
  SAVE_AGAIN = 5000,  /* milliseconds between tries to store what the store did not take */
};

static bool do_chore(void *context, const struct mtasts_domain *domain,
                     const struct mtasts_entry *entry, enum mtasts_chore chore) {
  struct mtasts_tower *tower = ((struct mtasts_rounds *)context)->tower;
  switch (chore) {
  case MTASTS_CHORE_NONE:
    if (entry->has_policy)
      mtasts_tower_mind(tower, domain, entry);
    return true;
  case MTASTS_CHORE_REFRESH:
    return mtasts_tower_request(tower, domain, MTASTS_JOB_REFRESH, MTASTS_URGENCY_BEHIND, NULL) ==
           MTASTS_OK;
  case MTASTS_CHORE_REMOVE:
    /* Not what a look-up is just about to replace, or has replaced before its commit. */
    return mtasts_flights_find(&tower->flights, domain) ||
           mtasts_store_drop(tower->store, domain) == MTASTS_OK;
  }
  return true;
}

bool mtasts_rounds_open(struct mtasts_rounds *rounds, struct mtasts_tower *tower,
                        struct mtasts_use *use) {
  const struct mtasts_hand_options hand = {tower->store, use, do_chore, rounds};
  *rounds = (struct mtasts_rounds){.tower = tower, .use = use, .hand = mtasts_hand_new(&hand)};
  return rounds->hand;
}

void mtasts_rounds_close(struct mtasts_rounds *rounds) {
  mtasts_hand_free(rounds->hand);
}

void mtasts_rounds_recall(struct mtasts_rounds *rounds) {
  mtasts_hand_recall(rounds->hand);
}

static void follow_agenda(struct mtasts_tower *tower, int64_t now) {
  struct mtasts_domain domain;
  for (int i = 0; i < AGENDA_BURST && mtasts_tower_room(tower, false) &&
                  mtasts_agenda_take(tower->agenda, now, &domain);
       i++) {
    struct mtasts_entry entry;
    const struct mtasts_entry *known = mtasts_tower_known(tower, &domain, &entry);
    if (!known || !known->has_policy || !mtasts_use_known(tower->use, &domain))
      continue;
    bool refresh = mtasts_discover_refresh_due(&tower->net.settings, known, now);
    mtasts_tower_request(tower, &domain, refresh ? MTASTS_JOB_REFRESH : MTASTS_JOB_LOOK_UP,
                         MTASTS_URGENCY_BEHIND, NULL);
  }
}

void mtasts_rounds_go(struct mtasts_rounds *rounds, int64_t now, uint64_t elapsed) {
  struct mtasts_tower *tower = rounds->tower;
  mtasts_use_rotate(rounds->use, now);
  bool waits = mtasts_cache_waits(mtasts_store_cache(tower->store));
  if (!waits)
    mtasts_tower_complain(tower,
                          mtasts_hand_move(rounds->hand, &tower->net.settings, elapsed, now));
  follow_agenda(tower, now);
  if (!waits && mtasts_seldom(&rounds->saved_again, SAVE_AGAIN))
    mtasts_tower_save_again(tower);
  mtasts_tower_commit_soon(tower);
  mtasts_tower_launch(tower);
}
