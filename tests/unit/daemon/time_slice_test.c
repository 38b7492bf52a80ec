/* Service when many peers connect, or one sends many requests. */
#include "time_slice.h"

#include "socketmap_fixture.h"

const char *const unit_name = "daemon/time_slice";

/* If many peers connect at once and nearly all connections are taken, each is served: none is
 * closed before it could ask. */
static void test_knocking(void) {
  enum {
    MOST = 8,
    BUSY = 6,
    KNOCKING = 20
  };
  int busy[BUSY];
  int knocking[KNOCKING];
  bool closed;
  fixture_up(MOST);
  for (int i = 0; i < BUSY; i++) {
    busy[i] = connect_to(MTASTS_SOCKET_SOCKETMAP);
    say(busy[i], "7:later x,");
  }
  for (int i = 0; i < KNOCKING; i++)
    knocking[i] = connect_to(MTASTS_SOCKET_SOCKETMAP);
  pump();
  for (int i = 0; i < KNOCKING; i++)
    CU_ASSERT_EQUAL(send(knocking[i], "9:echo a.ex,", 12, MSG_NOSIGNAL), 12);
  for (int i = 0; i < KNOCKING; i++) {
    for (int step = 0; step < 300 && hear(knocking[i], &closed) == 0 && !closed; step++)
      usleep(10000);
    unit_check(strcmp(received, "7:OK a.ex,") == 0, "number %d heard '%s'", i, received);
  }
  CU_ASSERT_EQUAL(fixture.gone, 0);
  for (int i = 0; i < BUSY; i++)
    close(busy[i]);
  for (int i = 0; i < KNOCKING; i++)
    close(knocking[i]);
  fixture_down();
}

/* TCP has its share of the connections, however many wait; unix sockets have the others. */
static void test_network_share(void) {
  int network[NETWORK_MAX + 1];
  int local[3];
  fixture_up(8);
  for (int i = 0; i < NETWORK_MAX; i++) {
    network[i] = connect_over_network();
    say(network[i], "7:later x,");
  }
  CU_ASSERT_EQUAL(fixture.waiting_count, NETWORK_MAX);
  CU_ASSERT_EQUAL(mtasts_peer_uid(fixture.waiting[0]), (uid_t)-1);
  network[NETWORK_MAX] = connect_over_network();
  say(network[NETWORK_MAX], "9:echo a.ex,");
  expect(network[NETWORK_MAX], "", false, "no place over TCP");
  for (int i = 0; i < 3; i++) {
    local[i] = connect_to(i % 2 ? MTASTS_SOCKET_ASK : MTASTS_SOCKET_SOCKETMAP);
    say(local[i], "9:echo b.ex,");
    expect(local[i], "7:OK b.ex,", false, "places at a unix socket");
  }
  mtasts_socketmap_limit(fixture.server, NETWORK_MAX + 1, 1);
  usleep(120000);
  expect(network[NETWORK_MAX], "7:OK a.ex,", false, "one more place");

  /* Idle ones of TCP make room for others of TCP, not those of unix sockets. */
  int last = connect_over_network();
  say(last, "9:echo c.ex,");
  expect(last, "7:OK c.ex,", false, "in the place of another");
  expect(network[NETWORK_MAX], "", true, "which was idle");
  expect(local[0], "", false, "idle for longer");
  for (int i = 0; i < NETWORK_MAX + 1; i++)
    close(network[i]);
  for (int i = 0; i < 3; i++)
    close(local[i]);
  close(last);
  fixture_down();
}

/* A peer that sends many slow requests delays others for no longer than a time slice of the loop
 * takes, and has all its answers, in order. */
static void test_turns(void) {
  enum {
    HOSTILE = 3,
    REQUESTS = 20
  };
  static char requests[REQUESTS * 16], replies[REQUESTS * 16];
  char payload[32];
  size_t asked = 0;
  size_t told = 0;
  int hostile[HOSTILE];
  int other[2];
  bool closed;
  fixture_up(8);
  for (int i = 0; i < REQUESTS; i++) {
    snprintf(payload, sizeof payload, "slow d%d", i);
    asked += netstring(requests + asked, sizeof requests - asked, payload);
    snprintf(payload, sizeof payload, "OK d%d", i);
    told += netstring(replies + told, sizeof replies - told, payload);
  }
  for (int i = 0; i < HOSTILE; i++)
    hostile[i] = connect_over_network();
  other[0] = connect_to(MTASTS_SOCKET_SOCKETMAP);
  other[1] = connect_to(MTASTS_SOCKET_ASK);
  pump();
  for (int i = 0; i < HOSTILE; i++)
    CU_ASSERT_EQUAL(send(hostile[i], requests, asked, 0), (ssize_t)asked);
  event_base_loop(fixture.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
  unit_check(fixture.slow > 0 && fixture.slow < 2 * HOSTILE * 4, "%u in one turn", fixture.slow);
  unsigned before = fixture.slow;
  for (int i = 0; i < 2; i++)
    CU_ASSERT_EQUAL(send(other[i], "9:echo a.ex,", 12, 0), 12);
  event_base_loop(fixture.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
  event_base_loop(fixture.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
  for (int i = 0; i < 2; i++)
    CU_ASSERT_EQUAL(recv(other[i], received, READ_MAX, 0), 10);
  unit_check(fixture.slow - before < 2 * HOSTILE * 4, "%u meanwhile", fixture.slow - before);
  unit_check(fixture.slow < HOSTILE * REQUESTS, "all %u have been answered", fixture.slow);

  /* One that goes while it is put off, and one that shuts its side. */
  close(hostile[0]);
  shutdown(hostile[1], SHUT_WR);
  for (int i = 0; i < HOSTILE * REQUESTS; i++)
    event_base_loop(fixture.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
  expect(hostile[1], replies, true, "all, and its end");
  expect(hostile[2], replies, false, "all");
  CU_ASSERT_TRUE(TAILQ_EMPTY(&fixture.server->slice.clients));
  hear(other[0], &closed);
  CU_ASSERT_FALSE(closed);
  for (int i = 1; i < HOSTILE; i++)
    close(hostile[i]);
  close(other[0]);
  close(other[1]);
  fixture_down();
}

/* An end while peers are put off: each has its replies first, or is closed with the server. */
static void test_drain_put_off(void) {
  for (int drained = 0; drained < 2; drained++) {
    fixture_up(8);
    int fd = connect_to(MTASTS_SOCKET_SOCKETMAP);
    pump();
    for (int i = 0; i < 10; i++)
      CU_ASSERT_EQUAL(send(fd, "9:slow a.ex,", 12, 0), 12);
    event_base_loop(fixture.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
    CU_ASSERT(fixture.slow < 10);
    if (drained) {
      mtasts_socketmap_drain(fixture.server, on_drained);
      bool closed;
      CU_ASSERT_EQUAL(hear(fd, &closed), 100);
      CU_ASSERT_TRUE(closed);
      CU_ASSERT_EQUAL(fixture.drained, 1);
    }
    close(fd);
    fixture_down();
  }
}

const struct unit_test unit_tests[] = {
    {"peers that connect at once are all served", test_knocking},
    {"TCP has a share of the connections", test_network_share},
    {"a peer that asks for much is put off", test_turns},
    {"an end while a peer is put off", test_drain_put_off},
    {NULL, NULL},
};
