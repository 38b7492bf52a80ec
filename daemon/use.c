#include "use.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  FILTER_BITS = 1 << 23, /* one in fifty is wrongly known at a million domains */
  FILTER_BYTES = FILTER_BITS / 8,
  BLOCK_BITS = 512, /* a cache line: the bits of one domain are fetched at once */
  HASHES = 4,

  MEMORY_BYTES = 2 * FILTER_BYTES,
  PAGE = 4096, /* of a file: one with no mark in it takes no room */
  KEPT_BYTES = PAGE + 2 * MEMORY_BYTES,
};

/* Marks go to `current`; the other one is of the period before. Pages that nobody has marked cost
 * no memory. */
struct memory {
  atomic_uint_least64_t *filters[2];
  atomic_uint current;
  int64_t period;
  int64_t turned;
};

struct mtasts_use {
  struct memory asked;
  struct memory again;
  atomic_bool all;  /* what was asked for before we began is not known */
  uint64_t salt[2]; /* nobody can make up names that are taken for others */
};

static bool open_memory(struct memory *memory, int64_t period, int64_t now) {
  void *bytes =
      mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED)
    return false;
  /* One huge page would be resident whole from the first mark on. */
  madvise(bytes, MEMORY_BYTES, MADV_NOHUGEPAGE);
  memory->filters[0] = bytes;
  memory->filters[1] = memory->filters[0] + FILTER_BITS / 64;
  memory->period = period;
  memory->turned = now;
  return true;
}

static void close_memory(struct memory *memory) {
  if (memory->filters[0])
    munmap(memory->filters[0], MEMORY_BYTES);
}

struct mtasts_use *mtasts_use_new(int64_t now) {
  struct mtasts_use *use = calloc(1, sizeof *use);
  if (!use || !open_memory(&use->asked, MTASTS_USE_PERIOD, now) ||
      !open_memory(&use->again, MTASTS_USE_AGAIN_PERIOD, now) ||
      getrandom(use->salt, sizeof use->salt, 0) < 0) {
    mtasts_use_free(use);
    return NULL;
  }
  atomic_init(&use->all, true);
  return use;
}

void mtasts_use_free(struct mtasts_use *use) {
  if (!use)
    return;
  close_memory(&use->asked);
  close_memory(&use->again);
  free(use);
}

static uint64_t mix(uint64_t a, uint64_t b) {
  __extension__ typedef unsigned __int128 wide;
  wide product = (wide)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash(const struct mtasts_use *use, const struct mtasts_domain *domain) {
  uint64_t hash = use->salt[0] ^ domain->len;
  for (size_t at = 0; at < domain->len; at += sizeof hash) {
    uint64_t word = 0;
    size_t left = domain->len - at;
    memcpy(&word, domain->name + at, left < sizeof word ? left : sizeof word);
    hash = mix(hash ^ word, use->salt[1] | 1);
  }
  return mix(hash ^ use->salt[1], 0x9e3779b97f4a7c15);
}

/* The words of a domain: the hash's upper bits choose their block. */
static atomic_uint_least64_t *block(atomic_uint_least64_t *filter, uint64_t hash) {
  return filter + (hash >> 48) % (FILTER_BITS / BLOCK_BITS) * (BLOCK_BITS / 64);
}

/* The i-th word of the hash and the bit in it: nine bits choose the place in the block. */
static atomic_uint_least64_t *word(atomic_uint_least64_t *filter, uint64_t hash, unsigned i,
                                   uint64_t *bit) {
  uint64_t at = (hash >> 9 * i) % BLOCK_BITS;
  *bit = UINT64_C(1) << at % 64;
  return block(filter, hash) + at / 64;
}

static atomic_uint_least64_t *current(const struct memory *memory) {
  return memory->filters[atomic_load_explicit(&memory->current, memory_order_relaxed)];
}

struct mtasts_use_place mtasts_use_seek(const struct mtasts_use *use,
                                        const struct mtasts_domain *domain) {
  struct mtasts_use_place place = {hash(use, domain)};
  __builtin_prefetch(block(current(&use->again), place.hash));
  __builtin_prefetch(block(current(&use->asked), place.hash));
  return place;
}

static void mark(struct memory *memory, uint64_t hashed) {
  atomic_uint_least64_t *filter = current(memory);
  for (unsigned i = 0; i < HASHES; i++) {
    uint64_t bit;
    atomic_uint_least64_t *at = word(filter, hashed, i, &bit);
    /* Reading first leaves the cache line to be shared. */
    if (!(atomic_load_explicit(at, memory_order_relaxed) & bit))
      atomic_fetch_or_explicit(at, bit, memory_order_relaxed);
  }
}

void mtasts_use_mark(struct mtasts_use *use, struct mtasts_use_place place) {
  mark(&use->asked, place.hash);
}

static bool holds(atomic_uint_least64_t *filter, uint64_t hashed) {
  for (unsigned i = 0; i < HASHES; i++) {
    uint64_t bit;
    if (!(atomic_load_explicit(word(filter, hashed, i, &bit), memory_order_relaxed) & bit))
      return false;
  }
  return true;
}

/* What `again` was told since it turned, `asked` was told, too (see mtasts_use_rotate): a mark that
 * is there already costs no more than one of the two. */
void mtasts_use_mark_again(struct mtasts_use *use, struct mtasts_use_place place) {
  if (holds(current(&use->again), place.hash))
    return;
  mark(&use->asked, place.hash);
  mark(&use->again, place.hash);
}

static bool remembers(const struct memory *memory, uint64_t hashed) {
  return holds(memory->filters[0], hashed) || holds(memory->filters[1], hashed);
}

bool mtasts_use_known(const struct mtasts_use *use, const struct mtasts_domain *domain) {
  return atomic_load_explicit(&use->all, memory_order_relaxed) ||
         remembers(&use->asked, hash(use, domain));
}

bool mtasts_use_again(const struct mtasts_use *use, const struct mtasts_domain *domain) {
  return remembers(&use->again, hash(use, domain));
}

static void turn(struct memory *memory, int64_t now) {
  unsigned older = 1 - atomic_load_explicit(&memory->current, memory_order_relaxed);
  /* Gives the pages back, too. A mark under way goes to the other filter, which stays. */
  madvise(memory->filters[older], FILTER_BYTES, MADV_DONTNEED);
  atomic_store_explicit(&memory->current, older, memory_order_relaxed);
  memory->turned = now;
}

static bool is_over(struct memory *memory, int64_t now) {
  if (now < memory->turned)
    memory->turned = now; /* the clock was turned back */
  return now - memory->turned >= memory->period;
}

/* `again` turns whenever `asked` does, so that its current filter is never the older one. */
void mtasts_use_rotate(struct mtasts_use *use, int64_t now) {
  bool both = is_over(&use->asked, now);
  if (both) {
    turn(&use->asked, now);
    atomic_store_explicit(&use->all, false, memory_order_relaxed);
  }
  if (is_over(&use->again, now) || both)
    turn(&use->again, now);
}

void mtasts_use_shift(struct mtasts_use *use, int64_t jump) {
  use->asked.turned += jump;
  use->again.turned += jump;
}

/* across runs */

static const char kept_name[] = "use";
static const char kept_form[16] = "mtasts use 1";

/* The first page of the file; the filters of both memories follow. */
struct kept {
  char form[sizeof kept_form];
  uint64_t salt[2];
  int64_t at; /* when it was kept */
  int64_t turned[2];
  uint32_t current[2];
  uint32_t all;
};

static bool is_empty(const unsigned char *page) {
  return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

static bool write_filters(int fd, const struct memory *memory, off_t at) {
  const unsigned char *bytes = (const void *)(uintptr_t)memory->filters[0];
  for (off_t i = 0; i < MEMORY_BYTES; i += PAGE)
    if (!is_empty(bytes + i) && pwrite(fd, bytes + i, PAGE, at + i) != PAGE)
      return false;
  return true;
}

static bool write_kept(int fd, const struct mtasts_use *use, int64_t now) {
  struct kept kept = {
      .salt = {use->salt[0], use->salt[1]},
      .at = now,
      .turned = {use->asked.turned, use->again.turned},
      .current = {use->asked.current, use->again.current},
      .all = use->all,
  };
  memcpy(kept.form, kept_form, sizeof kept.form);
  return ftruncate(fd, KEPT_BYTES) == 0 && pwrite(fd, &kept, sizeof kept, 0) == sizeof kept &&
         write_filters(fd, &use->asked, PAGE) &&
         write_filters(fd, &use->again, PAGE + MEMORY_BYTES) && fsync(fd) == 0;
}

bool mtasts_use_keep(const struct mtasts_use *use, const char *directory, int64_t now) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", directory, kept_name) >= (int)sizeof path) {
    errno = ENAMETOOLONG;
    return false;
  }
  unlink(path); /* whatever somebody put there is not written to */
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0)
    return false;
  bool written = write_kept(fd, use, now);
  int error = errno;
  if (!written)
    unlink(path);
  close(fd);
  errno = error;
  return written;
}

static bool read_filters(int fd, struct memory *memory, off_t at) {
  unsigned char *bytes = (void *)(uintptr_t)memory->filters[0];
  unsigned char page[PAGE];
  for (off_t i = 0; i < MEMORY_BYTES; i += PAGE) {
    if (pread(fd, page, PAGE, at + i) != PAGE)
      return false;
    if (!is_empty(page))
      memcpy(bytes + i, page, PAGE);
  }
  return true;
}

static bool read_kept(int fd, struct mtasts_use *use, int64_t now) {
  struct stat file;
  struct kept kept;
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode) || file.st_size != KEPT_BYTES ||
      pread(fd, &kept, sizeof kept, 0) != sizeof kept ||
      memcmp(kept.form, kept_form, sizeof kept.form) != 0 || kept.current[0] > 1 ||
      kept.current[1] > 1 || kept.at > now || now - kept.at >= use->asked.period ||
      !read_filters(fd, &use->asked, PAGE) || !read_filters(fd, &use->again, PAGE + MEMORY_BYTES))
    return false;
  memcpy(use->salt, kept.salt, sizeof use->salt);
  use->asked.turned = kept.turned[0];
  use->again.turned = kept.turned[1];
  use->asked.current = kept.current[0];
  use->again.current = kept.current[1];
  use->all = kept.all != 0;
  return true;
}

bool mtasts_use_recall(struct mtasts_use *use, const char *directory, int64_t now) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", directory, kept_name) >= (int)sizeof path)
    return false;
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return false;
  bool read = unlink(path) == 0 && read_kept(fd, use, now);
  close(fd);
  return read;
}
