#include "exim_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "netstring.h"
#include "store.h"
#include "unit.h"

static char room[MTASTS_NETSTRING_HEAD + MTASTS_ENTRY_REPLY_MAX + 1];

static void pack(struct mtasts_names *names, unsigned char *store, const char *name) {
  size_t len = strlen(name);
  store[names->size] = (unsigned char)len;
  memcpy(store + names->size + 1, name, len);
  names->size += 1 + len;
  names->count++;
}

/* An enforce policy for mx1.good.example and *.wild.example, or as many patterns as asked for. */
static struct mtasts_entry policy(unsigned patterns) {
  static unsigned char store[MTASTS_POLICY_MAX];
  int64_t now = (int64_t)time(NULL);
  struct mtasts_entry entry = {.has_policy = true,
                               .policy = {MTASTS_MODE_ENFORCE, 86400, {store, 0, 0}},
                               .policy_id = "id1",
                               .fetched = now,
                               .expires = now + 86400,
                               .record = MTASTS_RECORD_VALID,
                               .record_id = "id1",
                               .checked = now,
                               .next_check = now + 300};
  char name[32];
  pack(&entry.policy.mx, store, "mx1.good.example");
  pack(&entry.policy.mx, store, "*.wild.example");
  for (unsigned i = 2; i < patterns; i++) {
    snprintf(name, sizeof name, "mx%u.big.example", i);
    pack(&entry.policy.mx, store, name);
  }
  return entry;
}

/* the daemon */

/* What the daemon knows: `unknown…` nothing, `monitor…` an enforce policy it does not enforce,
 * `none…` a domain without a record, `testing…`, and else an enforce policy. */
static struct mtasts_entry_reply ruling_of(struct mtasts_span domain) {
  struct mtasts_entry_reply entry_reply = {.has_entry = true, .freshness = MTASTS_CACHED};
  entry_reply.entry = policy(2);
  if (domain.len > 7 && memcmp(domain.data, "unknown", 7) == 0)
    entry_reply.has_entry = false;
  if (domain.len > 8 && memcmp(domain.data, "deferred", 8) == 0) {
    entry_reply.has_entry = false;
    entry_reply.defer = true;
  }
  if (domain.len > 7 && memcmp(domain.data, "monitor", 7) == 0)
    entry_reply.monitor = true;
  if (domain.len > 7 && memcmp(domain.data, "testing", 7) == 0)
    entry_reply.entry.policy.mode = MTASTS_MODE_TESTING;
  if (domain.len > 4 && memcmp(domain.data, "none", 4) == 0)
    entry_reply.entry = (struct mtasts_entry){.record = MTASTS_RECORD_ABSENT};
  return entry_reply;
}

static void transmit(int fd, const char *data, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    if (sent <= 0)
      return;
    data += sent;
    size -= (size_t)sent;
  }
}

static void reply(int fd, enum fixture_daemon daemon, struct mtasts_span key) {
  static unsigned turn;
  static const char *const nonsense[] = {
      "HTTP/1.1 200 OK\r\n\r\n", "99999999999:", "3:abc;", "0:,",           "00:,",        ":,",
      "12:OK cached\n\n\n,",     "7:PERM no,",   "-1:,",   "10:NOTFOUND ,", "9999999:OK ",
  };
  char *payload = room + MTASTS_NETSTRING_HEAD;
  struct mtasts_entry_reply entry_reply = ruling_of(key);
  size_t size = mtasts_entry_reply_write(&entry_reply, payload);
  struct mtasts_span whole = mtasts_netstring_frame(payload, size);
  turn++;
  if (daemon == FIXTURE_SLOW) {
    for (size_t i = 0; i < whole.len; i++, usleep(20000))
      transmit(fd, whole.data + i, 1);
  } else if (daemon == FIXTURE_NONSENSE) {
    const char *words = nonsense[turn % (sizeof nonsense / sizeof *nonsense)];
    transmit(fd, words, strlen(words));
  } else {
    for (unsigned i = 0; daemon == FIXTURE_RANDOM && i < 1 + turn % 8; i++)
      payload[(turn * 7919U + i * 104729U) % size] = (char)(turn * 31 + i);
    transmit(fd, whole.data, daemon == FIXTURE_CUTS ? whole.len / 2 : whole.len);
  }
}

static void serve(int listener, enum fixture_daemon daemon) {
  char buffer[20000];
  for (;;) {
    struct mtasts_request request = {.key = {"", 0}};
    struct mtasts_span payload;
    size_t got = 0;
    size_t used;
    int fd = accept(listener, NULL, NULL);
    enum mtasts_netstring state = MTASTS_NETSTRING_PART;
    while (daemon != FIXTURE_CLOSES && state == MTASTS_NETSTRING_PART && got < sizeof buffer) {
      ssize_t n = recv(fd, buffer + got, sizeof buffer - got, 0);
      if (n <= 0)
        break;
      got += (size_t)n;
      state =
          mtasts_netstring_read((struct mtasts_span){buffer, got}, sizeof buffer, &payload, &used);
    }
    if (state == MTASTS_NETSTRING_WHOLE && mtasts_request_read(payload, &request)) {
      if (daemon == FIXTURE_SILENT)
        continue; /* and stays open */
      reply(fd, daemon, request.key);
    }
    close(fd);
  }
}

static int listen_at(const struct fixture *fixture, const char *name, int type) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char path[FIXTURE_PATH];
  fixture_file(fixture, name, path);
  memcpy(address.sun_path, path, strlen(path));
  int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  CU_ASSERT_FATAL(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
  CU_ASSERT_EQUAL(chmod(path, 0666), 0);
  return fd;
}

static void start_daemon(struct fixture *fixture, enum fixture_daemon daemon) {
  int fd = listen_at(fixture, "ask.sock", SOCK_STREAM);
  if (daemon != FIXTURE_STALE) {
    CU_ASSERT_EQUAL(listen(fd, 16), 0);
    fflush(NULL);
    fixture->daemon = fork();
    if (fixture->daemon == 0) {
      close(fixture->outcomes);
      serve(fd, daemon);
    }
  }
  close(fd);
}

/* the fixture */

void fixture_file(const struct fixture *fixture, const char *name, char path[FIXTURE_PATH]) {
  snprintf(path, FIXTURE_PATH, "%s/%s", fixture->directory, name);
}

void fixture_up(struct fixture *fixture, enum fixture_daemon daemon, const char *more) {
  char path[FIXTURE_PATH];
  *fixture = (struct fixture){.daemon = -1};
  snprintf(fixture->directory, sizeof fixture->directory, "%s/mtasts-exim-XXXXXX",
           access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  CU_ASSERT_FATAL(mkdtemp(fixture->directory) && chmod(fixture->directory, 0755) == 0);
  fixture_file(fixture, "cache", fixture->cache);
  fixture_file(fixture, "mtasts.conf", path);
  FILE *file = fopen(path, "we");
  CU_ASSERT_FATAL(file != NULL);
  fprintf(file,
          "cache { directory = \"%s/cache\" }\n"
          "ask { socket = \"%s/ask.sock\" deadline = 0.05 }\n"
          "outcome { socket = \"%s/outcome.sock\" }\n%s\n",
          fixture->directory, fixture->directory, fixture->directory, more);
  fclose(file);
  setenv("MTASTS_CONFIG", path, 1);
  fixture->outcomes = listen_at(fixture, "outcome.sock", SOCK_DGRAM);
  if (daemon != FIXTURE_ABSENT)
    start_daemon(fixture, daemon);
}

static void remove_all(const char *directory) {
  DIR *stream = opendir(directory);
  struct dirent *entry;
  while (stream && (entry = readdir(stream))) {
    char path[FIXTURE_PATH + 256];
    if (entry->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    if (unlink(path) != 0) {
      remove_all(path);
      rmdir(path);
    }
  }
  if (stream)
    closedir(stream);
}

void fixture_down(struct fixture *fixture) {
  if (fixture->daemon > 0) {
    kill(fixture->daemon, SIGKILL);
    waitpid(fixture->daemon, NULL, 0);
  }
  close(fixture->outcomes);
  remove_all(fixture->directory);
  CU_ASSERT_EQUAL(rmdir(fixture->directory), 0);
}

static void put(struct mtasts_store *store, const char *name, const struct mtasts_entry *entry) {
  struct mtasts_domain domain;
  CU_ASSERT_EQUAL(mtasts_domain_parse((struct mtasts_span){name, strlen(name)}, &domain),
                  MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_store_put(store, &domain, entry, (int64_t)time(NULL)), MTASTS_OK);
}

void fixture_cache(const struct fixture *fixture) {
  static const char *const files[] = {"data.mdb", "lock.mdb"};
  struct mtasts_store *store;
  struct mtasts_entry entry = policy(2);
  char name[64];
  CU_ASSERT_EQUAL_FATAL(mtasts_store_open(fixture->cache, &mtasts_store_defaults, &store),
                        MTASTS_OK);
  put(store, "enforce.example", &entry);
  for (unsigned i = 0; i < 300; i++) {
    snprintf(name, sizeof name, "p%u.example", i);
    put(store, name, &entry);
  }
  entry.fetched -= 100000;
  entry.next_check -= 100000;
  entry.expires -= 100000;
  put(store, "expired.example", &entry);
  entry = policy(200);
  put(store, "big.example", &entry);
  int64_t now = (int64_t)time(NULL);
  entry = (struct mtasts_entry){.record = MTASTS_RECORD_ABSENT, .next_check = now + 300};
  put(store, "fresh.example", &entry);
  entry.next_check = now - 10;
  put(store, "lapsed.example", &entry);
  mtasts_store_close(store);
  /* For Exim's user, as the group of the cache would have it. */
  CU_ASSERT_EQUAL(chmod(fixture->cache, 0755), 0);
  for (size_t i = 0; i < 2; i++) {
    snprintf(name, sizeof name, "cache/%s", files[i]);
    char path[FIXTURE_PATH];
    fixture_file(fixture, name, path);
    CU_ASSERT_EQUAL(chmod(path, 0666), 0);
  }
}

bool fixture_outcome(const struct fixture *fixture, char *out, size_t size) {
  ssize_t got = recv(fixture->outcomes, out, size - 1, MSG_DONTWAIT);
  if (got < 0)
    return false;
  out[got] = '\0';
  return true;
}
