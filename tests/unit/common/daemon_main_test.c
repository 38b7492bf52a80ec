#include "daemon_main.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "unit.h"

const char *const unit_name = "common/daemon_main";

enum {
  WENT_ON = 200, /* what a child exits with where there is more to do, and the */
  MOST = 8,      /* words of a command line */
};

static char folder[] = "/tmp/mtasts-program-XXXXXX";
static char good[64], bad[64], missing[64];

static void write_file(char *path, size_t size, const char *name, const char *text) {
  snprintf(path, size, "%s/%s", folder, name);
  FILE *file = fopen(path, "we");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fputs(text, file);
  fclose(file);
}

static void begin(void) {
  memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
  CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
  write_file(good, sizeof good, "good.conf", "log = \"stderr\"\n");
  write_file(bad, sizeof bad, "bad.conf", "\ncache { size = 1 }\n");
  snprintf(missing, sizeof missing, "%s/missing.conf", folder);
}

static void end(void) {
  unlink(good);
  unlink(bad);
  CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static char said[2048]; /* on standard output and error */

/* Runs in a child; returns what it exits with. */
static int in_child(int (*run)(struct mtasts_daemon_main *, int, char **), char **words) {
  int ends[2];
  int status = -1;
  int count = 0;
  size_t size = 0;
  ssize_t got;
  while (words[count])
    count++;
  fflush(NULL);
  CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    struct mtasts_daemon_main program = {.name = "mtasts-test", .usage = "mtasts-test: usage\n"};
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    int code = run(&program, count, words);
    fflush(NULL);
    _exit(code);
  }
  close(ends[1]);
  while ((got = read(ends[0], said + size, sizeof said - 1 - size)) > 0)
    size += (size_t)got;
  said[size] = '\0';
  close(ends[0]);
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_begin(struct mtasts_daemon_main *program, int count, char **words) {
  struct mtasts_config *config = NULL;
  int code = mtasts_daemon_main_begin(program, count, words, &config);
  if (code >= 0)
    return code;
  printf("config=%d path=%s%s%s%s\n", config != NULL,
         program->config_path ? program->config_path : "-",
         program->foreground ? " foreground" : "", program->verbose ? " verbose" : "",
         program->check ? " check" : "");
  mtasts_config_free(config);
  return WENT_ON;
}

/* The words are parted by spaces; @ is the good file, ! the bad one, ? the missing one. */
static void check_command(const char *line, int code, const char *expected) {
  static char name[] = "mtasts-test";
  char copy[128];
  char *words[MOST] = {name};
  char *rest = copy;
  size_t count = 1;
  snprintf(copy, sizeof copy, "%s", line);
  for (char *word; (word = strsep(&rest, " ")) && count < MOST - 1;)
    if (*word)
      words[count++] = strcmp(word, "@") == 0   ? good
                       : strcmp(word, "!") == 0 ? bad
                       : strcmp(word, "?") == 0 ? missing
                                                : word;
  int got = in_child(run_begin, words);
  unit_check(got == code, "%s: exit code %d: %s", line, got, said);
  unit_check(strstr(said, expected) != NULL, "%s: %s", line, said);
}

static void options(void) {
  begin();
  check_command("--help", EX_OK, "mtasts-test: usage\n");
  check_command("-h --nonsense", EX_OK, "mtasts-test: usage\n");
  check_command("--version", EX_OK, "mtasts-test " MTASTS_VERSION "\n");
  check_command("--config ? --version", EX_OK, "mtasts-test " MTASTS_VERSION "\n");
  check_command("--config @", WENT_ON, "good.conf\n");
  check_command("--config @ --foreground -v", WENT_ON, "good.conf foreground verbose\n");
  check_command("--verbose --config ! --config @", WENT_ON, "good.conf verbose\n");
  check_command("--nonsense", EX_USAGE, "see mtasts-test --help");
  check_command("--config", EX_USAGE, "see mtasts-test --help");
  check_command("--foreground=yes", EX_USAGE, "see mtasts-test --help");
  check_command("--config @ stop", EX_USAGE, "stop: takes no arguments");
  end();
}

static void configurations(void) {
  begin();
  check_command("--config ?", EX_NOINPUT, "missing.conf");
  check_command("--config !", EX_CONFIG, "bad.conf:2: ");
  check_command("--config /", EX_NOPERM, "mtasts-test: configuration: ");
  check_command("--check-config --config @", EX_OK, "good.conf: ok\n");
  check_command("--check-config --config !", EX_CONFIG, "bad.conf:2: ");
  check_command("--check-config --config ?", EX_NOINPUT, "missing.conf");
  end();
}

/* A failure is logged once if the log is standard error. */
static int run_failures(struct mtasts_daemon_main *program, int count, char **words) {
  struct mtasts_config *config = NULL;
  if (mtasts_daemon_main_begin(program, count, words, &config) >= 0)
    return EX_SOFTWARE;
  int code = mtasts_daemon_main_settle(program, config);
  mtasts_config_free(config);
  return code >= 0 ? EX_SOFTWARE : mtasts_daemon_main_fail(program, EX_OSERR, "no %s", "luck");
}

static void failures(void) {
  static char name[] = "mtasts-test", foreground[] = "--foreground", config[] = "--config";
  char *words[] = {name, foreground, config, good, NULL};
  begin();
  CU_ASSERT_EQUAL(in_child(run_failures, words), EX_OSERR);
  CU_ASSERT_PTR_NOT_NULL(strstr(said, "no luck"));
  unit_check(!strstr(said, "no luck") || !strstr(strstr(said, "no luck") + 1, "no luck"), "%s",
             said);
  /* In the background, standard error belongs to the process that started us. */
  char *behind[] = {name, config, good, NULL};
  unsetenv("JOURNAL_STREAM");
  CU_ASSERT_EQUAL(in_child(run_failures, behind), EX_OSERR);
  CU_ASSERT_STRING_EQUAL(said, "mtasts-test: no luck\n");
  end();
}

static void codes_of_listen(void) {
  CU_ASSERT_EQUAL(mtasts_daemon_main_code_of_listen(EADDRINUSE), EX_TEMPFAIL);
  CU_ASSERT_EQUAL(mtasts_daemon_main_code_of_listen(EACCES), EX_NOPERM);
  CU_ASSERT_EQUAL(mtasts_daemon_main_code_of_listen(EPERM), EX_NOPERM);
  CU_ASSERT_EQUAL(mtasts_daemon_main_code_of_listen(ENOENT), EX_CANTCREAT);
}

const struct unit_test unit_tests[] = {{"options", options},
                                       {"configurations", configurations},
                                       {"failures are reported once", failures},
                                       {"codes for sockets", codes_of_listen},
                                       {NULL, NULL}};
