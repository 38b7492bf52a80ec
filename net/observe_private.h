/*
 * observe_private.h: the parts of one call of mtasts_observe: domains, the MX hosts that they
 * share, and the targets of their reports. For observe*.c only.
 *
 * A part is a look-up first, and connections then. Each question and each connection is counted
 * when it is known of and when it has ended; when all have ended, the call is over. What has not
 * ended when the time is over keeps the values that it was given at the start.
 */
#ifndef MTASTS_OBSERVE_PRIVATE_H
#define MTASTS_OBSERVE_PRIVATE_H

#include "arena.h"
#include "observe.h"
#include "places.h"
#include "resolver.h"
#include "rua.h"

struct event_base;
struct mtasts_ca_bundle;
struct mtasts_connector;
struct mtasts_https_probe;
struct mtasts_https_prober;
struct mtasts_smtp_probe;
struct mtasts_validator;

enum {
  MTASTS_OBSERVE_ADDRESSES = 64, /* of one name and family; what is more is not looked at */
  MTASTS_OBSERVE_HOSTS = 1000,   /* MX hosts of one domain, likewise */
  MTASTS_OBSERVE_SERVERS = 4096, /* addresses of the MX hosts of one domain, likewise */
  MTASTS_OBSERVE_RUA = 64,       /* URIs of one record, likewise */
  MTASTS_OBSERVE_NAME = MTASTS_DOMAIN_MAX + 32, /* bytes of a name with a prefix */
};

struct mtasts_observer {
  const struct mtasts_observe_options *options;
  struct event_base *base;
  struct mtasts_resolver *resolver;
  struct mtasts_validator *validator; /* NULL: DNSSEC is off */
  struct mtasts_ca_bundle *trust;
  struct mtasts_https_prober *prober;
  struct mtasts_places lookups;
  struct mtasts_places connections;
  struct mtasts_arena *arena;
  void *hosts; /* trees of tsearch(3) */
  void *targets;
  struct mtasts_observed_host *first_host;
  struct mtasts_observed_target *first_target;
  size_t known;
  size_t ended;
  size_t questions; /* of the DNS that have ended */
  bool answered;    /* a DNS server has answered something, and not with a failure */
  bool probing;     /* the question for the root has not ended */
  bool probed;      /* it has been asked */
  bool validates;   /* an answer was validated */
};

/* So many questions or connections are known of; one has ended. */
void mtasts_observer_expect(struct mtasts_observer *observer, size_t count);
void mtasts_observer_ended(struct mtasts_observer *observer);

/* Asks the DNS; validated: by the validator, if there is one. The callback comes once, perhaps at
 * once. The name must live until then. */
void mtasts_observer_ask(struct mtasts_observer *observer, bool validated, const char *name,
                         uint16_t type, mtasts_dns_fn *callback, void *context);

/* What an answer is before it comes: it never came. */
extern const struct mtasts_seen_answer mtasts_seen_unanswered;
void mtasts_observer_take(struct mtasts_observer *observer, const struct mtasts_dns_answer *answer,
                          struct mtasts_seen_answer *seen);

/* The addresses of one name. */
struct mtasts_observed_addresses {
  struct mtasts_observer *observer;
  const char *name;
  bool validated;
  void (*done)(void *context);
  void *context;
  struct mtasts_seen_addresses seen;
  bool cut;          /* there are more than are kept */
  bool secure_alias; /* the alias is proven by DNSSEC */
  unsigned pending;
  size_t counts[2]; /* of each family */
  struct in6_addr items[2][MTASTS_OBSERVE_ADDRESSES];
};
void mtasts_observed_addresses_ask(struct mtasts_observed_addresses *addresses);

/* One connection to a mail server or a policy host. */
struct mtasts_observed_connection {
  struct mtasts_place place;
  void *owner;
  size_t at; /* in the owner's list */
  struct mtasts_smtp_probe *smtp;
  struct mtasts_https_probe *https;
};

struct mtasts_observed_host {
  struct mtasts_domain name; /* the key */
  struct mtasts_observer *observer;
  struct mtasts_observed_host *next;
  struct mtasts_place place; /* of its look-up */
  struct mtasts_observed_addresses addresses;
  struct mtasts_seen_tlsa tlsa;
  bool at_alias; /* the TLSA records of the alias are asked for */
  char tlsa_name[MTASTS_OBSERVE_NAME];
  struct mtasts_seen_mail_server *servers;
  struct mtasts_observed_connection *connections;
  size_t server_count;
  size_t *taken; /* so many servers has the domain that named the host first */
  size_t open;   /* parts that have not ended */
};

/* The host of that name, which is looked up once. taken: the number of servers of the domain that
 * asks; it must live as long as the host. NULL: no memory. */
struct mtasts_observed_host *mtasts_observed_host_get(struct mtasts_observer *observer,
                                                      const struct mtasts_domain *name,
                                                      size_t *taken);
void mtasts_observed_host_cancel(struct mtasts_observed_host *host);

struct mtasts_observed_target {
  struct mtasts_domain name; /* the key, with the fields down to port */
  enum mtasts_rua_kind kind;
  uint16_t port;
  struct mtasts_observer *observer;
  struct mtasts_observed_target *next;
  struct mtasts_place lookup;
  struct mtasts_place connection;
  struct mtasts_observed_addresses addresses;
  struct mtasts_connector *connector;
  struct event *timer;
  struct mtasts_seen_rua seen; /* but for the URI */
  bool open;
};

struct mtasts_observed_target *mtasts_observed_target_get(struct mtasts_observer *observer,
                                                          const struct mtasts_rua *rua);
void mtasts_observed_target_cancel(struct mtasts_observed_target *target);

struct mtasts_observed_mx {
  uint16_t preference;
  struct mtasts_domain name; /* raw if it is no host name */
  bool is_address;
  struct mtasts_observed_host *host; /* NULL: it is not looked up */
};

struct mtasts_observed_rua {
  struct mtasts_span uri;
  struct mtasts_observed_target *target; /* NULL: unusable */
};

struct mtasts_observed_domain {
  struct mtasts_domain domain;
  struct mtasts_observer *observer;
  struct mtasts_place place; /* of its look-ups */
  unsigned lookups;          /* that have not ended */
  char record_name[MTASTS_OBSERVE_NAME];
  char tlsrpt_name[MTASTS_OBSERVE_NAME];
  char policy_host[MTASTS_OBSERVE_NAME];
  struct mtasts_seen_txt record;
  struct mtasts_seen_txt tlsrpt;
  struct mtasts_observed_addresses addresses; /* of the policy host */
  struct mtasts_seen_https *https;
  struct mtasts_observed_connection *connections;
  size_t https_count;
  struct mtasts_seen_answer mx_answer;
  bool null_mx;
  bool implicit_mx;
  struct mtasts_observed_mx *mx;
  size_t mx_count;
  size_t servers; /* addresses of MX hosts that are asked for this domain */
  struct mtasts_observed_rua *rua;
  size_t rua_count;
  size_t open; /* connections that have not ended */
  bool cut;    /* there is more than is kept */
};

void mtasts_observed_domain_start(struct mtasts_observed_domain *domain);
void mtasts_observed_domain_cancel(struct mtasts_observed_domain *domain);
void mtasts_observed_domain_write(const struct mtasts_observed_domain *domain,
                                  struct mtasts_observation *observation);

#endif
