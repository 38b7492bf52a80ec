/*
 * counter_record.h: the keys and values of the counters of outcomes in the store, one record of
 * LMDB each. aggregate.h says what is counted, and how the keys are made.
 */
#ifndef MTASTS_REPORT_COUNTER_RECORD_H
#define MTASTS_REPORT_COUNTER_RECORD_H

#include <lmdb.h>

#include "outcome_form.h"

enum {
  MTASTS_DIGEST_SIZE = 16, /* bytes, the first of SHA-256 */
  MTASTS_DAY_SIZE = 4,     /* bytes of a day in a key */
};

struct mtasts_counter_tables {
  MDB_dbi domains, policies, details, shares, states;
};

/* What a domain of a day is. */
enum mtasts_report_domain {
  MTASTS_REPORT_RECIPIENT = 1, /* a `d`: all its sessions are reported to it */
  MTASTS_REPORT_TLSA_BASE = 2, /* a TLSA base domain: sessions under its TLSA records are too */
};

struct mtasts_counter_key {
  char bytes[MTASTS_DAY_SIZE + MTASTS_DOMAIN_MAX + 1 + MTASTS_DIGEST_SIZE + 2 + MTASTS_DIGEST_SIZE];
  size_t len;
};

static inline struct mtasts_span mtasts_counter_key_span(const struct mtasts_counter_key *key) {
  return (struct mtasts_span){key->bytes, key->len};
}

static inline MDB_val mtasts_counter_val(struct mtasts_span span) {
  return (MDB_val){span.len, (void *)(uintptr_t)span.data};
}

/* The caller makes sure that the parts fit. */
static inline void mtasts_counter_key_add(struct mtasts_counter_key *key, struct mtasts_span part) {
  memcpy(key->bytes + key->len, part.data, part.len);
  key->len += part.len;
}

static inline void mtasts_counter_key_number(struct mtasts_counter_key *key, uint32_t number,
                                             size_t width) {
  for (size_t i = width; i > 0; i--)
    key->bytes[key->len++] = (char)(number >> (8 * (i - 1)));
}

/* 0, or ENOMEM. */
int mtasts_counter_digest(struct mtasts_span bytes, char out[MTASTS_DIGEST_SIZE]);

/* The key of a domain, and the start of the keys of its policies and details. */
void mtasts_counter_key_begin(struct mtasts_counter_key *key, uint32_t day,
                              struct mtasts_span domain);
/* The domain of a key of a day and a domain. False: the file is damaged. */
bool mtasts_counter_key_read(const MDB_val *key, struct mtasts_domain *domain);
/* Makes the key of a domain the start of the keys of its policies. */
void mtasts_counter_key_policies(struct mtasts_counter_key *key);

struct mtasts_counted_domain {
  unsigned kinds; /* bits of enum mtasts_report_domain */
  uint32_t policies;
};

struct mtasts_counted_policy {
  uint64_t successful, failed; /* sessions */
  uint32_t details;
  struct mtasts_span packed;
};

struct mtasts_counted_detail {
  uint64_t count;
  struct mtasts_span packed;
};

/* False: not what aggregate.h writes. */
bool mtasts_counter_read_domain(const MDB_val *value, struct mtasts_counted_domain *domain);
bool mtasts_counter_read_policy(const MDB_val *value, struct mtasts_counted_policy *policy);
bool mtasts_counter_read_detail(const MDB_val *value, struct mtasts_counted_detail *detail);

/* Steps through the keys that begin with `start`: *key is empty at first, and is then the key
 * before. MDB_NOTFOUND at the end. Key and value point into the map. */
int mtasts_counter_next(MDB_cursor *cursor, struct mtasts_span start, MDB_val *key, MDB_val *value);

#endif
