/*
 * mtasts cache remove, clear, expire, verify, compact: changes to the cache.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "ask.h"
#include "cache_access.h"
#include "daemon_access.h"
#include "error_map.h"
#include "json.h"
#include "out.h"
#include "tree_check.h"
#include "walk.h"

enum {
  REPLY_MAX = 1024, /* bytes of a reply that is only a status line */
};

static int print_removed(const struct mtasts_options *options, uint64_t removed) {
  if (options->json)
    return mtasts_json_print(json_pack("{s:I}", "removed", (json_int_t)removed));
  printf("removed %" PRIu64 "\n", removed);
  return MTASTS_EXIT_OK;
}

static int not_cached(const struct mtasts_cache_access *access,
                      const struct mtasts_domain *domain) {
  mtasts_print_error(domain->name, "not in the cache %s", access->directory);
  return MTASTS_EXIT_NO;
}

/* Has mtastsd remove the domain; it answers when the domain is gone. On failure prints an error and
 * returns an exit code. */
static int remove_there(const struct mtasts_cache_access *access,
                        const struct mtasts_domain *domain) {
  const struct mtasts_config *config = access->config;
  char buffer[REPLY_MAX];
  struct mtasts_span reply;
  const struct mtasts_ask request = {
      .socket = config->ask.socket,
      .map = "remove",
      .deadline = mtasts_daemon_access_timeout(config),
      .buffer = buffer,
      .buffer_size = sizeof buffer,
  };
  enum mtasts_status status =
      mtasts_ask(&request, (struct mtasts_span){domain->name, domain->len}, &reply);
  if (status != MTASTS_OK) {
    mtasts_daemon_access_print_error(config, status, "try again");
    return MTASTS_EXIT_AWAY;
  }
  if (mtasts_daemon_access_says(&reply, "OK"))
    return MTASTS_EXIT_OK;
  if (mtasts_daemon_access_says(&reply, "NOTFOUND"))
    return not_cached(access, domain);
  return mtasts_daemon_access_refused(config, reply);
}

static int remove_here(const struct mtasts_cache_access *access,
                       const struct mtasts_domain *domain) {
  enum mtasts_status status = mtasts_store_remove(access->store, domain);
  if (status == MTASTS_OK)
    return MTASTS_EXIT_OK;
  if (status == MTASTS_LOCKED && mtasts_store_salvaging(access->store)) {
    mtasts_print_error(access->directory,
                       "what a damaged cache held is not all salvaged yet, and the domain would "
                       "come back; run mtasts cache salvage first");
    return MTASTS_EXIT_LATER;
  }
  return status == MTASTS_ABSENT ? not_cached(access, domain)
                                 : mtasts_cache_access_print_error(access, status);
}

static int run_remove(const struct mtasts_options *options) {
  struct mtasts_cache_access access = {0};
  uint64_t removed = 0;
  int worst = mtasts_cache_access_load(options, MTASTS_CACHE_ACCESS_CHANGE, &access);
  if (worst == MTASTS_EXIT_OK && !mtasts_daemon_access_serves(options, access.config))
    worst = mtasts_cache_access_open(options, MTASTS_CACHE_ACCESS_CHANGE, &access);
  if (worst != MTASTS_EXIT_OK)
    return mtasts_cache_access_close(&access, worst);
  for (size_t i = 0; i < options->arguments.count && worst != MTASTS_EXIT_AWAY; i++) {
    struct mtasts_domain domain;
    int code = MTASTS_EXIT_DATA;
    if (mtasts_read_domain(options->arguments.items[i], &domain))
      code = access.store ? remove_here(&access, &domain) : remove_there(&access, &domain);
    removed += code == MTASTS_EXIT_OK;
    worst = code > worst ? code : worst;
  }
  int printed = print_removed(options, removed);
  return mtasts_cache_access_close(&access, worst > printed ? worst : printed);
}

/* Asks on a terminal; without a terminal the command itself is the confirmation. */
static bool confirmed(const struct mtasts_options *options, const char *directory) {
  char line[16] = "";
  if (options->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
    return true;
  fprintf(stderr, "Remove every domain from %s? [y/N] ", directory);
  return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

/* Runs one of the store's functions that remove many domains at once. */
static int remove_many(const struct mtasts_options *options, struct mtasts_cache_access *access,
                       enum mtasts_status status, uint64_t removed) {
  int code = status == MTASTS_OK ? print_removed(options, removed)
                                 : mtasts_cache_access_print_error(access, status);
  return mtasts_cache_access_close(access, code);
}

static int run_clear(const struct mtasts_options *options) {
  struct mtasts_cache_access access = {0};
  uint64_t removed = 0;
  int code = mtasts_cache_access_open(options, MTASTS_CACHE_ACCESS_CHANGE, &access);
  if (code != MTASTS_EXIT_OK)
    return mtasts_cache_access_close(&access, code);
  if (!confirmed(options, access.directory)) {
    mtasts_print_error(access.directory, "left as it is");
    return mtasts_cache_access_close(&access, MTASTS_EXIT_NO);
  }
  enum mtasts_status status = mtasts_store_clear(access.store, &removed);
  return remove_many(options, &access, status, removed);
}

static int run_expire(const struct mtasts_options *options) {
  struct mtasts_cache_access access = {0};
  uint64_t removed = 0;
  int code = mtasts_cache_access_open(options, MTASTS_CACHE_ACCESS_CHANGE, &access);
  if (code != MTASTS_EXIT_OK)
    return mtasts_cache_access_close(&access, code);
  enum mtasts_status status = mtasts_store_expire(access.store, time(NULL), &removed);
  return remove_many(options, &access, status, removed);
}

/* The command verify */

struct verification {
  uint64_t seen, damaged, removed;
};

static bool verify_one(void *context, const struct mtasts_domain *domain, enum mtasts_status status,
                       const struct mtasts_entry *entry) {
  struct verification *verification = context;
  (void)entry;
  verification->seen++;
  if (status != MTASTS_OK) {
    verification->damaged++;
    mtasts_print_error(domain->name, "the stored value is damaged");
  }
  return true;
}

static int print_verification(const struct mtasts_options *options,
                              const struct verification *found) {
  if (options->json)
    return mtasts_json_print(json_pack("{s:I,s:I,s:I}", "entries", (json_int_t)found->seen,
                                       "corrupt", (json_int_t)found->damaged, "removed",
                                       (json_int_t)found->removed));
  printf("%" PRIu64 " domains, %" PRIu64 " damaged", found->seen, found->damaged);
  if (options->repair)
    printf(", %" PRIu64 " removed", found->removed);
  else if (found->damaged > 0)
    printf("; mtasts cache verify --repair removes them");
  putchar('\n');
  return MTASTS_EXIT_OK;
}

/* Checks every page before LMDB reads any, even if there is a clean-shutdown mark. */
static int open_checked(const struct mtasts_options *options, struct mtasts_cache_access *access) {
  int code = mtasts_cache_access_load(options, MTASTS_CACHE_ACCESS_CHANGE, access);
  if (code != MTASTS_EXIT_OK)
    return code;
  enum mtasts_status status = access->identity.refused != 0
                                  ? mtasts_env_status(access->identity.refused)
                                  : mtasts_tree_check(mtasts_cache_access_path(access));
  if (status != MTASTS_OK)
    return mtasts_cache_access_print_error(access, status);
  return mtasts_cache_access_open(
      options, options->repair ? MTASTS_CACHE_ACCESS_CHANGE : MTASTS_CACHE_ACCESS_READ, access);
}

static int run_verify(const struct mtasts_options *options) {
  struct mtasts_cache_access access = {0};
  struct verification found = {0};
  int code = open_checked(options, &access);
  if (code != MTASTS_EXIT_OK)
    return mtasts_cache_access_close(&access, code);
  enum mtasts_status status = mtasts_cache_walk(access.cache, verify_one, &found);
  if (status == MTASTS_OK && options->repair && found.damaged > 0)
    status = mtasts_store_repair(access.store, &found.removed);
  if (status != MTASTS_OK)
    return mtasts_cache_access_close(&access, mtasts_cache_access_print_error(&access, status));
  code = print_verification(options, &found);
  if (code == MTASTS_EXIT_OK && found.damaged > found.removed)
    code = MTASTS_EXIT_DATA;
  return mtasts_cache_access_close(&access, code);
}

static int run_compact(const struct mtasts_options *options) {
  struct mtasts_cache_access access = {0};
  uint64_t before, after;
  int code = mtasts_cache_access_open(options, MTASTS_CACHE_ACCESS_CHANGE, &access);
  if (code != MTASTS_EXIT_OK)
    return mtasts_cache_access_close(&access, code);
  enum mtasts_status status = mtasts_store_compact(access.store, &before, &after);
  if (status != MTASTS_OK) {
    code = mtasts_cache_access_print_error(&access, status);
  } else if (options->json) {
    code = mtasts_json_print(
        json_pack("{s:I,s:I}", "before", (json_int_t)before, "after", (json_int_t)after));
  } else {
    char was[MTASTS_OUT_TEXT_MAX];
    char is[MTASTS_OUT_TEXT_MAX];
    printf("%s before, %s after\n", mtasts_human_size(before, was), mtasts_human_size(after, is));
  }
  return mtasts_cache_access_close(&access, code);
}

const struct mtasts_command mtasts_command_cache_remove = {
    .name = "cache remove",
    .arguments = "DOMAIN...",
    .summary = "Forgets domains, so that they are looked up again",
    .help = "Exit 1 if a domain was not in the cache.\n\n"
            "Examples:\n"
            "  mtasts cache remove example.com example.net\n",
    .least = 1,
    .max = SIZE_MAX,
    .run = run_remove,
};

const struct mtasts_command mtasts_command_cache_clear = {
    .name = "cache clear",
    .arguments = "[--yes]",
    .summary = "Forgets every domain",
    .help = "  -y, --yes  do not ask on a terminal\n\n"
            "Examples:\n"
            "  mtasts cache clear --yes\n",
    .least = 0,
    .max = 0,
    .run = run_clear,
};

const struct mtasts_command mtasts_command_cache_expire = {
    .name = "cache expire",
    .arguments = "",
    .summary = "Removes obsolete entries",
    .help = "Policies a week past their expiry, and absent domains a day past their next check.\n\n"
            "Examples:\n"
            "  mtasts cache expire\n",
    .least = 0,
    .max = 0,
    .run = run_expire,
};

const struct mtasts_command mtasts_command_cache_verify = {
    .name = "cache verify",
    .arguments = "[--repair]",
    .summary = "Reads every stored value; names the damaged ones",
    .help = "  --repair  remove the damaged ones; they are looked up again when needed\n\n"
            "Exit 65 if damaged values are left.\n\n"
            "Examples:\n"
            "  mtasts cache verify --repair\n",
    .least = 0,
    .max = 0,
    .run = run_verify,
};

const struct mtasts_command mtasts_command_cache_compact = {
    .name = "cache compact",
    .arguments = "",
    .summary = "Rewrites the file without its free pages",
    .help = "Examples:\n"
            "  mtasts cache compact\n",
    .least = 0,
    .max = 0,
    .run = run_compact,
};
