/*
 * mtasts cache remove, clear, expire, verify, compact: mending the cache.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "ask.h"
#include "daemon.h"
#include "json.h"
#include "out.h"
#include "place.h"
#include "status.h"
#include "tree_check.h"
#include "walk.h"

enum {
  REPLY_MAX = 1024, /* bytes of a reply that has nothing but words */
};

static int print_removed(const struct mtasts_options *options, uint64_t removed) {
  if (options->json)
    return mtasts_json_print(json_pack("{s:I}", "removed", (json_int_t)removed));
  printf("removed %" PRIu64 "\n", removed);
  return MTASTS_EXIT_OK;
}

static int not_cached(const struct mtasts_place *place, const struct mtasts_domain *domain) {
  mtasts_complain(domain->name, "not in the cache %s", place->directory);
  return MTASTS_EXIT_NO;
}

/* By mtastsd, which answers when the domain is gone. Complains and returns an exit code. */
static int remove_there(const struct mtasts_place *place, const struct mtasts_domain *domain) {
  const struct mtasts_config *config = place->config;
  char room[REPLY_MAX];
  struct mtasts_span reply;
  const struct mtasts_ask request = {
      .socket = config->ask.socket,
      .map = "remove",
      .deadline = mtasts_daemon_patience(config),
      .room = room,
      .room_size = sizeof room,
  };
  enum mtasts_status status =
      mtasts_ask(&request, (struct mtasts_span){domain->name, domain->len}, &reply);
  if (status != MTASTS_OK) {
    mtasts_daemon_complain(config, status, "try again");
    return MTASTS_EXIT_AWAY;
  }
  if (mtasts_daemon_says(&reply, "OK"))
    return MTASTS_EXIT_OK;
  if (mtasts_daemon_says(&reply, "NOTFOUND"))
    return not_cached(place, domain);
  return mtasts_daemon_refused(config, reply);
}

static int remove_here(const struct mtasts_place *place, const struct mtasts_domain *domain) {
  enum mtasts_status status = mtasts_store_remove(place->store, domain);
  if (status == MTASTS_OK)
    return MTASTS_EXIT_OK;
  return status == MTASTS_ABSENT ? not_cached(place, domain) : mtasts_place_complain(place, status);
}

static int run_remove(const struct mtasts_options *options) {
  struct mtasts_place place = {0};
  uint64_t removed = 0;
  int worst = mtasts_place_load(options, MTASTS_CHANGE, &place);
  if (worst == MTASTS_EXIT_OK && !mtasts_daemon_serves(options, place.config))
    worst = mtasts_place_open(options, MTASTS_CHANGE, &place);
  if (worst != MTASTS_EXIT_OK)
    return mtasts_place_close(&place, worst);
  for (size_t i = 0; i < options->words.count && worst != MTASTS_EXIT_AWAY; i++) {
    struct mtasts_domain domain;
    int code = MTASTS_EXIT_DATA;
    if (mtasts_read_domain(options->words.items[i], &domain))
      code = place.store ? remove_here(&place, &domain) : remove_there(&place, &domain);
    removed += code == MTASTS_EXIT_OK;
    worst = code > worst ? code : worst;
  }
  int printed = print_removed(options, removed);
  return mtasts_place_close(&place, worst > printed ? worst : printed);
}

/* Asks where somebody sits there; elsewhere the command itself is the word. */
static bool confirmed(const struct mtasts_options *options, const char *directory) {
  char line[16] = "";
  if (options->yes || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
    return true;
  fprintf(stderr, "Remove every domain from %s? [y/N] ", directory);
  return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

/* One of the store's functions that remove many at once. */
static int remove_many(const struct mtasts_options *options, struct mtasts_place *place,
                       enum mtasts_status status, uint64_t removed) {
  int code =
      status == MTASTS_OK ? print_removed(options, removed) : mtasts_place_complain(place, status);
  return mtasts_place_close(place, code);
}

static int run_clear(const struct mtasts_options *options) {
  struct mtasts_place place = {0};
  uint64_t removed = 0;
  int code = mtasts_place_open(options, MTASTS_CHANGE, &place);
  if (code != MTASTS_EXIT_OK)
    return mtasts_place_close(&place, code);
  if (!confirmed(options, place.directory)) {
    mtasts_complain(place.directory, "left as it is");
    return mtasts_place_close(&place, MTASTS_EXIT_NO);
  }
  enum mtasts_status status = mtasts_store_clear(place.store, &removed);
  return remove_many(options, &place, status, removed);
}

static int run_expire(const struct mtasts_options *options) {
  struct mtasts_place place = {0};
  uint64_t removed = 0;
  int code = mtasts_place_open(options, MTASTS_CHANGE, &place);
  if (code != MTASTS_EXIT_OK)
    return mtasts_place_close(&place, code);
  enum mtasts_status status = mtasts_store_expire(place.store, time(NULL), &removed);
  return remove_many(options, &place, status, removed);
}

/* verify */

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
    mtasts_complain(domain->name, "the stored value is damaged");
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

/* Looks at every page, whatever the stamp says, before LMDB believes any. */
static int open_checked(const struct mtasts_options *options, struct mtasts_place *place) {
  int code = mtasts_place_load(options, MTASTS_CHANGE, place);
  if (code != MTASTS_EXIT_OK)
    return code;
  enum mtasts_status status = place->identity.refused != 0
                                  ? mtasts_env_status(place->identity.refused)
                                  : mtasts_tree_check(mtasts_place_path(place));
  if (status != MTASTS_OK)
    return mtasts_place_complain(place, status);
  return mtasts_place_open(options, options->repair ? MTASTS_CHANGE : MTASTS_READ, place);
}

static int run_verify(const struct mtasts_options *options) {
  struct mtasts_place place = {0};
  struct verification found = {0};
  int code = open_checked(options, &place);
  if (code != MTASTS_EXIT_OK)
    return mtasts_place_close(&place, code);
  enum mtasts_status status = mtasts_cache_walk(place.cache, verify_one, &found);
  if (status == MTASTS_OK && options->repair && found.damaged > 0)
    status = mtasts_store_mend(place.store, &found.removed);
  if (status != MTASTS_OK)
    return mtasts_place_close(&place, mtasts_place_complain(&place, status));
  code = print_verification(options, &found);
  if (code == MTASTS_EXIT_OK && found.damaged > found.removed)
    code = MTASTS_EXIT_DATA;
  return mtasts_place_close(&place, code);
}

static int run_compact(const struct mtasts_options *options) {
  struct mtasts_place place = {0};
  uint64_t before, after;
  int code = mtasts_place_open(options, MTASTS_CHANGE, &place);
  if (code != MTASTS_EXIT_OK)
    return mtasts_place_close(&place, code);
  enum mtasts_status status = mtasts_store_compact(place.store, &before, &after);
  if (status != MTASTS_OK) {
    code = mtasts_place_complain(&place, status);
  } else if (options->json) {
    code = mtasts_json_print(
        json_pack("{s:I,s:I}", "before", (json_int_t)before, "after", (json_int_t)after));
  } else {
    char was[MTASTS_WORDS_MAX];
    char is[MTASTS_WORDS_MAX];
    printf("%s before, %s after\n", mtasts_human_size(before, was), mtasts_human_size(after, is));
  }
  return mtasts_place_close(&place, code);
}

const struct mtasts_command mtasts_command_cache_remove = {
    .name = "cache remove",
    .arguments = "DOMAIN...",
    .summary = "Forgets domains, so that they are looked up anew",
    .help = "Exit 1 where a domain was not in the cache.\n\n"
            "Examples:\n"
            "  mtasts cache remove example.com example.net\n",
    .least = 1,
    .most = SIZE_MAX,
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
    .most = 0,
    .run = run_clear,
};

const struct mtasts_command mtasts_command_cache_expire = {
    .name = "cache expire",
    .arguments = "",
    .summary = "Removes what time has made useless",
    .help = "Policies a week past their expiry, and absent domains a day past their next check.\n\n"
            "Examples:\n"
            "  mtasts cache expire\n",
    .least = 0,
    .most = 0,
    .run = run_expire,
};

const struct mtasts_command mtasts_command_cache_verify = {
    .name = "cache verify",
    .arguments = "[--repair]",
    .summary = "Reads every stored value; names the damaged ones",
    .help = "  --repair  remove the damaged ones; they are looked up anew when needed\n\n"
            "Exit 65 where damaged values are left.\n\n"
            "Examples:\n"
            "  mtasts cache verify --repair\n",
    .least = 0,
    .most = 0,
    .run = run_verify,
};

const struct mtasts_command mtasts_command_cache_compact = {
    .name = "cache compact",
    .arguments = "",
    .summary = "Rewrites the file without its free pages",
    .help = "Examples:\n"
            "  mtasts cache compact\n",
    .least = 0,
    .most = 0,
    .run = run_compact,
};
