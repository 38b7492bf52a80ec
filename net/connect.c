#include "connect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "clock.h"
#include "trace.h"

enum {
  STAGGER_MS = 250,                           /* RFC 8305 section 5 */
  PENDING_MAX = 4,                            /* at a time */
  OF_FAMILY_MAX = MTASTS_FETCH_ADDRESSES / 2, /* so that neither family crowds the other out */
};

enum state {
  UNTRIED,
  PENDING,
  FAILED,
  HANDED_OVER,
};

struct candidate {
  struct mtasts_connector *connector;
  struct in6_addr address;
  enum state state;
  int socket;
  uint64_t tried; /* when, by mtasts_clock_us */
  struct event *ready;
};

struct mtasts_connector {
  struct mtasts_connector_options options;
  struct event_base *base;
  struct event *next; /* fires when the next address is to be tried */
  struct candidate candidates[MTASTS_FETCH_ADDRESSES];
  size_t count;
  const struct candidate *last; /* the last that was tried */
  uint64_t tried;               /* when, by mtasts_clock_us */
  int error;
  bool theirs; /* an address has failed, or was silent */
};

static bool is_ipv4(const struct candidate *candidate) {
  return IN6_IS_ADDR_V4MAPPED(&candidate->address);
}

static void drop(struct candidate *candidate, enum state state) {
  candidate->state = state;
  event_free(candidate->ready);
  candidate->ready = NULL;
  close(candidate->socket);
}

/* Chooses the next address, if possible of the family that was not tried last (RFC 8305 section 4).
 */
static struct candidate *choose(struct mtasts_connector *connector) {
  struct candidate *chosen = NULL;
  for (size_t i = 0; i < connector->count; i++) {
    struct candidate *candidate = &connector->candidates[i];
    if (candidate->state != UNTRIED)
      continue;
    if (!connector->last || is_ipv4(candidate) != is_ipv4(connector->last))
      return candidate;
    if (!chosen)
      chosen = candidate;
  }
  return chosen;
}

static bool has_any(const struct mtasts_connector *connector, enum state state) {
  for (size_t i = 0; i < connector->count; i++)
    if (connector->candidates[i].state == state)
      return true;
  return false;
}

bool mtasts_connector_has_more(const struct mtasts_connector *connector) {
  return has_any(connector, UNTRIED) || has_any(connector, PENDING);
}

/* Sets the timer for the next address; at once if nothing is pending. */
static void plan(struct mtasts_connector *connector) {
  uint64_t elapsed = mtasts_clock_us() - connector->tried;
  uint64_t wait = STAGGER_MS * 1000;
  wait = has_any(connector, PENDING) && elapsed < wait ? wait - elapsed : 0;
  event_add(connector->next, &(struct timeval){.tv_usec = (suseconds_t)wait});
}

static void hand_over(struct candidate *candidate) {
  struct mtasts_connector *connector = candidate->connector;
  int fd = candidate->socket;
  event_free(candidate->ready);
  candidate->ready = NULL;
  candidate->state = HANDED_OVER;
  for (size_t i = 0; i < connector->count; i++)
    if (connector->candidates[i].state == PENDING)
      drop(&connector->candidates[i], UNTRIED);
  event_del(connector->next);
  connector->options.connected(connector->options.context, fd, &candidate->address);
}

static void on_ready(evutil_socket_t fd, short what, void *context) {
  struct candidate *candidate = context;
  struct mtasts_connector *connector = candidate->connector;
  int error = 0;
  socklen_t size = sizeof error;
  (void)what;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
    error = errno;
  if (error == 0) {
    hand_over(candidate);
    return;
  }
  connector->error = error;
  connector->theirs = true;
  drop(candidate, FAILED);
  event_add(connector->next, &(struct timeval){.tv_sec = 0});
}

static bool may_connect(const struct mtasts_connector *connector, const struct in6_addr *address) {
  return connector->options.allow_private || mtasts_address_global(address);
}

/* Returns 0, or the errno of why it cannot be tried. */
static int try(struct candidate *candidate) {
  struct mtasts_connector *connector = candidate->connector;
  struct sockaddr_storage to;
  socklen_t size = mtasts_address_socket(&candidate->address, connector->options.port, &to);
  /* The last check of the address before connect(2). */
  if (!may_connect(connector, &candidate->address))
    return EACCES;
  int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0)
    return errno;
  int error = connect(fd, (struct sockaddr *)&to, size) == 0 ? 0 : errno;
  if (error == EINPROGRESS || error == 0) {
    error = 0;
    candidate->ready = event_new(connector->base, fd, EV_WRITE, on_ready, candidate);
    if (!candidate->ready || event_add(candidate->ready, NULL) != 0)
      error = ENOMEM;
  }
  if (error != 0) {
    if (candidate->ready)
      event_free(candidate->ready);
    candidate->ready = NULL;
    close(fd);
    return error;
  }
  candidate->socket = fd;
  return 0;
}

/* Makes room for one more socket: closes the one that has been silent longest. */
static void bound_pending(struct mtasts_connector *connector) {
  struct candidate *oldest = NULL;
  size_t pending = 0;
  for (size_t i = 0; i < connector->count; i++) {
    struct candidate *candidate = &connector->candidates[i];
    if (candidate->state != PENDING)
      continue;
    pending++;
    if (!oldest || candidate->tried < oldest->tried)
      oldest = candidate;
  }
  if (pending < PENDING_MAX)
    return;
  drop(oldest, FAILED);
  connector->error = ETIMEDOUT;
  connector->theirs = true;
}

bool mtasts_connector_out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Some errors of connect(2) are this host's own: it has no address to connect from, its network is
 * down, or its packet filter forbids the connection. ENETUNREACH is none of them: an owner may
 * publish an address that no network has. */
bool mtasts_connector_local(const struct mtasts_connector *connector) {
  int error = connector->error;
  return !connector->theirs && !has_any(connector, PENDING) &&
         (mtasts_connector_out_of_resources(error) || error == ENETDOWN || error == EADDRNOTAVAIL ||
          error == EPERM);
}

static void on_next(evutil_socket_t fd, short what, void *context) {
  struct mtasts_connector *connector = context;
  struct candidate *candidate;
  (void)fd;
  (void)what;
  while ((candidate = choose(connector))) {
    bound_pending(connector);
    connector->last = candidate;
    connector->tried = candidate->tried = mtasts_clock_us();
    int error = try(candidate);
    connector->error = error ? error : connector->error;
    if (mtasts_connector_out_of_resources(error)) {
      event_add(connector->next, &(struct timeval){.tv_usec = STAGGER_MS * 1000});
      return;
    }
    candidate->state = error ? FAILED : PENDING;
    if (!error)
      break;
  }
  if (has_any(connector, UNTRIED))
    plan(connector);
  else if (!has_any(connector, PENDING))
    connector->options.exhausted(connector->options.context);
}

struct mtasts_connector *mtasts_connector_new(struct event_base *base,
                                              const struct mtasts_connector_options *options) {
  struct mtasts_connector *made = calloc(1, sizeof *made);
  if (!made)
    return NULL;
  made->options = *options;
  made->base = base;
  made->next = evtimer_new(base, on_next, made);
  if (!made->next) {
    free(made);
    return NULL;
  }
  return made;
}

void mtasts_connector_stop(struct mtasts_connector *connector) {
  for (size_t i = 0; i < connector->count; i++)
    if (connector->candidates[i].state == PENDING)
      drop(&connector->candidates[i], FAILED);
  connector->count = 0;
  connector->last = NULL;
  event_del(connector->next);
}

void mtasts_connector_free(struct mtasts_connector *connector) {
  if (!connector)
    return;
  mtasts_connector_stop(connector);
  event_free(connector->next);
  free(connector);
}

bool mtasts_connector_add(struct mtasts_connector *connector, const struct in6_addr *address) {
  struct candidate made = {.connector = connector, .address = *address};
  size_t same = 0;
  for (size_t i = 0; i < connector->count; i++) {
    if (memcmp(&connector->candidates[i].address, address, sizeof *address) == 0)
      return true;
    same += is_ipv4(&connector->candidates[i]) == is_ipv4(&made);
  }
  if (!may_connect(connector, address) || same >= OF_FAMILY_MAX)
    return false;
  connector->candidates[connector->count++] = made;
  return true;
}

void mtasts_connector_go(struct mtasts_connector *connector) {
  if (!evtimer_pending(connector->next, NULL))
    plan(connector);
}

int mtasts_connector_error(const struct mtasts_connector *connector) {
  return connector->error;
}

void mtasts_address_text(const struct in6_addr *address, char *text, size_t size) {
  bool mapped = IN6_IS_ADDR_V4MAPPED(address);
  text[0] = '\0';
  inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? &address->s6_addr[12] : address->s6_addr, text,
            (socklen_t)size);
}
