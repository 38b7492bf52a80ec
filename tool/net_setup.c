#include "net_setup.h"

#include "fetch.h"
#include "out.h"
#include "resolver.h"
#include "validator.h"

enum {
  REACHABLE_WAIT = 1, /* seconds */
};

/* The state for the check's callback. */
static struct {
  const struct mtasts_config *config;
  const struct mtasts_resolver *resolver;
} told;

/* A user who asks for one domain wants to know why DANE is not used. A missing DNS is reported to
 * users who ask for more domains too. */
static void print_check(void *context, const struct mtasts_validator_check *check) {
  const struct mtasts_config *config = told.config;
  (void)context;
  if (!check->changed || !mtasts_resolver_reachable(told.resolver, REACHABLE_WAIT))
    return;
  if (check->why)
    mtasts_print_error("DNSSEC", "%s: %s; %s", check->why, check->remedy,
                       check->silent ? "what is known of DANE stays in force"
                       : config->dns.dnssec == MTASTS_DNSSEC_REQUIRE
                           ? "dns.dnssec is require, so mail is deferred"
                           : "MTA-STS decides alone");
  else
    mtasts_print_error("DNSSEC", "works again");
}

static int open_validator(struct mtasts_net *net, struct event_base *base,
                          const struct mtasts_config *config,
                          const struct mtasts_resolver_options *resolver) {
  struct mtasts_validator_options options = {
      .resolver = *resolver,
      .plain = net->resolver,
      .require = config->dns.dnssec == MTASTS_DNSSEC_REQUIRE,
      .checked = print_check,
  };
  told.config = config;
  told.resolver = net->resolver;
  options.resolver.trust_anchor = config->dns.trust_anchor;
  if (mtasts_validator_new(base, &options, &net->validator) == MTASTS_OK)
    return MTASTS_EXIT_OK;
  mtasts_print_error("DNSSEC", "out of memory");
  return MTASTS_EXIT_MEMORY;
}

static int open_resolver(struct mtasts_net *net, struct event_base *base,
                         const struct mtasts_options *options, const struct mtasts_config *config) {
  const char *named = options->resolver;
  const struct mtasts_resolver_options resolver = {
      .servers = named ? &named : config->dns.servers.items,
      .server_count = named ? 1 : config->dns.servers.count,
      .timeout = config->dns.timeout,
      .insecure = config->dns.insecure.items,
      .insecure_count = config->dns.insecure.count,
      .resolvers = net->settings.dane ? 2 : 1,
  };
  char error[MTASTS_ERROR_TEXT];
  if (mtasts_resolver_new(base, &resolver, error, &net->resolver) != MTASTS_OK) {
    mtasts_print_error("resolver", "%s; name one with --resolver", error);
    return MTASTS_EXIT_AWAY;
  }
  const struct mtasts_dns_server_list *servers = mtasts_resolver_servers(net->resolver);
  if (*servers->trouble)
    mtasts_print_error("resolver", "%s", servers->trouble);
  if (servers->count == 0)
    return MTASTS_EXIT_AWAY;
  return net->settings.dane ? open_validator(net, base, config, &resolver) : MTASTS_EXIT_OK;
}

static void on_bundle(void *context, bool broken, const char *sentence) {
  (void)context;
  if (broken)
    mtasts_print_error("HTTPS", "%s", sentence);
}

static int open_fetcher(struct mtasts_net *net, struct event_base *base,
                        const struct mtasts_config *config, const char *ca_file) {
  const struct mtasts_fetcher_options fetcher = {
      .ca_file = ca_file,
      .changed = on_bundle,
      .timeout = config->https.timeout,
      .allow_private = config->https.allow_private,
      .proxy = *config->https.proxy ? config->https.proxy : NULL,
  };
  char error[MTASTS_ERROR_TEXT];
  enum mtasts_status status = mtasts_fetcher_new(base, &fetcher, error, &net->fetcher);
  if (status == MTASTS_OK)
    return MTASTS_EXIT_OK;
  mtasts_print_error("HTTPS", "%s; name a PEM file of certificates with --ca-file", error);
  return status == MTASTS_NO_FILE      ? MTASTS_EXIT_NOFILE
         : status == MTASTS_PERMISSION ? MTASTS_EXIT_DENIED
         : status == MTASTS_INVALID    ? MTASTS_EXIT_DATA
                                       : MTASTS_EXIT_IO;
}

int mtasts_net_setup_open(struct mtasts_net *net, struct event_base *base,
                          const struct mtasts_options *options, const struct mtasts_config *config,
                          const char *ca_file) {
  if (net->fetcher)
    return MTASTS_EXIT_OK;
  net->deadline = config->refresh.deadline;
  int code = open_resolver(net, base, options, config);
  return code == MTASTS_EXIT_OK ? open_fetcher(net, base, config, ca_file) : code;
}

void mtasts_net_setup_close(struct mtasts_net *net) {
  mtasts_fetcher_free(net->fetcher);
  mtasts_validator_free(net->validator);
  mtasts_resolver_free(net->resolver);
}
