#include "due_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

const char *const unit_name = "daemon/due_queue";

static struct mtasts_domain named(unsigned i) {
  struct mtasts_domain domain;
  domain.len = (size_t)snprintf(domain.name, sizeof domain.name, "d%u.example", i);
  return domain;
}

static void set(struct mtasts_due_queue *due_queue, unsigned i, int64_t due) {
  struct mtasts_domain domain = named(i);
  mtasts_due_queue_set(due_queue, &domain, due);
}

/* The number of the domain that is taken; 0: none. */
static unsigned take(struct mtasts_due_queue *due_queue, int64_t now) {
  struct mtasts_domain domain;
  if (!mtasts_due_queue_take(due_queue, now, &domain))
    return 0;
  return (unsigned)strtoul(domain.name + 1, NULL, 10);
}

static void takes_the_earliest(void) {
  struct mtasts_due_queue *due_queue = mtasts_due_queue_new(8);
  CU_ASSERT_EQUAL(take(due_queue, INT64_MAX), 0);
  set(due_queue, 1, 300);
  set(due_queue, 2, 100);
  set(due_queue, 3, 200);
  CU_ASSERT_EQUAL(take(due_queue, 99), 0);
  CU_ASSERT_EQUAL(take(due_queue, 250), 2);
  CU_ASSERT_EQUAL(take(due_queue, 250), 3);
  CU_ASSERT_EQUAL(take(due_queue, 250), 0);
  CU_ASSERT_EQUAL(mtasts_due_queue_count(due_queue), 1);
  mtasts_due_queue_free(due_queue);
  mtasts_due_queue_free(NULL);
}

static void has_one_time_a_domain(void) {
  struct mtasts_due_queue *due_queue = mtasts_due_queue_new(8);
  struct mtasts_domain second = named(2);
  set(due_queue, 1, 100);
  set(due_queue, 2, 200);
  set(due_queue, 1, 300); /* later */
  CU_ASSERT_EQUAL(mtasts_due_queue_count(due_queue), 2);
  CU_ASSERT_EQUAL(take(due_queue, 300), 2);
  set(due_queue, 2, 400);
  set(due_queue, 2, 50); /* earlier */
  CU_ASSERT_EQUAL(take(due_queue, 300), 2);
  CU_ASSERT_EQUAL(take(due_queue, 300), 1);
  set(due_queue, 1, 1);
  set(due_queue, 2, 2);
  mtasts_due_queue_drop(due_queue, &second);
  mtasts_due_queue_drop(due_queue, &second);
  CU_ASSERT_EQUAL(take(due_queue, 300), 1);
  CU_ASSERT_EQUAL(take(due_queue, 300), 0);
  mtasts_due_queue_free(due_queue);
}

static void drops_the_latest(void) {
  struct mtasts_due_queue *due_queue = mtasts_due_queue_new(3);
  set(due_queue, 1, 100);
  set(due_queue, 2, 400);
  set(due_queue, 3, 200);
  set(due_queue, 4, 500); /* later than all: not taken on */
  set(due_queue, 5, 300);
  CU_ASSERT_EQUAL(mtasts_due_queue_count(due_queue), 3);
  CU_ASSERT_EQUAL(take(due_queue, 1000), 1);
  CU_ASSERT_EQUAL(take(due_queue, 1000), 3);
  CU_ASSERT_EQUAL(take(due_queue, 1000), 5);
  CU_ASSERT_EQUAL(take(due_queue, 1000), 0);
  mtasts_due_queue_free(due_queue);
  due_queue = mtasts_due_queue_new(0);
  set(due_queue, 1, 100);
  CU_ASSERT_EQUAL(mtasts_due_queue_count(due_queue), 0);
  mtasts_due_queue_free(due_queue);
}

/* Beside the simplest thing that could be right. */
static void agrees_with_a_list(void) {
  enum {
    DOMAINS = 200,
    STEPS = 20000
  };
  struct mtasts_due_queue *due_queue = mtasts_due_queue_new(DOMAINS);
  int64_t due[DOMAINS + 1] = {0}; /* 0: not there */
  srandom(1);
  for (unsigned step = 1; step <= STEPS; step++) {
    unsigned i = (unsigned)random() % DOMAINS + 1;
    struct mtasts_domain domain = named(i);
    unsigned earliest = 0;
    switch (random() % 4) {
    case 0:
    case 1:
      /* No two at one time: the order of two at one time is undefined. */
      set(due_queue, i, due[i] = (int64_t)(random() % 1000) * STEPS + step);
      break;
    case 2:
      mtasts_due_queue_drop(due_queue, &domain);
      due[i] = 0;
      break;
    default:
      for (unsigned j = 1; j <= DOMAINS; j++)
        if (due[j] > 0 && (earliest == 0 || due[j] < due[earliest]))
          earliest = j;
      unit_check(take(due_queue, INT64_MAX) == earliest, "step %u", step);
      due[earliest] = 0;
    }
  }
  mtasts_due_queue_free(due_queue);
}

/* The clock is set: what was due in a minute still is. */
static void shifts(void) {
  struct mtasts_due_queue *due_queue = mtasts_due_queue_new(4);
  struct mtasts_domain one = {"one.example", 11};
  struct mtasts_domain other = {"other.example", 13};
  struct mtasts_domain taken;
  mtasts_due_queue_set(due_queue, &other, 2000);
  mtasts_due_queue_set(due_queue, &one, 1060);
  mtasts_due_queue_shift(due_queue, -900);
  CU_ASSERT_FALSE(mtasts_due_queue_take(due_queue, 159, &taken));
  CU_ASSERT_TRUE(mtasts_due_queue_take(due_queue, 160, &taken) &&
                 strcmp(taken.name, one.name) == 0);
  CU_ASSERT_FALSE(mtasts_due_queue_take(due_queue, 1099, &taken));
  CU_ASSERT_TRUE(mtasts_due_queue_take(due_queue, 1100, &taken));
  mtasts_due_queue_free(due_queue);
}

const struct unit_test unit_tests[] = {
    {"takes the earliest, and nothing before its time", takes_the_earliest},
    {"has one time a domain", has_one_time_a_domain},
    {"drops the latest where it is full", drops_the_latest},
    {"agrees with a list through 20,000 steps", agrees_with_a_list},
    {"the clock is set", shifts},
    {NULL, NULL},
};
