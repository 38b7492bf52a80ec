#include "ca_bundle.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

enum {
  SIZE_MAX_BYTES = 64 << 20, /* of a bundle; the system's is a quarter of a megabyte */
  AT_REST = 2,               /* seconds without a change, after which a file counts as complete */
};

/* Identifies a file and its version. All zero: there is no file. */
struct state {
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec modified, changed;
};

struct mtasts_ca_bundle {
  char *path;
  X509_STORE *store;
  int count;          /* certificates */
  struct state read;  /* the version that was read last, good or not */
  struct state found; /* at the last check */
  bool lacks_means;   /* descriptors or memory to read it */
  time_t looked;      /* on the monotonic clock, in seconds */
};

static struct state state_of(const struct stat *file) {
  return (struct state){file->st_dev, file->st_ino, file->st_size, file->st_mtim, file->st_ctim};
}

static bool same_time(const struct timespec *a, const struct timespec *b) {
  return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_state(const struct state *a, const struct state *b) {
  return a->device == b->device && a->inode == b->inode && a->size == b->size &&
         same_time(&a->modified, &b->modified) && same_time(&a->changed, &b->changed);
}

static enum mtasts_status status_of(int error) {
  if (error == EMFILE || error == ENFILE || error == ENOMEM)
    return MTASTS_NO_MEMORY;
  return error == EACCES || error == EPERM ? MTASTS_PERMISSION : MTASTS_NO_FILE;
}

/* The flags are those that libcurl gives a store: an intermediate in the bundle may be an anchor.
 */
static X509_STORE *make_store(const STACK_OF(X509_INFO) * items, int *count) {
  X509_STORE *store = X509_STORE_new();
  bool good = store && X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST |
                                                       X509_V_FLAG_PARTIAL_CHAIN) == 1;
  *count = 0;
  for (int i = 0; good && i < sk_X509_INFO_num(items); i++) {
    const X509_INFO *item = sk_X509_INFO_value(items, i);
    if (item->x509) {
      good = X509_STORE_add_cert(store, item->x509) == 1;
      ++*count;
    }
  }
  if (good)
    return store;
  X509_STORE_free(store);
  return NULL;
}

/* A truncated or damaged certificate makes the whole file invalid: it may be half-written. */
static enum mtasts_status read_file(FILE *file, struct mtasts_ca_bundle *trust) {
  X509_STORE *store = NULL;
  int count = 0;
  STACK_OF(X509_INFO) *items = PEM_X509_INFO_read(file, NULL, NULL, NULL);
  if (items)
    store = make_store(items, &count);
  ERR_clear_error();
  sk_X509_INFO_pop_free(items, X509_INFO_free);
  if (items && !store)
    return MTASTS_NO_MEMORY;
  if (count == 0) {
    X509_STORE_free(store);
    return MTASTS_INVALID;
  }
  X509_STORE_free(trust->store);
  trust->store = store;
  trust->count = count;
  return MTASTS_OK;
}

static enum mtasts_status fail(const struct mtasts_ca_bundle *trust, char *words, const char *why,
                               enum mtasts_status status) {
  snprintf(words, MTASTS_CA_BUNDLE_TEXT, "CA bundle %.160s: %s", trust->path, why);
  return status;
}

/* Loads the file. On failure nothing changes. */
static enum mtasts_status load(struct mtasts_ca_bundle *trust, char *words) {
  struct stat before;
  int fd = open(trust->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  FILE *file = fd >= 0 && fstat(fd, &before) == 0 ? fdopen(fd, "r") : NULL;
  if (!file) {
    int error = errno;
    if (fd >= 0)
      close(fd);
    return fail(trust, words, strerrordesc_np(error), status_of(error));
  }
  trust->read = state_of(&before);
  enum mtasts_status status = MTASTS_INVALID;
  if (S_ISREG(before.st_mode) && before.st_size <= SIZE_MAX_BYTES)
    status = read_file(file, trust);
  fclose(file);
  if (status == MTASTS_INVALID)
    return fail(trust, words, "holds no PEM certificate, or a damaged or truncated one", status);
  return status == MTASTS_OK ? status : fail(trust, words, "out of memory", status);
}

const char *mtasts_ca_bundle_path(const char *ca_file) {
  if (ca_file && *ca_file)
    return ca_file;
  const char *built_in = curl_version_info(CURLVERSION_NOW)->cainfo;
  return built_in ? built_in : "/etc/ssl/certs/ca-certificates.crt";
}

enum mtasts_status mtasts_ca_bundle_new(const char *path, char *error,
                                        struct mtasts_ca_bundle **trust) {
  struct mtasts_ca_bundle *made = calloc(1, sizeof *made);
  if (made)
    made->path = strdup(path);
  if (!made || !made->path) {
    free(made);
    snprintf(error, MTASTS_CA_BUNDLE_TEXT, "out of memory");
    return MTASTS_NO_MEMORY;
  }
  enum mtasts_status status = load(made, error);
  made->found = made->read;
  made->looked = (time_t)mtasts_clock_seconds();
  if (status == MTASTS_OK)
    *trust = made;
  else
    mtasts_ca_bundle_free(made);
  return status;
}

void mtasts_ca_bundle_free(struct mtasts_ca_bundle *trust) {
  if (!trust)
    return;
  X509_STORE_free(trust->store);
  free(trust->path);
  free(trust);
}

X509_STORE *mtasts_ca_bundle_store(const struct mtasts_ca_bundle *trust) {
  return trust->store;
}

/* Was the file last changed AT_REST seconds ago? Since the wall clock may jump, it also counts if
 * the file was the same at the last check. */
static bool is_at_rest(const struct mtasts_ca_bundle *trust, const struct state *now) {
  time_t changed = now->changed.tv_sec;
  time_t clock = time(NULL);
  return (changed <= clock && clock - changed > AT_REST) || same_state(now, &trust->found);
}

enum mtasts_ca_bundle_change mtasts_ca_bundle_look(struct mtasts_ca_bundle *trust, bool at_once,
                                                   char words[MTASTS_CA_BUNDLE_TEXT]) {
  char why[MTASTS_CA_BUNDLE_TEXT];
  struct stat file;
  struct state now = {0};
  time_t clock = (time_t)mtasts_clock_seconds();
  if (!at_once && clock < trust->looked + MTASTS_CA_BUNDLE_INTERVAL)
    return MTASTS_CA_BUNDLE_SAME;
  trust->looked = clock;
  if (stat(trust->path, &file) == 0)
    now = state_of(&file);
  bool read = same_state(&now, &trust->read);
  bool rests = is_at_rest(trust, &now);
  trust->found = now;
  if (read || (!rests && !at_once))
    return MTASTS_CA_BUNDLE_SAME;
  struct state before = trust->read;
  bool lacked_means = trust->lacks_means;
  trust->read = now; /* a bundle that is not good is reported once */
  enum mtasts_status status = load(trust, why);
  trust->lacks_means = status == MTASTS_NO_MEMORY;
  if (trust->lacks_means)
    trust->read = before; /* it is read at the next look */
  if (trust->lacks_means && lacked_means)
    return MTASTS_CA_BUNDLE_SAME;
  if (status == MTASTS_OK) {
    snprintf(words, MTASTS_CA_BUNDLE_TEXT,
             "CA bundle %.160s was replaced: its %d certificates count", trust->path, trust->count);
    return MTASTS_CA_BUNDLE_RENEWED;
  }
  snprintf(words, MTASTS_CA_BUNDLE_TEXT,
           "%.300s; the %d certificates of before count until it is good", why, trust->count);
  return MTASTS_CA_BUNDLE_BROKEN;
}
