/*
 * publication.h: all that is to be published for one domain, as a plain value.
 *
 * Who makes it has validated it: validate.h says how. The texts are made of it as it is, so a value
 * that is not valid could end in a line of a configuration file. Nothing here owns memory.
 */
#ifndef MTASTS_PUBLISH_PUBLICATION_H
#define MTASTS_PUBLISH_PUBLICATION_H

#include "mtasts.h"

enum {
  MTASTS_WEB_MAX = 32,         /* addresses of a policy host */
  MTASTS_TLSRPT_MAX = 8192,    /* bytes of all URIs with their commas */
  MTASTS_TTL_MAX = 2147483647, /* seconds, RFC 2181 section 8 */
};

/* The label before the policy domain, RFC 8461 section 3.3. */
#define MTASTS_POLICY_HOST_LABEL "mta-sts."

/* A list of texts, such as that of an option. */
struct mtasts_texts {
  const char *const *items;
  size_t count;
};

struct mtasts_publication {
  const char *domain; /* A-labels, lower case, no trailing dot */
  enum mtasts_mode mode;
  uint32_t max_age;          /* seconds */
  struct mtasts_texts mx;    /* mx patterns in lower case, each once */
  const char *id;            /* RFC 8461 section 3.1 */
  uint32_t ttl;              /* seconds */
  struct mtasts_texts rua;   /* URIs of the TLSRPT record; none: no such record */
  struct mtasts_texts web;   /* addresses of the policy host, or one host name; none: no lines */
  const char *provider_zone; /* the zone below which a provider keeps the records; or NULL */
  const char *web_root;      /* absolute path of the directory that holds .well-known */
  const char *certificate;   /* absolute paths; `{host}` stands for the policy host */
  const char *key;
  bool has_certificate; /* the two were given, and are no defaults */
  int64_t begins;       /* since the epoch: when this policy was made */
};

#endif
