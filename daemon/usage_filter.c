#include "usage_filter.h"

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
  FILTER_BITS = 1 << 23, /* with a million domains, one in fifty answers is a false positive */
  FILTER_BYTES = FILTER_BITS / 8,
  BLOCK_BITS = 512, /* a cache line: the bits of one domain are fetched at once */
  HASHES = 4,

  MEMORY_BYTES = 2 * FILTER_BYTES,
  PAGE = 4096, /* of a file: a page without a mark takes no room */
  UNSTORED_BYTES = PAGE + 2 * MEMORY_BYTES,
};

/* Marks go to `current`; the other filter is of the period before. Pages without marks use no
 * memory. */
struct memory {
  atomic_uint_least64_t *filters[2];
  atomic_uint current;
  int64_t period;
  int64_t turned;
};

struct mtasts_usage_filter {
  struct memory asked;
  struct memory again;
  atomic_bool all;  /* all domains count as asked for: earlier use is not known */
  uint64_t salt[2]; /* so that an attacker cannot make up names that collide with others */
};

static bool open_memory(struct memory *memory, int64_t period, int64_t now) {
  void *bytes =
      mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED)
    return false;
  /* A huge page would be wholly resident after its first mark. */
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

struct mtasts_usage_filter *mtasts_usage_filter_new(int64_t now) {
  struct mtasts_usage_filter *usage = calloc(1, sizeof *usage);
  if (!usage || !open_memory(&usage->asked, MTASTS_USAGE_FILTER_PERIOD, now) ||
      !open_memory(&usage->again, MTASTS_USAGE_FILTER_AGAIN_PERIOD, now) ||
      getrandom(usage->salt, sizeof usage->salt, 0) < 0) {
    mtasts_usage_filter_free(usage);
    return NULL;
  }
  atomic_init(&usage->all, true);
  return usage;
}

void mtasts_usage_filter_free(struct mtasts_usage_filter *usage) {
  if (!usage)
    return;
  close_memory(&usage->asked);
  close_memory(&usage->again);
  free(usage);
}

static uint64_t mix(uint64_t a, uint64_t b) {
  __extension__ typedef unsigned __int128 wide;
  wide product = (wide)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash(const struct mtasts_usage_filter *usage, const struct mtasts_domain *domain) {
  uint64_t hash = usage->salt[0] ^ domain->len;
  for (size_t at = 0; at < domain->len; at += sizeof hash) {
    uint64_t word = 0;
    size_t left = domain->len - at;
    memcpy(&word, domain->name + at, left < sizeof word ? left : sizeof word);
    hash = mix(hash ^ word, usage->salt[1] | 1);
  }
  return mix(hash ^ usage->salt[1], 0x9e3779b97f4a7c15);
}

/* The words of a domain: the hash's upper bits choose their block. */
static atomic_uint_least64_t *block(atomic_uint_least64_t *filter, uint64_t hash) {
  return filter + (hash >> 48) % (FILTER_BITS / BLOCK_BITS) * (BLOCK_BITS / 64);
}

/* The i-th word of the hash and the bit in it: nine bits choose the bit of the block. */
static atomic_uint_least64_t *word(atomic_uint_least64_t *filter, uint64_t hash, unsigned i,
                                   uint64_t *bit) {
  uint64_t at = (hash >> 9 * i) % BLOCK_BITS;
  *bit = UINT64_C(1) << at % 64;
  return block(filter, hash) + at / 64;
}

static atomic_uint_least64_t *current(const struct memory *memory) {
  return memory->filters[atomic_load_explicit(&memory->current, memory_order_relaxed)];
}

struct mtasts_usage_filter_slot mtasts_usage_filter_locate(const struct mtasts_usage_filter *usage,
                                                           const struct mtasts_domain *domain) {
  struct mtasts_usage_filter_slot slot = {hash(usage, domain)};
  __builtin_prefetch(block(current(&usage->again), slot.hash));
  __builtin_prefetch(block(current(&usage->asked), slot.hash));
  return slot;
}

static void mark(struct memory *memory, uint64_t hashed) {
  atomic_uint_least64_t *filter = current(memory);
  for (unsigned i = 0; i < HASHES; i++) {
    uint64_t bit;
    atomic_uint_least64_t *at = word(filter, hashed, i, &bit);
    /* Reading first lets both threads keep the cache line. */
    if (!(atomic_load_explicit(at, memory_order_relaxed) & bit))
      atomic_fetch_or_explicit(at, bit, memory_order_relaxed);
  }
}

void mtasts_usage_filter_mark(struct mtasts_usage_filter *usage,
                              struct mtasts_usage_filter_slot slot) {
  mark(&usage->asked, slot.hash);
}

static bool holds(atomic_uint_least64_t *filter, uint64_t hashed) {
  for (unsigned i = 0; i < HASHES; i++) {
    uint64_t bit;
    if (!(atomic_load_explicit(word(filter, hashed, i, &bit), memory_order_relaxed) & bit))
      return false;
  }
  return true;
}

/* Every mark in `again` since its rotation is in `asked` too (see mtasts_usage_filter_rotate). So
 * if the mark is already there, one filter is read, not both. */
void mtasts_usage_filter_mark_again(struct mtasts_usage_filter *usage,
                                    struct mtasts_usage_filter_slot slot) {
  if (holds(current(&usage->again), slot.hash))
    return;
  mark(&usage->asked, slot.hash);
  mark(&usage->again, slot.hash);
}

static bool remembers(const struct memory *memory, uint64_t hashed) {
  return holds(memory->filters[0], hashed) || holds(memory->filters[1], hashed);
}

bool mtasts_usage_filter_in_use(const struct mtasts_usage_filter *usage,
                                const struct mtasts_domain *domain) {
  return atomic_load_explicit(&usage->all, memory_order_relaxed) ||
         remembers(&usage->asked, hash(usage, domain));
}

bool mtasts_usage_filter_asked_again(const struct mtasts_usage_filter *usage,
                                     const struct mtasts_domain *domain) {
  return remembers(&usage->again, hash(usage, domain));
}

static void turn(struct memory *memory, int64_t now) {
  unsigned older = 1 - atomic_load_explicit(&memory->current, memory_order_relaxed);
  /* This also returns the pages. A mark that is being set goes to the other filter, which stays. */
  madvise(memory->filters[older], FILTER_BYTES, MADV_DONTNEED);
  atomic_store_explicit(&memory->current, older, memory_order_relaxed);
  memory->turned = now;
}

static bool is_over(struct memory *memory, int64_t now) {
  if (now < memory->turned)
    memory->turned = now; /* the clock was turned back */
  return now - memory->turned >= memory->period;
}

/* `again` rotates whenever `asked` does, so that its current filter is never the older one. */
void mtasts_usage_filter_rotate(struct mtasts_usage_filter *usage, int64_t now) {
  bool both = is_over(&usage->asked, now);
  if (both) {
    turn(&usage->asked, now);
    atomic_store_explicit(&usage->all, false, memory_order_relaxed);
  }
  if (is_over(&usage->again, now) || both)
    turn(&usage->again, now);
}

void mtasts_usage_filter_shift(struct mtasts_usage_filter *usage, int64_t jump) {
  usage->asked.turned += jump;
  usage->again.turned += jump;
}

/* across runs */

static const char kept_name[] = "use";
static const char kept_form[16] = "mtasts use 1";

/* The first page of the file; the filters of both memories follow. */
struct kept {
  char form[sizeof kept_form];
  uint64_t salt[2];
  int64_t at; /* when the file was written */
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

static bool write_saved(int fd, const struct mtasts_usage_filter *usage, int64_t now) {
  struct kept kept = {
      .salt = {usage->salt[0], usage->salt[1]},
      .at = now,
      .turned = {usage->asked.turned, usage->again.turned},
      .current = {usage->asked.current, usage->again.current},
      .all = usage->all,
  };
  memcpy(kept.form, kept_form, sizeof kept.form);
  return ftruncate(fd, UNSTORED_BYTES) == 0 && pwrite(fd, &kept, sizeof kept, 0) == sizeof kept &&
         write_filters(fd, &usage->asked, PAGE) &&
         write_filters(fd, &usage->again, PAGE + MEMORY_BYTES) && fsync(fd) == 0;
}

bool mtasts_usage_filter_save(const struct mtasts_usage_filter *usage, const char *directory,
                              int64_t now) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", directory, kept_name) >= (int)sizeof path) {
    errno = ENAMETOOLONG;
    return false;
  }
  unlink(path); /* never writes into a file that another process put there */
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0)
    return false;
  bool written = write_saved(fd, usage, now);
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

static bool read_saved(int fd, struct mtasts_usage_filter *usage, int64_t now) {
  struct stat file;
  struct kept kept;
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode) || file.st_size != UNSTORED_BYTES ||
      pread(fd, &kept, sizeof kept, 0) != sizeof kept ||
      memcmp(kept.form, kept_form, sizeof kept.form) != 0 || kept.current[0] > 1 ||
      kept.current[1] > 1 || kept.at > now || now - kept.at >= usage->asked.period ||
      !read_filters(fd, &usage->asked, PAGE) ||
      !read_filters(fd, &usage->again, PAGE + MEMORY_BYTES))
    return false;
  memcpy(usage->salt, kept.salt, sizeof usage->salt);
  usage->asked.turned = kept.turned[0];
  usage->again.turned = kept.turned[1];
  usage->asked.current = kept.current[0];
  usage->again.current = kept.current[1];
  usage->all = kept.all != 0;
  return true;
}

bool mtasts_usage_filter_load(struct mtasts_usage_filter *usage, const char *directory,
                              int64_t now) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", directory, kept_name) >= (int)sizeof path)
    return false;
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return false;
  bool read = unlink(path) == 0 && read_saved(fd, usage, now);
  close(fd);
  return read;
}
