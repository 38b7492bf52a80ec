#include "outcome_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "clock_watch.h"
#include "damaged.h"
#include "error_map.h"
#include "log.h"
#include "outcome.h"
#include "outcome_lock.h"
#include "outcome_opening.h"
#include "outcome_store.h"
#include "report_counts.h"

enum {
  NICE = 5,
  HELD_BYTES = 64 << 20, /* of one day, while the store cannot be written */
  HELD_DAYS = 4,
  WAIT_MS = 100,         /* between looks whether a check has ended */
  END_TRIES = 50,        /* of WAIT_MS at the end, if another process checks the store */
  AGAIN_MS = 1000,       /* until a failed write is tried again */
  TICK_MS = 10000,       /* between looks for days to drop */
  EVEN_BEFORE_DROP = 60, /* seconds */
  COUNT_SECONDS = 30,    /* between two counts of reports */
  BLOCKS_FEW = 64,       /* free ones of a file system that is full */
};

struct mtasts_outcome_writer {
  struct mtasts_snapshot *snapshot;
  struct mtasts_queue *inbox;
  struct mtasts_stats *stats;
  char directory[PATH_MAX];                     /* of the store, */
  uint64_t max_size;                            /* and its bytes, as configured */
  struct mtasts_outcome_store *store;           /* NULL: not open */
  struct mtasts_outcome_batch *held[HELD_DAYS]; /* not written yet, each of another day */
  size_t held_count;
  struct mtasts_outcome_opening opening;
  bool failing;    /* as it was logged */
  bool waits;      /* the store is checked, by this process or another */
  bool makes_room; /* old days are being dropped for what is held */
  bool stopped;
  struct mtasts_clock_watch clock;
  int64_t even;    /* uptime since which the clock has run evenly */
  int64_t dropped; /* uptime of the last look for days to drop */
  bool drops;      /* there are more */
  int64_t counted; /* uptime when the reports were counted last */
};

/* what is not written yet */

static void refuse(struct mtasts_outcome_writer *writer, uint64_t sessions) {
  mtasts_count_add(writer->stats, MTASTS_COUNT_REFUSED_NO_ROOM, sessions);
}

/* Takes over the batch. */
static void hold(struct mtasts_outcome_writer *writer, struct mtasts_outcome_batch *batch) {
  uint32_t day = mtasts_outcome_batch_day(batch);
  size_t i = 0;
  while (i < writer->held_count && mtasts_outcome_batch_day(writer->held[i]) != day)
    i++;
  if (i == writer->held_count && writer->held_count < HELD_DAYS) {
    writer->held[i] = mtasts_outcome_batch_new(day, HELD_BYTES);
    writer->held_count += writer->held[i] != NULL;
  }
  if (i < writer->held_count)
    refuse(writer, mtasts_outcome_batch_merge(writer->held[i], batch));
  else
    refuse(writer, mtasts_outcome_batch_drop(batch));
}

static void release_first(struct mtasts_outcome_writer *writer) {
  mtasts_outcome_batch_free(writer->held[0]);
  writer->held_count--;
  for (size_t i = 0; i < writer->held_count; i++)
    writer->held[i] = writer->held[i + 1];
}

/* the store */

static void log_failure(struct mtasts_outcome_writer *writer, const char *error) {
  mtasts_count_set(writer->stats, MTASTS_COUNT_OUTCOME_FAILING, 1);
  if (writer->failing)
    return;
  writer->failing = true;
  mtasts_log(MTASTS_LOG_WARNING,
             "outcome: the store %s; outcomes are kept in memory, and writing is tried again",
             error);
}

static void log_success(struct mtasts_outcome_writer *writer) {
  mtasts_count_set(writer->stats, MTASTS_COUNT_OUTCOME_FAILING, 0);
  if (writer->failing)
    mtasts_log(MTASTS_LOG_INFO, "outcome: the store %s is written again", writer->directory);
  writer->failing = false;
}

static void close_store(struct mtasts_outcome_writer *writer) {
  mtasts_outcome_store_close(writer->store);
  writer->store = NULL;
}

/* Renames a damaged file, so that recording goes on. Not while another process has it open to
 * write: that one would write into the renamed file. */
static void move_damaged(const char *directory, const char *error) {
  int lock = -1;
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0)
    lock = openat(fd, MTASTS_FILE_WRITER, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (lock >= 0 && mtasts_outcome_lock_alone(lock) && mtasts_aside_rename(fd) == 0) {
    unlinkat(fd, MTASTS_FILE_LOCK, 0);
    mtasts_log(MTASTS_LOG_ERROR,
               "outcome: the store %s; it was renamed to " MTASTS_FILE_DAMAGED
               ", and a new one begins: the reports of the days before, and what is known of "
               "those that wait, are lost",
               error);
  }
  if (lock >= 0)
    close(lock);
  if (fd >= 0)
    close(fd);
}

/* wait: for a check of a large store. */
static bool open_store(struct mtasts_outcome_writer *writer, bool wait) {
  char error[MTASTS_ERROR_TEXT];
  if (writer->store && !mtasts_outcome_store_in_place(writer->store))
    close_store(writer);
  if (writer->store)
    return true;
  enum mtasts_status status =
      mtasts_outcome_opening_try(&writer->opening, writer->snapshot, wait, error, &writer->store);
  if (status == MTASTS_CORRUPT) {
    move_damaged(writer->directory, error);
    status =
        mtasts_outcome_opening_try(&writer->opening, writer->snapshot, wait, error, &writer->store);
  }
  writer->waits = status == MTASTS_TIMEOUT || status == MTASTS_LOCKED;
  if (status != MTASTS_OK && !writer->waits)
    log_failure(writer, error);
  return status == MTASTS_OK;
}

static void take_stats(struct mtasts_outcome_writer *writer) {
  struct mtasts_outcome_stats stats;
  if (!writer->store || mtasts_outcome_store_stats(writer->store, &stats) != MTASTS_OK)
    return;
  mtasts_count_set(writer->stats, MTASTS_COUNT_OUTCOME_BYTES, stats.bytes);
  mtasts_count_set(writer->stats, MTASTS_COUNT_OUTCOME_DAYS, stats.days);
}

/* LMDB reports a disk that is full as an input or output error, if a part of a write fits. */
static int reason_of(const char *directory, int number) {
  struct statvfs disk;
  bool full = number == EIO && statvfs(directory, &disk) == 0 && disk.f_bavail < BLOCKS_FEW;
  return full ? ENOSPC : number;
}

/* The store opens itself again at the next use, unless it is damaged. */
static void fail(struct mtasts_outcome_writer *writer, enum mtasts_status status) {
  char error[MTASTS_ERROR_TEXT];
  int number = reason_of(writer->directory, errno);
  snprintf(error, sizeof error, "%.900s: cannot be written: %s", writer->directory,
           status == MTASTS_FULL ? "it is full; raise outcome.max_size"
                                 : mtasts_env_reason(status, number));
  log_failure(writer, error);
  if (status == MTASTS_CORRUPT) {
    close_store(writer);
    move_damaged(writer->directory, error);
  }
}

/* Writes what is held. If old days must go for it, one part of them goes, and the rest after the
 * inbox was read. */
static void write_held(struct mtasts_outcome_writer *writer, bool wait) {
  writer->makes_room = writer->waits = false;
  if (writer->held_count == 0 || !open_store(writer, wait))
    return;
  while (writer->held_count > 0) {
    struct mtasts_outcome_written written;
    enum mtasts_status status = mtasts_outcome_store_add(writer->store, writer->held[0], &written);
    writer->makes_room = status == MTASTS_TIMEOUT;
    if (writer->makes_room)
      return;
    if (status != MTASTS_OK) {
      fail(writer, status);
      return;
    }
    mtasts_count_add(writer->stats, MTASTS_COUNT_OUTCOME_RECORDED, written.recorded);
    refuse(writer, written.refused + written.base_refused);
    release_first(writer);
  }
  log_success(writer);
  take_stats(writer);
}

/* Drops a part of the days that are too old: the inbox is read before the next part. */
static void drop_old(struct mtasts_outcome_writer *writer) {
  int64_t uptime = mtasts_clock_uptime();
  int64_t now = (int64_t)time(NULL);
  uint32_t first = mtasts_outcome_first_kept(mtasts_day_number(now),
                                             writer->snapshot->config->outcome.keep_days);
  if (mtasts_clock_look(&writer->clock, now, uptime) != 0)
    writer->even = uptime;
  bool due = writer->drops || uptime - writer->dropped >= TICK_MS / 1000;
  if (uptime - writer->even < EVEN_BEFORE_DROP || !due || first == 0 || !writer->store ||
      writer->failing) {
    writer->drops = false;
    return;
  }
  writer->dropped = uptime;
  enum mtasts_status status = mtasts_outcome_store_drop(writer->store, first, &writer->drops);
  if (status != MTASTS_OK)
    fail(writer, status);
  else if (!writer->drops)
    take_stats(writer);
}

static void count_reports(struct mtasts_outcome_writer *writer) {
  int64_t uptime = mtasts_clock_uptime();
  if (!writer->store || uptime - writer->counted < COUNT_SECONDS)
    return;
  writer->counted = uptime;
  mtasts_report_counts(writer->store, mtasts_day_number((int64_t)time(NULL)), writer->stats);
}

/* the thread */

/* Takes over the reference. */
static void configure(struct mtasts_outcome_writer *writer, struct mtasts_snapshot *snapshot) {
  char directory[PATH_MAX];
  mtasts_snapshot_unref(writer->snapshot);
  writer->snapshot = snapshot;
  if (!mtasts_outcome_directory(snapshot->config, directory, sizeof directory))
    directory[0] = '\0'; /* it fails when the store is opened */
  if (strcmp(directory, writer->directory) == 0 &&
      snapshot->config->outcome.max_size == writer->max_size)
    return;
  close_store(writer);
  writer->max_size = snapshot->config->outcome.max_size;
  memcpy(writer->directory, directory, sizeof directory);
}

static void do_job(struct mtasts_outcome_writer *writer, struct mtasts_job *job) {
  if (job->kind == MTASTS_JOB_RECORD && job->batch) {
    hold(writer, job->batch);
    job->batch = NULL;
    atomic_fetch_sub_explicit(&writer->stats->outcome_batches, 1, memory_order_relaxed);
  } else if (job->kind == MTASTS_JOB_CONFIGURE) {
    configure(writer, job->snapshot);
    job->snapshot = NULL;
  } else if (job->kind == MTASTS_JOB_STOP) {
    writer->stopped = true;
  }
  mtasts_job_free(job);
}

static void read_inbox(struct mtasts_outcome_writer *writer) {
  struct mtasts_jobs jobs = STAILQ_HEAD_INITIALIZER(jobs);
  struct mtasts_job *job;
  mtasts_queue_take(writer->inbox, &jobs);
  while ((job = STAILQ_FIRST(&jobs))) {
    STAILQ_REMOVE_HEAD(&jobs, link);
    do_job(writer, job);
  }
}

struct mtasts_outcome_writer *mtasts_outcome_writer_new(struct mtasts_snapshot *snapshot,
                                                        struct mtasts_queue *inbox,
                                                        struct mtasts_stats *stats) {
  struct mtasts_outcome_writer *made = calloc(1, sizeof *made);
  if (!made)
    return NULL;
  configure(made, mtasts_snapshot_ref(snapshot));
  made->inbox = inbox;
  made->stats = stats;
  made->even = made->dropped = mtasts_clock_uptime();
  mtasts_clock_begin(&made->clock, (int64_t)time(NULL), made->even, 0);
  return made;
}

/* At the end, what could not be written. */
static void log_lost(struct mtasts_outcome_writer *writer) {
  uint64_t lost = 0;
  for (; writer->held_count > 0; writer->held_count--)
    lost += mtasts_outcome_batch_drop(writer->held[writer->held_count - 1]);
  if (lost > 0)
    mtasts_log(MTASTS_LOG_WARNING, "outcome: %llu outcomes are lost: the store %s was not written",
               (unsigned long long)lost, writer->directory);
}

/* At the end nothing is left to wait for but the store. */
static void write_rest(struct mtasts_outcome_writer *writer) {
  const struct timespec wait = {.tv_nsec = WAIT_MS * 1000000L};
  for (int tries = 0; tries < END_TRIES && writer->held_count > 0; tries += !writer->makes_room) {
    write_held(writer, true);
    if (!writer->waits && !writer->makes_room)
      return;
    if (writer->waits)
      nanosleep(&wait, NULL);
  }
}

/* Milliseconds until there is something to do. */
static int wait_of(const struct mtasts_outcome_writer *writer) {
  if (writer->makes_room || (writer->drops && !writer->failing))
    return 0;
  if (writer->waits)
    return WAIT_MS;
  return writer->held_count > 0 ? AGAIN_MS : TICK_MS;
}

void mtasts_outcome_writer_run(struct mtasts_outcome_writer *writer) {
  struct pollfd ready = {.fd = writer->inbox->fd, .events = POLLIN};
  setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICE);
  /* A store that cannot be opened is logged at the start, not with the first outcome. */
  if (writer->snapshot->config->outcome.record && open_store(writer, false)) {
    take_stats(writer);
    mtasts_report_counts(writer->store, mtasts_day_number((int64_t)time(NULL)), writer->stats);
  }
  while (!writer->stopped) {
    poll(&ready, 1, wait_of(writer));
    read_inbox(writer);
    write_held(writer, false);
    drop_old(writer);
    count_reports(writer);
  }
  write_rest(writer);
  log_lost(writer);
}

void mtasts_outcome_writer_free(struct mtasts_outcome_writer *writer) {
  if (!writer)
    return;
  for (size_t i = 0; i < writer->held_count; i++)
    mtasts_outcome_batch_free(writer->held[i]);
  mtasts_outcome_opening_end(&writer->opening);
  mtasts_outcome_store_close(writer->store);
  mtasts_snapshot_unref(writer->snapshot);
  free(writer);
}
