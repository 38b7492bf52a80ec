#include "memory.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"

static int compare(const void *a, const void *b) {
  const struct mtasts_span *x = a;
  const struct mtasts_span *y = b;
  return mtasts_span_compare(*x, *y);
}

bool mtasts_policy_remember(const struct mtasts_policy *policy,
                            struct mtasts_remembered_policy *remembered) {
  struct mtasts_span *names = calloc(policy->mx.count + 1, sizeof *names);
  /* Each name once and a NUL behind it: the set in one order, whatever that of the policy. */
  unsigned char *text = malloc(policy->mx.size + policy->mx.count + 1);
  size_t count = 0;
  size_t size = 0;
  if (names && text) {
    for (size_t cursor = 0; mtasts_names_next(&policy->mx, &cursor, &names[count]);)
      count++;
    qsort(names, count, sizeof *names, compare);
    for (size_t i = 0; i < count; i++) {
      if (i > 0 && mtasts_span_equal(names[i - 1], names[i]))
        continue;
      memcpy(text + size, names[i].data, names[i].len);
      size += names[i].len;
      text[size++] = '\0';
    }
    *remembered =
        (struct mtasts_remembered_policy){.mode = policy->mode, .max_age = policy->max_age};
    SHA256(text, size, remembered->mx);
  }
  bool done = names && text;
  free(text);
  free(names);
  return done;
}

bool mtasts_remembered_equal(const struct mtasts_remembered_policy *a,
                             const struct mtasts_remembered_policy *b) {
  return a->mode == b->mode && a->max_age == b->max_age && memcmp(a->mx, b->mx, sizeof a->mx) == 0;
}
