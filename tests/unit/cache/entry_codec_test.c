#include "entry_codec.h"

#include "fixture.h"

const char *const unit_name = "cache/entry_codec";

enum {
  VALUE_MAX = 512,
  PARTS = MTASTS_ENTRY_HEADER + 16, /* where encode_sample's patterns begin */
};

/* Compares all that is stored of an entry. */
static void check_same(const struct mtasts_entry *a, const struct mtasts_entry *b) {
  CU_ASSERT_EQUAL(a->has_policy, b->has_policy);
  if (a->has_policy) {
    CU_ASSERT_EQUAL(a->policy.mode, b->policy.mode);
    CU_ASSERT_EQUAL(a->policy.max_age, b->policy.max_age);
    CU_ASSERT_EQUAL(a->policy.mx.count, b->policy.mx.count);
    CU_ASSERT_EQUAL_FATAL(a->policy.mx.size, b->policy.mx.size);
    CU_ASSERT(memcmp(a->policy.mx.data, b->policy.mx.data, a->policy.mx.size) == 0);
    CU_ASSERT_STRING_EQUAL(a->policy_id, b->policy_id);
    CU_ASSERT_EQUAL(a->fetched, b->fetched);
    CU_ASSERT_EQUAL(a->expires, b->expires);
  }
  CU_ASSERT_EQUAL(a->record, b->record);
  CU_ASSERT_STRING_EQUAL(a->record_id, b->record_id);
  CU_ASSERT_EQUAL(a->checked, b->checked);
  CU_ASSERT_EQUAL(a->next_check, b->next_check);
  CU_ASSERT_EQUAL(a->retry_at, b->retry_at);
  CU_ASSERT_EQUAL(a->failures, b->failures);
  CU_ASSERT_EQUAL(a->error, b->error);
  CU_ASSERT_EQUAL_FATAL(a->detail.len, b->detail.len);
  CU_ASSERT(a->detail.len == 0 || memcmp(a->detail.data, b->detail.data, a->detail.len) == 0);
  CU_ASSERT_EQUAL(a->mx_state, b->mx_state);
  CU_ASSERT_EQUAL(a->mx.count, b->mx.count);
  CU_ASSERT_EQUAL_FATAL(a->mx.size, b->mx.size);
  CU_ASSERT(a->mx.size == 0 || memcmp(a->mx.data, b->mx.data, a->mx.size) == 0);
  CU_ASSERT_EQUAL(a->mx_expires, b->mx_expires);
  CU_ASSERT_EQUAL(a->unresolved, b->unresolved);
  CU_ASSERT_EQUAL(a->local_fault, b->local_fault);
  CU_ASSERT_EQUAL(a->mx_local_fault, b->mx_local_fault);
  CU_ASSERT_EQUAL(a->mx_kept, b->mx_kept);
  CU_ASSERT_EQUAL(a->dane, b->dane);
  CU_ASSERT_EQUAL(a->dane_expires, b->dane_expires);
}

static void check_round_trip(const struct mtasts_entry *entry) {
  struct mtasts_entry read;
  size_t size = mtasts_entry_size(entry);
  unsigned char *value = malloc(size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(value);
  CU_ASSERT_EQUAL(mtasts_entry_encode(entry, value), size);
  CU_ASSERT_EQUAL_FATAL(mtasts_entry_decode(value, size, &read), MTASTS_OK);
  CU_ASSERT(mtasts_entry_check(&read));
  check_same(entry, &read);
  free(value);
}

static void test_round_trip(void) {
  struct sample sample;
  check_round_trip(policy(&sample, "20260101T000000Z"));
  check_round_trip(absent(&sample));
  check_round_trip(&(struct mtasts_entry){.record = MTASTS_RECORD_UNKNOWN});

  policy(&sample, "abcdefghijklmnopqrstuvwxyz012345"); /* 32 characters */
  sample.entry.policy.mode = MTASTS_MODE_TESTING;
  sample.entry.retry_at = NOW + 77;
  sample.entry.failures = UINT32_MAX;
  sample.entry.error = MTASTS_ERROR_RECORD_INVALID;
  sample.entry.detail = (struct mtasts_span){"HTTP status 404 from ~mta-sts.example.com", 41};
  sample.entry.dane = MTASTS_DANE_ERROR;
  check_round_trip(&sample.entry);
  bool *const flags[] = {&sample.entry.unresolved, &sample.entry.local_fault,
                         &sample.entry.mx_local_fault, &sample.entry.mx_kept};
  for (unsigned set = 0; set < 16; set++) {
    for (unsigned i = 0; i < 4; i++)
      *flags[i] = set >> i & 1;
    check_round_trip(&sample.entry);
  }
  sample.entry.policy.max_age = 0;
  sample.entry.expires = sample.entry.fetched;
  check_round_trip(&sample.entry);
}

/* The policy's id is stored once if it equals the record's. An absent domain's id ends the value.
 */
static void test_ids(void) {
  static const char *const ids[] = {"", "1", "20260101T000000Z",
                                    "abcdefghijklmnopqrstuvwxyz012345"};
  for (size_t i = 0; i < 16; i++) {
    struct sample sample;
    policy(&sample, ids[i % 4]);
    snprintf(sample.entry.record_id, sizeof sample.entry.record_id, "%s", ids[i / 4]);
    check_round_trip(&sample.entry);
    absent(&sample);
    snprintf(sample.entry.record_id, sizeof sample.entry.record_id, "%s", ids[i / 4]);
    check_round_trip(&sample.entry);
  }
  struct sample sample;
  size_t size = mtasts_entry_size(policy(&sample, "20260101T000000Z"));
  sample.entry.record_id[0]++;
  CU_ASSERT_EQUAL(mtasts_entry_size(&sample.entry), size + 16);
}

static void test_largest(void) {
  static unsigned char patterns[MTASTS_POLICY_MAX];
  static unsigned char hosts[MTASTS_MX_LIST_MAX];
  static char detail[MTASTS_DETAIL_MAX];
  char name[MTASTS_DOMAIN_MAX + 1] = "";
  struct sample sample;
  policy(&sample, "1");
  while (strlen(name) + 50 < sizeof name)
    snprintf(name + strlen(name), 51, "%s", "a123456789b123456789c123456789d123456789e12345678.");
  snprintf(name + strlen(name), 4, "%s", "xyz");
  CU_ASSERT_EQUAL(strlen(name), MTASTS_DOMAIN_MAX);

  struct mtasts_names *names = &sample.entry.policy.mx;
  *names = (struct mtasts_names){.data = patterns};
  for (; names->size + 1 + MTASTS_DOMAIN_MAX <= sizeof patterns; names->count++)
    names->size += pack(patterns + names->size, name);
  struct mtasts_mx_list *list = &sample.entry.mx;
  *list = (struct mtasts_mx_list){.data = hosts};
  for (; list->count < MTASTS_MX_HOSTS_MAX; list->count++) {
    memset(hosts + list->size, 0, 3);
    list->size += 3 + pack(hosts + list->size + 3, name);
  }
  memset(detail, 'x', sizeof detail);
  sample.entry.detail = (struct mtasts_span){detail, sizeof detail};
  CU_ASSERT(mtasts_entry_size(&sample.entry) <= MTASTS_ENTRY_SIZE_MAX);
  check_round_trip(&sample.entry);
}

static size_t encode_sample(unsigned char value[VALUE_MAX]) {
  struct sample sample;
  size_t size = mtasts_entry_size(policy(&sample, "20260101T000000Z"));
  CU_ASSERT_FATAL(size <= VALUE_MAX);
  return mtasts_entry_encode(&sample.entry, value);
}

static void test_damage(void) {
  unsigned char value[VALUE_MAX];
  struct mtasts_entry entry = {.failures = 12345};
  size_t size = encode_sample(value);
  for (size_t shorter = 0; shorter < size; shorter++)
    unit_check(mtasts_entry_decode(value, shorter, &entry) == MTASTS_CORRUPT, "cut to %zu bytes",
               shorter);
  value[size] = 0;
  CU_ASSERT_EQUAL(mtasts_entry_decode(value, size + 1, &entry), MTASTS_CORRUPT);
  for (size_t bit = 0; bit < 8 * size; bit++) {
    value[bit / 8] ^= (unsigned char)(1 << bit % 8);
    unit_check(mtasts_entry_decode(value, size, &entry) == MTASTS_CORRUPT, "bit %zu flipped", bit);
    value[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
  CU_ASSERT_EQUAL(entry.failures, 12345); /* written on success only */
  CU_ASSERT_EQUAL(mtasts_entry_decode(value, size, &entry), MTASTS_OK);
}

/* One byte of a good value, which a right checksum does not excuse. */
static void test_forged(void) {
  static const struct {
    size_t at;
    unsigned char byte;
    const char *what;
  } forged[] = {
      {4, 1, "version 1"},
      {4, 3, "version 3"},
      {5, MTASTS_RECORD_ERROR + 1, "record state"},
      {6, MTASTS_ERROR_RECORD_INVALID + 1, "error"},
      {7, 32, "an unknown flag"},
      {8, MTASTS_MODE_ENFORCE + 1, "mode"},
      {9, MTASTS_MX_ERROR + 1, "MX state"},
      {10, MTASTS_DANE_GONE + 1, "DANE state"},
      {11, 1, "a detail that is not there"},
      {11, 255, "too long a detail"},
      {13, 1, "fewer patterns than there are"},
      {13, 3, "more patterns than there are"},
      {15, 1, "fewer hosts than there are"},
      {15, 3, "more hosts than there are"},
      {16, 255, "hosts beyond the value"},
      {20, 255, "patterns beyond the value"},
      {23, 31, "patterns that overlap the hosts"},
      {24, 2, "max_age of more than a year"},
      {32, 0x7f, "a look-up far in the future"},
      {40, 0x80, "a check far in the past"},
      {48, 0x80, "a retry far in the past"},
      {56, 0x7f, "a fetch far in the future"},
      {64, 0x80, "MX long expired"},
      {72, 0x7f, "DANE for ever"},
      {80, 15, "an id shorter than it is"},
      {80, MTASTS_ID_MAX + 1, "too long an id"},
      {80, 255, "an id beyond the value"},
      {81, 1, "a policy's id that is not there"},
      {81, MTASTS_ID_MAX + 1, "too long a policy's id"},
      {PARTS, 0, "a pattern of no length"},
      {PARTS, 14, "a pattern too short"},
      {PARTS, 254, "a pattern too long"},
      {PARTS + 30 + 2, MTASTS_DANE_GONE + 1, "DANE state of a host"},
      {PARTS + 30 + 3, 0, "a host of no length"},
      {PARTS + 30 + 3, 16, "a host too long"},
  };
  for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
    unsigned char value[VALUE_MAX];
    struct mtasts_entry entry;
    size_t size = encode_sample(value);
    mtasts_entry_write_checksum(value, size);
    CU_ASSERT_EQUAL(mtasts_entry_decode(value, size, &entry), MTASTS_OK);
    value[forged[i].at] = forged[i].byte;
    mtasts_entry_write_checksum(value, size);
    unit_check(mtasts_entry_decode(value, size, &entry) == MTASTS_CORRUPT, "%s", forged[i].what);
  }
}

static bool passes(const struct mtasts_entry *entry) {
  unsigned char value[VALUE_MAX];
  struct mtasts_entry read;
  size_t size = mtasts_entry_size(entry);
  CU_ASSERT_FATAL(size <= sizeof value);
  mtasts_entry_encode(entry, value);
  return mtasts_entry_decode(value, size, &read) == MTASTS_OK && mtasts_entry_check(&read);
}

static void test_characters(void) {
  static const char hostile[] = " =:;,/\"'{}$`\\\n\r\t\x7f\x80\xff";
  for (const char *c = hostile; *c; c++) {
    struct sample sample;
    policy(&sample, "20260101");
    CU_ASSERT(passes(&sample.entry));
    sample.patterns[3] = (unsigned char)*c;
    unit_check(!passes(&sample.entry), "0x%02x in a pattern", (unsigned char)*c);
    policy(&sample, "20260101");
    sample.hosts[6] = (unsigned char)*c;
    unit_check(!passes(&sample.entry), "0x%02x in a host", (unsigned char)*c);
    policy(&sample, "20260101");
    sample.entry.policy_id[2] = *c;
    unit_check(!passes(&sample.entry), "0x%02x in the policy id", (unsigned char)*c);
    policy(&sample, "20260101");
    sample.entry.record_id[2] = *c;
    unit_check(!passes(&sample.entry), "0x%02x in the record id", (unsigned char)*c);
  }
  static const char *const details[] = {"a\nb", "a\x7f", "\x80", "tab\t"};
  for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
    struct sample sample;
    absent(&sample);
    sample.entry.detail = (struct mtasts_span){details[i], strlen(details[i])};
    unit_check(!passes(&sample.entry), "detail %zu", i);
  }
}

static void test_names(void) {
  struct sample sample;
  policy(&sample, "1");
  memcpy(sample.patterns + 1, "MX1", 3);
  CU_ASSERT_FALSE(passes(&sample.entry)); /* stored in lower case */
  memcpy(sample.patterns + 1, "m*1", 3);
  CU_ASSERT_FALSE(passes(&sample.entry));
  policy(&sample, "1");
  memcpy(sample.hosts + 4, "M", 1);
  CU_ASSERT_FALSE(passes(&sample.entry));
  memcpy(sample.hosts + 4, "_", 1);
  CU_ASSERT(passes(&sample.entry));
}

const struct unit_test unit_tests[] = {
    {"an entry comes back as it was", test_round_trip},
    {"ids of any length", test_ids},
    {"the largest entry fits", test_largest},
    {"a cut or a flipped bit anywhere is corrupt", test_damage},
    {"bounds hold whatever the checksum", test_forged},
    {"characters that forge attributes do not pass", test_characters},
    {"names are names", test_names},
    {NULL, NULL},
};
