/*
 * power: opens the cache from each state that a disk may have after a power cut.
 *
 *   power IMAGES [SEED]
 *
 * A child writes the cache by the store's own code: commits, orderly ends, new starts, compaction.
 * Every call that changes a file is recorded, in order, with each version that was acknowledged.
 * Then images are made. Each ends the record at a random call, keeps what was synced by then, and
 * of what was not synced any part: of each unit of a file any version since, of each length the
 * old or a new one, of the changes of the directory a prefix. A cache is opened from each image as
 * mtastsd opens it.
 *
 * What must hold: the cache opens; no domain has a version that was never sent; each has at least
 * the version that was acknowledged before the last sync of data.mdb. The commit after that sync
 * may be lost: the store does not wait for its meta page (MDB_NOMETASYNC).
 *
 * Prints `N passed, N failed`.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clean_shutdown.h"
#include "entry_codec.h"
#include "record.h"
#include "scratch.h"
#include "store.h"
#include "tree_check.h"

enum {
  DOMAINS = 48,
  COMMITS = 1500,
  FILES = 8,           /* names in the directory, at most */
  FILE_MAX = 16 << 20, /* bytes of a file of the cache, at most */
  LIFE = 7 * 86400,
};

static char base[PATH_SIZE], cache[PATH_SIZE + 16];

/* the writer */

static struct mtasts_domain domain_of(unsigned index) {
  struct mtasts_domain made = {.len = 0};
  made.len = (size_t)snprintf(made.name, sizeof made.name, "d%u.power.example", index);
  return made;
}

static void put(struct mtasts_store *store, unsigned index, unsigned version) {
  static unsigned char pattern[] = {2, 'm', 'x'};
  int64_t now = (int64_t)time(NULL);
  struct mtasts_domain domain = domain_of(index);
  struct mtasts_entry entry = {
      .has_policy = true,
      .policy = {MTASTS_MODE_ENFORCE, LIFE, {pattern, sizeof pattern, 1}},
      .fetched = now,
      .expires = now + LIFE,
      .record = MTASTS_RECORD_VALID,
      .checked = now,
      .next_check = now + 3600,
  };
  snprintf(entry.policy_id, sizeof entry.policy_id, "v%u", version);
  memcpy(entry.record_id, entry.policy_id, sizeof entry.record_id);
  record_append(SENT, index, version, NULL, 0);
  if (mtasts_store_put(store, &domain, &entry, now) != MTASTS_OK)
    _exit(71);
}

static struct mtasts_store *start(void) {
  struct mtasts_store *store;
  if (mtasts_clean_shutdown_check(cache) != MTASTS_OK ||
      mtasts_store_open(cache, &mtasts_store_defaults, &store) != MTASTS_OK)
    _exit(72);
  return store;
}

static int write_on(unsigned seed) {
  unsigned versions[DOMAINS] = {0};
  uint64_t before, after;
  record_begin(cache);
  struct mtasts_store *store = start();
  for (unsigned i = 0; i < COMMITS; i++) {
    unsigned count = 1 + (unsigned)rand_r(&seed) % 8, first = (unsigned)rand_r(&seed) % DOMAINS;
    for (unsigned n = 0; n < count; n++)
      put(store, (first + n) % DOMAINS, ++versions[(first + n) % DOMAINS]);
    if (mtasts_store_flush(store) != MTASTS_OK)
      _exit(73);
    for (unsigned n = 0; n < count; n++)
      record_append(ACKNOWLEDGED, (first + n) % DOMAINS, versions[(first + n) % DOMAINS], NULL, 0);
    if (rand_r(&seed) % 100 == 0 && mtasts_store_compact(store, &before, &after) != MTASTS_OK)
      _exit(74);
    if (rand_r(&seed) % 40 == 0) {
      mtasts_store_close(store);
      store = start();
    }
  }
  mtasts_store_close(store);
  return 0;
}

/* the disk */

struct file {
  unsigned char *bytes; /* durable */
  uint64_t size;
};

struct disk {
  struct file files[INODES];
  size_t synced_to[INODES]; /* places in the record: what came before is in `bytes` */
  struct {
    char name[16];
    unsigned inode;
  } names[FILES];
  size_t directory_to; /* likewise, of the directory */
  unsigned sent[DOMAINS], acknowledged[DOMAINS], kept[DOMAINS];
};

static void lay(struct file *file, uint64_t offset, const unsigned char *data, uint64_t size) {
  if (!file->bytes && !(file->bytes = calloc(1, FILE_MAX)))
    die("memory");
  if (offset + size > FILE_MAX) {
    errno = EFBIG;
    die("a file of the cache");
  }
  if (size > 0)
    memcpy(file->bytes + offset, data, size);
  if (offset + size > file->size)
    file->size = offset + size;
}

static void cut(struct file *file, uint64_t size) {
  if (size < file->size)
    memset(file->bytes + size, 0, file->size - size);
  else
    lay(file, size, NULL, 0);
  file->size = size;
}

/* All changes of a file up to a place are durable. */
static void settle(struct disk *disk, unsigned inode, size_t to) {
  for (size_t at = disk->synced_to[inode]; at < to; at = record_next(at)) {
    const struct change *change = record_at(at);
    if (change->inode == inode && change->kind == WRITE)
      lay(&disk->files[inode], change->offset, change->data, change->size);
    if (change->inode == inode && change->kind == TRUNCATE)
      cut(&disk->files[inode], change->offset);
  }
  disk->synced_to[inode] = to;
}

static void name_file(struct disk *disk, const char *name, unsigned inode) {
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < FILES; i++)
      if (strcmp(disk->names[i].name, pass == 0 ? name : "") == 0) {
        snprintf(disk->names[i].name, sizeof disk->names[i].name, "%s", inode ? name : "");
        disk->names[i].inode = inode;
        return;
      }
}

static unsigned named(const struct disk *disk, const char *name) {
  for (int i = 0; i < FILES; i++)
    if (strcmp(disk->names[i].name, name) == 0)
      return disk->names[i].inode;
  return 0;
}

static void move(struct disk *disk, const struct change *change) {
  unsigned inode;
  switch (change->kind) {
  case CREATE:
    name_file(disk, change->name, change->inode);
    break;
  case UNLINK:
    name_file(disk, change->name, 0);
    break;
  case RENAME:
    inode = named(disk, change->name);
    name_file(disk, change->name, 0);
    if (inode)
      name_file(disk, change->other, inode);
    break;
  case WRITE:
  case TRUNCATE:
  case SYNC:
  case SYNC_DIRECTORY:
  case SENT:
  case ACKNOWLEDGED:
    break;
  }
}

static void settle_directory(struct disk *disk, size_t to) {
  for (size_t at = disk->directory_to; at < to; at = record_next(at))
    move(disk, record_at(at));
  disk->directory_to = to;
}

/* What is durable after the changes up to the place `end`, and what the writer has said by then. */
static void replay(struct disk *disk, size_t end) {
  unsigned data = 0, fresh = 0; /* data.mdb, data.new */
  for (size_t at = 0; at < end; at = record_next(at)) {
    const struct change *change = record_at(at);
    if (change->kind == CREATE && strcmp(change->name, "data.mdb") == 0)
      data = change->inode;
    if (change->kind == CREATE && strcmp(change->name, "data.new") == 0)
      fresh = change->inode;
    if (change->kind == RENAME && strcmp(change->other, "data.mdb") == 0)
      data = fresh;
    if (change->kind == SYNC)
      settle(disk, change->inode, at);
    if (change->kind == SYNC && change->inode == data)
      memcpy(disk->kept, disk->acknowledged, sizeof disk->kept);
    if (change->kind == SYNC_DIRECTORY)
      settle_directory(disk, at);
    if (change->kind == SENT)
      disk->sent[change->inode] = (unsigned)change->offset;
    if (change->kind == ACKNOWLEDGED)
      disk->acknowledged[change->inode] = (unsigned)change->offset;
  }
}

/* Of what was not synced, any part. share: of the units, in percent. */
static void keep_some(struct disk *disk, unsigned inode, size_t end, unsigned share,
                      unsigned *seed) {
  static const uint64_t units[] = {4096, 4096, 512};
  uint64_t unit = units[rand_r(seed) % 3];
  uint64_t length = disk->files[inode].size;
  bool grown = rand_r(seed) % 2 == 0; /* the new length is kept, and the old one otherwise */
  for (size_t at = disk->synced_to[inode]; at < end; at = record_next(at)) {
    const struct change *change = record_at(at);
    if (change->inode == inode && change->kind == TRUNCATE && rand_r(seed) % 2 == 0)
      length = change->offset;
    if (change->inode != inode || change->kind != WRITE)
      continue;
    for (uint64_t from = 0, to; from < change->size; from = to) {
      to = from + unit - (change->offset + from) % unit;
      to = to < change->size ? to : change->size;
      if ((unsigned)rand_r(seed) % 100 < share) {
        lay(&disk->files[inode], change->offset + from, change->data + from, to - from);
        if (change->offset + to > length)
          length = change->offset + to;
      } else if (grown && change->offset + to > length) {
        length = change->offset + to;
      }
    }
  }
  cut(&disk->files[inode], length);
}

static void keep_names(struct disk *disk, size_t end, unsigned *seed) {
  for (size_t at = disk->directory_to; at < end; at = record_next(at)) {
    const struct change *change = record_at(at);
    if (change->kind != CREATE && change->kind != RENAME && change->kind != UNLINK)
      continue;
    if (rand_r(seed) % 2 == 0)
      return;
    move(disk, change);
  }
}

static void write_image(struct disk *disk, const char *directory) {
  char path[PATH_SIZE + 32];
  for (int i = 0; i < FILES; i++) {
    const struct file *file = &disk->files[disk->names[i].inode];
    if (disk->names[i].inode == 0)
      continue;
    snprintf(path, sizeof path, "%s/%s", directory, disk->names[i].name);
    FILE *out = fopen(path, "w");
    if (!out ||
        fwrite(file->bytes ? file->bytes : (const unsigned char *)"", 1, file->size, out) !=
            file->size ||
        fclose(out) != 0)
      die(path);
  }
}

/* Opens the image as mtastsd does. Exits with 0, or with what is wrong. */
static int judge_image(const struct disk *disk, const char *directory) {
  static unsigned char value[MTASTS_ENTRY_SIZE_MAX];
  struct mtasts_store *store;
  struct mtasts_entry entry;
  enum mtasts_status status = mtasts_clean_shutdown_check(directory);
  if (status == MTASTS_OK)
    status = mtasts_store_open(directory, &mtasts_store_defaults, &store);
  if (status != MTASTS_OK) {
    printf("  cannot be opened: %s\n", mtasts_status_name(status));
    return 1;
  }
  mtasts_store_close(store);
  for (unsigned i = 0; i < DOMAINS; i++) {
    struct mtasts_domain domain = domain_of(i);
    unsigned version = 0;
    status = mtasts_tree_read(directory, &domain, value, &entry);
    if (status == MTASTS_OK && entry.policy_id[0] == 'v')
      version = (unsigned)strtoul(entry.policy_id + 1, NULL, 10);
    if ((status != MTASTS_OK && status != MTASTS_ABSENT) || version < disk->kept[i] ||
        version > disk->sent[i]) {
      printf("  %s: %s, version %u, not from %u to %u\n", domain.name, mtasts_status_name(status),
             version, disk->kept[i], disk->sent[i]);
      return 1;
    }
  }
  return 0;
}

static bool try_image(size_t end, unsigned share, unsigned *seed) {
  char directory[PATH_SIZE + 16];
  int status = 0;
  struct disk *disk = calloc(1, sizeof *disk);
  snprintf(directory, sizeof directory, "%s/image", base);
  if (!disk || mkdir(directory, 0700) != 0)
    die(directory);
  replay(disk, end);
  keep_names(disk, end, seed);
  for (int i = 0; i < FILES; i++)
    if (disk->names[i].inode > 0) {
      settle(disk, disk->names[i].inode, disk->synced_to[disk->names[i].inode]);
      keep_some(disk, disk->names[i].inode, end, share, seed);
    }
  write_image(disk, directory);
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0)
    exit(judge_image(disk, directory));
  waitpid(pid, &status, 0);
  for (unsigned i = 0; i < INODES; i++)
    free(disk->files[i].bytes);
  free(disk);
  if (status == 0)
    scratch_remove(directory);
  if (WIFSIGNALED(status))
    printf("  died of signal %d\n", WTERMSIG(status));
  return status == 0;
}

static size_t count_changes(void) {
  size_t count = 0;
  for (size_t at = 0; at < record_end(); at = record_next(at))
    count++;
  return count;
}

static size_t place_of(size_t number) {
  size_t at = 0;
  while (number-- > 0 && at < record_end())
    at = record_next(at);
  return at;
}

static void write_record(unsigned seed) {
  int status;
  record_open();
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0)
    _exit(write_on(seed));
  if (waitpid(pid, &status, 0) != pid || status != 0) {
    fprintf(stderr, "power: the writer ended with %d\n", status);
    exit(70);
  }
}

int main(int argc, char **argv) {
  static const unsigned shares[] = {0, 10, 50, 90, 100};
  unsigned long bad = 0;
  if (argc != 2 && argc != 3) {
    fprintf(stderr, "usage: power IMAGES [SEED]\n");
    return 64;
  }
  unsigned long images = strtoul(argv[1], NULL, 10);
  unsigned seed = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : (unsigned)time(NULL);
  printf("seed %u\n", seed);
  scratch_make(base, "power");
  snprintf(cache, sizeof cache, "%s/c", base);
  write_record(seed);
  size_t changes = count_changes();
  printf("%zu changes of files recorded\n", changes);
  for (unsigned long i = 0; i < images && changes > 0; i++) {
    size_t number = ((size_t)rand_r(&seed) << 16 ^ (size_t)rand_r(&seed)) % changes;
    unsigned share = shares[rand_r(&seed) % 5];
    if (!try_image(place_of(number), share, &seed)) {
      printf("  image %lu: after change %zu, %u %% of what was not synced\n", i, number, share);
      bad++;
      break; /* kept, for a look */
    }
  }
  printf("%s  nothing that was synced is lost, and nothing is wrong, in %lu images\n",
         bad ? "FAILED" : "ok    ", images);
  if (bad == 0)
    scratch_remove(base);
  else
    printf("kept: %s\n", base);
  printf("%d passed, %d failed\n", bad == 0, bad != 0);
  return bad ? 1 : 0;
}
