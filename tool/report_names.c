#include "report_names.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "config.h"
#include "identity.h"
#include "out.h"
#include "reverse_names.h"

enum {
  DEADLINE = 5,                                            /* seconds, for all addresses together */
  TEXT_MAX = MTASTS_REVERSE_MAX * (MTASTS_DOMAIN_MAX + 1), /* bytes of all names */
};

struct mtasts_report_names {
  struct mtasts_reverse_name asked[MTASTS_REVERSE_MAX];
  struct mtasts_address_name items[MTASTS_REVERSE_MAX];
  struct mtasts_address_names names;
};

/* What the child works on. */
struct work {
  const struct mtasts_options *options;
  struct mtasts_report_names *names;
};

static int open_resolver(struct event_base *base, const struct mtasts_options *options,
                         const struct mtasts_config *config, struct mtasts_resolver **resolver) {
  char error[MTASTS_ERROR_TEXT];
  const char *named = options->resolver;
  const struct mtasts_resolver_options settings = {
      .servers = named ? &named : config->dns.servers.items,
      .server_count = named ? 1 : config->dns.servers.count,
      .timeout = DEADLINE,
  };
  if (mtasts_resolver_new(base, &settings, error, resolver) == MTASTS_OK)
    return MTASTS_EXIT_OK;
  mtasts_print_error("resolver", "%s; name one with --resolver", error);
  return MTASTS_EXIT_AWAY;
}

static int no_memory(void) {
  mtasts_print_error("report show", "out of memory");
  return MTASTS_EXIT_MEMORY;
}

/* Asks the DNS and writes a line for each address: its name, or nothing. */
static int ask(const struct work *work, const struct mtasts_config *config, FILE *to_parent) {
  struct mtasts_report_names *names = work->names;
  struct mtasts_resolver *resolver = NULL;
  struct event_base *base = event_base_new();
  int code = base ? open_resolver(base, work->options, config, &resolver) : no_memory();
  if (code == MTASTS_EXIT_OK &&
      mtasts_reverse_names(base, resolver, DEADLINE, names->asked, names->names.count) != MTASTS_OK)
    code = no_memory();
  for (size_t i = 0; code == MTASTS_EXIT_OK && i < names->names.count; i++)
    fprintf(to_parent, "%.*s\n", (int)names->asked[i].name.len, names->asked[i].name.name);
  mtasts_resolver_free(resolver);
  if (base)
    event_base_free(base);
  return code;
}

/* In the child, which gives up root before anything from the network is read. The parent may still
 * have to write pages as root. */
static int give_up_and_ask(void *context, FILE *to_parent) {
  const struct work *work = context;
  struct mtasts_config *config = NULL;
  struct mtasts_identity identity;
  char error[MTASTS_ERROR_TEXT];
  if (mtasts_config_load(work->options->config, error, &config) != MTASTS_OK) {
    mtasts_print_error("configuration", "%s", error);
    return MTASTS_EXIT_CONFIG;
  }
  int code = mtasts_identity_take(config, config->cache.directory, 0, NULL, &identity);
  if (code == MTASTS_EXIT_OK)
    code = ask(work, config, to_parent);
  mtasts_config_free(config);
  return code;
}

/* Takes the lines that the child wrote. What is no name is left out. */
static void take(struct mtasts_report_names *names, char *text) {
  for (size_t i = 0; i < names->names.count; i++) {
    struct mtasts_domain *name = &names->asked[i].name;
    char *end = strchr(text, '\n');
    if (!end)
      return;
    if (mtasts_domain_parse((struct mtasts_span){text, (size_t)(end - text)}, name) != MTASTS_OK)
      name->len = 0;
    text = end + 1;
  }
}

/* The sources with most failures. Returns false without memory. */
static bool choose(struct mtasts_report_names *names, const struct mtasts_sums *sums) {
  const struct mtasts_count **sources = mtasts_tally_sorted(&sums->sources, MTASTS_LARGEST);
  if (!sources)
    return sums->sources.used == 0;
  for (size_t i = 0; i < sums->sources.used && names->names.count < MTASTS_REVERSE_MAX; i++)
    names->asked[names->names.count++].address = sources[i]->name;
  free(sources);
  return true;
}

int mtasts_report_names_ask(const struct mtasts_options *options, struct mtasts_sums *sums,
                            struct mtasts_report_names **names) {
  char *text = NULL;
  struct mtasts_report_names *made = calloc(1, sizeof *made);
  const struct work work = {options, made};
  if (!made || !choose(made, sums)) {
    free(made);
    return no_memory();
  }
  int code = mtasts_child_run(give_up_and_ask, (void *)(uintptr_t)&work, TEXT_MAX, &text);
  if (code == MTASTS_EXIT_OK) {
    take(made, text);
    for (size_t i = 0; i < made->names.count; i++)
      made->items[i] = (struct mtasts_address_name){
          made->asked[i].address, {made->asked[i].name.name, made->asked[i].name.len}};
    made->names.items = made->items;
    sums->names = &made->names;
    *names = made;
  } else {
    mtasts_report_names_free(made);
  }
  free(text);
  return code;
}

void mtasts_report_names_free(struct mtasts_report_names *names) {
  free(names);
}
