#include "send_state.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "unit.h"

const char *const unit_name = "report/send_state";

enum {
  DAY = 20787, /* 2026-11-30 */
  MOMENT = 100,
};

/* One report through time. The state is kept in its stored form between the steps. */
struct story {
  const char *name;
  unsigned line;
  struct mtasts_bytes stored;
  unsigned tries;
  int64_t last_try; /* minute */
  int64_t last_wait;
  bool tried, grew;
};

static int64_t time_of(int64_t minute) {
  return (DAY + 1) * (int64_t)86400 + minute * 60;
}

static void load(const struct story *story, struct mtasts_send_state *state) {
  *state = (struct mtasts_send_state){.status = MTASTS_SEND_PENDING};
  if (story->stored.len > 0)
    unit_check(mtasts_send_state_decode(mtasts_bytes_span(&story->stored), state) == MTASTS_OK,
               "%s:%u: stored state", story->name, story->line);
}

static void keep(struct story *story, const struct mtasts_send_state *state) {
  struct mtasts_bytes bytes = {.data = NULL};
  mtasts_send_state_encode(state, &bytes);
  mtasts_bytes_free(&story->stored);
  story->stored = bytes;
}

static bool find_status(const char *name, enum mtasts_send_status *status) {
  for (unsigned i = MTASTS_SEND_PENDING; i <= MTASTS_SEND_RECORDING; i++)
    if (strcmp(mtasts_send_status_name(i), name) == 0) {
      *status = i;
      return true;
    }
  return false;
}

static void note_try(struct story *story, int64_t minute) {
  int64_t wait = minute - story->last_try;
  if (story->tried) {
    story->grew = story->grew && wait > story->last_wait;
    story->last_wait = wait;
  }
  story->tried = true;
  story->last_try = minute;
  story->tries++;
}

static void step(struct story *story, int64_t minute, const char *answer, bool forced) {
  struct mtasts_send_state state;
  enum mtasts_send_status status;
  load(story, &state);
  switch (mtasts_send_decide(&state, time_of(MOMENT), time_of(minute), forced)) {
  case MTASTS_SEND_WAIT:
  case MTASTS_SEND_DONE:
    return;
  case MTASTS_SEND_EXPIRE:
    state.status = MTASTS_SEND_EXPIRED;
    keep(story, &state);
    return;
  case MTASTS_SEND_TRY:
    break;
  }
  note_try(story, minute);
  mtasts_send_begin(&state, time_of(minute));
  if (find_status(answer, &status))
    mtasts_send_conclude(&state, status);
  else
    unit_check(strcmp(answer, "killed") == 0, "%s:%u: answer", story->name, story->line);
  keep(story, &state);
}

static void expect(struct story *story, const char *what, const char *value) {
  struct mtasts_send_state state;
  char got[32];
  load(story, &state);
  int64_t next = mtasts_send_next_attempt(&state);
  bool waits = state.status == MTASTS_SEND_DEFERRED && next >= 0;
  if (strcmp(what, "tries") == 0) {
    snprintf(got, sizeof got, "%u", story->tries);
    story->tries = 0;
  } else if (strcmp(what, "attempts") == 0) {
    snprintf(got, sizeof got, "%u", state.attempts);
  } else if (strcmp(what, "status") == 0) {
    snprintf(got, sizeof got, "%s", mtasts_send_status_name(state.status));
  } else if (strcmp(what, "next") == 0 && waits) {
    snprintf(got, sizeof got, "%lld", (long long)((next - time_of(0)) / 60));
  } else if (strcmp(what, "next") == 0) {
    snprintf(got, sizeof got, "-");
  } else {
    snprintf(got, sizeof got, "%s", story->grew ? value : "shorter waits");
  }
  unit_check(strcmp(got, value) == 0, "%s:%u: %s %s, not %s", story->name, story->line, what, got,
             value);
}

/* "FROM..TO/STEP ANSWER" */
static void run(struct story *story, char *words) {
  char *answer = strchr(words, ' ') + 1;
  long long from = strtoll(words, &words, 10);
  long long to = strtoll(words + 2, &words, 10);
  long long gap = strtoll(words + 1, &words, 10);
  unit_check(gap > 0, "%s:%u: step", story->name, story->line);
  for (; gap > 0 && from <= to; from += gap)
    step(story, from, answer, false);
}

static void read_line(struct story *story, char *line) {
  line[strcspn(line, "\n")] = '\0';
  char *words = strchr(line, ' ');
  if (line[0] == '#' || line[0] == '\0')
    return;
  if (!words) {
    unit_check(false, "%s:%u: not understood", story->name, story->line);
    return;
  }
  *words++ = '\0';
  char *second = strchr(words, ' ');
  if (strcmp(line, "run") == 0 && second)
    run(story, words);
  else if (strcmp(line, "at") == 0 && second)
    step(story, strtoll(words, NULL, 10), second + 1, false);
  else if (strcmp(line, "force") == 0 && second)
    step(story, strtoll(words, NULL, 10), second + 1, true);
  else if (strcmp(line, "expect") == 0) {
    if (second)
      *second = '\0';
    expect(story, words, second ? second + 1 : "");
  } else
    unit_check(false, "%s:%u: not understood", story->name, story->line);
}

static int is_scenario(const struct dirent *entry) {
  return mtasts_is_digit(entry->d_name[0]);
}

static void scenarios(void) {
  struct dirent **list;
  int count = scandir("tests/data/send-schedule", &list, is_scenario, alphasort);
  unit_check(count >= 14, "%d scenarios", count);
  for (int i = 0; i < count; i++) {
    char path[512];
    char line[128];
    struct story story = {.name = list[i]->d_name, .grew = true};
    snprintf(path, sizeof path, "tests/data/send-schedule/%s", list[i]->d_name);
    FILE *file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (fgets(line, sizeof line, file)) {
      story.line++;
      read_line(&story, line);
    }
    fclose(file);
    mtasts_bytes_free(&story.stored);
    free(list[i]);
  }
  free(list);
}

static void moments(void) {
  const int64_t midnight = time_of(0);
  int64_t least = midnight + 86400;
  int64_t most = 0;
  for (unsigned i = 0; i < 2000; i++) {
    char name[32];
    snprintf(name, sizeof name, "d%u.example", i);
    int64_t at = mtasts_send_moment(DAY, MTASTS_SPAN("example.com"), mtasts_span_of(name));
    CU_ASSERT_EQUAL(at, mtasts_send_moment(DAY, MTASTS_SPAN("example.com"), mtasts_span_of(name)));
    least = at < least ? at : least;
    most = at > most ? at : most;
  }
  /* spread over the whole of the four hours, and not before the last outcomes are stored */
  CU_ASSERT(least >= midnight + 60 && least < midnight + 300);
  CU_ASSERT(most < midnight + 4 * 3600 && most > midnight + 4 * 3600 - 300);
  CU_ASSERT_NOT_EQUAL(
      mtasts_send_moment(DAY - 1, MTASTS_SPAN("a.example"), MTASTS_SPAN("x.example")) + 86400,
      mtasts_send_moment(DAY, MTASTS_SPAN("a.example"), MTASTS_SPAN("x.example")));
  CU_ASSERT_NOT_EQUAL(
      mtasts_send_moment(DAY - 1, MTASTS_SPAN("a.example"), MTASTS_SPAN("x.example")),
      mtasts_send_moment(DAY - 1, MTASTS_SPAN("b.example"), MTASTS_SPAN("x.example")));
}

static const struct mtasts_send_state full = {
    .status = MTASTS_SEND_DEFERRED,
    .open = true,
    .attempts = 3,
    .first_attempt = 1764547200,
    .last_attempt = 1764550000,
    .report = {.report_id = {"id", 2},
               .file_name = {"a!b", 3},
               .submitter = {"s.example", 9},
               .from = {"f@s.example", 11},
               .gzip = {"\x1f\x8b\0x", 4},
               .date = -1,
               .successful = UINT64_MAX,
               .failed = 7},
    .detail = {"why", 3},
    .ruas = {{{"mailto:a@b.example", 18}, {"", 0}, MTASTS_RUA_SENT},
             {{"https://x.example/", 18}, {"HTTP status 500", 15}, MTASTS_RUA_FAILED}},
    .rua_count = 2,
};

static void stored_form(void) {
  struct mtasts_bytes bytes = {.data = NULL};
  struct mtasts_bytes again = {.data = NULL};
  struct mtasts_send_state state;
  mtasts_send_state_encode(&full, &bytes);
  struct mtasts_span whole = mtasts_bytes_span(&bytes);
  CU_ASSERT_EQUAL_FATAL(mtasts_send_state_decode(whole, &state), MTASTS_OK);
  mtasts_send_state_encode(&state, &again);
  CU_ASSERT(mtasts_span_equal(whole, mtasts_bytes_span(&again)));
  CU_ASSERT(state.open && state.report.date == -1 && state.ruas[1].status == MTASTS_RUA_FAILED);
  for (size_t len = 0; len < whole.len; len++)
    unit_check(mtasts_send_state_decode((struct mtasts_span){whole.data, len}, &state) ==
                   MTASTS_CORRUPT,
               "cut at %zu", len);
  mtasts_bytes_number(&bytes, 0, 1);
  CU_ASSERT_EQUAL(mtasts_send_state_decode(mtasts_bytes_span(&bytes), &state), MTASTS_CORRUPT);
  bytes.data[0] = 2;
  bytes.len--;
  CU_ASSERT_EQUAL(mtasts_send_state_decode(mtasts_bytes_span(&bytes), &state), MTASTS_CORRUPT);
  mtasts_bytes_free(&bytes);
  mtasts_bytes_free(&again);
}

const struct unit_test unit_tests[] = {
    {"the scenarios of send-schedule", scenarios},
    {"each report has its own moment, always the same", moments},
    {"a state is read as it was written", stored_form},
    {NULL, NULL},
};
