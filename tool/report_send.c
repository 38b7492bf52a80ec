/*
 * mtasts report send: sends this site's own TLS reports (RFC 8460), for people and for a timer.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "ascii.h"
#include "error_map.h"
#include "files.h"
#include "out.h"
#include "post.h"
#include "report_day_list.h"
#include "report_rows.h"
#include "resolver.h"

#define LOCK_FILE "send.lock"

enum {
  IN_FLIGHT = 16,  /* reports */
  MISSED_DAYS = 2, /* a day so long before yesterday began over 24 hours after each moment of it */
  BATCH_SECONDS = 2, /* after midnight, until mtastsd has stored the last outcomes of the day */
};

struct slot {
  struct mtasts_delivery delivery;
  bool used, finished;
};

struct sender {
  const struct mtasts_options *options;
  struct mtasts_report_access access;
  struct mtasts_delivery_run run;
  struct mtasts_resolver *resolver;
  struct mtasts_report_rows *rows;
  int lock;
  int64_t now;
  uint32_t yesterday;
  bool waiting;                /* a report waits for another attempt */
  int code;                    /* of a report that was left out; the run goes on */
  struct mtasts_day_list list; /* of the day that is being worked on */
  size_t next;                 /* entry of it */
  struct slot slots[IN_FLIGHT];
};

/* the day */

static bool list_entries(struct sender *sender, uint32_t day) {
  bool wanted = false;
  sender->next = 0;
  sender->run.code = mtasts_day_list_read(&sender->access, day, &sender->list);
  for (size_t i = 0; i < sender->list.count; i++)
    wanted |= !(sender->list.entries[i].kinds & MTASTS_REPORT_RECIPIENT) &&
              (sender->run.forced || !sender->list.entries[i].done);
  if (wanted && sender->run.code == MTASTS_EXIT_OK)
    sender->run.code = mtasts_day_list_pair(&sender->access, day, &sender->list);
  sender->run.pairs = sender->list.pairs;
  sender->run.pair_count = sender->list.pair_count;
  return sender->run.code == MTASTS_EXIT_OK;
}

/* deliveries */

static void note_code(struct sender *sender, int code) {
  if (sender->code == MTASTS_EXIT_OK)
    sender->code = code;
}

/* People see what was done; programs, and those who name a day, see the whole day. */
static bool is_shown(const struct sender *sender, const struct mtasts_delivery *delivery) {
  if (delivery->acted || sender->run.forced)
    return true;
  return sender->options->json && delivery->state.status != MTASTS_SEND_PENDING &&
         (delivery->day == sender->yesterday || delivery->state.status == MTASTS_SEND_DEFERRED);
}

static void take_result(struct sender *sender, struct mtasts_delivery *delivery) {
  sender->waiting |= delivery->state.status == MTASTS_SEND_DEFERRED;
  note_code(sender, delivery->code);
  if (is_shown(sender, delivery))
    note_code(sender, mtasts_report_rows_add(sender->rows, delivery));
}

static void on_done(struct mtasts_delivery *delivery) {
  ((struct slot *)delivery->context)->finished = true;
}

static void release_finished(struct sender *sender) {
  for (size_t i = 0; i < IN_FLIGHT; i++) {
    struct slot *slot = &sender->slots[i];
    if (!slot->used || !slot->finished)
      continue;
    take_result(sender, &slot->delivery);
    mtasts_delivery_release(&slot->delivery);
    slot->used = false;
  }
}

/* Those that waited until fewer bytes are in flight. */
static void resume_held(struct sender *sender) {
  for (size_t i = 0; i < IN_FLIGHT; i++)
    if (sender->slots[i].used && sender->slots[i].delivery.held)
      mtasts_delivery_resume(&sender->slots[i].delivery);
}

static struct slot *find_slot(struct sender *sender) {
  for (size_t i = 0; i < IN_FLIGHT; i++)
    if (!sender->slots[i].used)
      return &sender->slots[i];
  return NULL;
}

static bool is_idle(const struct sender *sender) {
  for (size_t i = 0; i < IN_FLIGHT; i++)
    if (sender->slots[i].used)
      return false;
  return true;
}

/* A day before yesterday is only looked through for what is left to do. What was never tried then
 * is not due any more (send_state.h). */
static bool is_skipped(const struct sender *sender, uint32_t day,
                       const struct mtasts_day_entry *entry) {
  bool listed = sender->options->json && day == sender->yesterday;
  bool missed = !entry->tried && day + MISSED_DAYS <= sender->yesterday;
  return !sender->run.forced && (missed || (entry->done && !listed));
}

static void start_next(struct sender *sender, uint32_t day, struct slot *slot) {
  const struct mtasts_day_entry *entry = &sender->list.entries[sender->next++];
  if (is_skipped(sender, day, entry))
    return;
  memset(slot, 0, sizeof *slot);
  slot->used = true;
  slot->delivery = (struct mtasts_delivery){.run = &sender->run,
                                            .day = day,
                                            .domain = entry->domain,
                                            .kinds = entry->kinds,
                                            .context = slot};
  int code = mtasts_delivery_load(&slot->delivery);
  if (code == MTASTS_EXIT_OK) {
    mtasts_delivery_start(&slot->delivery, on_done);
    return;
  }
  note_code(sender, code);
  mtasts_delivery_release(&slot->delivery);
  slot->used = false;
}

static void send_day(struct sender *sender, uint32_t day) {
  if (!list_entries(sender, day))
    return;
  for (;;) {
    struct slot *slot;
    release_finished(sender);
    resume_held(sender);
    release_finished(sender);
    while (sender->run.code == MTASTS_EXIT_OK && sender->next < sender->list.count &&
           (slot = find_slot(sender))) {
      start_next(sender, day, slot);
      release_finished(sender);
    }
    if (is_idle(sender))
      return;
    event_base_loop(sender->run.base, EVLOOP_ONCE);
  }
}

/* the run */

static int lock(int fd, int flags) {
  while (flock(fd, flags) != 0)
    if (errno != EINTR)
      return errno;
  return 0;
}

/* Waits until no other run sends. The lock ends with the process. */
static int take_lock(struct sender *sender) {
  const struct mtasts_owner owner = {(uid_t)-1, (gid_t)-1};
  const char *directory = mtasts_report_access_path(&sender->access);
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error = fd < 0 ? errno : mtasts_files_open(fd, LOCK_FILE, 0640, &owner, &sender->lock);
  if (error == EEXIST) /* made by another run at this moment */
    error = mtasts_files_open(fd, LOCK_FILE, 0640, &owner, &sender->lock);
  if (fd >= 0)
    close(fd);
  if (error == 0 && (error = lock(sender->lock, LOCK_EX | LOCK_NB)) == EWOULDBLOCK) {
    mtasts_print_error(sender->access.outcomes.directory, "another report send runs; waiting");
    error = lock(sender->lock, LOCK_EX);
  }
  if (error == 0)
    return MTASTS_EXIT_OK;
  mtasts_print_error(sender->access.outcomes.directory, LOCK_FILE ": %s", strerror(error));
  return error == EACCES || error == EPERM ? MTASTS_EXIT_DENIED : MTASTS_EXIT_CREATE;
}

static int open_network(struct sender *sender) {
  const struct mtasts_config *config = sender->access.outcomes.config;
  const char *named = sender->options->resolver;
  char error[MTASTS_ERROR_TEXT];
  const struct mtasts_resolver_options resolver = {
      .servers = named ? &named : config->dns.servers.items,
      .server_count = named ? 1 : config->dns.servers.count,
      .timeout = config->dns.timeout,
  };
  sender->run.base = event_base_new();
  if (!sender->run.base ||
      mtasts_resolver_new(sender->run.base, &resolver, error, &sender->resolver) != MTASTS_OK) {
    mtasts_print_error("resolver", "%s; name one with --resolver",
                       sender->run.base ? error : "out of memory");
    return MTASTS_EXIT_AWAY;
  }
  sender->run.lookups = mtasts_rua_lookups_new(sender->resolver);
  if (!sender->run.lookups)
    return MTASTS_EXIT_MEMORY;
  const struct mtasts_poster_options poster = {
      .resolver = sender->resolver,
      .ca_file = sender->access.ca_file,
      .timeout = config->https.timeout,
      .allow_private = config->https.allow_private,
      .proxy = config->https.proxy,
  };
  if (!sender->run.dry &&
      mtasts_poster_new(sender->run.base, &poster, error, &sender->run.poster) != MTASTS_OK)
    mtasts_print_error("HTTPS", "%s; no report goes by HTTPS", error); /* but by mail */
  return MTASTS_EXIT_OK;
}

static void close_network(struct sender *sender) {
  mtasts_poster_free(sender->run.poster);
  mtasts_rua_lookups_free(sender->run.lookups);
  mtasts_resolver_free(sender->resolver);
  if (sender->run.base)
    event_base_free(sender->run.base);
}

/* Which days to look through: the one that is named, or all that are over. False: none. */
static bool find_days(struct sender *sender, uint32_t named, uint32_t *first, uint32_t *last) {
  struct mtasts_outcome_stats stats;
  *first = *last = named;
  if (sender->run.forced)
    return true;
  enum mtasts_status status = mtasts_outcome_store_stats(sender->access.outcomes.store, &stats);
  if (status != MTASTS_OK) {
    sender->run.code = mtasts_outcome_access_print_error(&sender->access.outcomes, status);
    return false;
  }
  *first = stats.first;
  *last = stats.last < sender->yesterday ? stats.last : sender->yesterday;
  return stats.days > 0 && *first <= *last;
}

static void send_all(struct sender *sender, uint32_t named) {
  uint32_t first;
  uint32_t last;
  if (!find_days(sender, named, &first, &last))
    return;
  int code = open_network(sender);
  if (code != MTASTS_EXIT_OK) {
    sender->run.code = code;
    return;
  }
  for (uint32_t day = first; day <= last && sender->run.code == MTASTS_EXIT_OK; day++)
    send_day(sender, day);
}

/* mtastsd stores outcomes a second after they came. */
static void wait_for_last_batch(uint32_t day, int64_t now) {
  int64_t passed = now - ((int64_t)day + 1) * MTASTS_DAY_SECONDS;
  if (passed >= 0 && passed < BATCH_SECONDS)
    sleep((unsigned)(BATCH_SECONDS - passed));
}

static int run(const struct mtasts_options *options) {
  struct sender sender = {.options = options, .lock = -1, .now = time(NULL)};
  uint32_t day;
  if (!mtasts_outcome_access_day(options->day, &day))
    return MTASTS_EXIT_USAGE;
  if (options->day && day >= mtasts_day_number(sender.now)) {
    mtasts_print_error(options->day, "this day (UTC) has not ended; its outcomes go on");
    return MTASTS_EXIT_USAGE;
  }
  if (options->day)
    wait_for_last_batch(day, sender.now);
  sender.yesterday = mtasts_day_number(sender.now) - 1;
  sender.run.access = &sender.access;
  sender.run.forced = options->day != NULL;
  sender.run.dry = options->dry_run;
  int code = mtasts_report_access_open(
      options, options->dry_run ? MTASTS_REPORT_USE_READ : MTASTS_REPORT_USE_SEND, &sender.access);
  if (code == MTASTS_EXIT_OK && sender.access.outcomes.store && !options->dry_run)
    code = take_lock(&sender);
  if (code == MTASTS_EXIT_OK && sender.access.outcomes.store) {
    sender.rows = mtasts_report_rows_new(options->json);
    if (sender.rows)
      send_all(&sender, day);
    else
      code = MTASTS_EXIT_MEMORY;
  }
  mtasts_report_rows_end(sender.rows);
  close_network(&sender);
  code = mtasts_report_access_close(&sender.access, code);
  if (sender.lock >= 0)
    close(sender.lock);
  mtasts_day_list_free(&sender.list);
  code = code ? code : sender.run.code;
  code = code ? code : sender.run.store_code;
  code = code ? code : sender.code;
  return code ? code : sender.waiting ? MTASTS_EXIT_LATER : MTASTS_EXIT_OK;
}

const struct mtasts_command mtasts_command_report_send = {
    .name = "report send",
    .arguments = "[--day YYYY-MM-DD] [--dry-run]",
    .summary = "Sends this site's TLS reports (RFC 8460)",
    .help =
        "Sends what is due, for a timer that runs it every 20 minutes. Each report has a moment\n"
        "of its own within four hours after midnight UTC. If nothing takes it, it is tried\n"
        "again for 24 hours, after ever longer waits. mtastsd need not run.\n\n"
        "  --day YYYY-MM-DD  every report of that day that nobody has taken yet, now\n"
        "  --dry-run         say where reports would go; send and store nothing\n\n"
        "Exit 75 if a report waits for another attempt; 78 if mtasts.conf does not name\n"
        "report.organization, report.contact and report.from.\n\n"
        "Examples:\n"
        "  mtasts report send --dry-run\n"
        "  mtasts report send --day 2026-11-30\n",
    .least = 0,
    .max = 0,
    .run = run,
};
