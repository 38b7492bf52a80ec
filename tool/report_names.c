#include "report_names.h"

#include <event2/event.h>
#include <stdlib.h>

#include "config.h"
#include "out.h"
#include "reverse_names.h"

enum {
  DEADLINE = 5, /* seconds, for all addresses together */
};

struct mtasts_report_names {
  struct mtasts_reverse_name asked[MTASTS_REVERSE_MAX];
  struct mtasts_address_name items[MTASTS_REVERSE_MAX];
  struct mtasts_address_names names;
};

static int open_resolver(struct event_base *base, const struct mtasts_options *options,
                         struct mtasts_resolver **resolver) {
  char error[MTASTS_ERROR_TEXT];
  struct mtasts_config *config = NULL;
  const char *named = options->resolver;
  if (mtasts_config_load(options->config, error, &config) != MTASTS_OK) {
    mtasts_print_error("configuration", "%s", error);
    return MTASTS_EXIT_CONFIG;
  }
  const struct mtasts_resolver_options settings = {
      .servers = named ? &named : config->dns.servers.items,
      .server_count = named ? 1 : config->dns.servers.count,
      .timeout = DEADLINE,
  };
  enum mtasts_status status = mtasts_resolver_new(base, &settings, error, resolver);
  mtasts_config_free(config);
  if (status == MTASTS_OK)
    return MTASTS_EXIT_OK;
  mtasts_print_error("resolver", "%s; name one with --resolver", error);
  return MTASTS_EXIT_AWAY;
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
  struct mtasts_resolver *resolver = NULL;
  struct mtasts_report_names *made = calloc(1, sizeof *made);
  struct event_base *base = event_base_new();
  int code = MTASTS_EXIT_MEMORY;
  if (!made || !base || !choose(made, sums))
    goto done;
  code = open_resolver(base, options, &resolver);
  if (code != MTASTS_EXIT_OK)
    goto done;
  if (mtasts_reverse_names(base, resolver, DEADLINE, made->asked, made->names.count) != MTASTS_OK)
    code = MTASTS_EXIT_MEMORY;
  for (size_t i = 0; i < made->names.count; i++)
    made->items[i] = (struct mtasts_address_name){
        made->asked[i].address, {made->asked[i].name.name, made->asked[i].name.len}};
  made->names.items = made->items;
  sums->names = &made->names;
done:
  if (code == MTASTS_EXIT_MEMORY)
    mtasts_print_error("report show", "out of memory");
  mtasts_resolver_free(resolver);
  if (base)
    event_base_free(base);
  *names = code == MTASTS_EXIT_OK ? made : NULL;
  if (!*names)
    mtasts_report_names_free(made);
  return code;
}

void mtasts_report_names_free(struct mtasts_report_names *names) {
  free(names);
}
