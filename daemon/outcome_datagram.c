#include "outcome_datagram.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "idn.h"

/* libtlsrpt passes bytes from 0x80 up unchanged, so the text may not be UTF-8. They are replaced,
 * since no value that is read here needs them. */
static json_t *load_repaired(struct mtasts_span datagram) {
  char *copy = malloc(datagram.len);
  if (!copy)
    return NULL;
  for (size_t i = 0; i < datagram.len; i++)
    copy[i] = (unsigned char)datagram.data[i] < 0x80 ? datagram.data[i] : '?';
  json_t *root = json_loadb(copy, datagram.len, 0, NULL);
  free(copy);
  return root;
}

static json_t *load(struct mtasts_span datagram) {
  json_error_t error;
  json_t *root = json_loadb(datagram.data, datagram.len, 0, &error);
  if (!root && json_error_code(&error) == json_error_invalid_utf8)
    root = load_repaired(datagram);
  return root;
}

/* The span of a string; empty for anything else. */
static struct mtasts_span text_of(const json_t *value) {
  const char *text = json_string_value(value);
  return text ? (struct mtasts_span){text, json_string_length(value)} : MTASTS_SPAN("");
}

static void read_failure(const json_t *policy, struct mtasts_outcome *outcome) {
  const json_t *detail = json_array_get(json_object_get(policy, "failure-details"), 0);
  json_int_t code = json_integer_value(json_object_get(detail, "c"));
  struct mtasts_domain mx;
  if (code > 0 && code <= 999 && *mtasts_result_type_name((unsigned)code))
    outcome->result = (unsigned)code;
  if (mtasts_domain_from_text(text_of(json_object_get(detail, "n")), &mx) == MTASTS_OK)
    memcpy(outcome->mx, mx.name, mx.len + 1);
}

static bool read_policies(const json_t *policies, struct mtasts_outcome *outcome) {
  size_t i;
  const json_t *policy;
  json_array_foreach(policies, i, policy) {
    json_int_t type = json_integer_value(json_object_get(policy, "policy-type"));
    if (type < 0 || type > 9 || !*mtasts_policy_type_name((unsigned)type))
      return false;
    if (i == 0)
      outcome->policy = (enum mtasts_policy_type)type;
    if (json_integer_value(json_object_get(policy, "f")) != 0) {
      if (!outcome->failed)
        read_failure(policy, outcome);
      outcome->failed = true;
    }
  }
  return json_array_size(policies) > 0;
}

enum mtasts_status mtasts_outcome_datagram_read(struct mtasts_span datagram,
                                                struct mtasts_outcome *outcome) {
  struct mtasts_outcome read = {0};
  if (datagram.len > MTASTS_OUTCOME_MAX)
    return MTASTS_INVALID;
  json_t *root = load(datagram);
  bool valid =
      mtasts_domain_from_text(text_of(json_object_get(root, "d")), &read.domain) == MTASTS_OK &&
      read_policies(json_object_get(root, "policies"), &read);
  json_decref(root);
  if (!valid)
    return MTASTS_INVALID;
  *outcome = read;
  return MTASTS_OK;
}
