#include "ask.h"

#include "ascii.h"
#include "ask_server.h"
#include "netstring.h"

#include <poll.h>
#include <stdlib.h>

const char *const unit_name = "common/ask_all";

enum {
  SOON = 200,      /* milliseconds: a deadline that is meant to pass */
  LONG = 20000,    /* one that is not */
  MANY = 3000,     /* keys: with their replies far more than sockets buffer */
  LARGE = 1 << 20, /* bytes of a key: likewise */
  ROOM = 64,
};

static char room[70000];

/* results for the client */

static struct mtasts_span told[8];
static char bytes_told[8][32];
static size_t count_told;
static bool in_order;

static void keep(void *context, size_t index, struct mtasts_span payload) {
  (void)context;
  in_order = in_order && index == count_told;
  if (count_told < sizeof told / sizeof *told) {
    size_t len = payload.len < sizeof *bytes_told ? payload.len : sizeof *bytes_told;
    memcpy(bytes_told[count_told], payload.data, len);
    told[count_told] = (struct mtasts_span){bytes_told[count_told], len};
  }
  count_told++;
}

static bool was_told(size_t index, const char *expected) {
  return mtasts_span_equal(told[index], (struct mtasts_span){expected, strlen(expected)});
}

static void check_all(const char *what, struct server server, const struct mtasts_span *keys,
                      size_t count, size_t buffer_size, uint32_t deadline,
                      enum mtasts_status expected, size_t replies) {
  unsigned descriptors = open_descriptors();
  count_told = 0;
  in_order = true;
  server_start(&server);
  int64_t start = now_ms();
  enum mtasts_status status = mtasts_ask_all(&(struct mtasts_ask){.socket = server_path,
                                                                  .map = "entry",
                                                                  .deadline = deadline,
                                                                  .buffer = room,
                                                                  .buffer_size = buffer_size},
                                             keys, count, keep, NULL);
  int64_t took = now_ms() - start;
  server_stop(&server);
  unit_check(status == expected, "%s: %s", what, mtasts_status_name(status));
  unit_check(in_order && count_told == replies, "%s: %zu replies, %zu expected", what, count_told,
             replies);
  unit_check(open_descriptors() == descriptors, "%s: a descriptor is left", what);
  unit_check(took < LONG / 2 && (expected != MTASTS_TIMEOUT || took + 1 >= deadline),
             "%s: took %lld ms", what, (long long)took);
}

static const struct mtasts_span three[] = {{"a.example", 9}, {"", 0}, {"c.example", 9}};

/* Asks for three keys; the server sends only this reply. */
static void check_said(const char *reply, enum mtasts_status expected, size_t replies) {
  check_all(reply, (struct server){.reply = reply}, three, 3, ROOM,
            expected == MTASTS_TIMEOUT ? SOON : LONG, expected, replies);
}

/* a server that understands */

static char requests[1 << 16];

/* Replies to each request when it has been read, and reads no other meanwhile: `OK KEY` and as much
 * padding. */
static void serve_requests(int fd, size_t padding) {
  static char reply[1 << 16];
  size_t filled = 0;
  ssize_t got;
  while ((got = recv(fd, requests + filled, sizeof requests - filled, 0)) > 0) {
    struct mtasts_span payload;
    size_t used;
    size_t at = 0;
    filled += (size_t)got;
    while (mtasts_netstring_read((struct mtasts_span){requests + at, filled - at}, sizeof requests,
                                 &payload, &used) == MTASTS_NETSTRING_WHOLE) {
      struct mtasts_request request;
      if (!mtasts_request_read(payload, &request))
        return;
      int size = snprintf(reply, sizeof reply, "%zu:OK %.*s", 3 + request.key.len + padding,
                          (int)request.key.len, request.key.data);
      memset(reply + size, 'x', padding);
      reply[(size_t)size + padding] = ',';
      (void)!send(fd, reply, (size_t)size + padding + 1, MSG_NOSIGNAL);
      at += used;
    }
    memmove(requests, requests + at, filled - at);
    filled -= at;
  }
}

static void answers(int fd) {
  serve_requests(fd, 0);
}

static void answers_at_length(int fd) {
  serve_requests(fd, 60000);
}

static void in_their_order(void) {
  check_all("three", (struct server){.serve = answers}, three, 3, ROOM, LONG, MTASTS_OK, 3);
  CU_ASSERT(was_told(0, "OK a.example"));
  CU_ASSERT(was_told(1, "OK "));
  CU_ASSERT(was_told(2, "OK c.example"));
  check_all("one", (struct server){.serve = answers}, three, 1, ROOM, LONG, MTASTS_OK, 1);
}

static struct mtasts_span many[MANY];

static void fill_many(size_t count) {
  static char names[MANY][200];
  for (size_t i = 0; i < count; i++) {
    snprintf(names[i], sizeof names[i], "%0190zu.example", i);
    many[i] = (struct mtasts_span){names[i], strlen(names[i])};
  }
}

/* Sending all first would wait for ever. */
static void both_ways_at_once(void) {
  fill_many(MANY);
  check_all("many", (struct server){.serve = answers}, many, MANY, sizeof room, LONG, MTASTS_OK,
            MANY);
  check_all("many, with little room", (struct server){.serve = answers}, many, MANY, 256, LONG,
            MTASTS_OK, MANY);
  check_all("long replies", (struct server){.serve = answers_at_length}, many, MANY, sizeof room,
            LONG, MTASTS_OK, MANY);
}

/* what it says, in parts */

static const char replies[] = "5:OK a1,3:OK ,13:OK c\n,5:OK x,,";
static size_t part;

static void says_two_parts(int fd) {
  (void)!send(fd, replies, part, MSG_NOSIGNAL);
  pause_ms(2);
  say(fd, replies + part);
  wait_for_end(fd);
}

static void split_anywhere(void) {
  for (part = 0; part < sizeof replies; part++) {
    check_all("split", (struct server){.serve = says_two_parts}, three, 3, ROOM, LONG, MTASTS_OK,
              3);
    CU_ASSERT(was_told(0, "OK a1") && was_told(1, "OK ") && was_told(2, "OK c\n,5:OK x,"));
  }
}

static void drips(int fd) {
  for (const char *at = replies; *at; at++) {
    (void)!send(fd, at, 1, MSG_NOSIGNAL);
    pause_ms(1);
  }
  wait_for_end(fd);
}

static void in_drops(void) {
  check_all("drops", (struct server){.serve = drips}, three, 3, 17, LONG, MTASTS_OK, 3);
  check_all("no room for the last", (struct server){.serve = drips}, three, 3, 16, LONG,
            MTASTS_CORRUPT, 2);
}

/* a server that lies */

static void says_two_and_closes(int fd) {
  for (size_t got = 0; got < sizeof "15:entry a.example,6:entry ,15:entry c.example," - 1;)
    got += (size_t)recv(fd, requests, sizeof requests, 0);
  say(fd, "5:OK a1,3:OK ,");
}

static void lies(void) {
  check_said("5:OK a1,3:OK ,", MTASTS_TIMEOUT, 2);
  check_said("5:OK a1,3:OK ,5:OK", MTASTS_TIMEOUT, 2);
  check_said("", MTASTS_TIMEOUT, 0);
  check_said("5:OK a1,3:OK ,4:OK c,5:OK d1,", MTASTS_OK, 3);
  check_said("5:OK a1,3:OK ,4:OK c,junk", MTASTS_OK, 3);
  check_said("5:OK a1,junk,4:OK c,", MTASTS_CORRUPT, 1);
  check_said("5:OK a1;3:OK ,4:OK c,", MTASTS_CORRUPT, 0);
  check_said("5:OK a1,03:OK ,4:OK c,", MTASTS_CORRUPT, 1);
  check_said("5:OK a1,,3:OK ,4:OK c,", MTASTS_CORRUPT, 1);
  check_said("5:OK a1,3:OK ,9999999:OK c,", MTASTS_CORRUPT, 2);
  check_said("5:OK a1,3:OK ,99999999:OK c,", MTASTS_CORRUPT, 2);
  check_all("too few", (struct server){.serve = says_two_and_closes}, three, 3, ROOM, LONG,
            MTASTS_CORRUPT, 2);
}

/* It reads nothing, so that the last requests cannot have been sent. */
static void replies_unasked(int fd) {
  static char all[MANY * 6];
  for (size_t i = 0; i < MANY; i++)
    memcpy(all + 6 * i, "3:OK ,", 6);
  (void)!send(fd, all, sizeof all, MSG_NOSIGNAL);
  pause_ms(SOON);
}

static void too_early(void) {
  struct server server = {.serve = replies_unasked};
  fill_many(MANY);
  server_start(&server);
  count_told = 0;
  int64_t start = now_ms();
  CU_ASSERT_EQUAL(mtasts_ask_all(&(struct mtasts_ask){.socket = server_path,
                                                      .map = "entry",
                                                      .deadline = LONG,
                                                      .buffer = room,
                                                      .buffer_size = sizeof room},
                                 many, MANY, keep, NULL),
                  MTASTS_CORRUPT);
  unit_check(now_ms() - start < SOON, "it is seen at once");
  server_stop(&server);
  unit_check(count_told > 0 && count_told < MANY, "%zu replies", count_told);
}

static char large[LARGE];
static char exact[ROOM + 1];

/* Replies once to the first request, while the second is under way. */
static void replies_meanwhile(int fd) {
  pause_ms(20);
  say(fd, exact);
  pause_ms(20);
  for (size_t got = 0; got < LARGE;)
    got += (size_t)recv(fd, requests, sizeof requests, 0);
  say(fd, exact);
  wait_for_end(fd);
}

static void fills_the_room(void) {
  const struct mtasts_span two[] = {MTASTS_SPAN("a"), {large, LARGE}};
  memset(large, 'x', sizeof large);
  memset(exact, 'x', ROOM);
  memcpy(exact, "60:OK ", 6);
  exact[ROOM - 1] = ',';
  check_all("exact", (struct server){.serve = replies_meanwhile}, two, 2, ROOM, LONG, MTASTS_OK, 2);
}

/* kept connections */

static struct mtasts_ask_kept kept;

/* Each key is a digit, and so is the reply: a wrong one would show. */
static void check_kept(const char *what, const char *digit, enum mtasts_status expected) {
  const struct mtasts_span key = {digit, 1};
  count_told = 0;
  in_order = true;
  const struct mtasts_ask ask = {
      .socket = server_path,
      .map = "entry",
      .deadline = LONG,
      .buffer = room,
      .buffer_size = sizeof room,
      .kept = &kept,
  };
  enum mtasts_status status = mtasts_ask_all(&ask, &key, 1, keep, NULL);
  unit_check(status == expected, "%s: %s", what, mtasts_status_name(status));
  unit_check(status != MTASTS_OK || (count_told == 1 && was_told(0, digit)), "%s: %zu replies",
             what, count_told);
}

static unsigned replies_each; /* on a connection */
static const char *behind;    /* the last reply of one */

/* A request is `7:entry N,`. */
static void echoes_digits(int fd) {
  char request[16];
  for (unsigned i = 0; i < replies_each && recv(fd, request, 10, MSG_WAITALL) == 10; i++) {
    char reply[] = {'1', ':', request[8], ','};
    (void)!send(fd, reply, sizeof reply, MSG_NOSIGNAL);
  }
  say(fd, behind);
}

static void kept_for_the_next(void) {
  unsigned descriptors = open_descriptors();
  struct server server = {.serve = echoes_digits, .count = 1};
  replies_each = 2;
  behind = "";
  server_start(&server);
  check_kept("the first", "1", MTASTS_OK);
  check_kept("the second, over the only connection that is taken", "2", MTASTS_OK);
  server_stop(&server);
  check_kept("no server is there any more", "3", MTASTS_AWAY);
  CU_ASSERT_EQUAL(kept.count, 0);
  CU_ASSERT_EQUAL(open_descriptors(), descriptors);
}

static void asked_again_if_dead(void) {
  unsigned descriptors = open_descriptors();
  struct server server = {.serve = echoes_digits, .count = 4};
  const char *const digits[] = {"1", "2", "3", "4"};
  replies_each = 1;
  behind = "1:9,"; /* nothing was asked for it: it must not be the next question's reply */
  server_start(&server);
  for (size_t i = 0; i < sizeof digits / sizeof *digits; i++) {
    check_kept("each connection ends after a reply", digits[i], MTASTS_OK);
    for (struct pollfd more = {.fd = kept.fds[0], .events = POLLIN}; kept.count > 0;)
      if (poll(&more, 1, LONG) != 0)
        break;
  }
  server_stop(&server);
  mtasts_ask_forget(&kept);
  CU_ASSERT_EQUAL(open_descriptors(), descriptors);
}

/* The connection dies while the question is on its way. */
static void dies_with_the_question(int fd) {
  static unsigned turn;
  char request[16];
  replies_each = 1;
  behind = "";
  echoes_digits(fd);
  if (turn++ == 0)
    (void)!recv(fd, request, sizeof request, 0); /* the second, which gets no reply */
}

static void asked_again_if_it_dies(void) {
  unsigned descriptors = open_descriptors();
  struct server server = {.serve = dies_with_the_question, .count = 2};
  server_start(&server);
  check_kept("the first", "1", MTASTS_OK);
  check_kept("the second, asked again over a new connection", "2", MTASTS_OK);
  server_stop(&server);
  mtasts_ask_forget(&kept);
  CU_ASSERT_EQUAL(open_descriptors(), descriptors);
}

const struct unit_test unit_tests[] = {{"each is reported, in order", in_their_order},
                                       {"requests and replies at once", both_ways_at_once},
                                       {"replies split at any byte", split_anywhere},
                                       {"replies in drops, in little room", in_drops},
                                       {"too few, too many, and junk", lies},
                                       {"replies before their requests", too_early},
                                       {"a reply that just fills the room", fills_the_room},
                                       {"a connection is kept", kept_for_the_next},
                                       {"one that ended is not used", asked_again_if_dead},
                                       {"one that ends is asked for again", asked_again_if_it_dies},
                                       {NULL, NULL}};
