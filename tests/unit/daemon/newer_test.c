#include "newer.h"

#include <stdio.h>

#include "../cache/fixture.h"
#include "entry_codec.h"

const char *const unit_name = "daemon/newer";

static struct mtasts_newer newer;

static struct mtasts_domain domain_of(unsigned number) {
  struct mtasts_domain domain;
  domain.len = (size_t)snprintf(domain.name, sizeof domain.name, "d%u.example", number);
  return domain;
}

static void set(unsigned number, const char *id) {
  struct mtasts_domain domain = domain_of(number);
  struct sample sample;
  policy(&sample, id);
  unsigned char *value = malloc(mtasts_entry_size(&sample.entry));
  CU_ASSERT_PTR_NOT_NULL_FATAL(value);
  mtasts_newer_set(&newer, &domain, value, mtasts_entry_encode(&sample.entry, value));
}

static const char *get(unsigned number) {
  static struct mtasts_entry entry;
  struct mtasts_domain domain = domain_of(number);
  return mtasts_newer_get(&newer, &domain, &entry) ? entry.policy_id : "";
}

static void test_kept(void) {
  struct mtasts_domain domain = domain_of(1);
  mtasts_newer_init(&newer);
  CU_ASSERT_STRING_EQUAL(get(1), "");
  set(1, "one");
  set(2, "two");
  CU_ASSERT_STRING_EQUAL(get(1), "one");
  CU_ASSERT_STRING_EQUAL(get(2), "two");
  set(1, "three");
  CU_ASSERT_STRING_EQUAL(get(1), "three");
  CU_ASSERT_EQUAL(newer.count, 2);
  mtasts_newer_set(&newer, &domain, NULL, 0);
  mtasts_newer_set(&newer, &domain, NULL, 0);
  CU_ASSERT_STRING_EQUAL(get(1), "");
  CU_ASSERT_STRING_EQUAL(get(2), "two");
  mtasts_newer_free(&newer);
  CU_ASSERT_EQUAL(newer.count, 0);
}

static void test_bound(void) {
  mtasts_newer_init(&newer);
  for (unsigned i = 0; i < MTASTS_NEWER_MAX; i++)
    set(i, "id");
  set(0, "again");
  set(MTASTS_NEWER_MAX, "id");
  CU_ASSERT_EQUAL(newer.count, MTASTS_NEWER_MAX);
  CU_ASSERT_STRING_EQUAL(get(0), "again");
  CU_ASSERT_STRING_EQUAL(get(1), "");
  CU_ASSERT_STRING_EQUAL(get(2), "id");
  mtasts_newer_free(&newer);
}

const struct unit_test unit_tests[] = {
    {"an entry is kept until it is forgotten", test_kept},
    {"the one told first makes room", test_bound},
    {NULL, NULL},
};
