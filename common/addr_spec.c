#include "addr_spec.h"

#include "ascii.h"

/* RFC 5322 section 3.2.3. */
static bool is_atext(char c) {
  return mtasts_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Dots stand between other characters only. */
static bool is_dot_atom(struct mtasts_span text) {
  bool dot = true; /* none may come next */
  for (size_t i = 0; i < text.len; i++) {
    bool is_dot = text.data[i] == '.';
    if (is_dot ? dot : !is_atext(text.data[i]))
      return false;
    dot = is_dot;
  }
  return !dot;
}

/* mtasts_domain_parse also reads what an MTA may call a next hop; here it has to be a name. */
static bool is_name(struct mtasts_span text, struct mtasts_domain *domain) {
  return text.len > 0 && memchr(text.data, ':', text.len) == NULL &&
         memchr(text.data, '[', text.len) == NULL && mtasts_domain_parse(text, domain) == MTASTS_OK;
}

const char *mtasts_addr_spec_parse(struct mtasts_span text, struct mtasts_addr_spec *address) {
  const char *at = text.len > 0 ? memrchr(text.data, '@', text.len) : NULL;
  if (!at)
    return "has no \"@\"";
  struct mtasts_span local = {text.data, (size_t)(at - text.data)};
  struct mtasts_span name = {at + 1, text.len - local.len - 1};
  if (local.len > MTASTS_LOCAL_PART_MAX)
    return "has more than 64 bytes before its \"@\"";
  if (!is_dot_atom(local))
    return "has a local part that is not a dot-atom";
  if (name.len > 0 && name.data[0] == '[')
    return "has an address literal instead of a domain";
  if (!is_name(name, &address->domain))
    return "has no valid domain name behind its \"@\"";
  if (memchr(address->domain.name, '.', address->domain.len) == NULL)
    return "has a domain of one label";
  memcpy(address->text, local.data, local.len);
  address->text[local.len] = '@';
  memcpy(address->text + local.len + 1, address->domain.name, address->domain.len + 1);
  address->local_len = local.len;
  return NULL;
}
