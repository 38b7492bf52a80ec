/*
 * mtasts publish delegations: which hosted domains have set which aliases into a provider's zone.
 */
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ascii.h"
#include "child.h"
#include "command.h"
#include "config.h"
#include "dns_records.h"
#include "identity.h"
#include "json.h"
#include "out.h"
#include "publish_settings.h"
#include "resolver.h"
#include "span.h"
#include "validate.h"

enum {
  IN_FLIGHT = 128,      /* queries at a time */
  TEXT_MAX = 256 << 20, /* bytes that the child may write */
};

/* What the DNS has at the name of an alias. */
enum state {
  DELEGATED,
  OTHER,  /* an alias into another zone */
  ABSENT, /* no alias */
  FAILED, /* the look-up failed */
};

static const char *const state_names[] = {"delegated", "other", "absent", "unknown"};
static const char *const keys[MTASTS_PUBLISHED_NAMES] = {
    [MTASTS_PUBLISHED_STS] = "record",
    [MTASTS_PUBLISHED_TLSRPT] = "reports",
    [MTASTS_PUBLISHED_HOST] = "host",
};

struct hosted {
  struct mtasts_domain domain;
  enum state states[MTASTS_PUBLISHED_NAMES];
};

struct delegations;

/* One query. */
struct asked {
  struct delegations *of;
  struct hosted *hosted;
  enum mtasts_published_kind kind;
  bool used;
};

struct delegations {
  const struct mtasts_options *options;
  struct mtasts_domain zone;
  struct hosted *hosted;
  size_t count, next; /* next: of count * MTASTS_PUBLISHED_NAMES queries */
  size_t running;
  struct event_base *base;
  struct mtasts_resolver *resolver;
  struct asked asked[IN_FLIGHT];
  struct mtasts_published_set set; /* of the domain whose names are wanted */
};

static int no_memory(void) {
  mtasts_print_error("publish delegations", "out of memory");
  return MTASTS_EXIT_MEMORY;
}

/* The aliases that the domain is to set: the owner of each kind, and its target. */
static const struct mtasts_published_record *
alias_of(struct delegations *all, const struct hosted *hosted, enum mtasts_published_kind kind) {
  static const char *const any[] = {""};
  const struct mtasts_publication publication = {
      .domain = hosted->domain.name, .rua = {any, 1}, .provider_zone = all->zone.name};
  mtasts_published_aliases(&publication, &all->set);
  return &all->set.records[kind];
}

static void ask_more(struct delegations *all);

static void on_answer(void *context, const struct mtasts_dns_answer *answer) {
  struct asked *asked = context;
  struct delegations *all = asked->of;
  const struct mtasts_published_record *alias = alias_of(all, asked->hosted, asked->kind);
  struct mtasts_domain target;
  enum state state = FAILED;
  if (answer->outcome == MTASTS_DNS_NODATA || answer->outcome == MTASTS_DNS_NXDOMAIN)
    state = ABSENT;
  else if (answer->outcome == MTASTS_DNS_ANSWER)
    state = mtasts_dns_message_alias(&answer->message, alias->owner, &target) != MTASTS_OK ? ABSENT
            : strcmp(target.name, alias->value) == 0 ? DELEGATED
                                                     : OTHER;
  asked->hosted->states[asked->kind] = state;
  asked->used = false;
  all->running--;
  ask_more(all);
}

static void ask_more(struct delegations *all) {
  for (size_t i = 0; i < IN_FLIGHT && all->next < all->count * MTASTS_PUBLISHED_NAMES; i++) {
    struct asked *asked = &all->asked[i];
    struct mtasts_dns_query *query;
    if (asked->used)
      continue;
    *asked =
        (struct asked){.of = all,
                       .hosted = &all->hosted[all->next / MTASTS_PUBLISHED_NAMES],
                       .kind = (enum mtasts_published_kind)(all->next % MTASTS_PUBLISHED_NAMES)};
    all->next++;
    asked->hosted->states[asked->kind] = FAILED;
    asked->used =
        mtasts_resolver_ask(all->resolver, alias_of(all, asked->hosted, asked->kind)->owner,
                            MTASTS_RR_CNAME, on_answer, asked, &query) == MTASTS_OK;
    all->running += asked->used;
  }
  if (all->running == 0)
    event_base_loopbreak(all->base);
}

static int open_resolver(struct delegations *all, const struct mtasts_config *config) {
  const char *named = all->options->resolver;
  const struct mtasts_resolver_options options = {
      .servers = named ? &named : config->dns.servers.items,
      .server_count = named ? 1 : config->dns.servers.count,
      .timeout = config->dns.timeout,
  };
  char error[MTASTS_ERROR_TEXT];
  all->base = event_base_new();
  if (!all->base)
    return no_memory();
  if (mtasts_resolver_new(all->base, &options, error, &all->resolver) == MTASTS_OK)
    return MTASTS_EXIT_OK;
  mtasts_print_error("resolver", "%s; name one with --resolver", error);
  return MTASTS_EXIT_AWAY;
}

/* In the child: writes a digit for each query, in the order of the queries. */
static int look_up(void *context, FILE *to_parent) {
  struct delegations *all = context;
  struct mtasts_config *config = NULL;
  struct mtasts_identity identity;
  char error[MTASTS_ERROR_TEXT];
  if (mtasts_config_load(all->options->config, error, &config) != MTASTS_OK) {
    mtasts_print_error("configuration", "%s", error);
    return MTASTS_EXIT_CONFIG;
  }
  int code = mtasts_identity_take(config, config->cache.directory, false, NULL, &identity);
  if (code == MTASTS_EXIT_OK)
    code = open_resolver(all, config);
  if (code == MTASTS_EXIT_OK) {
    ask_more(all);
    if (all->running > 0)
      event_base_dispatch(all->base);
    for (size_t i = 0; i < all->count; i++)
      for (size_t k = 0; k < MTASTS_PUBLISHED_NAMES; k++)
        putc('0' + (int)all->hosted[i].states[k], to_parent);
  }
  mtasts_resolver_free(all->resolver);
  if (all->base)
    event_base_free(all->base);
  mtasts_config_free(config);
  return code;
}

/* Takes what the child wrote. False if it is not what a child writes. */
static bool take(struct delegations *all, const char *text) {
  if (strlen(text) != all->count * MTASTS_PUBLISHED_NAMES)
    return false;
  for (size_t i = 0; text[i]; i++) {
    if (text[i] < '0' || text[i] > '0' + (int)FAILED)
      return false;
    all->hosted[i / MTASTS_PUBLISHED_NAMES].states[i % MTASTS_PUBLISHED_NAMES] =
        (enum state)(text[i] - '0');
  }
  return true;
}

/* the domains of the directory */

static int compare(const void *a, const void *b) {
  return mtasts_domain_compare(a, b);
}

static bool add(struct delegations *all, int directory, const char *name) {
  struct mtasts_domain domain;
  struct stat found;
  char path[MTASTS_DOMAIN_MAX + 64];
  if (mtasts_validate_domain(mtasts_span_of(name), &domain) || strcmp(domain.name, name) != 0)
    return true;
  snprintf(path, sizeof path, "%s/www/.well-known/mta-sts.txt", domain.name);
  if (fstatat(directory, path, &found, 0) != 0 || !S_ISREG(found.st_mode))
    return true;
  /* The capacity is the next power of two. */
  if ((all->count & (all->count + 1)) == 0) {
    struct hosted *more = reallocarray(all->hosted, 2 * (all->count + 1), sizeof *more);
    if (!more)
      return false;
    all->hosted = more;
  }
  all->hosted[all->count++] = (struct hosted){.domain = domain};
  return true;
}

static int read_directory(struct delegations *all) {
  char path[MTASTS_SETTINGS_PATH];
  const struct dirent *entry;
  bool ok = true;
  int code = mtasts_publish_path(all->options->dir, false, path);
  if (code != MTASTS_EXIT_OK)
    return code;
  DIR *directory = opendir(path);
  if (!directory) {
    mtasts_print_error(path, "%s", strerror(errno));
    return errno == EACCES ? MTASTS_EXIT_DENIED : MTASTS_EXIT_NOFILE;
  }
  while (ok && (entry = readdir(directory)))
    ok = add(all, dirfd(directory), entry->d_name);
  closedir(directory);
  qsort(all->hosted, all->count, sizeof *all->hosted, compare);
  return ok ? MTASTS_EXIT_OK : no_memory();
}

/* output */

static bool is_complete(const struct hosted *hosted) {
  return hosted->states[MTASTS_PUBLISHED_STS] == DELEGATED &&
         hosted->states[MTASTS_PUBLISHED_HOST] == DELEGATED;
}

static int print_json(const struct hosted *hosted) {
  json_t *value =
      json_pack("{s:s, s:b}", "domain", hosted->domain.name, "delegated", is_complete(hosted));
  for (size_t k = 0; value && k < MTASTS_PUBLISHED_NAMES; k++)
    json_object_set_new(value, keys[k], json_string(state_names[hosted->states[k]]));
  return mtasts_json_print(value);
}

static int print_table(const struct delegations *all) {
  static const char *const headers[] = {"DOMAIN", "RECORD", "POLICY HOST", "REPORTS", NULL};
  static const enum mtasts_published_kind order[] = {MTASTS_PUBLISHED_STS, MTASTS_PUBLISHED_HOST,
                                                     MTASTS_PUBLISHED_TLSRPT};
  struct mtasts_table *table = mtasts_table_new(stdout, headers);
  if (!table)
    return no_memory();
  for (size_t i = 0; i < all->count; i++) {
    const struct hosted *hosted = &all->hosted[i];
    mtasts_table_cell(table, MTASTS_PLAIN, "%s", hosted->domain.name);
    for (size_t k = 0; k < MTASTS_PUBLISHED_NAMES; k++) {
      enum state state = hosted->states[order[k]];
      mtasts_table_cell(table, state == DELEGATED ? MTASTS_GREEN : MTASTS_YELLOW, "%s",
                        state_names[state]);
    }
  }
  mtasts_table_end(table);
  return MTASTS_EXIT_OK;
}

static int print(const struct delegations *all) {
  int code = MTASTS_EXIT_OK;
  bool complete = true;
  for (size_t i = 0; i < all->count && code == MTASTS_EXIT_OK; i++) {
    complete = complete && is_complete(&all->hosted[i]);
    if (all->options->json)
      code = print_json(&all->hosted[i]);
  }
  if (!all->options->json)
    code = print_table(all);
  return code == MTASTS_EXIT_OK && !complete ? MTASTS_EXIT_NO : code;
}

static int run(const struct mtasts_options *options) {
  struct delegations *all = calloc(1, sizeof *all);
  char *text = NULL;
  int code = MTASTS_EXIT_OK;
  if (!all)
    return no_memory();
  all->options = options;
  if (!options->dir || !options->provider) {
    mtasts_print_error("publish delegations", "--dir and --provider are needed");
    code = MTASTS_EXIT_USAGE;
  } else if (mtasts_validate_domain(mtasts_span_of(options->provider), &all->zone)) {
    mtasts_print_error(options->provider, "not a domain name");
    code = MTASTS_EXIT_DATA;
  }
  if (code == MTASTS_EXIT_OK)
    code = read_directory(all);
  if (code == MTASTS_EXIT_OK)
    code = mtasts_child_run(look_up, all, TEXT_MAX, &text);
  if (code == MTASTS_EXIT_OK && !take(all, text))
    code = no_memory();
  if (code == MTASTS_EXIT_OK)
    code = print(all);
  free(text);
  free(all->hosted);
  free(all);
  return code;
}

const struct mtasts_command mtasts_command_publish_delegations = {
    .name = "publish delegations",
    .arguments = "--dir DIR --provider ZONE",
    .summary = "Lists which hosted domains have set their aliases",
    .help = "For each domain that DIR has a policy of: does it have the aliases into ZONE that\n"
            "its dns.txt names? Exit 1 if one lacks that of the record or of the policy host.\n\n"
            "  --dir DIR        the directory of mtasts publish\n"
            "  --provider ZONE  the zone of mtasts publish --provider\n\n"
            "Examples:\n"
            "  mtasts publish delegations --dir /srv/mta-sts --provider sts.provider.example\n",
    .least = 0,
    .max = 0,
    .run = run,
};
