/*
 * recipients.h: the domains that one message goes to. Pure, but for memory.
 */
#ifndef MTASTS_MILTER_RECIPIENTS_H
#define MTASTS_MILTER_RECIPIENTS_H

#include "config.h"

enum {
  MTASTS_RECIPIENTS_MAX = 1 << 20, /* bytes of packed names: some 50,000 recipients */
};

/* All zeros is an empty list. */
struct mtasts_recipients {
  unsigned char *names;  /* each a length byte and the name */
  size_t size, capacity; /* bytes */
  size_t last;           /* where the last name begins */
  size_t count;          /* number of names */
  bool local;            /* some recipients are on this host */
  bool cut;              /* some did not fit */
};

/*
 * Adds the domain of a recipient as RCPT names it: `<user@domain>`. A recipient is local if it has
 * no domain, if `stays` is set, or if its domain is one of the local domains. A domain is kept as a
 * policy domain, or in lower case if it cannot be one, such as an address literal.
 */
void mtasts_recipients_add(struct mtasts_recipients *recipients, struct mtasts_span path,
                           bool stays, const struct mtasts_strings *local_domains);

/* Adds one domain. */
void mtasts_recipients_add_domain(struct mtasts_recipients *recipients, struct mtasts_span domain);

/*
 * Returns each domain once, in alphabetical order: an array of *count spans into the recipients,
 * which the caller frees. NULL: none, or no memory; in the latter case *count is the number of
 * domains that could not be returned.
 */
struct mtasts_span *mtasts_recipients_domains(const struct mtasts_recipients *recipients,
                                              size_t *count);

void mtasts_recipients_clear(struct mtasts_recipients *recipients);

#endif
