#include "cache_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cache_open.h"
#include "error_map.h"
#include "log.h"
#include "salvage.h"
#include "tree_check.h"

enum {
  NICE = 10,            /* so that answers go first */
  STACK_SIZE = 1 << 18, /* bytes */
  STEP_PAGES = 16,      /* that are salvaged between two turns of the loop */
  AGAIN_S = 5,          /* between tries, if the checked file cannot be opened */
  LOG_EVERY_MS = 60000,
};

/* the thread */

static void *run(void *context) {
  struct mtasts_cache_check *check = context;
  pthread_setname_np(pthread_self(), "mtasts-check");
  setpriority(PRIO_PROCESS, 0,
              getpriority(PRIO_PROCESS, 0) + NICE); /* on Linux, of this thread only */
  check->job->status = mtasts_tree_check_until(check->directory, &check->stop);
  if (check->job->status != MTASTS_TIMEOUT) {
    mtasts_queue_give(check->to_net, check->job);
    check->job = NULL;
  }
  return NULL;
}

bool mtasts_cache_check_start(struct mtasts_cache_check *check) {
  pthread_attr_t attributes;
  check->job = mtasts_job_new(MTASTS_JOB_CHECKED);
  if (!check->job || pthread_attr_init(&attributes) != 0)
    return false;
  mtasts_log(MTASTS_LOG_INFO,
             "cache: %s was not closed in order: until it is checked, it is read page by page",
             check->directory);
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  check->started = pthread_create(&check->id, &attributes, run, check) == 0;
  pthread_attr_destroy(&attributes);
  return check->started;
}

void mtasts_cache_check_stop(struct mtasts_cache_check *check) {
  if (check->started) {
    atomic_store(&check->stop, true);
    pthread_join(check->id, NULL);
    check->started = false;
  }
  mtasts_job_free(check->job);
  check->job = NULL;
}

/* the net loop */

static void go_on_in(struct mtasts_admission *admission, time_t seconds) {
  const struct timeval wait = {.tv_sec = seconds};
  evtimer_add(admission->step, &wait);
}

static void finish(struct mtasts_admission *admission) {
  admission->admitted(admission->context);
}

/* With the mark, the next start would salvage once more, and bring back what was removed after this
 * salvage. So nothing can be removed until it is cleared. */
static void unmark(struct mtasts_admission *admission) {
  admission->salvaged = mtasts_salvage_unmark(admission->directory) != 0;
  if (admission->salvaged)
    go_on_in(admission, AGAIN_S);
  else
    mtasts_store_set_salvaging(admission->store, false);
}

static void end_salvage(struct mtasts_admission *admission) {
  struct mtasts_salvaged salvaged = mtasts_salvage_end(admission->salvage);
  admission->salvage = NULL;
  close(admission->fd);
  admission->fd = -1;
  mtasts_cache_log_salvaged(admission->directory, &salvaged);
  if (salvaged.status == MTASTS_OK)
    unmark(admission);
  else
    go_on_in(admission, AGAIN_S);
}

/* From here on the new file is in use, and the old file's entries are copied into it. Readers look
 * into the old one until that is done, so a salvage that cannot begin is tried again. */
static void begin_salvage(struct mtasts_admission *admission) {
  admission->salvages = true;
  if (admission->fd < 0)
    admission->fd = mtasts_salvage_open(admission->directory);
  if (admission->fd < 0 && errno == ENOENT) { /* it was moved away: there is nothing to do */
    unmark(admission);
    return;
  }
  if (admission->fd >= 0)
    admission->salvage = mtasts_salvage_begin(admission->fd, admission->store, time(NULL));
  go_on_in(admission, admission->salvage ? 0 : AGAIN_S);
}

static void admit(struct mtasts_admission *admission) {
  enum mtasts_status status = admission->checked;
  if (status == MTASTS_OK)
    status = mtasts_store_admit(admission->store);
  if (status == MTASTS_OK) {
    mtasts_log(MTASTS_LOG_INFO, "cache: %s is checked, and sound", admission->directory);
    if (mtasts_store_salvaging(admission->store)) /* since an earlier start */
      begin_salvage(admission);
    finish(admission);
    return;
  }
  if (status == MTASTS_CORRUPT) {
    admission->checked = status;
    atomic_fetch_add(&admission->stats->replaced, 1);
    status = mtasts_store_replace(admission->store);
    atomic_fetch_add(&admission->stats->replaced, 1);
  }
  if (status == MTASTS_OK) {
    mtasts_cache_log_damaged(admission->stats, admission->directory);
    begin_salvage(admission);
    finish(admission);
    return;
  }
  if (mtasts_ratelimit(&admission->store_error_log, LOG_EVERY_MS))
    mtasts_log(MTASTS_LOG_ERROR,
               "cache: %s is checked, but cannot be opened: %s; it is read page by page, and it is "
               "tried again",
               admission->directory, mtasts_env_reason(status, errno));
  go_on_in(admission, AGAIN_S);
}

static void on_step(evutil_socket_t fd, short what, void *context) {
  struct mtasts_admission *admission = context;
  (void)fd;
  (void)what;
  if (!admission->salvages)
    admit(admission);
  else if (admission->salvaged)
    unmark(admission);
  else if (!admission->salvage)
    begin_salvage(admission);
  else if (mtasts_salvage_step(admission->salvage, STEP_PAGES))
    go_on_in(admission, 0);
  else if (mtasts_salvage_failed(admission->salvage))
    go_on_in(admission, AGAIN_S);
  else
    end_salvage(admission);
}

bool mtasts_admission_open(struct mtasts_admission *admission, struct event_base *base,
                           const char *directory) {
  admission->fd = -1;
  admission->directory = strdup(directory);
  admission->step = evtimer_new(base, on_step, admission);
  if (!admission->directory || !admission->step)
    return false;
  admission->salvages = mtasts_store_salvaging(admission->store) &&
                        !mtasts_cache_waits(mtasts_store_cache(admission->store));
  if (admission->salvages)
    go_on_in(admission, 0);
  return true;
}

void mtasts_admission_take(struct mtasts_admission *admission, enum mtasts_status checked) {
  admission->checked = checked;
  admit(admission);
}

/* The mark makes the next start continue an unfinished salvage. */
void mtasts_admission_close(struct mtasts_admission *admission) {
  if (admission->salvage)
    mtasts_salvage_end(admission->salvage);
  if (admission->step)
    event_free(admission->step);
  if (admission->directory && admission->fd >= 0)
    close(admission->fd);
  free(admission->directory);
  *admission = (struct mtasts_admission){.fd = -1};
}
