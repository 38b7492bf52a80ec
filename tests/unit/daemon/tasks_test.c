#include "tasks.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

static struct mtasts_task *add(struct mtasts_tasks *tasks, const char *name) {
  struct mtasts_domain domain = {.len = strlen(name)};
  memcpy(domain.name, name, domain.len + 1);
  struct mtasts_task *task = mtasts_tasks_add(tasks, &domain, MTASTS_TASK_QUEUED);
  CU_ASSERT_PTR_NOT_NULL_FATAL(task);
  return task;
}

/* The one that may start, or "". */
static const char *next(struct mtasts_tasks *tasks, size_t max) {
  const struct mtasts_task *task = mtasts_tasks_next(tasks, MTASTS_TASK_QUEUED, max);
  return task ? task->domain.name : "";
}

/* Starts as many as may. */
static void start_queued(struct mtasts_tasks *tasks, size_t max) {
  struct mtasts_task *task;
  while ((task = mtasts_tasks_next(tasks, MTASTS_TASK_QUEUED, max)))
    mtasts_tasks_move(tasks, task, MTASTS_TASK_RUNNING);
}

static void shares(void) {
  enum {
    MANY = 1000,
    MOST = 4
  };
  struct mtasts_tasks tasks;
  char name[64];
  mtasts_tasks_init(&tasks, NULL);
  CU_ASSERT_PTR_NULL(mtasts_tasks_any(&tasks));
  for (int i = 0; i < MANY; i++) {
    snprintf(name, sizeof name, "x%d.evil.example", i);
    add(&tasks, name);
  }
  start_queued(&tasks, MOST);
  CU_ASSERT_EQUAL(tasks.counts[MTASTS_TASK_RUNNING], MOST);
  CU_ASSERT_EQUAL(tasks.counts[MTASTS_TASK_QUEUED], MANY - MOST); /* those over their share count */
  CU_ASSERT_STRING_EQUAL(next(&tasks, MOST), "");

  /* Others are not held up. */
  add(&tasks, "good.example");
  CU_ASSERT_STRING_EQUAL(next(&tasks, MOST), "good.example");
  start_queued(&tasks, MOST);
  CU_ASSERT_EQUAL(tasks.counts[MTASTS_TASK_RUNNING], MOST + 1);

  /* A slow one counts as before; one that finishes makes room for one. */
  struct mtasts_task *first = TAILQ_FIRST(&tasks.lists[MTASTS_TASK_RUNNING]);
  CU_ASSERT_EQUAL(mtasts_task_running_of_owner(first), MOST);
  mtasts_tasks_move(&tasks, first, MTASTS_TASK_RUNNING_SLOW);
  CU_ASSERT_EQUAL(mtasts_task_running_of_owner(first), MOST);
  CU_ASSERT_STRING_EQUAL(next(&tasks, MOST), "");
  mtasts_tasks_move(&tasks, first, MTASTS_TASK_UNCOMMITTED);
  start_queued(&tasks, MOST);
  CU_ASSERT_EQUAL(mtasts_task_running_of_owner(first), MOST);

  /* One that is over its owner's share may be found, moved and removed as any other. */
  struct mtasts_domain domain = {.len = strlen("x999.evil.example")};
  memcpy(domain.name, "x999.evil.example", domain.len + 1);
  struct mtasts_task *over_share = mtasts_tasks_find(&tasks, &domain);
  CU_ASSERT_PTR_NOT_NULL_FATAL(over_share);
  CU_ASSERT_TRUE(over_share->over_share);
  mtasts_tasks_move(&tasks, over_share, MTASTS_TASK_QUEUED_BACKGROUND);
  CU_ASSERT_FALSE(over_share->over_share);
  CU_ASSERT_EQUAL(tasks.counts[MTASTS_TASK_QUEUED_BACKGROUND], 1);

  /* In whatever order they land, all of them have their turn. */
  size_t finished = 0;
  struct mtasts_task *task;
  while ((task = TAILQ_LAST(&tasks.lists[MTASTS_TASK_RUNNING], mtasts_task_queue))) {
    mtasts_tasks_remove(&tasks, task);
    finished++;
    start_queued(&tasks, MOST);
  }
  CU_ASSERT_EQUAL(finished, MANY + 1 - 2); /* the finished one and x999 */
  while ((task = mtasts_tasks_any(&tasks)))
    mtasts_tasks_remove(&tasks, task);
  CU_ASSERT_TRUE(LIST_EMPTY(&tasks.shares));
  CU_ASSERT_PTR_NULL(tasks.by_owner);
}

/* All of them are found at the end, also those over their share. */
static void ends(void) {
  struct mtasts_tasks tasks;
  struct mtasts_task *task;
  char name[64];
  size_t count = 0;
  mtasts_tasks_init(&tasks, NULL);
  for (int i = 0; i < 10; i++) {
    snprintf(name, sizeof name, "x%d.evil.example", i);
    add(&tasks, name);
  }
  start_queued(&tasks, 2);
  for (; (task = mtasts_tasks_any(&tasks)); count++)
    mtasts_tasks_remove(&tasks, task);
  CU_ASSERT_EQUAL(count, 10);
  for (int list = 0; list < MTASTS_TASK_LISTS; list++)
    CU_ASSERT_EQUAL(tasks.counts[list], 0);
}

const char *const unit_name = "daemon/tasks";
const struct unit_test unit_tests[] = {
    {"one owner has so many in the air, and delays no other", shares},
    {"none is forgotten at the end", ends},
    {NULL, NULL},
};
