/*
 * store.h: the cache for the one process that writes it.
 *
 * A directory with data.mdb, lock.mdb (LMDB's) and writer.lock (ours: flock for as long as a writer
 * lives). Two named databases, `policies` (domains with a policy, live or expired) and `absent`
 * (all others), each with its own quota. Changes are collected in memory and committed in groups;
 * no change is readable before its commit. One thread uses a writer; other threads of its process
 * may read through mtasts_store_cache. In a child of the process that opened it every call returns
 * MTASTS_FORKED. The child may close it, which only frees memory. A child that lives on should do
 * so, because it holds writer.lock until then.
 *
 * Eviction follows this order (quota.c says how much and when): first absent entries, then expired
 * policies, then policies of the organisational domain that takes the most bytes. Among equals,
 * entries of domains in use go last. Absent entries never displace a live policy.
 */
#ifndef MTASTS_STORE_H
#define MTASTS_STORE_H

#include <sys/types.h>

#include "mtasts.h"

struct mtasts_store;

struct mtasts_store_options {
  uint64_t map_size;     /* bytes; the initial size of the map */
  uint64_t map_size_max; /* bytes; it doubles up to this, and an eighth more to work in */
  uint64_t max_policies; /* domains */
  uint64_t max_absent;   /* domains */
  uid_t uid;             /* owner of the files that root creates; (uid_t)-1: root */
  gid_t gid;             /* likewise */
  const char *name;      /* of the directory, in sentences; NULL: its path */
  bool unchecked; /* data.mdb has not been checked, and is not mapped yet: see mtasts_store_admit */
  /* Receives warnings for the administrator: one sentence, no newline. May be NULL. */
  void (*warn)(void *context, const char *sentence);
  /* Was the domain used recently? Domains that were not are evicted first. NULL: unknown. Called by
   * the writer's thread while the store is open. */
  bool (*in_use)(void *context, const struct mtasts_domain *domain);
  void *context;
};

/* The defaults of mtasts.conf(5), no functions. */
extern const struct mtasts_store_options mtasts_store_defaults;

/*
 * Opens for writing; creates the directory (0750) and the files (data 0640, locks 0660) if they are
 * missing, with the owner and group given, whatever the umask.
 *
 *   MTASTS_LOCKED      another process writes this cache
 *   MTASTS_CORRUPT     cannot be read (truncated, not LMDB), or is of an unknown format (format.h).
 *                      The file is left as it is; warn says what to do
 *   MTASTS_PERMISSION  not allowed, or a symbolic link or other non-regular file is in the place
 *                      of a file
 *   MTASTS_NO_FILE     the parent of the directory is missing
 */
enum mtasts_status mtasts_store_open(const char *directory,
                                     const struct mtasts_store_options *options,
                                     struct mtasts_store **store);

/*
 * For a store that was opened `unchecked`: call it when mtasts_tree_check_until has found the file
 * sound. Until then readers read the file page by page, and nothing is written: mtasts_store_flush
 * and all functions that commit return MTASTS_LOCKED, and changes stay pending. Returns what
 * mtasts_store_open does. If that is not MTASTS_OK, the store still waits.
 */
enum mtasts_status mtasts_store_admit(struct mtasts_store *store);

/* For a store that was opened `unchecked` and whose file is damaged: renames the file (damaged.h)
 * and goes on with an empty one, as a store that is salvaging. Returns as above. */
enum mtasts_status mtasts_store_replace(struct mtasts_store *store);

/*
 * Is data.mdb.damaged not yet salvaged in full (salvage_mark.h)? That is known from the opening on.
 * Until then readers look in the old file for a domain that the new one does not have. No domain
 * can be removed, because the salvage would bring it back: mtasts_store_remove returns
 * MTASTS_LOCKED. Set it to false when all that can be read of the old file is in the store.
 */
bool mtasts_store_salvaging(const struct mtasts_store *store);
void mtasts_store_set_salvaging(struct mtasts_store *store, bool salvaging);

/* Does the store still wait for mtasts_store_admit or mtasts_store_replace? From any thread. */
bool mtasts_cache_waits(struct mtasts_cache *cache);

/* Commits the pending changes and closes. Readers must have been freed. */
void mtasts_store_close(struct mtasts_store *store);

/* The same environment for readers of this process; owned by the store. */
struct mtasts_cache *mtasts_store_cache(struct mtasts_store *store);

/*
 * Collects a change (copies the entry), which replaces the domain's entry; but an entry that has an
 * error and no policy never replaces an unexpired policy. Commits when MTASTS_STORE_GROUP changes
 * are pending, and then returns what mtasts_store_flush does. MTASTS_INVALID: the entry breaks a
 * rule of mtasts.h and could not be read back.
 *
 * MTASTS_FULL may also mean this change alone, if it is an entry without a policy: it is dropped,
 * and the others stay pending. This happens in two cases. First, policies leave no room below the
 * reserve, so that the entry would be evicted at once. Second, more than MTASTS_STORE_PAUSE percent
 * of map_size_max are used while there is a stale reader. Freed pages cannot be used until it ends,
 * and the rest is for policies. The caller should remember the entry itself, so that a busy domain
 * is not looked up for each request; mtastsd does (scheduler.c).
 */
enum mtasts_status mtasts_store_put(struct mtasts_store *store, const struct mtasts_domain *domain,
                                    const struct mtasts_entry *entry, int64_t now);

/* The same for an entry that may be older than the stored or pending one: the one that was looked
 * up last stays; of two that were looked up in the same second, the stored or pending one. */
enum mtasts_status mtasts_store_put_older(struct mtasts_store *store,
                                          const struct mtasts_domain *domain,
                                          const struct mtasts_entry *entry, int64_t now);

/* Removes a domain; commits at once, with all pending changes. MTASTS_ABSENT: it was not there.
 * MTASTS_LOCKED: nothing can be removed now (mtasts_store_salvaging, mtasts_store_admit). */
enum mtasts_status mtasts_store_remove(struct mtasts_store *store,
                                       const struct mtasts_domain *domain);

/* Collects a removal, which is committed like a change. */
enum mtasts_status mtasts_store_drop(struct mtasts_store *store,
                                     const struct mtasts_domain *domain);

/*
 * Commits all pending changes, and evicts entries if a quota demands it.
 *
 *   MTASTS_FULL  no room for some changes: those are dropped, the others committed
 *   any other    all of them stay pending
 */
enum mtasts_status mtasts_store_flush(struct mtasts_store *store);

/*
 * Has a write failed for another reason than lack of room, and none succeeded since?
 * mtasts_store_try commits the pending changes. Without any it writes the format again, to find out
 * whether the fault is over.
 */
bool mtasts_store_fails(const struct mtasts_store *store);
enum mtasts_status mtasts_store_try(struct mtasts_store *store);

/* Changes not committed yet. */
size_t mtasts_store_pending(const struct mtasts_store *store);

enum {
  MTASTS_STORE_GROUP = 64,
  MTASTS_STORE_RESERVE = 10,        /* percent of the map kept for updates of stored entries */
  MTASTS_STORE_PAUSE = 80,          /* percent of map_size_max, see mtasts_store_put */
  MTASTS_STORE_POSITION_MAX = 1200, /* bytes */
};

/*
 * Stores the saved position of the refresh sweep: some bytes, kept in the cache beside the domains.
 * They are written with the next commit. This function itself commits at most once a minute, and
 * then returns what mtasts_store_flush does. A crash may lose the last position.
 *
 *   MTASTS_TOO_LARGE  more than MTASTS_STORE_POSITION_MAX bytes
 */
enum mtasts_status mtasts_store_save_position(struct mtasts_store *store, const void *bytes,
                                              size_t size);

/* The last committed position, of up to `max` bytes. MTASTS_ABSENT: there is none, or it is
 * longer. */
enum mtasts_status mtasts_store_load_position(struct mtasts_store *store, void *bytes, size_t max,
                                              size_t *size);

/* Is the entry of no use any more? A policy is obsolete MTASTS_EXPIRED_KEEP seconds after its
 * expiry, any other entry a day after next_check. */
bool mtasts_store_is_obsolete(const struct mtasts_entry *entry, int64_t now);

/* Removes all obsolete entries; *removed counts them. */
enum mtasts_status mtasts_store_expire(struct mtasts_store *store, int64_t now, uint64_t *removed);

/* Removes everything. */
enum mtasts_status mtasts_store_clear(struct mtasts_store *store, uint64_t *removed);

/* Removes the entries for which a walk gives MTASTS_CORRUPT; *removed counts them. */
enum mtasts_status mtasts_store_repair(struct mtasts_store *store, uint64_t *removed);

/*
 * Rewrites data.mdb without its free pages, atomically (a crash leaves the old or the new file),
 * and reopens it. Readers made from mtasts_store_cache must be freed first (else MTASTS_IO, EBUSY).
 * Other processes' readers keep the old file until they reopen. *before, *after: bytes of the file
 * in use.
 */
enum mtasts_status mtasts_store_compact(struct mtasts_store *store, uint64_t *before,
                                        uint64_t *after);

#endif
