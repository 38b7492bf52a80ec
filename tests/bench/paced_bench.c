/*
 * How long the slowest hundredth of cached answers, asked for at a steady pace, takes while mtastsd
 * looks up new domains: once the answers of mtastsd itself, once those of a server that sends the
 * same bytes as a reply to every request, while mtastsd gets the same look-ups.
 *
 *   paced_bench mtastsd|constant SOCKET CACHED COLD PACE IN-FLIGHT
 *
 * SOCKET is mtastsd's; its cache holds CACHED domains, domain-000000.mail.example.com and so on.
 * COLD domains, h0.bench.example and so on, are new to it: so many at a time are waited for. Ends
 * when all of them are answered. Prints the microseconds that 99 % and 50 % of the cached answers
 * take, and the look-ups a second. A question's time runs from when it was due.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "client.h"
#include "constant.h"

enum {
  IN_FLIGHT_MAX = 1000,
  PACED = 16, /* connections that take turns */
  WAITS_MAX = 1 << 20,
  REPLY_SIZE = 128 << 10,
};

static const char map[] = "postfix";

static struct bench {
  const char *socket;
  size_t cached, cold, in_flight;
  double pace;
  int poll;

  struct client cold_clients[IN_FLIGHT_MAX];
  size_t cold_asked, cold_answered;

  struct client clients[PACED];
  double due[PACED]; /* 0: nothing is asked for there */
  double next;       /* when the next question is due */
  uint64_t random;
  double waits[WAITS_MAX];
  size_t wait_count;
} bench;

static void watch(int fd, size_t what) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = what};
  if (epoll_ctl(bench.poll, EPOLL_CTL_ADD, fd, &event))
    die("epoll_ctl");
}

/* new domains */

static void ask_cold(struct client *client) {
  char request[CLIENT_REQUEST_MAX];
  char name[64];
  if (bench.cold_asked == bench.cold)
    return;
  snprintf(name, sizeof name, "h%zu.bench.example", bench.cold_asked++);
  client_send(client, request, client_request(request, map, name));
}

static void take_cold(struct client *client) {
  if (client_take(client) == 0)
    return;
  bench.cold_answered++;
  ask_cold(client);
}

/* cached ones */

static void ask_paced(size_t i, double due) {
  char request[CLIENT_REQUEST_MAX];
  char name[64];
  bench.due[i] = due;
  client_domain(&bench.random, bench.cached, name);
  client_send(&bench.clients[i], request, client_request(request, map, name));
}

/* Asks what is due by now, as far as connections are free. */
static void ask_due(void) {
  for (size_t i = 0; i < PACED && bench.next <= seconds(); i++)
    if (bench.due[i] == 0) {
      ask_paced(i, bench.next);
      bench.next += 1 / bench.pace;
    }
}

static void take_paced(size_t i) {
  if (client_take(&bench.clients[i]) == 0)
    return;
  if (bench.wait_count < WAITS_MAX)
    bench.waits[bench.wait_count++] = seconds() - bench.due[i];
  bench.due[i] = 0;
  ask_due();
}

/* Returns the seconds that it took. */
static double run(void) {
  struct itimerspec tick = {.it_interval.tv_nsec = 100000, .it_value.tv_nsec = 100000};
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  const size_t tick_event = IN_FLIGHT_MAX + PACED;
  if (timer < 0 || timerfd_settime(timer, 0, &tick, NULL))
    die("timerfd");
  watch(timer, tick_event);
  double start = bench.next = seconds();
  for (size_t i = 0; i < bench.in_flight; i++)
    ask_cold(&bench.cold_clients[i]);
  while (bench.cold_answered < bench.cold) {
    struct epoll_event ready[64];
    int count = epoll_wait(bench.poll, ready, 64, 60000);
    if (count <= 0)
      die("no answer");
    for (int n = 0; n < count; n++) {
      size_t what = (size_t)ready[n].data.u64;
      uint64_t ticks;
      if (what < IN_FLIGHT_MAX)
        take_cold(&bench.cold_clients[what]);
      else if (what < tick_event)
        take_paced(what - IN_FLIGHT_MAX);
      else if (read(timer, &ticks, sizeof ticks) == sizeof ticks)
        ask_due();
    }
  }
  return seconds() - start;
}

int main(int argc, char **argv) {
  static char reply[REPLY_SIZE];
  char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
  char name[64];
  if (argc != 7) {
    fprintf(stderr, "usage: paced_bench mtastsd|constant SOCKET CACHED COLD PACE IN-FLIGHT\n");
    return 64;
  }
  bench.socket = argv[2];
  bench.cached = strtoul(argv[3], NULL, 10);
  bench.cold = strtoul(argv[4], NULL, 10);
  bench.pace = strtod(argv[5], NULL);
  bench.in_flight = strtoul(argv[6], NULL, 10);
  bench.random = 1;
  bench.poll = epoll_create1(0);
  if (bench.in_flight > IN_FLIGHT_MAX || bench.pace <= 0)
    die("too many in flight");

  client_domain(&bench.random, bench.cached, name);
  size_t size = client_sample(bench.socket, map, name, reply, sizeof reply);
  if (!memmem(reply, size, ":OK ", 4)) {
    fprintf(stderr, "paced_bench: %s: %.*s\n", name, (int)size, reply);
    return EX_SOFTWARE;
  }
  pid_t constant = 0;
  snprintf(path, sizeof path, "%s", bench.socket);
  if (strcmp(argv[1], "constant") == 0) {
    snprintf(path, sizeof path, "%s.constant", bench.socket);
    constant = constant_start(path, reply, size);
  }
  for (size_t i = 0; i < bench.in_flight; i++) {
    client_open(&bench.cold_clients[i], bench.socket);
    watch(bench.cold_clients[i].fd, i);
  }
  for (size_t i = 0; i < PACED; i++) {
    client_open(&bench.clients[i], path);
    watch(bench.clients[i].fd, IN_FLIGHT_MAX + i);
  }
  double took = run();
  if (constant > 0) {
    kill(constant, SIGKILL);
    unlink(path);
  }
  double late = quantile(bench.waits, bench.wait_count, 0.99);
  printf("%.0f %.0f %.0f\n", late * 1e6, quantile(bench.waits, bench.wait_count, 0.5) * 1e6,
         (double)bench.cold / took);
  return 0;
}
