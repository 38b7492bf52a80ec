#include "config_private.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const unit_name = "common/config";

static char error[MTASTS_ERROR_TEXT];

static struct mtasts_config *parse(const char *text) {
  struct mtasts_config *config = NULL;
  error[0] = '\0';
  enum mtasts_status status =
      mtasts_config_parse((struct mtasts_span){text, strlen(text)}, "t", error, &config);
  unit_check(status == MTASTS_OK, "%.200s: %s", text, error);
  return config;
}

static struct mtasts_span span(const char *text) {
  return (struct mtasts_span){text, strlen(text)};
}

/* text, "ok" or the error without the file's name */
static void check_text(unsigned line, const struct unit_field *fields, size_t count) {
  struct mtasts_config *config = NULL;
  char got[MTASTS_ERROR_TEXT];
  if (count != 2) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  enum mtasts_status status =
      mtasts_config_parse((struct mtasts_span){fields[0].data, fields[0].len}, "", got, &config);
  if (status == MTASTS_OK)
    snprintf(got, sizeof got, ":ok");
  unit_check(strcmp(got, fields[1].data) == 0 || strcmp(got + 1, fields[1].data) == 0,
             "line %u: %s: %s, not %s", line, fields[0].data, got, fields[1].data);
  unit_check((status == MTASTS_OK) == (config != NULL), "line %u: status %s", line,
             mtasts_status_name(status));
  mtasts_config_free(config);
}

static void texts(void) {
  unit_vectors("tests/data/config.tsv", 120, check_text);
}

static void check_strings(const struct mtasts_strings *strings, const char *const *expected) {
  size_t count = 0;
  while (expected[count])
    count++;
  CU_ASSERT_EQUAL_FATAL(strings->count, count);
  for (size_t i = 0; i < count; i++)
    CU_ASSERT_STRING_EQUAL(strings->items[i], expected[i]);
}

/* The table of mtasts.conf(5), key by key. */
static void check_defaults(const struct mtasts_config *c) {
  static const char *const listen[] = {"unix:/run/mtasts/socketmap.sock", "inet:127.0.0.1:8461",
                                       NULL};
  static const char *const none[] = {NULL};
  CU_ASSERT_STRING_EQUAL(c->cache.directory, "/var/lib/mtasts");
  CU_ASSERT(c->cache.map_size == 1073741824 && c->cache.map_size_max == 8589934592);
  CU_ASSERT(c->cache.max_policies == 1000000 && c->cache.max_absent == 1000000);
  check_strings(&c->dns.servers, none);
  CU_ASSERT(c->dns.dnssec == MTASTS_DNSSEC_AUTO && c->dns.timeout == 5);
  CU_ASSERT_STRING_EQUAL(c->dns.trust_anchor, "/usr/share/dns/root.key");
  CU_ASSERT_STRING_EQUAL(c->https.ca_file, "");
  CU_ASSERT(c->https.timeout == 60 && !c->https.allow_private);
  CU_ASSERT_STRING_EQUAL(c->https.proxy, "");
  CU_ASSERT(c->refresh.interval == 86400 && c->refresh.retry_min == 300);
  CU_ASSERT(c->refresh.retry_max == 86400 && c->refresh.in_flight == 256);
  CU_ASSERT_EQUAL(c->refresh.deadline, 20);
  CU_ASSERT_STRING_EQUAL(c->ask.socket, "/run/mtasts/ask.sock");
  CU_ASSERT(c->ask.deadline == 5000 && c->ask.on_unknown == MTASTS_UNKNOWN_DELIVER);
  CU_ASSERT(c->ask.access.mode == 0660 && c->ask.access.gid == c->gid);
  check_strings(&c->socketmap.listen, listen);
  CU_ASSERT(c->socketmap.bracketed && c->socketmap.plain_level == MTASTS_PLAIN_DEFAULT);
  CU_ASSERT(c->socketmap.access.mode == 0660 && c->socketmap.access.gid == c->gid);
  CU_ASSERT(c->socketmap.network_connections == 2048 && c->socketmap.network_lookups == 1024);
  CU_ASSERT_STRING_EQUAL(c->outcome.socket, "/run/mtasts/tlsrpt.sock");
  CU_ASSERT(c->outcome.record && c->outcome.keep_days == 30 && c->outcome.access.mode == 0660);
  CU_ASSERT_STRING_EQUAL(c->outcome.directory, "");
  CU_ASSERT_EQUAL(c->outcome.max_size, 8ULL << 30);
  CU_ASSERT_STRING_EQUAL(c->metrics.listen, "");
  CU_ASSERT_STRING_EQUAL(c->milter.listen, "unix:/run/mtasts/milter.sock");
  CU_ASSERT(c->milter.access.mode == 0660 && c->milter.access.gid == c->gid);
  CU_ASSERT_STRING_EQUAL(c->milter.header, "X-MTA-STS");
  CU_ASSERT(c->milter.header_scope == MTASTS_HEADER_SINGLE);
  CU_ASSERT(c->milter.on_at_risk == MTASTS_AT_RISK_ACCEPT);
  CU_ASSERT(c->milter.header_limit == 32 && c->milter.on_header_limit == MTASTS_AT_RISK_REJECT);
  CU_ASSERT(c->milter.outbound == (MTASTS_OUTBOUND_AUTHENTICATED | MTASTS_OUTBOUND_LOCAL));
  CU_ASSERT_EQUAL(c->milter.networks.count, 0);
  CU_ASSERT_STRING_EQUAL(c->milter.relayhost, "");
  CU_ASSERT_STRING_EQUAL(c->report.organization, "");
  CU_ASSERT_STRING_EQUAL(c->report.contact, "");
  CU_ASSERT_STRING_EQUAL(c->report.from, "");
  CU_ASSERT_STRING_EQUAL(c->report.sendmail, "/usr/sbin/sendmail");
  CU_ASSERT(c->report.success);
  CU_ASSERT_EQUAL(c->report.timeout, 60);
  CU_ASSERT_EQUAL(c->report.suppress.count, 0);
  CU_ASSERT(c->watch.domains.count == 0 && !*c->watch.mail && !*c->watch.command);
  CU_ASSERT_STRING_EQUAL(c->watch.metrics, "");
  CU_ASSERT_STRING_EQUAL(c->shared.url, "");
  CU_ASSERT(c->shared.timeout == 200);
  CU_ASSERT(c->override_count == 0 && c->site_mode == MTASTS_SITE_ENFORCE);
  CU_ASSERT_STRING_EQUAL(c->user, "mtasts");
  CU_ASSERT_STRING_EQUAL(c->group, "mtasts");
  CU_ASSERT(c->log == MTASTS_LOG_SYSLOG);
  CU_ASSERT(c->user_missing == (c->uid == (uid_t)-1 || c->gid == (gid_t)-1));
}

/* With an existing user, root is given up, whether or not there is a group mtasts. */
static void a_user_brings_its_group(void) {
  struct mtasts_config *c = parse("user = \"nobody\"\n");
  const struct passwd *nobody = getpwnam("nobody");
  const struct group *group = getgrnam("mtasts");
  CU_ASSERT_PTR_NOT_NULL_FATAL(c);
  CU_ASSERT_PTR_NOT_NULL_FATAL(nobody);
  CU_ASSERT(!c->user_missing && c->uid == nobody->pw_uid);
  CU_ASSERT_EQUAL(c->gid, group ? group->gr_gid : nobody->pw_gid);
  CU_ASSERT_EQUAL(c->ask.access.gid, c->gid);
  mtasts_config_free(c);
}

static void no_file_is_the_defaults(void) {
  struct mtasts_config *config = parse("");
  if (config)
    check_defaults(config);
  mtasts_config_free(config);
}

/* The bytes of a file, with a NUL; "" and a failed check if it cannot be read. */
static char *read_whole(const char *path) {
  char *text = calloc(1, 65536);
  FILE *file = fopen(path, "re");
  unit_check(file && text && fread(text, 1, 65535, file) > 0, "%s", path);
  if (file)
    fclose(file);
  return text;
}

/* The example shows the defaults: unchanged, and with the comment sign removed from each setting.
 */
static void example_shows_the_defaults(void) {
  char *text = read_whole("contrib/mtasts.conf");
  struct mtasts_config *config = parse(text);
  if (config)
    check_defaults(config);
  mtasts_config_free(config);

  for (size_t i = 0; i < mtasts_config_key_count; i++) {
    char shown[64];
    snprintf(shown, sizeof shown, "#%s = ", mtasts_config_keys[i].name);
    bool there = strcmp(mtasts_config_keys[i].section, "override") == 0 || strstr(text, shown);
    unit_check(there, "contrib/mtasts.conf does not show %s", mtasts_config_keys[i].name);
  }
  for (char *at = text; *at; at++) {
    bool account = strncmp(at, "#user", 5) == 0 || strncmp(at, "#group = \"m", 11) == 0;
    if (*at == '#' && at[1] >= 'a' && at[1] <= 'z' && !account)
      *at = ' ';
  }
  config = parse(text);
  if (config)
    check_defaults(config);
  mtasts_config_free(config);
  free(text);
}

static void every_key_is_kept(void) {
  static const char *const servers[] = {"127.0.0.1", "2001:db8::1@5353", NULL};
  static const char *const listen[] = {"inet:[::1]:8461", NULL};
  char *text = read_whole("tests/data/config/full.conf");
  struct mtasts_config *c = parse(text);
  free(text);
  if (!c)
    return;
  CU_ASSERT_STRING_EQUAL(c->cache.directory, "/srv/mtasts \"a\" \\ b");
  CU_ASSERT(c->cache.map_size == 1048576 && c->cache.map_size_max == 17592186044416);
  CU_ASSERT(c->cache.max_policies == 1 && c->cache.max_absent == 1000000000);
  check_strings(&c->dns.servers, servers);
  CU_ASSERT(c->dns.dnssec == MTASTS_DNSSEC_REQUIRE && c->dns.timeout == 60);
  CU_ASSERT_STRING_EQUAL(c->dns.trust_anchor, "/etc/root.key");
  CU_ASSERT_STRING_EQUAL(c->https.ca_file, "/etc/ca.pem");
  CU_ASSERT(c->https.timeout == 1 && c->https.allow_private);
  CU_ASSERT_STRING_EQUAL(c->https.proxy, "http://proxy.example.net:3128");
  CU_ASSERT(c->refresh.interval == 300 && c->refresh.retry_min == 301);
  CU_ASSERT(c->refresh.retry_max == 302 && c->refresh.in_flight == 1);
  CU_ASSERT_EQUAL(c->refresh.deadline, 2);
  CU_ASSERT_STRING_EQUAL(c->ask.socket, "/tmp/ask");
  CU_ASSERT(c->ask.deadline == 250 && c->ask.on_unknown == MTASTS_UNKNOWN_DEFER);
  CU_ASSERT(c->ask.access.mode == 0600 && c->ask.access.gid == 0);
  check_strings(&c->socketmap.listen, listen);
  CU_ASSERT(!c->socketmap.bracketed && c->socketmap.plain_level == MTASTS_PLAIN_MAY);
  CU_ASSERT(c->socketmap.access.mode == 0666);
  CU_ASSERT(c->socketmap.network_connections == 7 && c->socketmap.network_lookups == 4096);
  CU_ASSERT_STRING_EQUAL(c->outcome.socket, "/tmp/outcome");
  CU_ASSERT(!c->outcome.record && c->outcome.keep_days == 7 && c->outcome.access.mode == 0620);
  CU_ASSERT_STRING_EQUAL(c->outcome.directory, "/srv/outcomes");
  CU_ASSERT_EQUAL(c->outcome.max_size, 1048576);
  CU_ASSERT_STRING_EQUAL(c->metrics.listen, "127.0.0.1:8463");
  CU_ASSERT(c->metrics.access.mode == 0600 && c->metrics.access.gid == 0);
  CU_ASSERT_STRING_EQUAL(c->milter.listen, "inet:127.0.0.1:8464");
  CU_ASSERT_STRING_EQUAL(c->milter.header, "X-Protected");
  CU_ASSERT(c->milter.header_scope == MTASTS_HEADER_NEVER);
  CU_ASSERT(c->milter.on_at_risk == MTASTS_AT_RISK_REJECT);
  CU_ASSERT(c->milter.header_limit == 1 && c->milter.on_header_limit == MTASTS_AT_RISK_ACCEPT);
  CU_ASSERT(c->milter.outbound == MTASTS_OUTBOUND_LOCAL);
  CU_ASSERT_EQUAL(c->milter.networks.count, 2);
  CU_ASSERT(c->milter.networks.count == 2 && c->milter.networks.items[0].bits == 120);
  CU_ASSERT(c->milter.networks.count == 2 && c->milter.networks.items[1].bits == 32);
  CU_ASSERT_STRING_EQUAL(c->milter.relayhost, "[smtp.example.net]:587");
  CU_ASSERT_STRING_EQUAL(c->report.organization, "Müller GmbH");
  CU_ASSERT_STRING_EQUAL(c->report.contact, "postmaster@example.com");
  CU_ASSERT_STRING_EQUAL(c->report.from, "tls@example.com");
  CU_ASSERT_STRING_EQUAL(c->report.sendmail, "/usr/lib/sendmail");
  CU_ASSERT(!c->report.success);
  CU_ASSERT_EQUAL(c->report.timeout, 90);
  CU_ASSERT_EQUAL(c->report.suppress.count, 2);
  CU_ASSERT_EQUAL(c->watch.domains.count, 2);
  CU_ASSERT_STRING_EQUAL(c->watch.mail, "postmaster@example.com");
  CU_ASSERT_STRING_EQUAL(c->watch.command, "logger -t mtasts");
  CU_ASSERT_STRING_EQUAL(c->watch.metrics, "/var/lib/prometheus/node-exporter/mtasts.prom");
  CU_ASSERT_STRING_EQUAL(c->shared.url, "redis://127.0.0.1:6379/1");
  CU_ASSERT(c->shared.timeout == 1500);
  CU_ASSERT(c->site_mode == MTASTS_SITE_MONITOR && c->log == MTASTS_LOG_STDERR);
  CU_ASSERT_STRING_EQUAL(c->user, "root");
  CU_ASSERT(c->uid == 0 && c->gid == 0 && !c->user_missing);
  mtasts_config_free(c);
}

static const struct mtasts_override *find(const struct mtasts_config *config, const char *name) {
  struct mtasts_domain domain;
  CU_ASSERT_EQUAL_FATAL(mtasts_domain_parse(span(name), &domain), MTASTS_OK);
  return mtasts_config_override(config, &domain);
}

static void overrides_are_found(void) {
  struct mtasts_config *config =
      parse("override \"Example.NET.\" { mode = none until = \"2027-01-31\" }\n"
            "override \"a.example\" { mode = enforce mx = {\"MX1.a.example\", \"*.b.example\"} }\n"
            "override \"z.example\" { mx = {\"z.example\"} mode = testing }\n"
            "override \"m\xc3\xbcnchen.example\" { mode = none }\n");
  if (!config)
    return;
  CU_ASSERT_EQUAL(config->override_count, 4);
  const struct mtasts_override *none = find(config, "example.net");
  CU_ASSERT_FATAL(none != NULL);
  CU_ASSERT(none->policy.mode == MTASTS_MODE_NONE && none->policy.mx.count == 0);
  CU_ASSERT_EQUAL(none->until, 1801440000); /* 2027-02-01T00:00:00Z */
  const struct mtasts_override *enforce = find(config, "a.example");
  CU_ASSERT_FATAL(enforce != NULL);
  CU_ASSERT(enforce->policy.mode == MTASTS_MODE_ENFORCE && enforce->policy.mx.count == 2);
  CU_ASSERT_EQUAL(enforce->until, INT64_MAX);
  CU_ASSERT_PTR_NOT_NULL(mtasts_mx_match(&enforce->policy.mx, span("mx1.a.example")).data);
  CU_ASSERT_PTR_NOT_NULL(mtasts_mx_match(&enforce->policy.mx, span("x.b.example")).data);
  CU_ASSERT_PTR_NULL(mtasts_mx_match(&enforce->policy.mx, span("mx2.a.example")).data);
  CU_ASSERT_PTR_NOT_NULL(find(config, "z.example"));
  CU_ASSERT_PTR_NOT_NULL(find(config, "xn--mnchen-3ya.example"));
  CU_ASSERT_PTR_NULL(find(config, "example.com"));
  mtasts_config_free(config);
}

/* A thousand overrides, each found, in whatever order they stand. */
static void many_overrides(void) {
  enum {
    COUNT = 1000
  };
  char *text = calloc(COUNT, 64);
  CU_ASSERT_FATAL(text != NULL);
  size_t n = 0;
  for (unsigned i = 0; i < COUNT; i++)
    n += (size_t)snprintf(text + n, 64, "override \"d%u.example\" { mode = none }\n",
                          i * 7919 % COUNT);
  struct mtasts_config *config = parse(text);
  for (unsigned i = 0; config && i < COUNT; i++) {
    char name[32];
    snprintf(name, sizeof name, "d%u.example", i);
    if (!find(config, name))
      unit_check(false, "%s is not found", name);
  }
  mtasts_config_free(config);
  free(text);
}

static void one_override_too_many(void) {
  enum {
    COUNT = 4097
  };
  struct mtasts_config *config = NULL;
  char *text = calloc(COUNT, 64);
  CU_ASSERT_FATAL(text != NULL);
  size_t n = 0;
  for (unsigned i = 0; i < COUNT; i++)
    n += (size_t)snprintf(text + n, 64, "override d%u.example { mode = none }\n", i);
  CU_ASSERT_EQUAL(mtasts_config_parse(span(text), "t", error, &config), MTASTS_INVALID);
  CU_ASSERT_STRING_EQUAL(error, "t:4097: override: more than 4096 of them");
  free(text);
}

/* libconfuse's lexer is one for the process: what one file leaves open must not show later. */
static void a_bad_file_does_not_spoil_the_next(void) {
  static const char *const bad[] = {"cache { directory = \"/x",
                                    "user = 'x",
                                    "/* never closed",
                                    "cache {",
                                    "log = {",
                                    "cache { directory = \"\\9\" }",
                                    "override x {",
                                    "log ="};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct mtasts_config *config = NULL;
    enum mtasts_status status = mtasts_config_parse(span(bad[i]), "t", error, &config);
    unit_check(status == MTASTS_INVALID && strncmp(error, "t:1: ", 5) == 0, "%s: %s", bad[i],
               error);
    config = parse("log = stderr");
    unit_check(config && config->log == MTASTS_LOG_STDERR, "after %s", bad[i]);
    mtasts_config_free(config);
  }
}

/* An override is sent like a policy, so its patterns must not be larger. */
static void override_with_many_patterns(void) {
  char text[8192] = "override \"example.net\" { mode = \"enforce\" mx = {";
  struct mtasts_config *config = NULL;
  size_t used = strlen(text);
  for (int i = 0; i < 257; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s\"mx%d.example.net\"",
                             i > 0 ? ", " : "", i);
  snprintf(text + used, sizeof text - used, "} }");
  CU_ASSERT_EQUAL(mtasts_config_parse(span(text), "t", error, &config), MTASTS_INVALID);
  CU_ASSERT_STRING_EQUAL(error, "t:1: override \"example.net\": more than 256 mx patterns");
}

/* mtastsd lets go of an old configuration in one thread while another reads the next. */
static void *load_and_free(void *context) {
  bool *good = context;
  for (int i = 0; i < 300; i++) {
    char why[MTASTS_ERROR_TEXT];
    struct mtasts_config *config = NULL;
    mtasts_config_parse(span("refresh { interval = 3600 }"), "t", why, &config);
    *good = *good && config && config->refresh.interval == 3600;
    mtasts_config_free(config);
  }
  return NULL;
}

static void many_threads(void) {
  pthread_t other;
  bool good[2] = {true, true};
  CU_ASSERT_EQUAL_FATAL(pthread_create(&other, NULL, load_and_free, &good[0]), 0);
  load_and_free(&good[1]);
  pthread_join(other, NULL);
  CU_ASSERT_TRUE(good[0] && good[1]);
}

static void environment_stays_out(void) {
  struct mtasts_config *config = NULL;
  setenv("MTASTS_TEST", "/from/the/environment", 1);
  CU_ASSERT_EQUAL(
      mtasts_config_parse(span("cache { directory = \"${MTASTS_TEST}\" }"), "t", error, &config),
      MTASTS_INVALID);
  CU_ASSERT_EQUAL(
      mtasts_config_parse(span("cache { directory = ${MTASTS_TEST} }"), "t", error, &config),
      MTASTS_INVALID);
  config = parse("cache { directory = \"/$MTASTS_TEST\" }");
  if (config)
    CU_ASSERT_STRING_EQUAL(config->cache.directory, "/$MTASTS_TEST");
  mtasts_config_free(config);
}

/* Loads a path; config is freed. */
static enum mtasts_status load(const char *path) {
  struct mtasts_config *config = NULL;
  enum mtasts_status status = mtasts_config_load(path, error, &config);
  mtasts_config_free(config);
  return status;
}

/* A guest's configuration looks up no user, whether the user exists or not. */
static void guests(void) {
  char path[] = "/tmp/mtasts-config-XXXXXX";
  static const char text[] = "user = \"no-such-user\" group = \"root\" ask { group = \"root\" }";
  struct mtasts_config *config = NULL;
  int fd = mkstemp(path);
  CU_ASSERT_EQUAL_FATAL(write(fd, text, sizeof text - 1), sizeof text - 1);
  close(fd);
  CU_ASSERT_EQUAL(load(path), MTASTS_INVALID);
  CU_ASSERT_EQUAL(mtasts_config_load_guest(path, error, &config), MTASTS_OK);
  if (config)
    CU_ASSERT_TRUE(config->uid == (uid_t)-1 && config->gid == (gid_t)-1 &&
                   config->ask.access.gid == (gid_t)-1);
  mtasts_config_free(config);
  unlink(path);
}

static void files(void) {
  char directory[] = "/tmp/mtasts-config-XXXXXX";
  char path[64];
  CU_ASSERT_FATAL(mkdtemp(directory) != NULL);
  CU_ASSERT_EQUAL(load(directory), MTASTS_PERMISSION);

  snprintf(path, sizeof path, "%s/file", directory);
  CU_ASSERT_EQUAL(load(path), MTASTS_NO_FILE);
  CU_ASSERT_PTR_NOT_NULL(strstr(error, "No such file"));
  CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
  CU_ASSERT_EQUAL(load(path), MTASTS_PERMISSION); /* and does not wait */
  unlink(path);

  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  CU_ASSERT_FATAL(fd >= 0);
  CU_ASSERT_EQUAL(load(path), MTASTS_OK);
  CU_ASSERT_EQUAL(write(fd, "\n\nlog = x\n", 10), 10);
  CU_ASSERT_EQUAL(load(path), MTASTS_INVALID);
  CU_ASSERT(strncmp(error, path, strlen(path)) == 0 &&
            strncmp(error + strlen(path), ":3: ", 4) == 0);
  CU_ASSERT_EQUAL(ftruncate(fd, 0), 0);
  lseek(fd, 0, SEEK_SET);
  for (unsigned i = 0; i < MTASTS_CONFIG_MAX / 1024; i++) {
    char lines[1024];
    memset(lines, '\n', sizeof lines);
    CU_ASSERT_EQUAL(write(fd, lines, sizeof lines), sizeof lines);
  }
  CU_ASSERT_EQUAL(load(path), MTASTS_OK);
  CU_ASSERT_EQUAL(write(fd, "\n", 1), 1);
  CU_ASSERT_EQUAL(load(path), MTASTS_TOO_LARGE);
  close(fd);
  if (geteuid() != 0) {
    chmod(path, 0);
    CU_ASSERT_EQUAL(load(path), MTASTS_PERMISSION);
  }
  unlink(path);
  rmdir(directory);
}

static void errors_fit(void) {
  struct mtasts_config *config = NULL;
  char name[2 * MTASTS_ERROR_TEXT];
  memset(name, 'n', sizeof name);
  name[sizeof name - 1] = '\0';
  CU_ASSERT_EQUAL(mtasts_config_parse(span("a_key_that_is_not_there = 1"), name, error, &config),
                  MTASTS_INVALID);
  CU_ASSERT_EQUAL(strlen(error), MTASTS_ERROR_TEXT - 1);
}

const struct unit_test unit_tests[] = {
    {"texts: taken, or refused with line and key", texts},
    {"no file is mtasts.conf(5)'s defaults", no_file_is_the_defaults},
    {"a user without a group brings its own", a_user_brings_its_group},
    {"contrib/mtasts.conf shows every key with its default", example_shows_the_defaults},
    {"every key is kept", every_key_is_kept},
    {"overrides are found by policy domain", overrides_are_found},
    {"a thousand overrides are sorted", many_overrides},
    {"overrides are bounded", one_override_too_many},
    {"a bad file does not spoil the next", a_bad_file_does_not_spoil_the_next},
    {"environment variables do not get in", environment_stays_out},
    {"an override with more patterns than a policy could hold is refused",
     override_with_many_patterns},
    {"a guest in another program looks no user up", guests},
    {"threads may load and free side by side", many_threads},
    {"files: missing, no regular file, too large, forbidden", files},
    {"an error is cut to its buffer", errors_fit},
    {NULL, NULL}};
