#include "mx_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

const char *const unit_name = "engine/mx_list";

static struct mtasts_mx_host host(unsigned preference, const char *name) {
  return (struct mtasts_mx_host){.preference = (uint16_t)preference, .host = {name, strlen(name)}};
}

/* Packs into exactly the room that is asked for, and checks what is read again:
 * "preference name …". */
static void check_packed(struct mtasts_mx_host *hosts, size_t count, const char *expected) {
  size_t room = mtasts_mx_list_size(hosts, count);
  unsigned char *store = malloc(room ? room : 1);
  struct mtasts_mx_list list;
  mtasts_mx_list_pack(hosts, count, store, &list);
  CU_ASSERT(list.size <= room);

  char text[512] = "";
  size_t at = 0;
  size_t found = 0;
  struct mtasts_mx_host next;
  for (size_t cursor = 0; mtasts_mx_next(&list, &cursor, &next); found++)
    at += (size_t)snprintf(text + at, sizeof text - at, "%s%u %.*s", found ? " " : "",
                           next.preference, (int)next.host.len, next.host.data);
  unit_check(strcmp(text, expected) == 0, "%s", text);
  CU_ASSERT_EQUAL(list.count, found);
  free(store);
}

static void sorts(void) {
  struct mtasts_mx_host hosts[] = {
      host(20, "b"), host(10, "z"), host(65535, "d"), host(20, "ab"), host(256, "c"), host(20, "a"),
  };
  check_packed(hosts, 6, "10 z 20 a 20 ab 20 b 256 c 65535 d");
}

static void drops_repeats(void) {
  struct mtasts_mx_host hosts[] = {
      host(30, "a"), host(10, "b"), host(20, "a"), host(20, "b"), host(20, "a"), host(5, "c"),
  };
  check_packed(hosts, 6, "5 c 10 b 20 a");
}

static void empty(void) {
  check_packed(NULL, 0, "");
}

static void keeps_the_best_of_many(void) {
  enum {
    MANY = 4000
  };
  static char names[MANY][8];
  static struct mtasts_mx_host hosts[MANY];
  for (unsigned i = 0; i < MANY; i++) {
    snprintf(names[i], sizeof names[i], "mx%u", i / 2); /* each twice */
    hosts[i] = host(MANY - i, names[i]);
  }
  unsigned char *store = malloc(MTASTS_MX_LIST_MAX);
  struct mtasts_mx_list list;
  mtasts_mx_list_pack(hosts, MANY, store, &list);
  CU_ASSERT_EQUAL(list.count, MTASTS_MX_HOSTS_MAX);
  struct mtasts_mx_host next = {0};
  for (size_t cursor = 0; mtasts_mx_next(&list, &cursor, &next);)
    ;
  CU_ASSERT_EQUAL(next.preference, 2 * MTASTS_MX_HOSTS_MAX - 1);
  free(store);
}

static void keeps_dane(void) {
  char name[MTASTS_DOMAIN_MAX];
  memset(name, 'a', sizeof name);
  struct mtasts_mx_host longest = {0xabcd, MTASTS_DANE_BOGUS, {name, sizeof name}};
  unsigned char store[4 + MTASTS_DOMAIN_MAX];
  CU_ASSERT_EQUAL(mtasts_mx_list_size(&longest, 1), sizeof store);
  struct mtasts_mx_list list;
  mtasts_mx_list_pack(&longest, 1, store, &list);
  struct mtasts_mx_host next;
  size_t cursor = 0;
  CU_ASSERT_FATAL(mtasts_mx_next(&list, &cursor, &next));
  CU_ASSERT_EQUAL(next.preference, 0xabcd);
  CU_ASSERT_EQUAL(next.dane, MTASTS_DANE_BOGUS);
  CU_ASSERT_EQUAL(next.host.len, sizeof name);
  CU_ASSERT_FALSE(mtasts_mx_next(&list, &cursor, &next));
}

static size_t steps(const unsigned char *data, size_t size) {
  struct mtasts_mx_list list = {.data = data, .size = size, .count = 9};
  struct mtasts_mx_host next;
  size_t cursor = 0;
  size_t count = 0;
  while (mtasts_mx_next(&list, &cursor, &next))
    count++;
  return count;
}

static void stops_at_the_first_bad_byte(void) {
  static const unsigned char good[] = {0, 10, 0, 1, 'a', 0, 20, 4, 2, 'b', 'c'};
  CU_ASSERT_EQUAL(steps(NULL, 0), 0);
  CU_ASSERT_EQUAL(steps(good, sizeof good), 2);
  for (size_t cut = 5; cut < sizeof good; cut++)
    CU_ASSERT_EQUAL(steps(good, cut), 1);
  for (size_t cut = 0; cut < 5; cut++)
    CU_ASSERT_EQUAL(steps(good, cut), 0);
  static const unsigned char unknown_dane[] = {0, 10, MTASTS_DANE_GONE + 1, 1, 'a'};
  CU_ASSERT_EQUAL(steps(unknown_dane, sizeof unknown_dane), 0);
  static const unsigned char no_name[] = {0, 10, 0, 0, 'a'};
  CU_ASSERT_EQUAL(steps(no_name, sizeof no_name), 0);
  static const unsigned char too_long[4 + 254] = {0, 10, 0, 254};
  CU_ASSERT_EQUAL(steps(too_long, sizeof too_long), 0);
}

const struct unit_test unit_tests[] = {
    {"hosts are sorted by preference, then by name", sorts},
    {"of a repeated host the lowest preference stays", drops_repeats},
    {"no hosts make an empty list", empty},
    {"of thousands of hosts the most preferred are kept", keeps_the_best_of_many},
    {"preference, DANE state and the longest name are kept", keeps_dane},
    {"a list is read up to its first bad byte", stops_at_the_first_bad_byte},
    {NULL, NULL},
};
