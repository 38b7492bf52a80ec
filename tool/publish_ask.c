/*
 * mtasts publish serve-ask: tells Caddy for which names it may get a certificate on demand.
 *
 * Caddy asks by `GET /?domain=NAME`, and takes 200 for a yes. Without such a question, everyone who
 * connects by a name of his own could make the server ask for certificates, until the CA refuses
 * more. Yes is said to the policy hosts of the domains that DIR has a policy of, and to nothing
 * else.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ascii.h"
#include "command.h"
#include "config.h"
#include "endpoint.h"
#include "identity.h"
#include "out.h"
#include "publication.h"
#include "publish_settings.h"

enum {
  HEADERS_MAX = 8192, /* bytes */
  IDLE_TIMEOUT = 10,  /* seconds */
};

static const char default_listen[] = "127.0.0.1:8464";

struct server {
  char directory[MTASTS_SETTINGS_PATH];
  struct event_base *base;
  struct evhttp *http;
};

/* Is it the policy host of a domain that is hosted here? The domain is parsed, so its name cannot
 * leave the directory. */
static bool is_hosted(const struct server *server, const char *host) {
  const struct mtasts_span label = MTASTS_SPAN(MTASTS_POLICY_HOST_LABEL);
  struct mtasts_span name = mtasts_span_of(host);
  struct mtasts_domain domain;
  char path[MTASTS_SETTINGS_PATH + MTASTS_DOMAIN_MAX + 64];
  struct stat found;
  if (name.len <= label.len ||
      !mtasts_span_equal_nocase((struct mtasts_span){name.data, label.len}, label) ||
      strpbrk(host, "[]:"))
    return false;
  name.data += label.len;
  name.len -= label.len;
  if (mtasts_domain_parse(name, &domain) != MTASTS_OK)
    return false;
  snprintf(path, sizeof path, "%s/%s/www/.well-known/mta-sts.txt", server->directory, domain.name);
  return stat(path, &found) == 0 && S_ISREG(found.st_mode);
}

static void answer(struct evhttp_request *request, int status, const char *words) {
  struct evbuffer *body = evbuffer_new();
  if (body)
    evbuffer_add_printf(body, "%s\n", words);
  evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                    "text/plain; charset=utf-8");
  evhttp_send_reply(request, status, words, body);
  if (body)
    evbuffer_free(body);
}

static void on_request(struct evhttp_request *request, void *context) {
  const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
  const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
  struct evkeyvalq values = {0};
  const char *name = NULL;
  if (query && evhttp_parse_query_str(query, &values) == 0)
    name = evhttp_find_header(&values, "domain");
  if (!name)
    answer(request, HTTP_BADREQUEST, "ask with ?domain=NAME");
  else if (is_hosted(context, name))
    answer(request, HTTP_OK, "hosted");
  else
    answer(request, HTTP_NOTFOUND, "not hosted");
  evhttp_clear_headers(&values);
}

static void on_signal(evutil_socket_t signal, short what, void *context) {
  struct event_base *base = context;
  (void)signal;
  (void)what;
  event_base_loopbreak(base);
}

/* The text of a loopback address, and the port. */
static bool loopback_of(const char *listen, char text[INET6_ADDRSTRLEN], uint16_t *port) {
  struct sockaddr_storage address;
  socklen_t size;
  const void *bytes;
  if (!mtasts_endpoint_parse(listen, &address, &size))
    return false;
  if (address.ss_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
    if (ntohl(v4->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
      return false;
    bytes = &v4->sin_addr;
    *port = ntohs(v4->sin_port);
  } else if (address.ss_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
    if (!IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr))
      return false;
    bytes = &v6->sin6_addr;
    *port = ntohs(v6->sin6_port);
  } else {
    return false;
  }
  return inet_ntop(address.ss_family, bytes, text, INET6_ADDRSTRLEN) != NULL;
}

static int open_server(struct server *server, const char *listen) {
  char address[INET6_ADDRSTRLEN];
  uint16_t port;
  if (!loopback_of(listen, address, &port)) {
    mtasts_print_error(listen, "no loopback address and port, as in 127.0.0.1:8464");
    return MTASTS_EXIT_DATA;
  }
  server->base = event_base_new();
  server->http = server->base ? evhttp_new(server->base) : NULL;
  if (!server->http) {
    mtasts_print_error("publish serve-ask", "out of memory");
    return MTASTS_EXIT_MEMORY;
  }
  evhttp_set_gencb(server->http, on_request, server);
  evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
  evhttp_set_max_headers_size(server->http, HEADERS_MAX);
  evhttp_set_max_body_size(server->http, 0);
  evhttp_set_timeout(server->http, IDLE_TIMEOUT);
  if (evhttp_bind_socket(server->http, address, port) != 0) {
    mtasts_print_error(listen, "cannot listen: %s", strerror(errno));
    return errno == EACCES ? MTASTS_EXIT_DENIED : MTASTS_EXIT_CREATE;
  }
  return MTASTS_EXIT_OK;
}

/* If root has started it: what answers strangers' questions needs no rights. */
static int give_up_root(const struct mtasts_options *options, struct mtasts_identity *identity) {
  struct mtasts_config *config = NULL;
  char error[MTASTS_ERROR_TEXT];
  if (geteuid() != 0)
    return MTASTS_EXIT_OK;
  if (mtasts_config_load(options->config, error, &config) != MTASTS_OK) {
    mtasts_print_error("configuration", "%s", error);
    return MTASTS_EXIT_CONFIG;
  }
  int code = mtasts_identity_take(config, config->cache.directory, false, NULL, identity);
  mtasts_config_free(config);
  return code;
}

static void serve(struct server *server) {
  struct event *term = evsignal_new(server->base, SIGTERM, on_signal, server->base);
  struct event *interrupt = evsignal_new(server->base, SIGINT, on_signal, server->base);
  if (term && interrupt && event_add(term, NULL) == 0 && event_add(interrupt, NULL) == 0)
    event_base_dispatch(server->base);
  if (term)
    event_free(term);
  if (interrupt)
    event_free(interrupt);
}

static int run(const struct mtasts_options *options) {
  struct server server = {.base = NULL};
  struct mtasts_identity identity = {.refused = 0};
  struct stat found;
  if (!options->dir) {
    mtasts_print_error("publish serve-ask", "--dir is missing: the directory of mtasts publish");
    return MTASTS_EXIT_USAGE;
  }
  int code = mtasts_publish_path(options->dir, false, server.directory);
  if (code == MTASTS_EXIT_OK && (stat(server.directory, &found) != 0 || !S_ISDIR(found.st_mode))) {
    mtasts_print_error(server.directory, "no such directory");
    code = MTASTS_EXIT_NOFILE;
  }
  if (code == MTASTS_EXIT_OK)
    code = open_server(&server, options->listen ? options->listen : default_listen);
  if (code == MTASTS_EXIT_OK)
    code = give_up_root(options, &identity);
  if (code == MTASTS_EXIT_OK)
    serve(&server);
  mtasts_identity_release(&identity);
  if (server.http)
    evhttp_free(server.http);
  if (server.base)
    event_base_free(server.base);
  return code;
}

const struct mtasts_command mtasts_command_publish_serve_ask = {
    .name = "publish serve-ask",
    .arguments = "--dir DIR [--listen ADDRESS:PORT]",
    .summary = "Answers Caddy which policy hosts may have a certificate",
    .help = "For Caddy's on_demand_tls with `ask http://127.0.0.1:8464/`. Answers 200 for the\n"
            "policy host of each domain that DIR has a policy of, and 404 for all else. Runs\n"
            "until SIGTERM; contrib/caddy has a Caddyfile and contrib/systemd a unit for it.\n\n"
            "  --dir DIR              the directory of mtasts publish\n"
            "  --listen ADDRESS:PORT  a loopback address (127.0.0.1:8464)\n\n"
            "Examples:\n"
            "  mtasts publish serve-ask --dir /srv/mta-sts\n",
    .least = 0,
    .max = 0,
    .run = run,
};
