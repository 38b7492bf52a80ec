#include "entry_codec.h"

#include <endian.h>
#include <string.h>

#include "ascii.h"
#include "format.h"

/* The header. */
enum offset {
  AT_CHECKSUM = 0,
  AT_VERSION = 4,
  AT_RECORD,
  AT_ERROR,
  AT_FLAGS,
  AT_MODE,
  AT_MX_STATE,
  AT_DANE,
  AT_DETAIL_SIZE,
  AT_PATTERNS = 12, /* the number of them */
  AT_HOSTS = 14,
  AT_HOSTS_SIZE = 16,
  AT_PATTERNS_SIZE = 20,
  AT_MAX_AGE = 24,
  AT_FAILURES = 28,
  AT_CHECKED = 32,
  AT_NEXT_CHECK = 40,
  AT_RETRY_AT = 48,
  AT_FETCHED = 56,
  AT_MX_EXPIRES = 64,
  AT_DANE_EXPIRES = 72,
  AT_RECORD_ID_SIZE = 80,
  AT_POLICY_ID_SIZE, /* or SAME_ID */
};

enum {
  CHECKSUM_SIZE = 4,
  SAME_ID = 255, /* the policy was fetched under the record's id, as nearly all are */
};

enum flag {
  HAS_POLICY = 1,
  UNRESOLVED = 2,
  LOCAL_FAULT = 4,
  MX_LOCAL_FAULT = 8,
  MX_KEPT = 16,
  FLAGS = HAS_POLICY | UNRESOLVED | LOCAL_FAULT | MX_LOCAL_FAULT | MX_KEPT,
};

/* Times are bounded so that adding or subtracting an interval cannot overflow. */
#define TIME_MAX (INT64_MAX / 2)

static uint16_t get_16(const unsigned char *at) {
  uint16_t value;
  memcpy(&value, at, sizeof value);
  return be16toh(value);
}

static uint32_t get_32(const unsigned char *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return be32toh(value);
}

static uint64_t get_64(const unsigned char *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return be64toh(value);
}

/*
 * FNV-1a over words of 8 bytes in four lanes, which a processor multiplies in parallel. It finds
 * accidental damage, not forgery, in a tenth of the look-up's time. The last step covers the last
 * 32 bytes again, so the size is included as well.
 */
static uint32_t checksum(const unsigned char *value, size_t size) {
  const uint64_t prime = 0x100000001b3;
  const unsigned char *last = value + size - 32;
  uint64_t a = size;
  uint64_t b = 1;
  uint64_t c = 2;
  uint64_t d = 3;
  for (const unsigned char *at = value + CHECKSUM_SIZE;; at += 32) {
    if (at > last)
      at = last;
    a = (a ^ get_64(at)) * prime;
    b = (b ^ get_64(at + 8)) * prime;
    c = (c ^ get_64(at + 16)) * prime;
    d = (d ^ get_64(at + 24)) * prime;
    if (at == last)
      break;
  }
  uint64_t sum = (a ^ b >> 7 ^ c >> 13 ^ d >> 29) * 0x9e3779b97f4a7c15;
  return (uint32_t)(sum >> 32);
}

/* Are the two packed lists well-formed, by the rules of mtasts_names_next and mtasts_mx_next? */
static bool names_hold(const struct mtasts_names *names) {
  size_t at = 0;
  size_t seen = 0;
  for (; at < names->size; seen++) {
    size_t len = names->data[at];
    if (len == 0 || len > MTASTS_DOMAIN_MAX)
      return false;
    at += 1 + len;
  }
  return at == names->size && seen == names->count;
}

static bool hosts_hold(const struct mtasts_mx_list *list) {
  size_t at = 0;
  size_t seen = 0;
  for (; at + 4 < list->size; seen++) {
    size_t len = list->data[at + 3];
    if (list->data[at + 2] > MTASTS_DANE_GONE || len == 0 || len > MTASTS_DOMAIN_MAX)
      return false;
    at += 4 + len;
  }
  return at == list->size && seen == list->count && seen <= MTASTS_MX_HOSTS_MAX;
}

static bool enums_hold(const unsigned char *value) {
  return value[AT_RECORD] <= MTASTS_RECORD_ERROR &&
         value[AT_ERROR] <= MTASTS_ERROR_RECORD_INVALID && value[AT_FLAGS] <= FLAGS &&
         value[AT_MODE] <= MTASTS_MODE_ENFORCE && value[AT_MX_STATE] <= MTASTS_MX_ERROR &&
         value[AT_DANE] <= MTASTS_DANE_GONE;
}

static int64_t get_time(const unsigned char *at) {
  return (int64_t)get_64(at);
}

/* 1 if `time` is a valid stored time, else 0. A number, so that one branch checks six times. */
static unsigned is_time(int64_t time) {
  return (uint64_t)time + TIME_MAX <= 2 * (uint64_t)TIME_MAX;
}

/* `left` bytes of the value begin at `at`. Copying the greatest length of an id is faster than
 * copying its own length. The bytes after the id's end are part of the value, too. */
static void get_id(const unsigned char *at, size_t size, size_t left, char id[MTASTS_ID_MAX + 1]) {
  if (left >= MTASTS_ID_MAX)
    memcpy(id, at, MTASTS_ID_MAX);
  else
    memcpy(id, at, size);
  id[size] = '\0';
}

enum mtasts_status mtasts_entry_decode(const unsigned char *value, size_t size,
                                       struct mtasts_entry *entry) {
  if (size < MTASTS_ENTRY_HEADER || size > MTASTS_ENTRY_SIZE_MAX ||
      !mtasts_format_known(value[AT_VERSION]) || get_32(value) != checksum(value, size))
    return MTASTS_CORRUPT;
  const unsigned char *record_id = value + MTASTS_ENTRY_HEADER;
  const unsigned char *end = value + size;
  bool same_id = value[AT_POLICY_ID_SIZE] == SAME_ID;
  size_t record_id_size = value[AT_RECORD_ID_SIZE];
  size_t policy_id_size = same_id ? record_id_size : value[AT_POLICY_ID_SIZE];
  size_t ids_size = record_id_size + (same_id ? 0 : policy_id_size);
  size_t detail_size = value[AT_DETAIL_SIZE];
  uint32_t max_age = get_32(value + AT_MAX_AGE);
  struct mtasts_names patterns = {.size = get_32(value + AT_PATTERNS_SIZE),
                                  .count = get_16(value + AT_PATTERNS)};
  struct mtasts_mx_list hosts = {.size = get_32(value + AT_HOSTS_SIZE),
                                 .count = get_16(value + AT_HOSTS)};
  const int64_t checked = get_time(value + AT_CHECKED);
  const int64_t next_check = get_time(value + AT_NEXT_CHECK);
  const int64_t retry_at = get_time(value + AT_RETRY_AT);
  const int64_t fetched = get_time(value + AT_FETCHED);
  const int64_t mx_expires = get_time(value + AT_MX_EXPIRES);
  const int64_t dane_expires = get_time(value + AT_DANE_EXPIRES);
  const unsigned times_hold = is_time(checked) & is_time(next_check) & is_time(retry_at) &
                              is_time(fetched) & is_time(mx_expires) & is_time(dane_expires);
  if (record_id_size > MTASTS_ID_MAX || policy_id_size > MTASTS_ID_MAX ||
      detail_size > MTASTS_DETAIL_MAX || max_age > MTASTS_MAX_AGE_MAX || !enums_hold(value) ||
      !times_hold ||
      ids_size + detail_size + patterns.size + hosts.size != size - MTASTS_ENTRY_HEADER)
    return MTASTS_CORRUPT;
  const unsigned char *policy_id = same_id ? record_id : record_id + record_id_size;
  const unsigned char *detail = record_id + ids_size;
  patterns.data = detail + detail_size;
  hosts.data = patterns.data + patterns.size;
  if (!names_hold(&patterns) || !hosts_hold(&hosts))
    return MTASTS_CORRUPT;

  /* Set field by field: clearing or copying the whole struct would double the cost. */
  entry->has_policy = (value[AT_FLAGS] & HAS_POLICY) != 0;
  entry->unresolved = (value[AT_FLAGS] & UNRESOLVED) != 0;
  entry->local_fault = (value[AT_FLAGS] & LOCAL_FAULT) != 0;
  entry->mx_local_fault = (value[AT_FLAGS] & MX_LOCAL_FAULT) != 0;
  entry->mx_kept = (value[AT_FLAGS] & MX_KEPT) != 0;
  entry->policy.mode = (enum mtasts_mode)value[AT_MODE];
  entry->policy.max_age = max_age;
  entry->policy.mx = patterns;
  get_id(policy_id, policy_id_size, (size_t)(end - policy_id), entry->policy_id);
  entry->fetched = fetched;
  entry->expires = fetched + max_age;
  entry->record = (enum mtasts_record_state)value[AT_RECORD];
  get_id(record_id, record_id_size, (size_t)(end - record_id), entry->record_id);
  entry->checked = checked;
  entry->next_check = next_check;
  entry->retry_at = retry_at;
  entry->failures = get_32(value + AT_FAILURES);
  entry->error = (enum mtasts_error)value[AT_ERROR];
  entry->detail = (struct mtasts_span){(const char *)detail, detail_size};
  entry->mx_state = (enum mtasts_mx_state)value[AT_MX_STATE];
  entry->mx = hosts;
  entry->mx_expires = mx_expires;
  entry->dane = (enum mtasts_dane)value[AT_DANE];
  entry->dane_expires = dane_expires;
  return MTASTS_OK;
}

static bool is_id(const char *id) {
  for (; *id; id++)
    if (!mtasts_is_alnum(*id))
      return false;
  return true;
}

/* Host names come from the DNS and may have underscores; a star may only begin a pattern. */
static bool is_name(struct mtasts_span name) {
  for (size_t i = 0; i < name.len; i++) {
    char c = name.data[i];
    if (mtasts_is_upper(c) || (!mtasts_is_alnum(c) && c != '-' && c != '.' && c != '_'))
      return false;
  }
  return name.len > 0;
}

bool mtasts_entry_check(const struct mtasts_entry *entry) {
  char canonical[MTASTS_DOMAIN_MAX];
  struct mtasts_span name;
  struct mtasts_mx_host mx;
  if (!is_id(entry->policy_id) || !is_id(entry->record_id))
    return false;
  for (size_t i = 0; i < entry->detail.len; i++)
    if (!mtasts_is_visible(entry->detail.data[i]) && entry->detail.data[i] != ' ')
      return false;
  for (size_t cursor = 0; mtasts_names_next(&entry->policy.mx, &cursor, &name);)
    if (mtasts_mx_pattern(name, canonical) != name.len ||
        memcmp(canonical, name.data, name.len) != 0)
      return false;
  for (size_t cursor = 0; mtasts_mx_next(&entry->mx, &cursor, &mx);)
    if (!is_name(mx.host))
      return false;
  return true;
}

static unsigned char *put(unsigned char *out, const void *bytes, size_t size) {
  if (size > 0)
    memcpy(out, bytes, size);
  return out + size;
}

static void put_16(unsigned char *out, size_t value) {
  uint16_t big = htobe16((uint16_t)value);
  memcpy(out, &big, sizeof big);
}

static void put_32(unsigned char *out, size_t value) {
  uint32_t big = htobe32((uint32_t)value);
  memcpy(out, &big, sizeof big);
}

static void put_time(unsigned char *out, int64_t time) {
  uint64_t big = htobe64((uint64_t)time);
  memcpy(out, &big, sizeof big);
}

/* The ids as they are stored. */
struct ids {
  struct mtasts_span record, policy;
  bool same;
};

static struct mtasts_span id_span(const char id[MTASTS_ID_MAX + 1]) {
  return (struct mtasts_span){id, strnlen(id, MTASTS_ID_MAX)};
}

static struct ids ids_of(const struct mtasts_entry *entry) {
  struct ids ids = {.record = id_span(entry->record_id),
                    .policy = id_span(entry->has_policy ? entry->policy_id : "")};
  ids.same = mtasts_span_equal(ids.record, ids.policy);
  if (ids.same)
    ids.policy.len = 0;
  return ids;
}

size_t mtasts_entry_size(const struct mtasts_entry *entry) {
  const struct ids ids = ids_of(entry);
  return MTASTS_ENTRY_HEADER + ids.record.len + ids.policy.len + entry->detail.len +
         (entry->has_policy ? entry->policy.mx.size : 0) + entry->mx.size;
}

size_t mtasts_entry_encode(const struct mtasts_entry *entry, unsigned char *out) {
  const struct mtasts_policy none = {.mode = MTASTS_MODE_NONE};
  const struct mtasts_policy *policy = entry->has_policy ? &entry->policy : &none;
  const struct ids ids = ids_of(entry);
  out[AT_VERSION] = MTASTS_FORMAT;
  out[AT_RECORD] = (unsigned char)entry->record;
  out[AT_ERROR] = (unsigned char)entry->error;
  out[AT_FLAGS] =
      (unsigned char)((entry->has_policy ? HAS_POLICY : 0) | (entry->unresolved ? UNRESOLVED : 0) |
                      (entry->local_fault ? LOCAL_FAULT : 0) |
                      (entry->mx_local_fault ? MX_LOCAL_FAULT : 0) |
                      (entry->mx_kept ? MX_KEPT : 0));
  out[AT_MODE] = (unsigned char)policy->mode;
  out[AT_MX_STATE] = (unsigned char)entry->mx_state;
  out[AT_DANE] = (unsigned char)entry->dane;
  out[AT_DETAIL_SIZE] = (unsigned char)entry->detail.len;
  put_16(out + AT_PATTERNS, policy->mx.count);
  put_16(out + AT_HOSTS, entry->mx.count);
  put_32(out + AT_HOSTS_SIZE, entry->mx.size);
  put_32(out + AT_PATTERNS_SIZE, policy->mx.size);
  put_32(out + AT_MAX_AGE, policy->max_age);
  put_32(out + AT_FAILURES, entry->failures);
  put_time(out + AT_CHECKED, entry->checked);
  put_time(out + AT_NEXT_CHECK, entry->next_check);
  put_time(out + AT_RETRY_AT, entry->retry_at);
  put_time(out + AT_FETCHED, entry->has_policy ? entry->fetched : 0);
  put_time(out + AT_MX_EXPIRES, entry->mx_expires);
  put_time(out + AT_DANE_EXPIRES, entry->dane_expires);

  out[AT_RECORD_ID_SIZE] = (unsigned char)ids.record.len;
  out[AT_POLICY_ID_SIZE] = ids.same ? SAME_ID : (unsigned char)ids.policy.len;

  unsigned char *at = out + MTASTS_ENTRY_HEADER;
  at = put(at, ids.record.data, ids.record.len);
  at = put(at, ids.policy.data, ids.policy.len);
  at = put(at, entry->detail.data, entry->detail.len);
  at = put(at, policy->mx.data, policy->mx.size);
  at = put(at, entry->mx.data, entry->mx.size);
  size_t size = (size_t)(at - out);
  mtasts_entry_write_checksum(out, size);
  return size;
}

void mtasts_entry_write_checksum(unsigned char *value, size_t size) {
  put_32(value, checksum(value, size));
}
