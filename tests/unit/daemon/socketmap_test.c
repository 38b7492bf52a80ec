#include "socketmap_fixture.h"

const char *const unit_name = "daemon/socketmap";

static void test_split(void) {
  static const char requests[] = "9:echo a.ex,13:echo bb.examp,5:echo ,";
  fixture_up(8);
  for (size_t split = 0; split < sizeof requests; split++) {
    int fd = connect_to(MTASTS_SOCKET_SOCKETMAP);
    say_bytes(fd, requests, split);
    pump();
    say_bytes(fd, requests + split, sizeof requests - 1 - split);
    bool closed;
    hear(fd, &closed);
    unit_check(!closed && strcmp(received, "7:OK a.ex,11:OK bb.examp,3:OK ,") == 0,
               "split at %zu: '%s'", split, received);
    close(fd);
  }
  int fd = connect_to(MTASTS_SOCKET_ASK);
  for (size_t i = 0; i < sizeof requests - 1; i++)
    say_bytes(fd, requests + i, 1);
  expect(fd, "7:OK a.ex,11:OK bb.examp,3:OK ,", false, "byte by byte");
  close(fd);
  pump();
  CU_ASSERT_EQUAL(mtasts_count_get(&fixture.stats, MTASTS_COUNT_CONNECTIONS), 0);
  CU_ASSERT_EQUAL(mtasts_count_get(&fixture.stats, MTASTS_COUNT_MALFORMED), 0);
  fixture_down();
}

static void test_pipelined(void) {
  static char requests[32 * 1000];
  static char replies[32 * 1000];
  size_t asked = 0;
  size_t told = 0;
  char payload[32];
  fixture_up(8);
  for (int i = 0; i < 1000; i++) {
    snprintf(payload, sizeof payload, "echo d%d.example", i);
    asked += netstring(requests + asked, sizeof requests - asked, payload);
    snprintf(payload, sizeof payload, "OK d%d.example", i);
    told += netstring(replies + told, sizeof replies - told, payload);
  }
  int fd = connect_to(MTASTS_SOCKET_SOCKETMAP);
  say_bytes(fd, requests, asked);
  expect(fd, replies, false, "a thousand requests in one write");
  CU_ASSERT_EQUAL(fixture.asked, 1000);

  /* One turn of the loop answers no more than a buffer of them: others have their turn. */
  int other = connect_to(MTASTS_SOCKET_SOCKETMAP);
  pump();
  CU_ASSERT_EQUAL(send(fd, requests, asked, 0), (ssize_t)asked);
  CU_ASSERT_EQUAL(send(other, "9:echo a.ex,", 12, 0), 12);
  event_base_loop(fixture.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
  CU_ASSERT(fixture.asked < 1000 + 200);
  CU_ASSERT_EQUAL(recv(other, received, READ_MAX, 0), 10);
  expect(fd, replies, false, "the rest");
  close(fd);
  close(other);
  fixture_down();
}

static void test_malformed(void) {
  static const struct {
    enum mtasts_socket_kind socket_kind;
    const char *bytes;
    const char *reply;
  } cases[] = {
      {MTASTS_SOCKET_SOCKETMAP, "GET / HTTP/1.1\r\n", ""},
      {MTASTS_SOCKET_SOCKETMAP, "x", ""},
      {MTASTS_SOCKET_SOCKETMAP, ":", ""},
      {MTASTS_SOCKET_SOCKETMAP, "-1:", ""},
      {MTASTS_SOCKET_SOCKETMAP, "09:echo a.ex,", ""},
      {MTASTS_SOCKET_SOCKETMAP, "9:echo a.exx", ""},
      {MTASTS_SOCKET_SOCKETMAP, "4:echo,", ""},
      {MTASTS_SOCKET_SOCKETMAP, "0:,", ""},
      {MTASTS_SOCKET_SOCKETMAP, "2: a,", ""},
      {MTASTS_SOCKET_SOCKETMAP, "10001", ""},
      {MTASTS_SOCKET_SOCKETMAP, "99999999999999999999:", ""},
      {MTASTS_SOCKET_SOCKETMAP, "100000:import {", ""},
      {MTASTS_SOCKET_ASK, "1048577", ""},
      {MTASTS_SOCKET_ASK, "100000:impost {", ""},
      {MTASTS_SOCKET_ASK, "100000:e", ""},
      {MTASTS_SOCKET_SOCKETMAP, "9:echo a.ex,bad", "7:OK a.ex,"},
      {MTASTS_SOCKET_SOCKETMAP, "8:refuse x,9:echo a.ex,", ""},
  };
  const size_t count = sizeof cases / sizeof *cases;
  fixture_up(64);
  int bystander = connect_to(MTASTS_SOCKET_SOCKETMAP);
  for (size_t i = 0; i < count; i++) {
    int fd = connect_to(cases[i].socket_kind);
    say(fd, cases[i].bytes);
    expect(fd, cases[i].reply, true, cases[i].bytes);
    close(fd);
  }
  CU_ASSERT_EQUAL(mtasts_count_get(&fixture.stats, MTASTS_COUNT_MALFORMED), count - 1);
  say(bystander, "9:echo a.ex,");
  expect(bystander, "7:OK a.ex,", false, "a bystander");
  close(bystander);
  fixture_down();
}

/* A request of so many bytes of payload. */
static void try_long(enum mtasts_socket_kind socket_kind, const char *map, size_t size,
                     bool welcome) {
  static char bytes[MTASTS_REQUEST_IMPORT_MAX + 32];
  int head = snprintf(bytes, sizeof bytes, "%zu:%s ", size, map);
  size_t colon = strcspn(bytes, ":") + 1;
  memset(bytes + head, 'k', size);
  bytes[colon + size] = ',';
  int fd = connect_to(socket_kind);
  unsigned asked = fixture.asked;
  bool closed;
  say_bytes(fd, bytes, welcome ? colon + size + 1 : colon + 8);
  size_t heard = hear(fd, &closed);
  unit_check(closed != welcome && (heard > 0) == welcome && fixture.asked == asked + welcome,
             "%s of %zu bytes: heard %zu, %s", map, size, heard, closed ? "closed" : "open");
  if (welcome) {
    CU_ASSERT_EQUAL(fixture.key_len, size - strlen(map) - 1);
    say(fd, "9:echo a.ex,");
    expect(fd, "7:OK a.ex,", false, "and another request");
    const struct mtasts_peer *peer = TAILQ_FIRST(&fixture.server->peers[MTASTS_PEER_IDLE]);
    unit_check(peer && peer->input == peer->own, "%zu bytes: the buffer stays grown", size);
  }
  close(fd);
}

/* A long request and all but `missing` bytes of another that is longer than the buffer. */
static void try_rest(size_t missing) {
  static char bytes[16384];
  char payload[6000];
  bool closed;
  memset(payload, 'k', sizeof payload);
  memcpy(payload, "echo ", 5);
  payload[4992] = '\0';
  size_t first = netstring(bytes, sizeof bytes, payload);
  payload[2992] = '\0';
  size_t all = first + netstring(bytes + first, sizeof bytes - first, payload);
  int fd = connect_to(MTASTS_SOCKET_SOCKETMAP);
  pump();
  CU_ASSERT_EQUAL(send(fd, bytes, all - missing, 0), (ssize_t)(all - missing));
  CU_ASSERT_EQUAL(hear(fd, &closed), 108);
  say_bytes(fd, bytes + all - missing, missing);
  unit_check(hear(fd, &closed) == 108, "%zu bytes apart", missing);
  close(fd);
}

static void test_long(void) {
  fixture_up(8);
  for (size_t missing = 945; missing < 960; missing++)
    try_rest(missing);
  static const size_t sizes[] = {2000, 2040, 2041, 2042, 2043, 2044, 2048, 4090, 9999, 10000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    try_long(MTASTS_SOCKET_SOCKETMAP, "echo", sizes[i], true);
    try_long(MTASTS_SOCKET_ASK, "echo", sizes[i], true);
  }
  try_long(MTASTS_SOCKET_SOCKETMAP, "echo", 10001, false);
  try_long(MTASTS_SOCKET_SOCKETMAP, "import", 10001, false);
  try_long(MTASTS_SOCKET_ASK, "echo", 10001, false);
  try_long(MTASTS_SOCKET_ASK, "import", 10001, true);
  try_long(MTASTS_SOCKET_ASK, "import", MTASTS_REQUEST_IMPORT_MAX, true);
  try_long(MTASTS_SOCKET_ASK, "import", MTASTS_REQUEST_IMPORT_MAX + 1, false);
  fixture_down();
}

static void test_half_open(void) {
  fixture_up(8);
  int fd = connect_to(MTASTS_SOCKET_SOCKETMAP);
  say(fd, "9:echo a.ex,7:later x,9:echo b.ex,");
  shutdown(fd, SHUT_WR);
  expect(fd, "7:OK a.ex,", false, "a shut side, and one that waits");
  CU_ASSERT_EQUAL(fixture.waiting_count, 1);
  mtasts_peer_reply(fixture.waiting[0], (struct mtasts_span){"TEMP x", 6});
  expect(fd, "6:TEMP x,7:OK b.ex,", true, "and its replies");
  close(fd);

  fd = connect_to(MTASTS_SOCKET_SOCKETMAP);
  say(fd, "9:echo");
  shutdown(fd, SHUT_WR);
  expect(fd, "", true, "a shut side after half a request");
  CU_ASSERT_EQUAL(fixture.gone, 0);
  CU_ASSERT_EQUAL(mtasts_count_get(&fixture.stats, MTASTS_COUNT_MALFORMED), 0);
  close(fd);
  fixture_down();
}

static void test_ahead(void) {
  fixture_up(8);
  int fd = connect_to(MTASTS_SOCKET_SOCKETMAP);
  say(fd, "9:echo a.ex,");
  expect(fd, "7:OK a.ex,", false, "no peer waits");
  CU_ASSERT_EQUAL(fixture.ahead, 0);
  say(fd, "7:later x,9:echo b.ex,9:echo c.ex,9:ec");
  CU_ASSERT_EQUAL(fixture.ahead, 2);
  CU_ASSERT_STRING_EQUAL(fixture.ahead_key, "c.ex");
  say(fd, "ho d.ex,7:later y,9:echo e.ex,");
  CU_ASSERT_EQUAL(fixture.ahead, 5);
  CU_ASSERT_EQUAL(fixture.asked, 2);
  mtasts_peer_reply(fixture.waiting[0], (struct mtasts_span){"TEMP x", 6});
  expect(fd, "6:TEMP x,7:OK b.ex,7:OK c.ex,7:OK d.ex,", false, "in their order");
  CU_ASSERT_EQUAL(fixture.ahead, 5); /* each but once */
  say(fd, "9:echo f.ex,5:bad,9:echo g.ex,");
  CU_ASSERT_EQUAL(fixture.ahead, 6); /* a malformed request is refused when its turn comes */
  mtasts_peer_reply(fixture.waiting[1], (struct mtasts_span){"TEMP y", 6});
  expect(fd, "6:TEMP y,7:OK e.ex,7:OK f.ex,", true, "up to the malformed one");
  close(fd);
  fixture_down();
}

static void test_never_reads(void) {
  fixture_up(8);
  int fd = connect_to(MTASTS_SOCKET_SOCKETMAP);
  int other = connect_to(MTASTS_SOCKET_SOCKETMAP);
  static const char three[] = "5:big x,5:big x,5:big x,9:echo a.ex,";
  bool closed;
  say(fd, three);
  pump();
  CU_ASSERT_EQUAL(fixture.asked, 1); /* the rest is not even asked for */
  for (int i = 0; i < 100; i++)
    if (send(fd, three, sizeof three - 1, MSG_NOSIGNAL) < 0)
      break;
  pump();
  CU_ASSERT_EQUAL(fixture.asked, 1);
  say(other, "9:echo a.ex,");
  expect(other, "7:OK a.ex,", false, "another peer meanwhile");
  CU_ASSERT(hear(fd, &closed) > 3 * MTASTS_REPLY_MAX);
  CU_ASSERT_FALSE(closed);
  CU_ASSERT(fixture.asked > 4);
  while (hear(fd, &closed) > 0)
    continue;
  say(fd, "9:echo c.ex,");
  expect(fd, "7:OK c.ex,", false, "once it has read");
  close(fd);
  close(other);
  fixture_down();
}

/* A later reply while earlier ones are still on their way keeps its place. */
static void test_later_behind_unsent(void) {
  static const char requests[] = "5:mid x,7:later x,9:echo b.ex,";
  int small = 1;
  bool closed;
  fixture_up(8);
  int fd = connect_to(MTASTS_SOCKET_SOCKETMAP);
  pump();
  setsockopt(TAILQ_FIRST(&fixture.server->peers[MTASTS_PEER_NEW])->fd, SOL_SOCKET, SO_SNDBUF,
             &small, sizeof small);
  say(fd, requests);
  CU_ASSERT_EQUAL_FATAL(fixture.waiting_count, 1);
  CU_ASSERT_PTR_NOT_NULL(fixture.waiting[0]->unsent);
  ssize_t early = recv(fd, received, READ_MAX, 0); /* now the socket would take the reply */
  mtasts_peer_reply(fixture.waiting[0], (struct mtasts_span){"TEMP x", 6});
  size_t heard = hear(fd, &closed);
  CU_ASSERT_FALSE(closed);
  CU_ASSERT_EQUAL_FATAL(heard + (size_t)early, MID + 7 + 9 + 10);
  CU_ASSERT_STRING_EQUAL(received + heard - 20, ",6:TEMP x,7:OK b.ex,");

  /* The other order: all of the earlier ones are read while it waits. */
  say(fd, requests);
  CU_ASSERT_EQUAL_FATAL(fixture.waiting_count, 2);
  CU_ASSERT_EQUAL(hear(fd, &closed), MID + 7);
  CU_ASSERT_PTR_NULL(fixture.waiting[1]->unsent);
  mtasts_peer_reply(fixture.waiting[1], (struct mtasts_span){"TEMP x", 6});
  expect(fd, "6:TEMP x,7:OK b.ex,", false, "then the later one");
  close(fd);
  fixture_down();
}

static void test_stuck(void) {
  fixture_up(8);
  int partial = connect_to(MTASTS_SOCKET_SOCKETMAP);
  int idle = connect_to(MTASTS_SOCKET_SOCKETMAP);
  int unstored = connect_to(MTASTS_SOCKET_SOCKETMAP);
  say(partial, "9:echo");
  pump();
  CU_ASSERT_TRUE(event_pending(&fixture.server->sweep, EV_TIMEOUT, NULL));
  struct mtasts_peer *peer = TAILQ_FIRST(&fixture.server->peers[MTASTS_PEER_PARTIAL]);
  CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
  peer->since -= MTASTS_PEER_PARTIAL_MAX * 1000;
  age(MTASTS_PEER_NEW, MTASTS_PEER_PARTIAL_MAX * 1000);
  say(unstored, "9:ec");
  pump();
  say(partial, " a"); /* more of it, but not all: that wins no time */
  pump();
  event_active(&fixture.server->sweep, EV_TIMEOUT, 0);
  expect(partial, "", true, "half a request for too long");
  expect(idle, "", false, "nothing for as long");
  expect(unstored, "", false, "half a request that has just arrived");
  CU_ASSERT_TRUE(event_pending(&fixture.server->sweep, EV_TIMEOUT, NULL));
  say(unstored, "ho a.ex,");
  expect(unstored, "7:OK a.ex,", false, "the other half");
  close(partial);
  close(idle);
  close(unstored);
  fixture_down();
}

static void test_shedding(void) {
  enum {
    MOST = 4
  };
  int fds[MOST + 2];
  fixture_up(MOST);
  for (int i = 0; i < MOST; i++) {
    fds[i] = connect_to(MTASTS_SOCKET_SOCKETMAP);
    pump();
    usleep(10000); /* the clock that orders idle peers is coarse */
  }
  say(fds[1], "7:later x,");
  say(fds[0], "9:echo a.ex,");
  expect(fds[0], "7:OK a.ex,", false, "the eldest");
  age(MTASTS_PEER_NEW, 1000);
  fds[MOST] = connect_to(MTASTS_SOCKET_SOCKETMAP);
  expect(fds[2], "", true, "the longest idle");
  expect(fds[3], "", false, "the next");
  say(fds[MOST], "9:echo b.ex,");
  expect(fds[MOST], "7:OK b.ex,", false, "the newcomer");
  CU_ASSERT_EQUAL(mtasts_count_get(&fixture.stats, MTASTS_COUNT_CONNECTIONS), MOST);

  /* All are busy: the next has to wait until one is not. */
  say(fds[0], "7:later x,");
  say(fds[3], "7:later x,");
  say(fds[MOST], "7:later x,");
  fds[MOST + 1] = connect_to(MTASTS_SOCKET_SOCKETMAP);
  say(fds[MOST + 1], "9:echo c.ex,");
  expect(fds[MOST + 1], "", false, "no place");
  CU_ASSERT_TRUE(event_pending(&fixture.server->pause, EV_TIMEOUT, NULL));
  CU_ASSERT_EQUAL(fixture.gone, 0);
  close(fds[0]);
  pump();
  CU_ASSERT_EQUAL(fixture.gone, 1);
  usleep(120000);
  expect(fds[MOST + 1], "7:OK c.ex,", false, "a place");
  for (int i = 1; i < MOST + 2; i++)
    close(fds[i]);
  fixture_down();
}

/* Half a request on each place must not cost the honest theirs. */
static void test_shedding_the_stuck(void) {
  fixture_up(2);
  int idle = connect_to(MTASTS_SOCKET_SOCKETMAP);
  int stuck = connect_to(MTASTS_SOCKET_SOCKETMAP);
  say(stuck, "9:echo");
  pump();
  struct mtasts_peer *peer = TAILQ_FIRST(&fixture.server->peers[MTASTS_PEER_PARTIAL]);
  CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
  peer->since -= 1000;
  int unstored = connect_to(MTASTS_SOCKET_SOCKETMAP);
  say(unstored, "9:echo b.ex,");
  expect(unstored, "7:OK b.ex,", false, "the newcomer");
  expect(stuck, "", true, "half a request for a second");
  expect(idle, "", false, "nothing");
  say(unstored, "9:echo");
  pump();
  age(MTASTS_PEER_NEW, 1000);
  int last = connect_to(MTASTS_SOCKET_SOCKETMAP);
  expect(idle, "", true, "idle longest");
  expect(unstored, "", false, "half a request just now");
  close(idle);
  close(stuck);
  close(unstored);
  close(last);
  fixture_down();
}

static void test_no_descriptors(void) {
  struct rlimit before;
  fixture_up(64);
  int idle = connect_to(MTASTS_SOCKET_SOCKETMAP);
  pump();
  int busy = connect_to(MTASTS_SOCKET_SOCKETMAP);
  say(busy, "7:later x,");
  int fd = connect_to(MTASTS_SOCKET_SOCKETMAP);
  int next = connect_to(MTASTS_SOCKET_SOCKETMAP);
  getrlimit(RLIMIT_NOFILE, &before);
  struct rlimit none = {.rlim_cur = (rlim_t)next + 1, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  age(MTASTS_PEER_NEW, 1000);
  event_base_loop(fixture.base, EVLOOP_NONBLOCK);
  CU_ASSERT_EQUAL(recv(idle, received, 1, 0), 0);
  pump();
  CU_ASSERT_EQUAL(recv(fd, received, 1, 0), -1); /* has only just come, and one more does */
  CU_ASSERT_EQUAL(mtasts_count_get(&fixture.stats, MTASTS_COUNT_CONNECTIONS), 2);
  say(next, "7:later x,");
  int *last = (int[]){socket(AF_UNIX, SOCK_STREAM, 0)};
  CU_ASSERT_EQUAL(*last, -1);
  close(fd);
  fd = connect_to(MTASTS_SOCKET_SOCKETMAP);
  pump();
  CU_ASSERT_TRUE(event_pending(&fixture.server->pause, EV_TIMEOUT, NULL));
  close(idle);
  usleep(120000);
  pump();
  CU_ASSERT_EQUAL(mtasts_count_get(&fixture.stats, MTASTS_COUNT_CONNECTIONS), 3);
  setrlimit(RLIMIT_NOFILE, &before);
  close(busy);
  close(fd);
  close(next);
  fixture_down();
}

static void test_gone(void) {
  fixture_up(8);
  int fd = connect_to(MTASTS_SOCKET_SOCKETMAP);
  say(fd, "7:later x,");
  CU_ASSERT_EQUAL(fixture.waiting_count, 1);
  CU_ASSERT_EQUAL(mtasts_peer_uid(fixture.waiting[0]), getuid());
  CU_ASSERT_EQUAL(mtasts_peer_socket_kind(fixture.waiting[0]), MTASTS_SOCKET_SOCKETMAP);
  close(fd);
  pump();
  CU_ASSERT_EQUAL(fixture.gone, 1);
  CU_ASSERT_PTR_NULL(fixture.waiting[0]);

  /* Bytes that a peer sends after a waiting request are kept, up to a buffer. */
  fd = connect_to(MTASTS_SOCKET_ASK);
  say(fd, "7:later x,");
  for (int i = 0; i < 300; i++)
    say(fd, "9:echo a.ex,");
  CU_ASSERT_EQUAL(fixture.asked, 2);
  CU_ASSERT_EQUAL(mtasts_peer_socket_kind(fixture.waiting[1]), MTASTS_SOCKET_ASK);
  mtasts_peer_reply(fixture.waiting[1], (struct mtasts_span){"OK x", 4});
  bool closed;
  CU_ASSERT_EQUAL(hear(fd, &closed), 7 + 300 * 10);
  CU_ASSERT_EQUAL(memcmp(received, "4:OK x,7:OK a.ex,", 17), 0);
  say(fd, "7:later x,");
  mtasts_socketmap_free(fixture.server);
  CU_ASSERT_EQUAL(fixture.gone, 2);
  event_base_free(fixture.base);
  close(fd);
}

static void test_drain(void) {
  fixture_up(8);
  int idle = connect_to(MTASTS_SOCKET_SOCKETMAP);
  int waits = connect_to(MTASTS_SOCKET_ASK);
  int partial = connect_to(MTASTS_SOCKET_ASK);
  int asks = connect_to(MTASTS_SOCKET_ASK);
  pump();
  say(waits, "7:later x,9:echo a.ex,");
  say(partial, "7:lat");
  CU_ASSERT_EQUAL(send(asks, "9:echo b.ex,", 12, 0), 12); /* not seen by the server yet */
  mtasts_socketmap_drain(fixture.server, on_drained);
  int late = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_EQUAL(
      connect(late, (const struct sockaddr *)&fixture.addresses[0], sizeof fixture.addresses[0]),
      -1);
  expect(idle, "", true, "idle");
  expect(partial, "", true, "half a request");
  expect(asks, "7:OK b.ex,", true, "a request on its way");
  expect(waits, "", false, "one that waits");
  CU_ASSERT_EQUAL(fixture.drained, 0);
  mtasts_peer_reply(fixture.waiting[0], (struct mtasts_span){"OK x", 4});
  CU_ASSERT_EQUAL(fixture.drained, 0); /* reported from the loop */
  expect(waits, "4:OK x,7:OK a.ex,", true, "its reply");
  CU_ASSERT_EQUAL(fixture.drained, 1);
  close(idle);
  close(waits);
  close(partial);
  close(asks);
  close(late);
  fixture_down();

  fixture_up(8);
  mtasts_socketmap_drain(fixture.server, on_drained);
  pump();
  CU_ASSERT_EQUAL(fixture.drained, 1);
  fixture_down();
}

const struct unit_test unit_tests[] = {
    {"waiting requests are announced", test_ahead},
    {"requests split at every byte", test_split},
    {"pipelined requests are answered in order, and others meanwhile", test_pipelined},
    {"a malformed request closes its connection and no other", test_malformed},
    {"long requests up to the limit of each socket", test_long},
    {"a peer that shuts its side still reads its replies", test_half_open},
    {"a peer that never reads is not read from", test_never_reads},
    {"a reply that comes later is sent after those being sent", test_later_behind_unsent},
    {"half a request is not waited for for ever", test_stuck},
    {"the longest idle makes room", test_shedding},
    {"rather sheds a peer that is stuck", test_shedding_the_stuck},
    {"no descriptor left: one is shed, or accepting waits", test_no_descriptors},
    {"a peer that disconnects while it waits is reported", test_gone},
    {"draining closes each connection once it has its replies", test_drain},
    {NULL, NULL},
};
