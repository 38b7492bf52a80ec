#include "ad_check.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "dns_message.h"
#include "dns_server.h"

enum {
  SERVERS = 3,          /* as resolv.conf(5) */
  TIMEOUT = 2,          /* seconds for one server */
  EVERY = 3600,         /* seconds */
  EVERY_UNKNOWN = 60,   /* the same if none has answered */
  HEAD = 12,            /* bytes */
  QUESTION = 5,         /* bytes: the root, type and class */
  REPLY = 4096,         /* bytes */
  FLAG_RESPONSE = 0x80, /* in the third byte */
  FLAG_AD = 0x20,       /* in the fourth */
  RCODE = 0x0f,
};

struct mtasts_ad_check {
  struct event_base *base;
  const char *path;
  mtasts_ad_fn *done;
  void *context;
  struct event *timer;
  struct event *reply; /* of the server that is being asked; NULL: none */
  int fd;
  struct mtasts_dns_server servers[SERVERS];
  size_t count;
  size_t next; /* server */
  bool trusted;
  unsigned char query[2]; /* its id */
};

/* Recursion desired, AD and DO set: what an MTA that wants DANE sends (RFC 6840 section 5.7). */
static const unsigned char question[] = {
    0, 0, 0x01, 0x20, 0,  1,    0,    0, 0, 0,    0, 1, 0, MTASTS_RR_SOA >> 8, MTASTS_RR_SOA,
    0, 1, 0,    0,    41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0};

static void set_timer(struct mtasts_ad_check *check, int seconds) {
  const struct timeval wait = {.tv_sec = seconds};
  evtimer_add(check->timer, &wait);
}

static void leave_server(struct mtasts_ad_check *check) {
  if (check->reply)
    event_free(check->reply);
  check->reply = NULL;
  if (check->fd >= 0)
    close(check->fd);
  check->fd = -1;
}

static void end(struct mtasts_ad_check *check, enum mtasts_ad ad) {
  char server[sizeof check->servers->text] = "";
  if (ad != MTASTS_AD_UNKNOWN)
    snprintf(server, sizeof server, "%s", check->servers[check->next - 1].text);
  const struct mtasts_ad_answer answer = {.ad = ad, .server = server, .trusted = check->trusted};
  leave_server(check);
  check->count = check->next = 0;
  set_timer(check, ad == MTASTS_AD_UNKNOWN ? EVERY_UNKNOWN : EVERY);
  check->done(check->context, &answer);
}

static void ask_next(struct mtasts_ad_check *check);

/* What a reply says about validation; UNKNOWN: nothing. */
static enum mtasts_ad evaluate(const struct mtasts_ad_check *check, const unsigned char *reply,
                               size_t size) {
  bool whole = size >= HEAD + QUESTION && memcmp(reply, check->query, 2) == 0 &&
               reply[2] & FLAG_RESPONSE && memcmp(reply + 4, question + 4, 2) == 0 &&
               memcmp(reply + HEAD, question + HEAD, QUESTION) == 0;
  bool answers = whole && (reply[3] & RCODE) == MTASTS_RCODE_NOERROR && (reply[6] || reply[7]);
  if (!answers)
    return MTASTS_AD_UNKNOWN;
  return reply[3] & FLAG_AD ? MTASTS_AD_SET : MTASTS_AD_MISSING;
}

static void on_reply(evutil_socket_t fd, short what, void *context) {
  struct mtasts_ad_check *check = context;
  unsigned char reply[REPLY];
  ssize_t size = recv(fd, reply, sizeof reply, MSG_DONTWAIT);
  (void)what;
  if (size < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  enum mtasts_ad ad = size < 0 ? MTASTS_AD_UNKNOWN : evaluate(check, reply, (size_t)size);
  if (ad != MTASTS_AD_UNKNOWN)
    end(check, ad);
  else if (size < 2 || memcmp(reply, check->query, 2) == 0)
    ask_next(check); /* refused or failed: asks the next server, as an MTA's library does */
}

static bool ask(struct mtasts_ad_check *check, const struct mtasts_dns_server *server) {
  unsigned char query[sizeof question];
  if (getrandom(check->query, sizeof check->query, 0) != sizeof check->query)
    return false;
  memcpy(query, question, sizeof query);
  memcpy(query, check->query, sizeof check->query);
  check->fd = socket(server->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (check->fd < 0 ||
      connect(check->fd, (const struct sockaddr *)&server->address, server->size) != 0 ||
      send(check->fd, query, sizeof query, MSG_NOSIGNAL) != sizeof query)
    return false;
  check->reply = event_new(check->base, check->fd, EV_READ | EV_PERSIST, on_reply, check);
  return check->reply && event_add(check->reply, NULL) == 0;
}

static void ask_next(struct mtasts_ad_check *check) {
  leave_server(check);
  while (check->next < check->count) {
    if (ask(check, &check->servers[check->next++])) {
      set_timer(check, TIMEOUT);
      return;
    }
    leave_server(check);
  }
  end(check, MTASTS_AD_UNKNOWN);
}

/* Does the file have a line `options ... trust-ad ...`? */
static bool trusts_ad(const char *path) {
  FILE *file = fopen(path, "re");
  char *line = NULL;
  size_t size = 0;
  bool found = false;
  while (file && !found && getline(&line, &size, file) > 0) {
    char *rest = NULL;
    const char *word = strtok_r(line, " \t\r\n", &rest);
    if (!word || strcmp(word, "options") != 0)
      continue;
    while (!found && (word = strtok_r(NULL, " \t\r\n", &rest)))
      found = strcmp(word, "trust-ad") == 0;
  }
  free(line);
  if (file)
    fclose(file);
  return found;
}

static void begin(struct mtasts_ad_check *check) {
  check->next = check->count = 0;
  check->trusted = trusts_ad(check->path);
  if (mtasts_resolvconf_read(check->path, SERVERS, check->servers, &check->count) != MTASTS_OK)
    check->count = 0;
  ask_next(check);
}

static void on_timer(evutil_socket_t fd, short what, void *context) {
  struct mtasts_ad_check *check = context;
  (void)fd;
  (void)what;
  if (check->reply)
    ask_next(check);
  else
    begin(check);
}

void mtasts_ad_check_again(struct mtasts_ad_check *check) {
  leave_server(check);
  set_timer(check, 0);
}

enum mtasts_status mtasts_ad_check_new(struct event_base *base, const char *path,
                                       mtasts_ad_fn *done, void *context,
                                       struct mtasts_ad_check **check) {
  struct mtasts_ad_check *made = calloc(1, sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->base = base;
  made->path = path;
  made->done = done;
  made->context = context;
  made->fd = -1;
  made->timer = evtimer_new(base, on_timer, made);
  if (!made->timer) {
    mtasts_ad_check_free(made);
    return MTASTS_NO_MEMORY;
  }
  set_timer(made, 0);
  *check = made;
  return MTASTS_OK;
}

void mtasts_ad_check_free(struct mtasts_ad_check *check) {
  if (!check)
    return;
  leave_server(check);
  if (check->timer)
    event_free(check->timer);
  free(check);
}
