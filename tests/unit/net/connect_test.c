#include "connect.h"

#include <dirent.h>
#include <event2/event.h>
#include <sys/resource.h>
#include <time.h>

#include "deaf.h"
#include "namespace.h"
#include "unit.h"

enum {
  PORT = 443,
  LATEST_MS = 3000, /* of a machine that is busy; a SYN is sent again after a second and lost */
};

struct fixture {
  struct event_base *base;
  struct mtasts_connector *connector;
  unsigned connected;
  unsigned exhausted;
  int socket;
  bool free_in_callback;
  bool go_in_callback;
  char address[INET6_ADDRSTRLEN];
};

static unsigned open_descriptors(void) {
  unsigned count = 0;
  DIR *folder = opendir("/proc/self/fd");
  while (folder && readdir(folder))
    count++;
  if (folder)
    closedir(folder);
  return count;
}

static int64_t milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_connected(void *context, int socket, const struct in6_addr *address) {
  struct fixture *f = context;
  f->connected++;
  mtasts_address_text(address, f->address, sizeof f->address);
  if (f->socket >= 0)
    close(f->socket);
  f->socket = socket;
  if (f->free_in_callback) {
    mtasts_connector_free(f->connector);
    f->connector = NULL;
  }
  if (f->go_in_callback)
    mtasts_connector_go(f->connector);
  else
    event_base_loopbreak(f->base);
}

static void on_exhausted(void *context) {
  struct fixture *f = context;
  f->exhausted++;
  if (f->free_in_callback) {
    mtasts_connector_free(f->connector);
    f->connector = NULL;
  }
  event_base_loopbreak(f->base);
}

static void set_up(struct fixture *f, bool allow_private) {
  const struct mtasts_connector_options options = {
      .port = PORT,
      .allow_private = allow_private,
      .connected = on_connected,
      .exhausted = on_exhausted,
      .context = f,
  };
  memset(f, 0, sizeof *f);
  f->socket = -1;
  f->base = event_base_new();
  CU_ASSERT_TRUE_FATAL(namespace_enter());
  f->connector = mtasts_connector_new(f->base, &options);
  CU_ASSERT_PTR_NOT_NULL_FATAL(f->connector);
}

static void tear_down(struct fixture *f) {
  mtasts_connector_free(f->connector);
  event_base_free(f->base);
  if (f->socket >= 0)
    close(f->socket);
}

static bool add(struct fixture *f, const char *text) {
  struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
  if (inet_pton(AF_INET, text, &address.s6_addr[12]) != 1)
    inet_pton(AF_INET6, text, &address);
  return mtasts_connector_add(f->connector, &address);
}

/* Addresses, separated by commas; runs until one is connected or all have failed. */
static void connect_to(struct fixture *f, const char *list) {
  char text[256];
  snprintf(text, sizeof text, "%s", list);
  for (char *rest, *one = strtok_r(text, ",", &rest); one; one = strtok_r(NULL, ",", &rest))
    unit_check(add(f, one), "%s: not taken", one);
  mtasts_connector_go(f->connector);
  unit_check(f->connected + f->exhausted == 0, "%s: called back from inside the call", list);
  event_base_dispatch(f->base);
}

/* Which address is connected to, if one or more of them is dead. */
static void dead_ones(void) {
  static const struct {
    const char *addresses;
    const char *connected; /* NULL: none is */
    int error;
    int64_t within;
  } cases[] = {
      {"127.0.0.1", "127.0.0.1", 0, LATEST_MS},
      {"::1", "::1", 0, LATEST_MS},
      {"127.0.0.1,127.0.0.2", "127.0.0.1", 0, LATEST_MS},
      {"127.0.0.7,127.0.0.1", "127.0.0.1", 0, LATEST_MS}, /* refuses */
      {"127.0.0.7,::1", "::1", 0, LATEST_MS},
      {"::2,127.0.0.1", "127.0.0.1", 0, LATEST_MS},       /* unreachable */
      {"127.0.0.9,127.0.0.1", "127.0.0.1", 0, LATEST_MS}, /* silent */
      {"127.0.0.9,::1", "::1", 0, LATEST_MS},
      {"::1,127.0.0.9", "::1", 0, LATEST_MS},
      {"::1:9,127.0.0.1", "127.0.0.1", 0, LATEST_MS},
      {"::1:9,::1", "::1", 0, LATEST_MS},
      {"127.0.0.9,127.0.0.7,::2,::1:9,127.0.0.8,::1", "::1", 0, LATEST_MS},
      {"127.0.0.7", NULL, ECONNREFUSED, LATEST_MS},
      {"127.0.0.7,127.0.0.8,::3", NULL, ECONNREFUSED, LATEST_MS},
      {"", NULL, 0, LATEST_MS},
  };
  struct deaf_server servers[5];
  CU_ASSERT_TRUE_FATAL(namespace_enter());
  CU_ASSERT_TRUE_FATAL(namespace_ipv6("::1:9"));
  CU_ASSERT_TRUE_FATAL(deaf_start(&servers[0], "127.0.0.1", DEAF_MUTE));
  CU_ASSERT_TRUE_FATAL(deaf_start(&servers[1], "127.0.0.2", DEAF_MUTE));
  CU_ASSERT_TRUE_FATAL(deaf_start(&servers[2], "::1", DEAF_MUTE));
  CU_ASSERT_TRUE_FATAL(deaf_start(&servers[3], "127.0.0.9", DEAF_SILENT));
  CU_ASSERT_TRUE_FATAL(deaf_start(&servers[4], "::1:9", DEAF_SILENT));
  unsigned open = open_descriptors();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture f;
    const char *list = cases[i].addresses;
    set_up(&f, true);
    int64_t began = milliseconds();
    connect_to(&f, list);
    int64_t took = milliseconds() - began;
    unit_check(f.connected == (cases[i].connected != NULL) && f.exhausted == !cases[i].connected,
               "%s: connected %u times, spent %u times", list, f.connected, f.exhausted);
    if (cases[i].connected)
      unit_check(strcmp(f.address, cases[i].connected) == 0, "%s: %s", list, f.address);
    else
      unit_check(mtasts_connector_error(f.connector) == cases[i].error, "%s: %s", list,
                 strerrordesc_np(mtasts_connector_error(f.connector)));
    unit_check(took < cases[i].within, "%s: %ld ms", list, (long)took);
    tear_down(&f);
    unit_check(open_descriptors() == open, "%s: %u descriptors more", list,
               open_descriptors() - open);
  }
  for (size_t i = 0; i < sizeof servers / sizeof *servers; i++)
    deaf_stop(&servers[i]);
}

/* What was handed over may be useless: the others follow, in turns, and each of them once. */
static void one_after_the_other(void) {
  struct deaf_server servers[3];
  struct fixture f;
  set_up(&f, true);
  CU_ASSERT_TRUE_FATAL(deaf_start(&servers[0], "127.0.0.1", DEAF_MUTE));
  CU_ASSERT_TRUE_FATAL(deaf_start(&servers[1], "127.0.0.2", DEAF_MUTE));
  CU_ASSERT_TRUE_FATAL(deaf_start(&servers[2], "::1", DEAF_MUTE));
  f.go_in_callback = true;
  connect_to(&f, "127.0.0.1,127.0.0.2,::1");
  CU_ASSERT_EQUAL(f.connected, 3);
  CU_ASSERT_EQUAL(f.exhausted, 1);
  CU_ASSERT_STRING_EQUAL(f.address, "127.0.0.2"); /* IPv4, IPv6, IPv4 */
  /* One that comes later is tried too. */
  CU_ASSERT_TRUE(add(&f, "127.0.0.7"));
  CU_ASSERT_TRUE(mtasts_connector_has_more(f.connector));
  mtasts_connector_go(f.connector);
  event_base_dispatch(f.base);
  CU_ASSERT_EQUAL(f.exhausted, 2);
  CU_ASSERT_FALSE(mtasts_connector_has_more(f.connector));
  tear_down(&f);
  for (size_t i = 0; i < sizeof servers / sizeof *servers; i++)
    deaf_stop(&servers[i]);
}

static void guarded(void) {
  struct deaf_server server;
  struct fixture f;
  set_up(&f, false);
  CU_ASSERT_TRUE_FATAL(deaf_start(&server, GLOBAL_ADDRESS, DEAF_MUTE));
  CU_ASSERT_FALSE(add(&f, "127.0.0.1"));
  CU_ASSERT_FALSE(add(&f, "::1"));
  CU_ASSERT_FALSE(add(&f, "169.254.169.254"));
  connect_to(&f, GLOBAL_ADDRESS);
  CU_ASSERT_EQUAL(f.connected, 1);
  CU_ASSERT_STRING_EQUAL(f.address, GLOBAL_ADDRESS);
  tear_down(&f);
  deaf_stop(&server);
}

/* An answer with a thousand addresses of one family leaves room for the other. */
static void bounded(void) {
  struct fixture f;
  char text[64];
  unsigned taken = 0;
  set_up(&f, true);
  for (int i = 1; i < 200; i++) {
    snprintf(text, sizeof text, "127.0.1.%d", i);
    taken += add(&f, text);
  }
  CU_ASSERT_EQUAL(taken, MTASTS_FETCH_ADDRESSES / 2);
  CU_ASSERT_TRUE(add(&f, "127.0.1.1")); /* it is there already */
  for (int i = 1; i < 200; i++) {
    snprintf(text, sizeof text, "fd00::%d", i);
    taken += add(&f, text);
  }
  CU_ASSERT_EQUAL(taken, MTASTS_FETCH_ADDRESSES);
  tear_down(&f);
}

static void freed(void) {
  struct deaf_server server;
  struct fixture f;
  set_up(&f, true);
  CU_ASSERT_TRUE_FATAL(deaf_start(&server, "127.0.0.9", DEAF_SILENT));
  unsigned open = open_descriptors();
  f.free_in_callback = true;
  connect_to(&f, "127.0.0.7");
  CU_ASSERT_PTR_NULL(f.connector);
  tear_down(&f);
  for (unsigned turns = 0; turns < 4; turns++) {
    set_up(&f, true);
    CU_ASSERT_TRUE(add(&f, "127.0.0.9") && add(&f, "127.0.0.7"));
    mtasts_connector_go(f.connector);
    for (unsigned i = 0; i < turns && f.exhausted == 0; i++)
      event_base_loop(f.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    tear_down(&f);
  }
  set_up(&f, true);
  CU_ASSERT_TRUE(add(&f, "127.0.0.9"));
  mtasts_connector_go(f.connector);
  event_base_loop(f.base, EVLOOP_ONCE);
  mtasts_connector_stop(f.connector);
  CU_ASSERT_FALSE(mtasts_connector_has_more(f.connector));
  tear_down(&f);
  mtasts_connector_free(NULL);
  /* Of the sets of the first fixture, which is closed by now. */
  unit_check(open_descriptors() < open, "%u descriptors, before %u", open_descriptors(), open);
  deaf_stop(&server);
}

const char *const unit_name = "net/connect";
static void give_descriptors(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, context), 0);
}

/* That there is no descriptor left is no fault of the address: it is tried again. */
static void without_descriptors(void) {
  struct fixture f;
  struct deaf_server server;
  struct rlimit limit;
  set_up(&f, true);
  CU_ASSERT_TRUE_FATAL(deaf_start(&server, "127.0.0.1", DEAF_MUTE));
  CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
  struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
  struct event *timer = evtimer_new(f.base, give_descriptors, &limit);
  evtimer_add(timer, &(struct timeval){.tv_usec = 400000});
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
  connect_to(&f, "127.0.0.1");
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
  CU_ASSERT_TRUE(f.connected == 1 && f.exhausted == 0);
  event_free(timer);
  tear_down(&f);
  deaf_stop(&server);
}

const struct unit_test unit_tests[] = {
    {"a dead address among others costs little", dead_ones},
    {"others follow one that was handed over", one_after_the_other},
    {"only globally routable addresses are connected to", guarded},
    {"no descriptor is no fault of the address", without_descriptors},
    {"so many addresses of each family, and no more", bounded},
    {"freed and stopped at any time, and nothing stays open", freed},
    {NULL, NULL},
};
