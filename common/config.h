/*
 * config.h: mtasts.conf(5), read once into one immutable value.
 *
 * Every key has a default, so every program works without a file. An error names file, line and key
 * of the value. Numbers are in the unit of their comment.
 *
 * Strings are never NULL; "" means none. All of it belongs to the configuration and lives until
 * mtasts_config_free. A loaded configuration is never changed, and any number of threads may read
 * it. Any thread may load and free, but one at a time, because libconfuse has one lexer for the
 * process.
 */
#ifndef MTASTS_CONFIG_H
#define MTASTS_CONFIG_H

#include <sys/types.h>

#include "discover.h"
#include "endpoint.h"
#include "error_text.h"
#include "log.h"
#include "mtasts.h"

#define MTASTS_CONFIG_PATH "/etc/mtasts/mtasts.conf"

enum {
  MTASTS_CONFIG_MAX = 1 << 20 /* bytes of a file */
};

enum mtasts_dnssec {
  MTASTS_DNSSEC_AUTO,    /* validate; if DNSSEC does not work, log it and go on without */
  MTASTS_DNSSEC_REQUIRE, /* validate; if DNSSEC does not work, defer */
  MTASTS_DNSSEC_OFF,
};

/* The answer to an MTA about a domain with DANE, if its resolver sets no AD bit. Without the AD bit
 * an MTA cannot use TLSA records. */
enum mtasts_without_ad {
  MTASTS_WITHOUT_AD_DANE,   /* dane: such an MTA defers */
  MTASTS_WITHOUT_AD_POLICY, /* an enforce policy decides; without one, TLS is demanded */
};

enum mtasts_on_unknown {
  MTASTS_UNKNOWN_DELIVER,
  MTASTS_UNKNOWN_DEFER,
};

enum mtasts_plain_level {
  MTASTS_PLAIN_DEFAULT, /* the MTA's own level: NOTFOUND */
  MTASTS_PLAIN_MAY,
};

enum mtasts_header_scope {
  MTASTS_HEADER_SINGLE, /* only if all recipients share one domain */
  MTASTS_HEADER_ALL,
  MTASTS_HEADER_NEVER,
};

enum mtasts_at_risk {
  MTASTS_AT_RISK_ACCEPT,
  MTASTS_AT_RISK_QUARANTINE,
  MTASTS_AT_RISK_TEMPFAIL,
  MTASTS_AT_RISK_REJECT,
};

enum mtasts_site_mode {
  MTASTS_SITE_ENFORCE,
  MTASTS_SITE_MONITOR, /* decide and log, enforce nothing */
};

/* Which sessions the milter takes for outbound: a set of bits. */
enum mtasts_outbound {
  MTASTS_OUTBOUND_AUTHENTICATED = 1,
  MTASTS_OUTBOUND_LOCAL = 2,
};

struct mtasts_strings {
  const char *const *items;
  size_t count;
};

struct mtasts_networks {
  const struct mtasts_network *items;
  size_t count;
};

/* The mode and group of a unix socket: they say which users may use it. */
struct mtasts_access {
  mode_t mode;
  gid_t gid; /* of `group` here, else of the configuration */
};

struct mtasts_domain_override {
  struct mtasts_domain domain;
  struct mtasts_override override;
};

struct mtasts_config {
  struct {
    const char *directory;
    uint64_t map_size;     /* bytes */
    uint64_t map_size_max; /* bytes */
    uint64_t max_policies; /* domains */
    uint64_t max_absent;   /* domains */
  } cache;
  struct {
    struct mtasts_strings servers; /* ADDR or ADDR@PORT; none: resolv.conf */
    enum mtasts_dnssec dnssec;
    const char *trust_anchor;
    struct mtasts_strings insecure; /* zones that are not validated, besides the known ones */
    enum mtasts_without_ad without_ad;
    uint32_t timeout; /* seconds */
  } dns;
  struct {
    const char *ca_file; /* PEM; "": the system's */
    uint32_t timeout;    /* seconds */
    bool allow_private;
    const char *proxy; /* URL */
  } https;
  struct {
    uint32_t interval;  /* seconds */
    uint32_t retry_min; /* seconds */
    uint32_t retry_max; /* seconds */
    uint32_t in_flight; /* look-ups */
    uint32_t deadline;  /* seconds for one look-up */
  } refresh;
  struct {
    const char *socket; /* path */
    uint32_t deadline;  /* milliseconds */
    enum mtasts_on_unknown on_unknown;
    struct mtasts_access access;
  } ask;
  struct {
    struct mtasts_strings listen; /* see endpoint.h */
    struct mtasts_access access;
    bool bracketed; /* look up `[host]` too */
    enum mtasts_plain_level plain_level;
    uint32_t network_connections; /* over TCP */
    uint32_t network_lookups;     /* in flight for them */
  } socketmap;
  struct {
    const char *socket; /* path */
    bool record;
    uint32_t keep_days;
    const char *directory; /* of the store; "": `outcomes` in the cache's */
    uint64_t max_size;     /* bytes of the store */
    struct mtasts_access access;
  } outcome;
  struct {
    const char *listen; /* "": none */
    struct mtasts_access access;
  } metrics;
  struct {
    const char *listen;
    struct mtasts_access access;
    const char *header; /* field name */
    enum mtasts_header_scope header_scope;
    enum mtasts_at_risk on_at_risk;
    uint32_t
        header_limit; /* fields named `header` that are removed from a message; if it has more: */
    enum mtasts_at_risk on_header_limit;
    unsigned outbound; /* bits of enum mtasts_outbound */
    struct mtasts_networks networks;
    struct mtasts_strings local_mailers; /* of mail that stays here, */
    struct mtasts_strings local_domains; /* and if the MTA names no mailer, its domains */
    const char *relayhost;               /* next hop as an MTA writes it */
  } milter;
  struct {
    const char *organization;
    const char *contact;            /* an address (addr_spec.h) or "" */
    const char *from;               /* likewise */
    const char *sendmail;           /* path */
    uint32_t timeout;               /* seconds that sendmail may take for a report */
    bool success;                   /* report successful sessions too */
    struct mtasts_strings suppress; /* addresses and policy domains that get no report */
  } report;
  struct {
    struct mtasts_strings domains; /* of this site */
    const char *mail;              /* an address (addr_spec.h) or "" */
    const char *command;           /* for the shell, or "" */
    const char *metrics;           /* path, or "" */
  } watch;
  struct {
    const char *url;  /* redis://HOST:PORT/DB or unix:PATH */
    uint32_t timeout; /* milliseconds */
  } shared;
  const struct mtasts_domain_override *overrides; /* sorted by domain */
  size_t override_count;
  enum mtasts_site_mode site_mode;
  const char *user;
  const char *group;
  uid_t uid;         /* (uid_t)-1 if the default user is missing */
  gid_t gid;         /* of the user, if the default group is missing; (gid_t)-1 without either */
  bool user_missing; /* the default user does not exist: the process keeps its own, and logs it */
  enum mtasts_log_sink log;
  void *tree; /* libconfuse's tree, which holds the strings */
};

/*
 * Loads a file. path NULL: MTASTS_CONFIG_PATH, and the defaults if that does not exist.
 * error: see error_text.h.
 *
 *   MTASTS_NO_FILE     the path given does not exist
 *   MTASTS_PERMISSION  may not be read, or is not a regular file
 *   MTASTS_INVALID     `file:line: key: why`
 *   MTASTS_TOO_LARGE   over MTASTS_CONFIG_MAX bytes
 *   MTASTS_IO          reading failed
 *   MTASTS_NO_MEMORY
 */
enum mtasts_status mtasts_config_load(const char *path, char error[MTASTS_ERROR_TEXT],
                                      struct mtasts_config **config);

/*
 * The same for a library in another program, such as the plugin: it neither becomes the
 * configuration's user nor makes a socket. Users and groups are not looked up, and each uid and gid
 * is -1. This halves the cost, and loads no name service into the program.
 */
enum mtasts_status mtasts_config_load_guest(const char *path, char error[MTASTS_ERROR_TEXT],
                                            struct mtasts_config **config);

/* The same for text in memory; errors use `name` as the file's name. */
enum mtasts_status mtasts_config_parse(struct mtasts_span text, const char *name,
                                       char error[MTASTS_ERROR_TEXT],
                                       struct mtasts_config **config);

void mtasts_config_free(struct mtasts_config *config);

/* The settings of discovery: the section `refresh`, and whether DANE is looked up. */
struct mtasts_discover_settings mtasts_config_settings(const struct mtasts_config *config);

/* The same for one domain; override: the one in force, or NULL. If it has dane = "off", the
 * domain's DANE is not looked up either. */
static inline struct mtasts_discover_settings
mtasts_settings_with(const struct mtasts_discover_settings *settings,
                     const struct mtasts_override *override) {
  struct mtasts_discover_settings with = *settings;
  with.dane = with.dane && !(override && override->dane_off);
  return with;
}

/* The override in force for a domain at `now`, seconds since the epoch; NULL if there is none. */
const struct mtasts_override *mtasts_config_override_at(const struct mtasts_config *config,
                                                        const struct mtasts_domain *domain,
                                                        int64_t now);

/* The postmaster's override for a domain, by binary search; NULL if there is none. */
const struct mtasts_override *mtasts_config_override(const struct mtasts_config *config,
                                                     const struct mtasts_domain *domain);

#endif
