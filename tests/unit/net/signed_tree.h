/*
 * signed_tree.h: the signed zones of tests/data/dnssec/tree.txt, and how a resolver that validates
 * nothing answers from them: with signatures and proofs for a client that asks for them.
 */
#ifndef TEST_SIGNED_TREE_H
#define TEST_SIGNED_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  TREE_RECORDS_MAX = 512,
  TREE_ZONES_MAX = 16,
  TREE_CNAMES_MAX = 8,
  TREE_RRSIG = 46,
  TREE_NSEC = 47,
  TREE_DS = 43,
};

struct tree_record {
  unsigned zone; /* of the names */
  char owner[256];
  uint32_t ttl;
  unsigned type;
  size_t size;
  unsigned char rdata[256];
};

struct tree {
  char zones[TREE_ZONES_MAX][256];
  unsigned zone_count;
  struct tree_record records[TREE_RECORDS_MAX];
  size_t count;
};

/* One section of an answer under way. */
typedef void tree_put_fn(void *context, const struct tree_record *record, const char *owner);

/* One line of the file. */
static void tree_take(struct tree *tree, char *line) {
  struct tree_record *record = &tree->records[tree->count];
  char *rest;
  char *words[4] = {strtok_r(line, " \n", &rest)};
  for (size_t i = 1; words[0] && i < 4; i++)
    words[i] = strtok_r(NULL, " \n", &rest);
  if (words[1] && strcmp(words[0], "zone") == 0) {
    words[1][strlen(words[1]) - 1] = '\0';
    snprintf(tree->zones[tree->zone_count++], sizeof tree->zones[0], "%s", words[1]);
    return;
  }
  if (!words[3])
    return;
  snprintf(record->owner, sizeof record->owner, "%s", strcmp(words[0], ".") == 0 ? "" : words[0]);
  record->ttl = (uint32_t)strtoul(words[1], NULL, 10);
  record->type = (unsigned)strtoul(words[2], NULL, 10);
  record->zone = tree->zone_count - 1;
  for (const char *hex = words[3]; *hex && record->size < sizeof record->rdata; hex += 2) {
    char digits[] = {hex[0], hex[1], '\0'};
    record->rdata[record->size++] = (unsigned char)strtoul(digits, NULL, 16);
  }
  tree->count++;
}

/* NULL if there is no such file, or if it is empty. */
__attribute__((unused)) static struct tree *tree_load(const char *path) {
  char line[1024];
  struct tree *tree = calloc(1, sizeof *tree);
  FILE *file = fopen(path, "re");
  while (tree && file && fgets(line, sizeof line, file) && tree->count < TREE_RECORDS_MAX)
    tree_take(tree, line);
  if (file)
    fclose(file);
  if (tree && tree->count == 0) {
    free(tree);
    return NULL;
  }
  return tree;
}

static bool tree_within(const char *name, const char *zone) {
  size_t length = strlen(name);
  size_t tail = strlen(zone);
  return tail == 0 || (length >= tail && strcasecmp(name + length - tail, zone) == 0 &&
                       (length == tail || name[length - tail - 1] == '.'));
}

/* The zone that speaks for the name; for its DS it is the parent's. */
static unsigned tree_zone(const struct tree *tree, const char *name, unsigned type) {
  unsigned best = 0;
  for (unsigned i = 0; i < tree->zone_count; i++)
    if (tree_within(name, tree->zones[i]) && strlen(tree->zones[i]) >= strlen(tree->zones[best]) &&
        (type != TREE_DS || strcasecmp(name, tree->zones[i]) != 0 || !*name))
      best = i;
  return best;
}

/* The type that a record belongs to: an RRSIG belongs to the type that it covers. */
static unsigned tree_covers(const struct tree_record *record) {
  return record->type == TREE_RRSIG ? (unsigned)record->rdata[0] << 8 | record->rdata[1]
                                    : record->type;
}

/* Puts the records of a type at a name, with their signatures. Returns how many are no signatures.
 */
static unsigned tree_put(const struct tree *tree, unsigned zone, const char *owner, unsigned type,
                         bool dnssec, tree_put_fn *put, void *context) {
  unsigned found = 0;
  for (size_t i = 0; i < tree->count; i++) {
    const struct tree_record *record = &tree->records[i];
    if (record->zone != zone || strcasecmp(record->owner, owner) != 0 ||
        tree_covers(record) != type || (record->type == TREE_RRSIG && !dnssec))
      continue;
    put(context, record, record->owner);
    found += record->type == type;
  }
  return found;
}

/* Does the name, or one below it, exist in the zone? */
static bool tree_exists(const struct tree *tree, unsigned zone, const char *name) {
  for (size_t i = 0; i < tree->count; i++)
    if (tree->records[i].zone == zone && tree_within(tree->records[i].owner, name))
      return true;
  return false;
}

/* A name from the wire, uncompressed. */
static void tree_name(const unsigned char *wire, char *name) {
  *name = '\0';
  for (size_t at = 0; wire[at]; at += 1U + wire[at])
    name += sprintf(name, "%s%.*s", at > 0 ? "." : "", wire[at], (const char *)wire + at + 1);
}

/* The order of names in a zone, RFC 4034 section 6.1: by labels, from the last one on. */
static int tree_compare(const char *a, const char *b) {
  size_t a_end = strlen(a);
  size_t b_end = strlen(b);
  while (a_end > 0 && b_end > 0) {
    size_t a_at = a_end;
    size_t b_at = b_end;
    while (a_at > 0 && a[a_at - 1] != '.')
      a_at--;
    while (b_at > 0 && b[b_at - 1] != '.')
      b_at--;
    size_t a_size = a_end - a_at;
    size_t b_size = b_end - b_at;
    int order = strncasecmp(a + a_at, b + b_at, a_size < b_size ? a_size : b_size);
    if (order != 0 || a_size != b_size)
      return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
    a_end = a_at > 0 ? a_at - 1 : 0;
    b_end = b_at > 0 ? b_at - 1 : 0;
  }
  return (a_end > 0) - (b_end > 0);
}

/* Does the NSEC record cover the name: is it the owner, or in the gap after it? */
static bool tree_speaks(const struct tree *tree, const struct tree_record *nsec, const char *name) {
  char next[256];
  tree_name(nsec->rdata, next);
  int order = tree_compare(nsec->owner, name);
  return order == 0 || (order < 0 && (strcasecmp(next, tree->zones[nsec->zone]) == 0 ||
                                      tree_compare(name, next) < 0));
}

/* The target of the CNAME at the name. */
static bool tree_alias(const struct tree *tree, unsigned zone, const char *name, char *target) {
  for (size_t i = 0; i < tree->count; i++) {
    const struct tree_record *record = &tree->records[i];
    if (record->zone != zone || record->type != 5 || strcasecmp(record->owner, name) != 0)
      continue;
    tree_name(record->rdata, target);
    return true;
  }
  return false;
}

/* Proves that there is nothing of the type at the name, nor a wildcard for it. */
static void tree_deny(const struct tree *tree, unsigned zone, const char *name, tree_put_fn *put,
                      void *context) {
  char wildcard[260];
  const char *encloser = name;
  while (!tree_exists(tree, zone, encloser)) {
    encloser += strcspn(encloser, ".");
    encloser += *encloser == '.';
  }
  snprintf(wildcard, sizeof wildcard, "*%s%s", *encloser ? "." : "", encloser);
  for (size_t i = 0; i < tree->count; i++) {
    const struct tree_record *nsec = &tree->records[i];
    if (nsec->zone == zone && nsec->type == TREE_NSEC &&
        (tree_speaks(tree, nsec, name) || tree_speaks(tree, nsec, wildcard)))
      tree_put(tree, zone, nsec->owner, TREE_NSEC, true, put, context);
  }
}

/*
 * Answers: `answer` takes the answer section, `authority` what follows it. Returns the rcode.
 */
__attribute__((unused)) static unsigned tree_answer(const struct tree *tree, const char *question,
                                                    unsigned type, bool dnssec, tree_put_fn *answer,
                                                    tree_put_fn *authority, void *context) {
  char name[256];
  snprintf(name, sizeof name, "%s", question);
  unsigned zone = tree_zone(tree, name, type);
  for (unsigned i = 0; i < TREE_CNAMES_MAX && type != 5; i++) {
    char target[256];
    if (!tree_alias(tree, zone, name, target))
      break;
    tree_put(tree, zone, name, 5, dnssec, answer, context);
    memcpy(name, target, sizeof name);
    zone = tree_zone(tree, name, type);
  }
  if (tree_put(tree, zone, name, type, dnssec, answer, context) > 0)
    return 0;
  tree_put(tree, zone, tree->zones[zone], 6, dnssec, authority, context);
  if (dnssec)
    tree_deny(tree, zone, name, authority, context);
  return tree_exists(tree, zone, name) ? 0 : 3;
}

#endif
