#include "agenda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

const char *const unit_name = "daemon/agenda";

static struct mtasts_domain named(unsigned i) {
  struct mtasts_domain domain;
  domain.len = (size_t)snprintf(domain.name, sizeof domain.name, "d%u.example", i);
  return domain;
}

static void set(struct mtasts_agenda *agenda, unsigned i, int64_t due) {
  struct mtasts_domain domain = named(i);
  mtasts_agenda_set(agenda, &domain, due);
}

/* The number of the domain that is taken; 0: none. */
static unsigned take(struct mtasts_agenda *agenda, int64_t now) {
  struct mtasts_domain domain;
  if (!mtasts_agenda_take(agenda, now, &domain))
    return 0;
  return (unsigned)strtoul(domain.name + 1, NULL, 10);
}

static void takes_the_earliest(void) {
  struct mtasts_agenda *agenda = mtasts_agenda_new(8);
  CU_ASSERT_EQUAL(take(agenda, INT64_MAX), 0);
  set(agenda, 1, 300);
  set(agenda, 2, 100);
  set(agenda, 3, 200);
  CU_ASSERT_EQUAL(take(agenda, 99), 0);
  CU_ASSERT_EQUAL(take(agenda, 250), 2);
  CU_ASSERT_EQUAL(take(agenda, 250), 3);
  CU_ASSERT_EQUAL(take(agenda, 250), 0);
  CU_ASSERT_EQUAL(mtasts_agenda_count(agenda), 1);
  mtasts_agenda_free(agenda);
  mtasts_agenda_free(NULL);
}

static void has_one_time_a_domain(void) {
  struct mtasts_agenda *agenda = mtasts_agenda_new(8);
  struct mtasts_domain second = named(2);
  set(agenda, 1, 100);
  set(agenda, 2, 200);
  set(agenda, 1, 300); /* later */
  CU_ASSERT_EQUAL(mtasts_agenda_count(agenda), 2);
  CU_ASSERT_EQUAL(take(agenda, 300), 2);
  set(agenda, 2, 400);
  set(agenda, 2, 50); /* earlier */
  CU_ASSERT_EQUAL(take(agenda, 300), 2);
  CU_ASSERT_EQUAL(take(agenda, 300), 1);
  set(agenda, 1, 1);
  set(agenda, 2, 2);
  mtasts_agenda_drop(agenda, &second);
  mtasts_agenda_drop(agenda, &second);
  CU_ASSERT_EQUAL(take(agenda, 300), 1);
  CU_ASSERT_EQUAL(take(agenda, 300), 0);
  mtasts_agenda_free(agenda);
}

static void drops_the_latest(void) {
  struct mtasts_agenda *agenda = mtasts_agenda_new(3);
  set(agenda, 1, 100);
  set(agenda, 2, 400);
  set(agenda, 3, 200);
  set(agenda, 4, 500); /* later than all: not taken on */
  set(agenda, 5, 300);
  CU_ASSERT_EQUAL(mtasts_agenda_count(agenda), 3);
  CU_ASSERT_EQUAL(take(agenda, 1000), 1);
  CU_ASSERT_EQUAL(take(agenda, 1000), 3);
  CU_ASSERT_EQUAL(take(agenda, 1000), 5);
  CU_ASSERT_EQUAL(take(agenda, 1000), 0);
  mtasts_agenda_free(agenda);
  agenda = mtasts_agenda_new(0);
  set(agenda, 1, 100);
  CU_ASSERT_EQUAL(mtasts_agenda_count(agenda), 0);
  mtasts_agenda_free(agenda);
}

/* Beside the simplest thing that could be right. */
static void agrees_with_a_list(void) {
  enum {
    DOMAINS = 200,
    STEPS = 20000
  };
  struct mtasts_agenda *agenda = mtasts_agenda_new(DOMAINS);
  int64_t due[DOMAINS + 1] = {0}; /* 0: not there */
  srandom(1);
  for (unsigned step = 1; step <= STEPS; step++) {
    unsigned i = (unsigned)random() % DOMAINS + 1;
    struct mtasts_domain domain = named(i);
    unsigned earliest = 0;
    switch (random() % 4) {
    case 0:
    case 1:
      /* No two at one time: which of them is first is nobody's concern. */
      set(agenda, i, due[i] = (int64_t)(random() % 1000) * STEPS + step);
      break;
    case 2:
      mtasts_agenda_drop(agenda, &domain);
      due[i] = 0;
      break;
    default:
      for (unsigned j = 1; j <= DOMAINS; j++)
        if (due[j] > 0 && (earliest == 0 || due[j] < due[earliest]))
          earliest = j;
      unit_check(take(agenda, INT64_MAX) == earliest, "step %u", step);
      due[earliest] = 0;
    }
  }
  mtasts_agenda_free(agenda);
}

/* The clock is set: what was due in a minute still is. */
static void shifts(void) {
  struct mtasts_agenda *agenda = mtasts_agenda_new(4);
  struct mtasts_domain one = {"one.example", 11};
  struct mtasts_domain other = {"other.example", 13};
  struct mtasts_domain taken;
  mtasts_agenda_set(agenda, &other, 2000);
  mtasts_agenda_set(agenda, &one, 1060);
  mtasts_agenda_shift(agenda, -900);
  CU_ASSERT_FALSE(mtasts_agenda_take(agenda, 159, &taken));
  CU_ASSERT_TRUE(mtasts_agenda_take(agenda, 160, &taken) && strcmp(taken.name, one.name) == 0);
  CU_ASSERT_FALSE(mtasts_agenda_take(agenda, 1099, &taken));
  CU_ASSERT_TRUE(mtasts_agenda_take(agenda, 1100, &taken));
  mtasts_agenda_free(agenda);
}

const struct unit_test unit_tests[] = {
    {"takes the earliest, and nothing before its time", takes_the_earliest},
    {"has one time a domain", has_one_time_a_domain},
    {"drops the latest where it is full", drops_the_latest},
    {"agrees with a list through 20,000 steps", agrees_with_a_list},
    {"the clock is set", shifts},
    {NULL, NULL},
};
