#include "fill.h"

#include <string.h>

#include "ascii.h"
#include "mx_list.h"

enum {
  LIFE = 7 * 86400,
  CHECK = 6 * 3600,
};

size_t fill_name(size_t i, char name[FILL_NAME_SIZE]) {
  static const char form[] = "domain-000000.mail.example.com";
  memcpy(name, form, sizeof form);
  for (char *digit = name + sizeof "domain-000000" - 2; i > 0; i /= 10)
    *digit-- = (char)('0' + i % 10);
  return sizeof form - 1;
}

static struct mtasts_names patterns(void) {
  const struct mtasts_span names[] = {MTASTS_SPAN("mx1.mail.example.com"),
                                      MTASTS_SPAN("*.mail.example.com")};
  static unsigned char packed[64];
  struct mtasts_names made = {.data = packed, .count = sizeof names / sizeof *names};
  for (size_t i = 0; i < made.count; i++) {
    packed[made.size] = (unsigned char)names[i].len;
    memcpy(packed + made.size + 1, names[i].data, names[i].len);
    made.size += 1 + names[i].len;
  }
  return made;
}

/* The first `count` of two. */
static struct mtasts_mx_list hosts(size_t count, enum mtasts_dane dane) {
  static unsigned char packed[MTASTS_MX_LIST_MAX];
  struct mtasts_mx_host all[] = {
      {.preference = 10, .dane = dane, .host = MTASTS_SPAN("mx1.mail.example.com")},
      {.preference = 20, .dane = dane, .host = MTASTS_SPAN("mx2.mail.example.com")},
  };
  struct mtasts_mx_list list;
  mtasts_mx_list_pack(all, count, packed, &list);
  return list;
}

struct mtasts_entry fill_entry(enum fill_kind kind, int64_t now) {
  struct mtasts_entry entry = {
      .has_policy = true,
      .policy = {.mode = MTASTS_MODE_ENFORCE, .max_age = LIFE, .mx = patterns()},
      .policy_id = "20260101T000000",
      .record_id = "20260101T000000",
      .fetched = now,
      .expires = now + LIFE,
      .record = MTASTS_RECORD_VALID,
      .checked = now,
      .next_check = now + CHECK,
      .mx_state = MTASTS_MX_UNKNOWN,
  };
  if (kind == FILL_POLICY)
    return entry;
  entry.mx_state = MTASTS_MX_LISTED;
  entry.mx_expires = now + CHECK;
  entry.mx = kind == FILL_DANE ? hosts(2, MTASTS_DANE_USABLE) : hosts(1, MTASTS_DANE_NONE);
  if (kind == FILL_DANE)
    entry.dane = MTASTS_DANE_USABLE;
  if (kind != FILL_LISTED)
    entry.dane_expires = entry.mx_expires;
  return entry;
}

enum mtasts_status fill_store(struct mtasts_store *store, size_t from, size_t to,
                              enum fill_kind kind, int64_t now) {
  const struct mtasts_entry entry = fill_entry(kind, now);
  enum mtasts_status status = MTASTS_OK;
  for (size_t i = from; i < to && status == MTASTS_OK; i++) {
    char name[FILL_NAME_SIZE];
    struct mtasts_domain domain;
    struct mtasts_span text = {name, fill_name(i, name)};
    status = mtasts_domain_parse(text, &domain);
    if (status == MTASTS_OK)
      status = mtasts_store_put(store, &domain, &entry, now);
  }
  return status == MTASTS_OK ? mtasts_store_flush(store) : status;
}
