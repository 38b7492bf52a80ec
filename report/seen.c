#include "seen.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum {
  ROOM_FIRST = 1024,
};

struct digest {
  uint64_t high, low; /* both 0: a free slot */
};

struct mtasts_seen {
  struct digest *slots;
  size_t room, used;
  EVP_MD_CTX *hash;
  const struct mtasts_span **domains; /* of a report, in order; memory for `domain_room` */
  size_t domain_room;
};

void mtasts_seen_free(struct mtasts_seen *seen) {
  if (!seen)
    return;
  EVP_MD_CTX_free(seen->hash);
  free(seen->slots);
  free(seen->domains);
  free(seen);
}

struct mtasts_seen *mtasts_seen_new(void) {
  struct mtasts_seen *seen = calloc(1, sizeof *seen);
  if (!seen)
    return NULL;
  seen->hash = EVP_MD_CTX_new();
  seen->room = ROOM_FIRST;
  seen->slots = calloc(seen->room, sizeof *seen->slots);
  if (seen->hash && seen->slots)
    return seen;
  mtasts_seen_free(seen);
  return NULL;
}

/* A field with its length in front, so that no two lists of fields have the same bytes. */
static bool hash_field(EVP_MD_CTX *hash, struct mtasts_span field) {
  uint64_t len = field.len;
  return EVP_DigestUpdate(hash, &len, sizeof len) == 1 &&
         EVP_DigestUpdate(hash, field.data, field.len) == 1;
}

static bool hash_number(EVP_MD_CTX *hash, int64_t number) {
  return EVP_DigestUpdate(hash, &number, sizeof number) == 1;
}

static int compare(const void *left, const void *right) {
  const struct mtasts_span *a = *(const struct mtasts_span *const *)left;
  const struct mtasts_span *b = *(const struct mtasts_span *const *)right;
  size_t common = a->len < b->len ? a->len : b->len;
  int order = common > 0 ? memcmp(a->data, b->data, common) : 0;
  return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/* Policies may come in any order. A domain that the mail alone names is not part of the report. */
static bool hash_domains(struct mtasts_seen *seen, const struct mtasts_tls_report *report) {
  if (report->policy_count > seen->domain_room) {
    void *grown = reallocarray(seen->domains, report->policy_count, sizeof(struct mtasts_span *));
    if (!grown)
      return false;
    seen->domains = grown;
    seen->domain_room = report->policy_count;
  }
  static const struct mtasts_span none = {"", 0};
  for (size_t i = 0; i < report->policy_count; i++)
    seen->domains[i] = report->policies[i].domain_of_mail ? &none : &report->policies[i].domain;
  if (report->policy_count > 1)
    qsort(seen->domains, report->policy_count, sizeof(struct mtasts_span *), compare);
  for (size_t i = 0; i < report->policy_count; i++)
    if (!hash_field(seen->hash, *seen->domains[i]))
      return false;
  return true;
}

static bool digest_of(struct mtasts_seen *seen, const struct mtasts_tls_report *report,
                      struct mtasts_span text, struct digest *digest) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  if (EVP_DigestInit_ex(seen->hash, EVP_sha256(), NULL) != 1)
    return false;
  bool done = report->id.len > 0
                  ? hash_field(seen->hash, report->organization) &&
                        hash_field(seen->hash, report->id) &&
                        hash_number(seen->hash, report->start) &&
                        hash_number(seen->hash, report->end) && hash_domains(seen, report)
                  : EVP_DigestUpdate(seen->hash, text.data, text.len) == 1;
  if (!done || EVP_DigestFinal_ex(seen->hash, bytes, NULL) != 1)
    return false;
  memcpy(&digest->high, bytes, sizeof digest->high);
  memcpy(&digest->low, bytes + sizeof digest->high, sizeof digest->low);
  if (digest->high == 0 && digest->low == 0)
    digest->low = 1;
  return true;
}

static struct digest *slot_of(struct digest *slots, size_t room, const struct digest *digest) {
  size_t slot = (size_t)digest->low & (room - 1);
  while ((slots[slot].high || slots[slot].low) &&
         (slots[slot].high != digest->high || slots[slot].low != digest->low))
    slot = (slot + 1) & (room - 1);
  return &slots[slot];
}

static bool grow(struct mtasts_seen *seen) {
  size_t room = seen->room * 2;
  struct digest *slots = calloc(room, sizeof *slots);
  if (!slots)
    return false;
  for (size_t i = 0; i < seen->room; i++)
    if (seen->slots[i].high || seen->slots[i].low)
      *slot_of(slots, room, &seen->slots[i]) = seen->slots[i];
  free(seen->slots);
  seen->slots = slots;
  seen->room = room;
  return true;
}

enum mtasts_seen_answer mtasts_seen_add(struct mtasts_seen *seen,
                                        const struct mtasts_tls_report *report,
                                        struct mtasts_span text) {
  struct digest digest;
  if (!digest_of(seen, report, text, &digest))
    return MTASTS_SEEN_NO_MEMORY;
  struct digest *slot = slot_of(seen->slots, seen->room, &digest);
  if (slot->high || slot->low)
    return MTASTS_SEEN_BEFORE;
  if (seen->used * 2 >= seen->room) {
    if (!grow(seen))
      return MTASTS_SEEN_NO_MEMORY;
    slot = slot_of(seen->slots, seen->room, &digest);
  }
  *slot = digest;
  seen->used++;
  return MTASTS_SEEN_NEW;
}
