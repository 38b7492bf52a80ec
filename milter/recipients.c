#include "recipients.h"

#include <stdlib.h>

#include "idn.h"
#include "span.h"

static bool grow(struct mtasts_recipients *recipients, size_t more) {
  size_t wanted = recipients->size + more;
  if (wanted <= recipients->capacity)
    return true;
  size_t capacity = recipients->capacity ? 2 * recipients->capacity : 256;
  unsigned char *grown =
      wanted <= MTASTS_RECIPIENTS_MAX ? realloc(recipients->names, capacity) : NULL;
  if (!grown)
    return false;
  recipients->names = grown;
  recipients->capacity = capacity;
  return true;
}

static struct mtasts_span name_at(const struct mtasts_recipients *recipients, size_t at) {
  return (struct mtasts_span){(const char *)recipients->names + at + 1, recipients->names[at]};
}

void mtasts_recipients_add_domain(struct mtasts_recipients *recipients, struct mtasts_span domain) {
  /* Recipients of the same domain mostly follow each other. */
  if (recipients->count > 0 && mtasts_span_equal(name_at(recipients, recipients->last), domain))
    return;
  if (domain.len == 0 || domain.len > MTASTS_DOMAIN_MAX || !grow(recipients, domain.len + 1)) {
    recipients->cut = true;
    return;
  }
  recipients->last = recipients->size;
  recipients->names[recipients->size] = (unsigned char)domain.len;
  memcpy(recipients->names + recipients->size + 1, domain.data, domain.len);
  recipients->size += domain.len + 1;
  recipients->count++;
}

/* Returns the text after the last `@` that is not in quotes, without the brackets of the path. */
static struct mtasts_span domain_of(struct mtasts_span path) {
  if (path.len > 0 && path.data[path.len - 1] == '>')
    path.len--;
  size_t domain = path.len;
  bool quoted = false;
  for (size_t i = 0; i < path.len; i++) {
    if (path.data[i] == '"')
      quoted = !quoted;
    else if (path.data[i] == '\\' && quoted)
      i++;
    else if (path.data[i] == '@' && !quoted)
      domain = i + 1;
  }
  return (struct mtasts_span){path.data + domain, path.len - domain};
}

/* Writes the domain in the form in which it is kept. */
static struct mtasts_span normalise(struct mtasts_span text, struct mtasts_domain *out) {
  if (mtasts_domain_from_text(text, out) == MTASTS_OK)
    return (struct mtasts_span){out->name, out->len};
  if (text.len > MTASTS_DOMAIN_MAX)
    text.len = MTASTS_DOMAIN_MAX;
  for (size_t i = 0; i < text.len; i++)
    out->name[i] = mtasts_lower(text.data[i]);
  return (struct mtasts_span){out->name, text.len};
}

static bool is_among(struct mtasts_span name, const struct mtasts_strings *domains) {
  struct mtasts_domain domain;
  for (size_t i = 0; i < domains->count; i++) {
    struct mtasts_span text = {domains->items[i], strlen(domains->items[i])};
    if (mtasts_span_equal(name, normalise(text, &domain)))
      return true;
  }
  return false;
}

void mtasts_recipients_add(struct mtasts_recipients *recipients, struct mtasts_span path,
                           bool stays, const struct mtasts_strings *local_domains) {
  struct mtasts_domain domain;
  struct mtasts_span name = normalise(domain_of(path), &domain);
  if (stays || name.len == 0 || is_among(name, local_domains))
    recipients->local = true;
  else
    mtasts_recipients_add_domain(recipients, name);
}

static int compare(const void *a, const void *b) {
  return mtasts_span_compare(*(const struct mtasts_span *)a, *(const struct mtasts_span *)b);
}

struct mtasts_span *mtasts_recipients_domains(const struct mtasts_recipients *recipients,
                                              size_t *count) {
  *count = recipients->count;
  struct mtasts_span *domains = *count > 0 ? malloc(*count * sizeof *domains) : NULL;
  if (!domains)
    return NULL;
  size_t at = 0;
  for (size_t i = 0; i < *count; i++) {
    domains[i] = name_at(recipients, at);
    at += domains[i].len + 1;
  }
  qsort(domains, *count, sizeof *domains, compare);
  size_t kept = 1;
  for (size_t i = 1; i < *count; i++)
    if (!mtasts_span_equal(domains[i], domains[kept - 1]))
      domains[kept++] = domains[i];
  *count = kept;
  return domains;
}

void mtasts_recipients_clear(struct mtasts_recipients *recipients) {
  free(recipients->names);
  *recipients = (struct mtasts_recipients){.names = NULL};
}
