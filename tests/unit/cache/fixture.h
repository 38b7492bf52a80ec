/* fixture.h: entries, domains and cache directories for the tests of cache/. */
#ifndef CACHE_FIXTURE_H
#define CACHE_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "store.h"
#include "unit.h"
#include "walk.h"

enum {
  NOW = 1800000000,
  WEEK = 604800,
  PATH_SIZE = 128,
};

/* What an entry points into. */
struct sample {
  struct mtasts_entry entry;
  unsigned char patterns[64];
  unsigned char hosts[64];
};

static inline size_t pack(unsigned char *out, const char *name) {
  size_t len = strlen(name);
  out[0] = (unsigned char)len;
  memcpy(out + 1, name, len);
  return 1 + len;
}

/* A domain without a record. */
static inline const struct mtasts_entry *absent(struct sample *sample) {
  sample->entry = (struct mtasts_entry){
      .record = MTASTS_RECORD_ABSENT, .checked = NOW, .next_check = NOW + 300};
  return &sample->entry;
}

/* A domain with a policy that was fetched at NOW. */
static inline const struct mtasts_entry *policy(struct sample *sample, const char *id) {
  struct mtasts_mx_host hosts[] = {{10, MTASTS_DANE_USABLE, {"mx1.example.com", 15}},
                                   {20, MTASTS_DANE_NONE, {"mx2.example.com", 15}}};
  struct mtasts_entry *entry = &sample->entry;
  *entry = (struct mtasts_entry){.has_policy = true,
                                 .policy = {MTASTS_MODE_ENFORCE, WEEK, {sample->patterns, 0, 2}},
                                 .fetched = NOW,
                                 .expires = NOW + WEEK,
                                 .record = MTASTS_RECORD_VALID,
                                 .checked = NOW,
                                 .next_check = NOW + 300,
                                 .mx_state = MTASTS_MX_LISTED,
                                 .mx_expires = NOW + 600,
                                 .dane = MTASTS_DANE_NONE,
                                 .dane_expires = NOW + 900};
  snprintf(entry->policy_id, sizeof entry->policy_id, "%s", id);
  snprintf(entry->record_id, sizeof entry->record_id, "%s", id);
  entry->policy.mx.size = pack(sample->patterns, "mx1.example.com");
  entry->policy.mx.size += pack(sample->patterns + entry->policy.mx.size, "*.example.com");
  mtasts_mx_list_pack(hosts, 2, sample->hosts, &entry->mx);
  return entry;
}

__attribute__((format(printf, 1, 2))) static inline struct mtasts_domain domain(const char *format,
                                                                                ...) {
  struct mtasts_domain made;
  va_list args;
  va_start(args, format);
  int len = vsnprintf(made.name, sizeof made.name, format, args);
  va_end(args);
  made.len = (size_t)len;
  return made;
}

/* In memory if that is possible: thousands of commits need not wait for a disk. */
static inline void directory_new(char path[32]) {
  snprintf(path, 32, "%s/mtasts-cache-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
}

static inline void file_path(char out[PATH_SIZE], const char *directory, const char *name) {
  int len = snprintf(out, PATH_SIZE, "%s/%s", directory, name);
  CU_ASSERT_FATAL(len > 0 && len < PATH_SIZE);
}

static inline void directory_free(const char *path) {
  static const char *const names[] = {"data.mdb", "lock.mdb", "writer.lock", "data.new"};
  char file[PATH_SIZE];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    file_path(file, path, names[i]);
    if (unlink(file) != 0)
      rmdir(file);
  }
  CU_ASSERT_EQUAL(rmdir(path), 0);
}

static inline void store_put(struct mtasts_store *store, const char *name,
                             const struct mtasts_entry *entry) {
  struct mtasts_domain key = domain("%s", name);
  unit_check(mtasts_store_put(store, &key, entry, NOW) == MTASTS_OK, "put %s", name);
}

/* Opens with the defaults. */
static inline struct mtasts_store *store_open(const char *path) {
  struct mtasts_store *store = NULL;
  enum mtasts_status status = mtasts_store_open(path, &mtasts_store_defaults, &store);
  unit_check(status == MTASTS_OK, "open %s: %s", path, mtasts_status_name(status));
  CU_ASSERT_PTR_NOT_NULL_FATAL(store);
  return store;
}

/* Reads through a reader made for it. */
static inline enum mtasts_status look_up(struct mtasts_cache *cache, const char *name,
                                         struct mtasts_entry *entry) {
  struct mtasts_domain key = domain("%s", name);
  struct mtasts_reader *reader;
  enum mtasts_status status = mtasts_reader_new(cache, &reader);
  if (status != MTASTS_OK)
    return status;
  status = mtasts_reader_get(reader, &key, entry);
  mtasts_reader_free(reader); /* the plain fields of *entry stay */
  return status;
}

static inline struct mtasts_cache_stats count(struct mtasts_cache *cache) {
  struct mtasts_cache_stats stats = {0};
  enum mtasts_status status = mtasts_cache_count(cache, NOW, &stats);
  unit_check(status == MTASTS_OK, "count: %s", mtasts_status_name(status));
  return stats;
}

/* Runs in a child; its return value, or 128 + the signal that ended it. */
static inline int in_child(int (*run)(void *context), void *context) {
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0)
    _exit(run(context));
  int status = 0;
  CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

#endif
