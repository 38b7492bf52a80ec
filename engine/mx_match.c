#include "mx_match.h"

#include "span.h"

enum {
  FEW = 64,                           /* up to so many comparisons cost less than sorting */
  TAILS_MAX = 2 * MTASTS_MX_HOSTS_MAX /* two for each host: its name, and `.` with its parent */
};

/* A text that a pattern, without its star, must equal to match a host. */
struct tail {
  struct mtasts_span text;
  uint8_t host;
};

struct tails {
  size_t count;
  uint16_t order[TAILS_MAX]; /* indexes into `all`, sorted */
  bool met[TAILS_MAX]; /* by order: has a pattern matched? Of equal ones only the first counts */
  struct tail all[TAILS_MAX];
};

static int compare(struct mtasts_span a, struct mtasts_span b) {
  if (a.len != b.len)
    return a.len < b.len ? -1 : 1;
  return memcmp(a.data, b.data, a.len);
}

/* The index of the first tail that is not less than this text. */
static size_t seek(const struct tails *tails, struct mtasts_span text) {
  size_t from = 0;
  size_t to = tails->count;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    if (compare(tails->all[tails->order[middle]].text, text) < 0)
      from = middle + 1;
    else
      to = middle;
  }
  return from;
}

static void add(struct tails *tails, struct mtasts_span text, size_t host) {
  size_t at = seek(tails, text);
  memmove(tails->order + at + 1, tails->order + at, (tails->count - at) * sizeof *tails->order);
  tails->order[at] = (uint16_t)tails->count;
  tails->met[tails->count] = false;
  tails->all[tails->count++] = (struct tail){text, (uint8_t)host};
}

/* Assigns a pattern to the hosts that it matches and that have none yet. Returns how many. */
static size_t give(struct tails *tails, struct mtasts_span pattern,
                   struct mtasts_span found[MTASTS_MX_HOSTS_MAX]) {
  struct mtasts_span text = pattern;
  size_t given = 0;
  /* `*.x` matches by `.x`; no whole name begins with a dot. */
  mtasts_span_take(&text, '*');
  size_t at = seek(tails, text);
  /* A pattern may be in the list more than once. */
  if (at == tails->count || tails->met[at])
    return 0;
  for (size_t i = at; i < tails->count; i++) {
    const struct tail *tail = &tails->all[tails->order[i]];
    if (compare(tail->text, text) != 0)
      break;
    tails->met[at] = true;
    if (found[tail->host].data)
      continue;
    found[tail->host] = pattern;
    given++;
  }
  return given;
}

static size_t match_one_by_one(const struct mtasts_names *patterns,
                               const struct mtasts_mx_list *hosts,
                               struct mtasts_span found[MTASTS_MX_HOSTS_MAX]) {
  struct mtasts_mx_host mx;
  size_t matched = 0;
  size_t n = 0;
  for (size_t cursor = 0; n < MTASTS_MX_HOSTS_MAX && mtasts_mx_next(hosts, &cursor, &mx); n++) {
    found[n] = mtasts_mx_match(patterns, mx.host);
    matched += found[n].data != NULL;
  }
  return matched;
}

static void sort_hosts(const struct mtasts_mx_list *hosts, struct tails *tails,
                       struct mtasts_span found[MTASTS_MX_HOSTS_MAX]) {
  struct mtasts_mx_host mx;
  size_t n = 0;
  tails->count = 0;
  for (size_t cursor = 0; n < MTASTS_MX_HOSTS_MAX && mtasts_mx_next(hosts, &cursor, &mx); n++) {
    struct mtasts_span parent = mx.host;
    found[n] = (struct mtasts_span){NULL, 0};
    add(tails, mx.host, n);
    /* RFC 8461 section 4.1: `*.` stands for exactly the whole leftmost label. */
    while (parent.len > 0 && parent.data[0] != '.')
      mtasts_span_drop(&parent, 1);
    if (parent.len > 0 && parent.len < mx.host.len)
      add(tails, parent, n);
  }
}

size_t mtasts_mx_match_all(const struct mtasts_names *patterns, const struct mtasts_mx_list *hosts,
                           struct mtasts_span found[MTASTS_MX_HOSTS_MAX]) {
  struct tails tails;
  struct mtasts_span pattern;
  size_t matched = 0;
  if (patterns->count * hosts->count <= FEW)
    return match_one_by_one(patterns, hosts, found);
  sort_hosts(hosts, &tails, found);
  for (size_t cursor = 0; mtasts_names_next(patterns, &cursor, &pattern);)
    matched += give(&tails, pattern, found);
  return matched;
}
