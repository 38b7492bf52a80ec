#include "sendmail.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ascii.h"
#include "clock.h"
#include "unit.h"

const char *const unit_name = "tool/sendmail";

/* A directory with a script that stands for sendmail. */
static char directory[] = "/tmp/mtasts-sendmail-XXXXXX";
static char program[64];

static void write_script(const char *body) {
  if (!program[0]) {
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    snprintf(program, sizeof program, "%s/sendmail", directory);
  }
  unlink(program); /* a text that is being run cannot be written */
  FILE *file = fopen(program, "we");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fprintf(file, "#!/bin/sh\ncd %s || exit 70\n%s\n", directory, body);
  fclose(file);
  CU_ASSERT_EQUAL(chmod(program, 0700), 0);
}

/* What a script has left; "" if there is no such file. */
static const char *left(const char *name) {
  static char text[4096];
  char path[128];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  text[len > 0 ? len : 0] = '\0';
  if (fd >= 0)
    close(fd);
  unlink(path);
  return text;
}

static void take(void *context, const struct mtasts_sendmail_answer *answer) {
  *(struct mtasts_sendmail_answer *)context = *answer;
}

static struct mtasts_sendmail_answer hand_over(const char *path, uint32_t timeout) {
  static const char *const to[] = {"a@b.example", "-c@d.example"};
  struct event_base *base = event_base_new();
  struct mtasts_sendmail *run;
  struct mtasts_sendmail_answer answer = {.detail = "not called"};
  const struct mtasts_sendmail_options options = {
      .program = path,
      .from = "from@example.com",
      .to = to,
      .to_count = 2,
      .message = MTASTS_SPAN("Subject: x\n\n.\nthe end\n"),
      .timeout = timeout,
      .done = take,
      .context = &answer,
  };
  CU_ASSERT_EQUAL_FATAL(mtasts_sendmail_start(base, &options, &run), MTASTS_OK);
  event_base_dispatch(base);
  event_base_free(base);
  return answer;
}

static void accepted(void) {
  write_script("printf '%s\\n' \"$@\" >arguments; cat >message; env >environment;"
               "stat -Lc %F /dev/stdin >kind; ls /proc/self/fd >descriptors");
  setenv("SECRET", "1", 1);
  int extra = dup(0); /* without O_CLOEXEC, as a parent may leave it to us */
  struct mtasts_sendmail_answer answer = hand_over(program, 10);
  close(extra);
  CU_ASSERT(answer.taken);
  CU_ASSERT_STRING_EQUAL(answer.detail, "");
  CU_ASSERT_STRING_EQUAL(left("arguments"),
                         "-i\n-f\nfrom@example.com\n--\na@b.example\n-c@d.example\n");
  CU_ASSERT_STRING_EQUAL(left("message"), "Subject: x\n\n.\nthe end\n");
  CU_ASSERT_STRING_EQUAL(left("kind"), "regular file\n");
  CU_ASSERT_PTR_NULL(strstr(left("environment"), "SECRET"));
  CU_ASSERT_STRING_EQUAL(left("descriptors"), "0\n1\n2\n3\n"); /* 3 is of ls itself */
}

static void refused(void) {
  write_script("echo first; echo 'queue \033is full' >&2; exit 75");
  struct mtasts_sendmail_answer answer = hand_over(program, 10);
  CU_ASSERT_FALSE(answer.taken || answer.missing);
  CU_ASSERT_PTR_NOT_NULL(strstr(answer.detail, "ended with status 75: queue \\x1bis full"));
  write_script("kill -9 $$");
  answer = hand_over(program, 10);
  CU_ASSERT_FALSE(answer.taken || answer.missing);
  CU_ASSERT_PTR_NOT_NULL(strstr(answer.detail, "was killed by signal 9"));
}

static void missing(void) {
  struct mtasts_sendmail_answer answer = hand_over("/nonexistent/sendmail", 10);
  CU_ASSERT(!answer.taken && answer.missing);
  CU_ASSERT_STRING_EQUAL(answer.detail,
                         "/nonexistent/sendmail cannot be run: No such file or directory");
  write_script("exit 0");
  chmod(program, 0600);
  answer = hand_over(program, 10);
  CU_ASSERT(!answer.taken && answer.missing);
}

/* It is not known what became of the mail. */
static void watcher_killed(void) {
  write_script("kill -9 $PPID; sleep 0.2");
  struct mtasts_sendmail_answer answer = hand_over(program, 10);
  CU_ASSERT_FALSE(answer.taken || answer.missing);
  CU_ASSERT_PTR_NOT_NULL(strstr(answer.detail, "may have taken it: the process that watched it"));
}

/* Sendmail cannot change the message that another address is to get, or leave half of it. */
static void message_is_fixed(void) {
  write_script("echo x 2>/dev/null >/proc/self/fd/0; cat >message; exit 0");
  CU_ASSERT(hand_over(program, 10).taken);
  CU_ASSERT_STRING_EQUAL(left("message"), "Subject: x\n\n.\nthe end\n");
}

static bool is_running(const char *pid) {
  pid_t number = (pid_t)strtol(pid, NULL, 10);
  return number > 1 && kill(number, 0) == 0;
}

/* At the limit it is killed with its children, also with one that has left its session. */
static void killed_with_children(void) {
  write_script("sleep 60 & echo $! >child; setsid sh -c 'echo $$ >daemon; exec sleep 60' &\n"
               "setsid sh -c '(setsid sleep 60 & echo $! >orphan)' &\ntrap '' TERM; echo waiting;"
               "sleep 60; sleep 60");
  int64_t began = mtasts_clock_ms();
  struct mtasts_sendmail_answer answer = hand_over(program, 1);
  CU_ASSERT(mtasts_clock_ms() - began < 10000);
  CU_ASSERT_FALSE(answer.taken || answer.missing);
  CU_ASSERT_PTR_NOT_NULL(
      strstr(answer.detail, "took more than 1 s (report.timeout) and was killed: waiting"));
  static const char *const files[] = {"child", "daemon", "orphan"};
  for (size_t i = 0; i < 3; i++) {
    const char *pid = left(files[i]);
    unit_check(pid[0] && !is_running(pid), "%s %s is alive", files[i], pid);
  }
}

/* An MTA delivers in the background, after its sendmail has accepted. */
static void background_goes_on(void) {
  write_script("setsid sh -c 'sleep 0.3; echo done >background' & exit 0");
  int64_t began = mtasts_clock_ms();
  CU_ASSERT(hand_over(program, 10).taken);
  CU_ASSERT(mtasts_clock_ms() - began < 5000);
  const char *said = "";
  for (int i = 0; i < 100 && !*said; i++) {
    usleep(50000);
    said = left("background");
  }
  CU_ASSERT_STRING_EQUAL(said, "done\n");
}

static void clean_up(void) {
  unlink(program);
  CU_ASSERT_EQUAL(rmdir(directory), 0);
}

const struct unit_test unit_tests[] = {
    {"sendmail accepts: arguments, message, environment, descriptors", accepted},
    {"sendmail fails", refused},
    {"sendmail is missing, or may not be run", missing},
    {"the process between is killed", watcher_killed},
    {"the message cannot be changed", message_is_fixed},
    {"at the time limit all of its processes are killed", killed_with_children},
    {"what it does in the background goes on", background_goes_on},
    {"no file is left", clean_up},
    {NULL, NULL},
};
