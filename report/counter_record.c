#include "counter_record.h"

#include <errno.h>
#include <openssl/evp.h>

#include "ascii.h"

/* keys */

void mtasts_counter_key_begin(struct mtasts_counter_key *key, uint32_t day,
                              struct mtasts_span domain) {
  key->len = 0;
  mtasts_counter_key_number(key, day, MTASTS_DAY_SIZE);
  mtasts_counter_key_add(key, (struct mtasts_span){domain.data, domain.len < MTASTS_DOMAIN_MAX
                                                                    ? domain.len
                                                                    : MTASTS_DOMAIN_MAX});
}

bool mtasts_counter_key_read(const MDB_val *key, struct mtasts_domain *domain) {
  if (key->mv_size <= MTASTS_DAY_SIZE || key->mv_size - MTASTS_DAY_SIZE > MTASTS_DOMAIN_MAX)
    return false;
  domain->len = key->mv_size - MTASTS_DAY_SIZE;
  memcpy(domain->name, (const char *)key->mv_data + MTASTS_DAY_SIZE, domain->len);
  domain->name[domain->len] = '\0';
  return true;
}

void mtasts_counter_key_policies(struct mtasts_counter_key *key) {
  mtasts_counter_key_number(key, 0, 1); /* no domain has a NUL: no other domain's keys begin so */
}

int mtasts_counter_digest(struct mtasts_span bytes, char out[MTASTS_DIGEST_SIZE]) {
  unsigned char whole[EVP_MAX_MD_SIZE];
  if (EVP_Digest(bytes.data, bytes.len, whole, NULL, EVP_sha256(), NULL) != 1)
    return ENOMEM;
  memcpy(out, whole, MTASTS_DIGEST_SIZE);
  return 0;
}

/* values */

bool mtasts_counter_read_domain(const MDB_val *value, struct mtasts_counted_domain *domain) {
  struct mtasts_bytes_reader reader = {.rest = {value->mv_data, value->mv_size}};
  domain->kinds = (unsigned)mtasts_bytes_take_number(&reader, 1);
  domain->policies = (uint32_t)mtasts_bytes_take_number(&reader, 4);
  return !reader.failed && reader.rest.len == 0;
}

bool mtasts_counter_read_policy(const MDB_val *value, struct mtasts_counted_policy *policy) {
  struct mtasts_bytes_reader reader = {.rest = {value->mv_data, value->mv_size}};
  policy->successful = mtasts_bytes_take_number(&reader, 8);
  policy->failed = mtasts_bytes_take_number(&reader, 8);
  policy->details = (uint32_t)mtasts_bytes_take_number(&reader, 4);
  policy->packed = reader.rest;
  return !reader.failed;
}

bool mtasts_counter_read_detail(const MDB_val *value, struct mtasts_counted_detail *detail) {
  struct mtasts_bytes_reader reader = {.rest = {value->mv_data, value->mv_size}};
  detail->count = mtasts_bytes_take_number(&reader, 8);
  detail->packed = reader.rest;
  return !reader.failed;
}

int mtasts_counter_next(MDB_cursor *cursor, struct mtasts_span start, MDB_val *key,
                        MDB_val *value) {
  bool first = key->mv_size == 0;
  if (first)
    *key = mtasts_counter_val(start);
  int rc = mdb_cursor_get(cursor, key, value, first ? MDB_SET_RANGE : MDB_NEXT);
  if (rc != 0)
    return rc;
  return mtasts_span_starts((struct mtasts_span){key->mv_data, key->mv_size}, start) ? 0
                                                                                     : MDB_NOTFOUND;
}
