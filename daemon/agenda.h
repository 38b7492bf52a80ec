/*
 * agenda.h: the few domains that the clock hand would come to too late: those that failed and
 * are to be tried again, and policies so short-lived that half of their life passes before the hand
 * comes round, which it does twice in an interval for their sake. A bounded heap by time; where it
 * is full, the latest is dropped, which the hand will meet anyway.
 */
#ifndef MTASTS_AGENDA_H
#define MTASTS_AGENDA_H

#include "mtasts.h"

struct mtasts_agenda;

/* NULL: no memory. */
struct mtasts_agenda *mtasts_agenda_new(size_t most);
void mtasts_agenda_free(struct mtasts_agenda *agenda);

/* One time a domain: another replaces it. */
void mtasts_agenda_set(struct mtasts_agenda *agenda, const struct mtasts_domain *domain,
                       int64_t due);
void mtasts_agenda_drop(struct mtasts_agenda *agenda, const struct mtasts_domain *domain);

/* Takes the earliest that is due at `now`. */
bool mtasts_agenda_take(struct mtasts_agenda *agenda, int64_t now, struct mtasts_domain *domain);
/* The clock has jumped by so many seconds: what was due in an hour still is. */
void mtasts_agenda_shift(struct mtasts_agenda *agenda, int64_t jump);
size_t mtasts_agenda_count(const struct mtasts_agenda *agenda);

#endif
