#include "ask.h"

#include "ascii.h"
#include "ask_server.h"
#include "netstring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const unit_name = "common/ask";

enum {
  SOON = 200,      /* milliseconds: a deadline that is meant to pass */
  LONG = 20000,    /* one that is not */
  SLACK = 1000,    /* what a busy machine may add */
  LARGE = 1 << 20, /* bytes: more than a socket buffers */
};

static char room[256];
static char large[LARGE];
static char heard[LARGE];

/* the server */

static size_t hear(int fd) {
  ssize_t got = recv(fd, heard, sizeof heard, 0);
  return got > 0 ? (size_t)got : 0;
}

static void echoes(int fd) {
  size_t size = hear(fd);
  (void)!send(fd, "27:OK ", 6, MSG_NOSIGNAL);
  (void)!send(fd, heard, size, MSG_NOSIGNAL);
  say(fd, ",");
}

static void drips_a_reply(int fd) {
  for (const char *at = "11:OK dripping,"; *at; at++) {
    (void)!send(fd, at, 1, MSG_NOSIGNAL);
    pause_ms(2);
  }
}

static void drips_for_ever(int fd) {
  say(fd, "200:");
  while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
    pause_ms(3);
}

static void hears_all(int fd) {
  size_t size = 0;
  for (size_t got = 1; got > 0 && size < LARGE + 16; size += got) {
    got = hear(fd);
    pause_ms(1);
  }
  char reply[32];
  snprintf(reply, sizeof reply, "7:%zu,", size);
  say(fd, reply);
}

static void pours_digits(int fd) {
  while (send(fd, "11111111", 8, MSG_NOSIGNAL) > 0)
    continue;
}

static void pours_payload(int fd) {
  say(fd, "240:");
  while (send(fd, "xxxxxxxx", 8, MSG_NOSIGNAL) > 0)
    continue;
}

static void closes(int fd) {
  (void)fd;
}

static void hears_and_closes(int fd) {
  hear(fd);
}

static void hears_and_cuts(int fd) {
  hear(fd);
  say(fd, "10:OK ");
}

/* Asks a scripted server. A time-out has to come when it is due, anything else soon; and no
 * descriptor is left. */
static struct mtasts_span check_ask(const char *what, struct server server, struct mtasts_span key,
                                    uint32_t deadline, enum mtasts_status expected) {
  struct mtasts_span payload = {NULL, 0};
  unsigned descriptors = open_descriptors();
  server_start(&server);
  int64_t start = now_ms();
  enum mtasts_status status = mtasts_ask(&(struct mtasts_ask){.socket = server_path,
                                                              .map = "decision",
                                                              .deadline = deadline,
                                                              .buffer = room,
                                                              .buffer_size = sizeof room},
                                         key, &payload);
  int64_t took = now_ms() - start;
  server_stop(&server);
  unsigned left = open_descriptors();
  unit_check(status == expected, "%s: %s", what, mtasts_status_name(status));
  unit_check(left == descriptors, "%s: %u descriptors, %u before", what, left, descriptors);
  unit_check(took < (expected == MTASTS_TIMEOUT ? deadline + SLACK : LONG / 2) &&
                 (expected != MTASTS_TIMEOUT || took + 1 >= deadline),
             "%s: took %lld ms", what, (long long)took);
  unit_check((payload.data != NULL) == (expected == MTASTS_OK), "%s: payload", what);
  return payload;
}

static bool is(struct mtasts_span payload, const char *text) {
  return mtasts_span_equal(payload, (struct mtasts_span){text, strlen(text)});
}

static void answers(void) {
  const struct mtasts_span key = MTASTS_SPAN("example.com");
  struct mtasts_span got =
      check_ask("echo", (struct server){.serve = echoes}, key, LONG, MTASTS_OK);
  unit_check(is(got, "OK 20:decision example.com,"), "the request: %.*s", (int)got.len, got.data);
  got = check_ask("empty key", (struct server){.reply = "9:NOTFOUND ,"}, MTASTS_SPAN(""), LONG,
                  MTASTS_OK);
  CU_ASSERT(is(got, "NOTFOUND "));
  got = check_ask("drip", (struct server){.serve = drips_a_reply}, key, LONG, MTASTS_OK);
  CU_ASSERT(is(got, "OK dripping"));
  got = check_ask("empty reply", (struct server){.reply = "0:,"}, key, LONG, MTASTS_OK);
  CU_ASSERT(is(got, ""));
}

static char reply[sizeof room + 2];

/* The last byte comes when the rest has been read. */
static void says_the_reply(int fd) {
  size_t size = strlen(reply);
  (void)!send(fd, reply, size - 1, MSG_NOSIGNAL);
  pause_ms(20);
  say(fd, reply + size - 1);
}

/* A reply that is with its framing as long as the room, and one that is longer by a byte. */
static void fits_exactly(void) {
  struct server server = {.serve = says_the_reply};
  memset(reply, 'x', sizeof reply);
  memcpy(reply, "251:", 4);
  memcpy(reply + sizeof room - 1, ",", 2);
  check_ask("exact", server, MTASTS_SPAN("a"), LONG, MTASTS_OK);
  memcpy(reply, "252:", 4);
  memcpy(reply + sizeof room - 1, "x,", 3);
  check_ask("too long", server, MTASTS_SPAN("a"), LONG, MTASTS_CORRUPT);
}

static void lies(void) {
  static const char *const replies[] = {
      "HTTP/1.1 400 Bad Request\r\n\r\n", ":",  "-1:x,", "5:hello;", "05:hello,", "00", "257:",
      "18446744073709551617:x,",          "\n",
  };
  for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
    check_ask(replies[i], (struct server){.reply = replies[i]}, MTASTS_SPAN("a"), LONG,
              MTASTS_CORRUPT);
  check_ask("digits", (struct server){.serve = pours_digits}, MTASTS_SPAN("a"), LONG,
            MTASTS_CORRUPT);
  check_ask("payload", (struct server){.serve = pours_payload}, MTASTS_SPAN("a"), LONG,
            MTASTS_CORRUPT);
}

static void cuts(void) {
  const struct mtasts_span much = {large, LARGE};
  check_ask("closes", (struct server){.serve = closes}, MTASTS_SPAN("a"), LONG, MTASTS_CORRUPT);
  check_ask("closes while we send", (struct server){.serve = hears_and_closes}, much, LONG,
            MTASTS_CORRUPT);
  check_ask("hears and closes", (struct server){.serve = hears_and_closes}, MTASTS_SPAN("a"), LONG,
            MTASTS_CORRUPT);
  check_ask("cuts its reply", (struct server){.serve = hears_and_cuts}, MTASTS_SPAN("a"), LONG,
            MTASTS_CORRUPT);
}

static void deadlines(void) {
  const struct mtasts_span much = {large, LARGE};
  check_ask("silent", (struct server){.reply = ""}, MTASTS_SPAN("a"), SOON, MTASTS_TIMEOUT);
  check_ask("stalled", (struct server){.reply = "9:OK"}, MTASTS_SPAN("a"), SOON, MTASTS_TIMEOUT);
  check_ask("drip", (struct server){.serve = drips_for_ever}, MTASTS_SPAN("a"), SOON,
            MTASTS_TIMEOUT);
  check_ask("does not read", (struct server){.delay = 2 * SOON, .serve = closes}, much, SOON,
            MTASTS_TIMEOUT);
  check_ask("no time", (struct server){.reply = ""}, MTASTS_SPAN("a"), 0, MTASTS_TIMEOUT);
}

static void a_large_request(void) {
  struct mtasts_span got = check_ask("large", (struct server){.serve = hears_all},
                                     (struct mtasts_span){large, LARGE}, LONG, MTASTS_OK);
  char size[16];
  snprintf(size, sizeof size, "%zu", sizeof "1048585:decision " - 1 + LARGE + 1);
  unit_check(is(got, size), "%.*s bytes came, of %s", (int)got.len, got.data, size);
}

static volatile sig_atomic_t signals;

static void count_signal(int number) {
  (void)number;
  signals++;
}

/* A signal every two milliseconds, whose handler interrupts system calls. */
static void interruptions(void) {
  struct sigaction action = {.sa_handler = count_signal};
  struct sigaction before;
  struct itimerval every = {{0, 2000}, {0, 2000}};
  const struct itimerval never = {{0, 0}, {0, 0}};
  const struct mtasts_span much = {large, LARGE};
  sigaction(SIGALRM, &action, &before);
  setitimer(ITIMER_REAL, &every, NULL);
  check_ask("silent", (struct server){.reply = ""}, MTASTS_SPAN("a"), SOON, MTASTS_TIMEOUT);
  check_ask("drip", (struct server){.serve = drips_a_reply}, MTASTS_SPAN("a"), LONG, MTASTS_OK);
  check_ask("large", (struct server){.serve = hears_all}, much, LONG, MTASTS_OK);
  setitimer(ITIMER_REAL, &never, NULL);
  sigaction(SIGALRM, &before, NULL);
  CU_ASSERT(signals > 10);
}

static enum mtasts_status ask_path(const char *where) {
  struct mtasts_span payload;
  unsigned descriptors = open_descriptors();
  enum mtasts_status status = mtasts_ask(&(struct mtasts_ask){.socket = where,
                                                              .map = "entry",
                                                              .deadline = SOON,
                                                              .buffer = room,
                                                              .buffer_size = sizeof room},
                                         MTASTS_SPAN("a"), &payload);
  int error = errno;
  unit_check(open_descriptors() == descriptors, "%s: a descriptor is left", where);
  errno = error;
  return status;
}

static void nobody_there(void) {
  char under[96];
  /* All NUL is a name too, in the abstract name space: "" must not be taken for it. */
  struct sockaddr_un nothing = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL_FATAL(bind(fd, (const struct sockaddr *)&nothing, sizeof nothing), 0);
  CU_ASSERT_EQUAL_FATAL(listen(fd, 1), 0);
  CU_ASSERT_EQUAL(ask_path(""), MTASTS_AWAY);
  close(fd);
  CU_ASSERT_EQUAL(ask_path("/nonexistent/ask.sock"), MTASTS_AWAY);
  close(bound(SOCK_STREAM));
  CU_ASSERT_EQUAL(ask_path(server_path), MTASTS_AWAY); /* left by a dead daemon */
  snprintf(under, sizeof under, "%s/ask.sock", server_path);
  CU_ASSERT_EQUAL(ask_path(under), MTASTS_AWAY);
  unlink(server_path);
  close(open(server_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  CU_ASSERT_EQUAL(ask_path(server_path), MTASTS_AWAY);
  unlink(server_path);
  fd = bound(SOCK_DGRAM);
  CU_ASSERT_EQUAL(ask_path(server_path), MTASTS_IO);
  CU_ASSERT_EQUAL(errno, EPROTOTYPE);
  close(fd);
  unlink(server_path);
}

static void too_long(void) {
  struct mtasts_span payload;
  char longest[sizeof((struct sockaddr_un *)NULL)->sun_path + 1];
  const char *map = "a-map-of-thirty-three-characters-";
  memset(longest, 'x', sizeof longest);
  longest[sizeof longest - 1] = '\0';
  CU_ASSERT_EQUAL(ask_path(longest), MTASTS_TOO_LARGE);
  longest[sizeof longest - 2] = '\0';
  CU_ASSERT_EQUAL(ask_path(longest), MTASTS_AWAY);
  CU_ASSERT_EQUAL(mtasts_ask(&(struct mtasts_ask){.socket = server_path,
                                                  .map = map,
                                                  .deadline = SOON,
                                                  .buffer = room,
                                                  .buffer_size = sizeof room},
                             MTASTS_SPAN("a"), &payload),
                  MTASTS_TOO_LARGE);
  CU_ASSERT_EQUAL(mtasts_ask(&(struct mtasts_ask){.socket = server_path,
                                                  .map = map + 1,
                                                  .deadline = SOON,
                                                  .buffer = room,
                                                  .buffer_size = sizeof room},
                             MTASTS_SPAN("a"), &payload),
                  MTASTS_AWAY);
  const struct mtasts_span key = {large, MTASTS_NETSTRING_MAX};
  CU_ASSERT_EQUAL(mtasts_ask(&(struct mtasts_ask){.socket = server_path,
                                                  .map = "m",
                                                  .deadline = SOON,
                                                  .buffer = room,
                                                  .buffer_size = sizeof room},
                             key, &payload),
                  MTASTS_TOO_LARGE);
  CU_ASSERT_EQUAL(mtasts_ask(&(struct mtasts_ask){.socket = server_path,
                                                  .map = "m",
                                                  .deadline = SOON,
                                                  .buffer = room,
                                                  .buffer_size = sizeof room},
                             (struct mtasts_span){large, SIZE_MAX}, &payload),
                  MTASTS_TOO_LARGE);
}

static void no_descriptor(void) {
  struct rlimit before;
  int lowest = dup(0);
  close(lowest);
  getrlimit(RLIMIT_NOFILE, &before);
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)lowest, before.rlim_max});
  struct mtasts_span payload;
  enum mtasts_status status = mtasts_ask(&(struct mtasts_ask){.socket = server_path,
                                                              .map = "m",
                                                              .deadline = SOON,
                                                              .buffer = room,
                                                              .buffer_size = sizeof room},
                                         MTASTS_SPAN("a"), &payload);
  int error = errno;
  setrlimit(RLIMIT_NOFILE, &before);
  CU_ASSERT_EQUAL(status, MTASTS_IO);
  CU_ASSERT_EQUAL(error, EMFILE);
}

/* In a child, which root changes to another user. */
static void forbidden(void) {
  struct mtasts_span payload;
  int status = -1;
  int fd = bound(SOCK_STREAM);
  CU_ASSERT_EQUAL_FATAL(listen(fd, 1), 0);
  CU_ASSERT_EQUAL(chmod(server_path, 0), 0);
  pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && setuid(65534) != 0)
      _exit(255);
    _exit((int)mtasts_ask(&(struct mtasts_ask){.socket = server_path,
                                               .map = "m",
                                               .deadline = SOON,
                                               .buffer = room,
                                               .buffer_size = sizeof room},
                          MTASTS_SPAN("a"), &payload));
  }
  CU_ASSERT_FATAL(waitpid(child, &status, 0) == child && WIFEXITED(status));
  CU_ASSERT_EQUAL(WEXITSTATUS(status), MTASTS_PERMISSION);
  close(fd);
  unlink(server_path);
}

static void *make_room(void *context) {
  pause_ms(SOON / 2);
  for (int fd; (fd = accept4(*(int *)context, NULL, NULL, SOCK_CLOEXEC)) >= 0; close(fd)) {
    say(fd, "2:OK,");
    pause_ms(10);
  }
  return NULL;
}

static void a_full_backlog(void) {
  struct mtasts_span payload;
  struct sockaddr_un name = address_of(server_path);
  pthread_t thread;
  int others[8];
  size_t count = 0;
  int fd = bound(SOCK_STREAM);
  CU_ASSERT_EQUAL_FATAL(listen(fd, 1), 0);
  do
    others[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  while (connect(others[count++], (const struct sockaddr *)&name, sizeof name) == 0 && count < 8);
  CU_ASSERT_EQUAL_FATAL(errno, EAGAIN);

  int64_t start = now_ms();
  CU_ASSERT_EQUAL(ask_path(server_path), MTASTS_TIMEOUT);
  int64_t took = now_ms() - start;
  unit_check(took >= SOON - 1 && took < SOON + SLACK, "took %lld ms", (long long)took);

  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, make_room, &fd), 0);
  CU_ASSERT_EQUAL(mtasts_ask(&(struct mtasts_ask){.socket = server_path,
                                                  .map = "m",
                                                  .deadline = LONG,
                                                  .buffer = room,
                                                  .buffer_size = sizeof room},
                             MTASTS_SPAN("a"), &payload),
                  MTASTS_OK);
  shutdown(fd, SHUT_RDWR); /* ends the accept */
  pthread_join(thread, NULL);
  while (count > 0)
    close(others[--count]);
  close(fd);
  unlink(server_path);
}

const struct unit_test unit_tests[] = {
    {"a request, and a reply whole or in drops", answers},
    {"a reply fits its room, or does not", fits_exactly},
    {"what is no netstring is corrupt, at once", lies},
    {"a server that closes too soon", cuts},
    {"a slow server has until the deadline", deadlines},
    {"a megabyte is sent in parts", a_large_request},
    {"signals neither end the wait nor prolong it", interruptions},
    {"no server there is away", nobody_there},
    {"paths, maps and keys are bounded", too_long},
    {"without a descriptor", no_descriptor},
    {"a socket of another user's", forbidden},
    {"a full backlog is waited for", a_full_backlog},
    {NULL, NULL}};
