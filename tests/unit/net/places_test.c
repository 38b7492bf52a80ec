#include "places.h"

#include <string.h>

#include "unit.h"

enum {
  MAX = 3,
  OF_ADDRESS = 2,
  COUNT = 8,
};

struct worker {
  struct mtasts_place place; /* first: a place is a worker */
  bool running;
  bool leaves_at_once;
};

static struct mtasts_places places;
static struct worker workers[COUNT];
static char order[COUNT + 1]; /* digits of those that have started */

static void start(struct mtasts_place *place) {
  struct worker *worker = (struct worker *)place;
  order[strlen(order)] = (char)('0' + (worker - workers));
  worker->running = true;
  if (!worker->leaves_at_once)
    return;
  worker->running = false;
  mtasts_places_leave(&places, place);
}

/* addresses: a digit for each worker; 0: of no address. */
static void begin(const char *addresses, const char *at_once) {
  memset(workers, 0, sizeof workers);
  memset(order, 0, sizeof order);
  mtasts_places_begin(&places, MAX, OF_ADDRESS);
  for (size_t i = 0; addresses[i]; i++) {
    workers[i].place.start = start;
    workers[i].place.address.s6_addr[15] = (unsigned char)(addresses[i] - '0');
    workers[i].leaves_at_once = at_once[i] == 'y';
    mtasts_places_enter(&places, &workers[i].place);
  }
}

static void leave(size_t at) {
  unit_check(workers[at].running, "worker %zu runs", at);
  workers[at].running = false;
  mtasts_places_leave(&places, &workers[at].place);
}

static void all_places(void) {
  begin("00000", "nnnnn");
  CU_ASSERT_STRING_EQUAL(order, "012");
  leave(1);
  CU_ASSERT_STRING_EQUAL(order, "0123");
  leave(0);
  leave(2);
  CU_ASSERT_STRING_EQUAL(order, "01234");
  leave(3);
  leave(4);
  CU_ASSERT(places.used == 0);
}

static void of_one_address(void) {
  begin("11121", "nnnnn");
  CU_ASSERT_STRING_EQUAL(order, "013"); /* the third of address 1 holds no other back */
  leave(3);
  CU_ASSERT_STRING_EQUAL(order, "013");
  leave(0);
  CU_ASSERT_STRING_EQUAL(order, "0132");
  leave(1);
  CU_ASSERT_STRING_EQUAL(order, "01324");
}

static void ends_at_once(void) {
  begin("11111111", "yyyyyyyy");
  CU_ASSERT_STRING_EQUAL(order, "01234567");
  CU_ASSERT(places.used == 0 && TAILQ_EMPTY(&places.running) && TAILQ_EMPTY(&places.waiting));
}

const char *const unit_name = "net/places";
const struct unit_test unit_tests[] = {
    {"no more at a time than there are places", all_places},
    {"nor of one address", of_one_address},
    {"what ends as it starts", ends_at_once},
    {NULL, NULL},
};
