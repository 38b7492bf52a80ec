#include "publish_settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ascii.h"
#include "out.h"
#include "rua.h"
#include "strbuf.h"
#include "validate.h"

enum {
  MAX_AGE_DEFAULT = 604800, /* seconds, as in `policy new` */
  TTL_DEFAULT = 3600,       /* seconds: a new policy is seen within the hour */
};

static const char default_certificate[] = "/etc/letsencrypt/live/{host}/fullchain.pem";
static const char default_key[] = "/etc/letsencrypt/live/{host}/privkey.pem";

static int missing(const char *what) {
  mtasts_print_error("publish", "%s; see mtasts publish --help", what);
  return MTASTS_EXIT_USAGE;
}

static bool read_mode(const char *text, enum mtasts_mode *mode) {
  static const enum mtasts_mode modes[] = {MTASTS_MODE_NONE, MTASTS_MODE_TESTING,
                                           MTASTS_MODE_ENFORCE};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (strcmp(text, mtasts_mode_name(modes[i])) == 0) {
      *mode = modes[i];
      return true;
    }
  return false;
}

/* Which options there are: what is missing, or does not go together. */
static int check_usage(const struct mtasts_options *options, enum mtasts_mode *mode) {
  if (!options->domain == !options->file)
    return missing(options->domain ? "--domain and --file do not go together"
                                   : "--domain or --file is missing");
  if (!options->mode)
    return missing("--mode is missing: testing, enforce or none");
  if (!read_mode(options->mode, mode)) {
    mtasts_print_error(options->mode, "no such mode; it is testing, enforce or none");
    return MTASTS_EXIT_USAGE;
  }
  if (!options->dir)
    return missing("--dir is missing");
  if (!options->cert != !options->key)
    return missing("--cert and --key go together");
  return MTASTS_EXIT_OK;
}

static int read_numbers(const struct mtasts_options *options, struct mtasts_publication *common) {
  unsigned long max_age = MAX_AGE_DEFAULT;
  unsigned long ttl = TTL_DEFAULT;
  if (options->max_age && !mtasts_number_read(options->max_age, 0, MTASTS_MAX_AGE_MAX, &max_age)) {
    mtasts_print_error(options->max_age, "--max-age is 0 to %u seconds", MTASTS_MAX_AGE_MAX);
    return MTASTS_EXIT_DATA;
  }
  if (options->ttl && !mtasts_number_read(options->ttl, 0, MTASTS_TTL_MAX, &ttl)) {
    mtasts_print_error(options->ttl, "--ttl is 0 to %d seconds", MTASTS_TTL_MAX);
    return MTASTS_EXIT_DATA;
  }
  common->max_age = (uint32_t)max_age;
  common->ttl = (uint32_t)ttl;
  return MTASTS_EXIT_OK;
}

int mtasts_publish_path(const char *text, bool host, char path[MTASTS_SETTINGS_PATH]) {
  char here[MTASTS_SETTINGS_PATH] = "";
  struct mtasts_strbuf whole = {.data = path, .size = MTASTS_SETTINGS_PATH};
  if (text[0] != '/' && !getcwd(here, sizeof here)) {
    mtasts_print_error(text, "relative to a directory that is not there: %s", strerror(errno));
    return MTASTS_EXIT_DATA;
  }
  mtasts_strbuf_put(&whole, here);
  mtasts_strbuf_put(&whole, *here && strcmp(here, "/") != 0 ? "/" : "");
  mtasts_strbuf_put(&whole, text);
  const char *why = whole.full ? "the path is too long" : mtasts_validate_path(path, host);
  if (!why)
    return MTASTS_EXIT_OK;
  mtasts_print_error(text, "%s", why);
  return MTASTS_EXIT_DATA;
}

static int read_paths(const struct mtasts_options *options,
                      struct mtasts_publish_settings *settings) {
  struct mtasts_publication *common = &settings->common;
  int code = mtasts_publish_path(options->dir, false, settings->directory);
  size_t len = strlen(settings->directory);
  while (code == MTASTS_EXIT_OK && len > 1 && settings->directory[len - 1] == '/')
    settings->directory[--len] = '\0';
  if (code == MTASTS_EXIT_OK)
    code = mtasts_publish_path(options->cert ? options->cert : default_certificate, true,
                               settings->certificate);
  if (code == MTASTS_EXIT_OK)
    code = mtasts_publish_path(options->key ? options->key : default_key, true, settings->key);
  common->certificate = settings->certificate;
  common->key = settings->key;
  common->has_certificate = options->cert != NULL;
  return code;
}

static int read_reports(const struct mtasts_options *options, struct mtasts_publication *common) {
  size_t size = 0;
  for (size_t i = 0; i < options->tlsrpt.count; i++) {
    const char *uri = options->tlsrpt.items[i];
    struct mtasts_rua rua;
    mtasts_rua_parse(mtasts_span_of(uri), &rua);
    if (rua.meant == MTASTS_RUA_UNUSABLE) {
      mtasts_print_error(uri, "%s; write it as in mailto:tls-reports@example.com", rua.why);
      return MTASTS_EXIT_DATA;
    }
    size += strlen(uri) + 1;
  }
  if (size > MTASTS_TLSRPT_MAX) {
    mtasts_print_error("--tlsrpt", "the URIs have more than %d bytes in all", MTASTS_TLSRPT_MAX);
    return MTASTS_EXIT_DATA;
  }
  common->rua =
      (struct mtasts_texts){(const char *const *)options->tlsrpt.items, options->tlsrpt.count};
  return MTASTS_EXIT_OK;
}

/* Writes an address in its one form, or a host name. Returns NULL, or what is wrong. */
static const char *normalise_web(const char *text, char *out, size_t size, bool *is_name) {
  struct in6_addr address;
  struct mtasts_domain name;
  *is_name = false;
  if (inet_pton(AF_INET, text, &address) == 1 && inet_ntop(AF_INET, &address, out, (socklen_t)size))
    return NULL;
  if (inet_pton(AF_INET6, text, &address) == 1 &&
      inet_ntop(AF_INET6, &address, out, (socklen_t)size))
    return NULL;
  *is_name = true;
  const char *why = mtasts_validate_host(mtasts_span_of(text), &name);
  if (!why)
    snprintf(out, size, "%s", name.name);
  return why;
}

static bool is_there(const struct mtasts_publication *common, const char *text) {
  for (size_t i = 0; i < common->web.count; i++)
    if (strcmp(common->web.items[i], text) == 0)
      return true;
  return false;
}

static int read_web(const struct mtasts_options *options,
                    struct mtasts_publish_settings *settings) {
  struct mtasts_publication *common = &settings->common;
  bool names = false;
  common->web.items = settings->web_items;
  for (size_t i = 0; i < options->web.count; i++) {
    const char *text = options->web.items[i];
    char *out = settings->web[common->web.count];
    bool is_name;
    const char *why = common->web.count == MTASTS_WEB_MAX
                          ? "--web has too many addresses"
                          : normalise_web(text, out, sizeof settings->web[0], &is_name);
    if (!why && is_there(common, out))
      continue;
    /* RFC 1034 section 3.6.2: nothing else may be at the name of an alias. */
    if (!why && common->web.count > 0 && (names || is_name))
      why = "--web takes addresses, or one host name alone";
    if (why) {
      mtasts_print_error(text, "%s", why);
      return MTASTS_EXIT_DATA;
    }
    names |= is_name;
    settings->web_items[common->web.count++] = out;
  }
  return MTASTS_EXIT_OK;
}

static int read_provider(const struct mtasts_options *options,
                         struct mtasts_publish_settings *settings) {
  if (!options->provider)
    return MTASTS_EXIT_OK;
  const char *why = mtasts_validate_domain(mtasts_span_of(options->provider), &settings->provider);
  settings->common.provider_zone = settings->provider.name;
  if (!why)
    return MTASTS_EXIT_OK;
  mtasts_print_error(options->provider, "%s", why);
  return MTASTS_EXIT_DATA;
}

int mtasts_publish_settings_read(const struct mtasts_options *options,
                                 struct mtasts_publish_settings *settings) {
  *settings = (struct mtasts_publish_settings){.common = {.domain = NULL}};
  int code = check_usage(options, &settings->common.mode);
  if (code == MTASTS_EXIT_OK)
    code = read_numbers(options, &settings->common);
  if (code == MTASTS_EXIT_OK)
    code = read_paths(options, settings);
  if (code == MTASTS_EXIT_OK)
    code = read_reports(options, &settings->common);
  if (code == MTASTS_EXIT_OK)
    code = read_web(options, settings);
  return code == MTASTS_EXIT_OK ? read_provider(options, settings) : code;
}
