/* The batch with a simulated session, whose answers come in one turn of the loop. */
#include "batch.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "json.h"
#include "unit.h"

const char *const unit_name = "tool/batch";

enum {
  ANSWERS = 3,
};

struct mtasts_lookup_session {
  struct mtasts_lookup_session_options options;
  struct event_base *base;
};

static struct mtasts_lookup_session session;
static int json_codes[ANSWERS];
static unsigned printed;

int mtasts_lookup_session_open(const struct mtasts_lookup_session_options *options,
                               struct mtasts_lookup_session **opened) {
  session.options = *options;
  session.base = event_base_new();
  *opened = &session;
  return session.base ? MTASTS_EXIT_OK : MTASTS_EXIT_MEMORY;
}

struct event_base *mtasts_lookup_session_base(const struct mtasts_lookup_session *s) {
  return s->base;
}

/* What is in flight is answered, even after mtasts_lookup_session_stop. */
int mtasts_lookup_session_run(struct mtasts_lookup_session *s) {
  struct mtasts_entry entry = {.record = MTASTS_RECORD_ABSENT};
  struct mtasts_lookup_result result = {.entry = &entry};
  struct mtasts_lookup_item item = {0};
  while (s->options.next(s->options.context, &item) == MTASTS_SUPPLY_GIVEN)
    s->options.done(s->options.context, &item, &result);
  return MTASTS_EXIT_OK;
}

const char *mtasts_lookup_session_trouble(const struct mtasts_lookup_session *s) {
  (void)s;
  return NULL;
}

void mtasts_lookup_session_wake(struct mtasts_lookup_session *s) {
  (void)s;
}

void mtasts_lookup_session_stop(struct mtasts_lookup_session *s) {
  (void)s;
}

enum mtasts_storing mtasts_lookup_session_storing(const struct mtasts_lookup_session *s) {
  (void)s;
  return MTASTS_STORING;
}

int mtasts_lookup_session_unstored(const struct mtasts_lookup_session *s) {
  (void)s;
  return MTASTS_EXIT_OK;
}

int mtasts_lookup_session_close(struct mtasts_lookup_session *s, int code) {
  event_base_free(s->base);
  return code;
}

int mtasts_json_answer(const struct mtasts_answer *answer, json_t *steps) {
  (void)answer;
  (void)steps;
  return json_codes[printed++];
}

static enum mtasts_supply next(void *context, struct mtasts_domain *domain) {
  unsigned *given = context;
  *domain = (struct mtasts_domain){.name = "a.example", .len = 9};
  return (*given)++ < ANSWERS ? MTASTS_SUPPLY_GIVEN : MTASTS_SUPPLY_END;
}

static uint64_t total(void *context) {
  (void)context;
  return ANSWERS;
}

/* Without what it says. */
static int run_silently(struct mtasts_batch *batch) {
  int said = dup(STDERR_FILENO);
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  dup2(nowhere, STDERR_FILENO);
  int code = mtasts_batch_run(batch);
  dup2(said, STDERR_FILENO);
  close(nowhere);
  close(said);
  return code;
}

static void check_codes(int first, int second, int third, int expected) {
  const struct mtasts_options options = {.json = true};
  unsigned given = 0;
  struct mtasts_batch batch = {
      .options = &options,
      .name = "test",
      .pipe = -1,
      .total = total,
      .next = next,
      .context = &given,
  };
  json_codes[0] = first;
  json_codes[1] = second;
  json_codes[2] = third;
  printed = 0;
  int code = run_silently(&batch);
  unit_check(code == expected, "%d, %d, %d: exit code %d, not %d", first, second, third, code,
             expected);
}

static void test_first_failure(void) {
  check_codes(MTASTS_EXIT_OK, MTASTS_EXIT_OK, MTASTS_EXIT_OK, MTASTS_EXIT_OK);
  check_codes(MTASTS_EXIT_OK, MTASTS_EXIT_OK, MTASTS_EXIT_MEMORY, MTASTS_EXIT_MEMORY);
  check_codes(MTASTS_EXIT_MEMORY, MTASTS_EXIT_OK, MTASTS_EXIT_OK, MTASTS_EXIT_MEMORY);
  CU_ASSERT_EQUAL(printed, 1); /* a line that was cut short is the last one */
  check_codes(MTASTS_EXIT_OK, MTASTS_EXIT_MEMORY, MTASTS_EXIT_IO, MTASTS_EXIT_MEMORY);
}

const struct unit_test unit_tests[] = {
    {"the first answer that cannot be printed gives the exit code", test_first_failure},
    {NULL, NULL},
};
