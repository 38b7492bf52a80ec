/*
 * aggregate_private.h: the records of one write transaction. For aggregate.c and aggregate_record.c
 * alone. Functions return 0, an errno or an LMDB error; MDB_NOTFOUND: there is no such record.
 */
#ifndef MTASTS_REPORT_AGGREGATE_PRIVATE_H
#define MTASTS_REPORT_AGGREGATE_PRIVATE_H

#include "aggregate.h"

int mtasts_aggregate_get(const struct mtasts_aggregate *aggregate, MDB_dbi dbi,
                         struct mtasts_span key, MDB_val *value);
/* What is read points into the map: until the next write. */
int mtasts_aggregate_get_policy(const struct mtasts_aggregate *aggregate, struct mtasts_span key,
                                struct mtasts_counted_policy *policy);
int mtasts_aggregate_get_detail(const struct mtasts_aggregate *aggregate, struct mtasts_span key,
                                struct mtasts_counted_detail *detail);

int mtasts_aggregate_put_domain(const struct mtasts_aggregate *aggregate, struct mtasts_span key,
                                const struct mtasts_counted_domain *domain);
int mtasts_aggregate_put_policy(const struct mtasts_aggregate *aggregate, struct mtasts_span key,
                                const struct mtasts_counted_policy *policy);
int mtasts_aggregate_put_detail(const struct mtasts_aggregate *aggregate, struct mtasts_span key,
                                const struct mtasts_counted_detail *detail);
int mtasts_aggregate_delete_key(const struct mtasts_aggregate *aggregate, MDB_dbi dbi,
                                struct mtasts_span key);

/* The first key of the table that is not less than `from` and begins with `start`, copied. */
int mtasts_aggregate_find_from(const struct mtasts_aggregate *aggregate, MDB_dbi dbi,
                               const struct mtasts_counter_key *from, struct mtasts_span start,
                               struct mtasts_counter_key *found);

/* Takes the bytes of a new record from the share of its organisation. *granted: there were enough,
 * or the record is `needed` whatever the share. */
int mtasts_aggregate_take_share(const struct mtasts_aggregate *aggregate,
                                struct mtasts_span domain_key, size_t size, bool needed,
                                bool *granted);

#endif
