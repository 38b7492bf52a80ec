#include "memory_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ascii.h"

enum {
  VERSION = 1,
  HEX = 2 * MTASTS_MEMORY_DIGEST + 1,
};

/* writing */

static json_t *policy_json(const struct mtasts_remembered_policy *policy) {
  char hex[HEX];
  for (size_t i = 0; i < MTASTS_MEMORY_DIGEST; i++)
    snprintf(hex + 2 * i, 3, "%02x", policy->mx[i]);
  return json_pack("{s:s, s:I, s:s}", "mode", mtasts_mode_name(policy->mode), "max_age",
                   (json_int_t)policy->max_age, "mx", hex);
}

static json_t *ids_json(const struct mtasts_memory *memory) {
  json_t *ids = json_array();
  for (size_t i = 0; i < memory->id_count; i++)
    json_array_append_new(ids, json_pack("{s:s, s:o}", "id", memory->ids[i].id, "policy",
                                         policy_json(&memory->ids[i].policy)));
  return ids;
}

char *mtasts_memory_write(const struct mtasts_domain *domain, const struct mtasts_memory *memory) {
  json_t *value = json_pack("{s:i, s:s, s:I, s:s, s:I, s:I, s:o}", "version", VERSION, "domain",
                            domain->name, "enforce_until", (json_int_t)memory->enforce_until, "id",
                            memory->id, "ttl", (json_int_t)memory->ttl, "changed",
                            (json_int_t)memory->changed, "ids", ids_json(memory));
  if (value && memory->has_last &&
      json_object_set_new(value, "last",
                          json_pack("{s:o, s:I}", "policy", policy_json(&memory->last), "seen",
                                    (json_int_t)memory->last_seen)) != 0) {
    json_decref(value);
    return NULL;
  }
  char *text = value ? json_dumps(value, JSON_INDENT(1)) : NULL;
  json_decref(value);
  return text;
}

/* reading: each function returns false for what was not written by those above */

static bool read_number(json_t *object, const char *key, int64_t max, int64_t *number) {
  json_t *value = json_object_get(object, key);
  if (!json_is_integer(value))
    return false;
  *number = json_integer_value(value);
  return *number >= 0 && *number <= max;
}

static bool read_u32(json_t *object, const char *key, uint32_t *number) {
  int64_t value;
  if (!read_number(object, key, UINT32_MAX, &value))
    return false;
  *number = (uint32_t)value;
  return true;
}

static bool read_digest(const char *hex, unsigned char digest[MTASTS_MEMORY_DIGEST]) {
  static const char digits[] = "0123456789abcdef";
  if (!hex || strlen(hex) != HEX - 1)
    return false;
  for (size_t i = 0; i < HEX - 1; i++) {
    const char *at = strchr(digits, hex[i]);
    if (!at)
      return false;
    unsigned value = (unsigned)(at - digits);
    digest[i / 2] = (unsigned char)(i % 2 == 0 ? value << 4 : digest[i / 2] | value);
  }
  return true;
}

static bool read_mode(const char *name, enum mtasts_mode *mode) {
  for (*mode = MTASTS_MODE_NONE; name && *mode <= MTASTS_MODE_ENFORCE; ++*mode)
    if (strcmp(name, mtasts_mode_name(*mode)) == 0)
      return true;
  return false;
}

static bool read_policy(json_t *object, struct mtasts_remembered_policy *policy) {
  return read_mode(json_string_value(json_object_get(object, "mode")), &policy->mode) &&
         read_u32(object, "max_age", &policy->max_age) && policy->max_age <= MTASTS_MAX_AGE_MAX &&
         read_digest(json_string_value(json_object_get(object, "mx")), policy->mx);
}

/* "" is an id only if `empty` allows it. */
static bool read_id(json_t *object, bool empty, char id[MTASTS_ID_MAX + 1]) {
  json_t *value = json_object_get(object, "id");
  size_t len = json_string_length(value);
  if (!json_is_string(value) || len > MTASTS_ID_MAX || (len == 0 && !empty))
    return false;
  memcpy(id, json_string_value(value), len);
  id[len] = '\0';
  for (size_t i = 0; i < len; i++)
    if (!mtasts_is_alnum(id[i]))
      return false;
  return true;
}

static bool read_ids(json_t *list, struct mtasts_memory *memory) {
  memory->id_count = json_array_size(list);
  if (!json_is_array(list) || memory->id_count > MTASTS_MEMORY_IDS)
    return false;
  for (size_t i = 0; i < memory->id_count; i++) {
    json_t *item = json_array_get(list, i);
    if (!read_id(item, false, memory->ids[i].id) ||
        !read_policy(json_object_get(item, "policy"), &memory->ids[i].policy))
      return false;
  }
  return true;
}

/* A time that is far enough from the ends for max_age to be added. */
static bool read_time(json_t *object, const char *key, int64_t *time) {
  return read_number(object, key, INT64_MAX / 4, time);
}

static bool read_value(json_t *value, const struct mtasts_domain *domain,
                       struct mtasts_memory *memory) {
  const char *name = json_string_value(json_object_get(value, "domain"));
  json_t *last = json_object_get(value, "last");
  int64_t version;
  *memory = (struct mtasts_memory){.has_last = last != NULL};
  return read_number(value, "version", VERSION, &version) && version == VERSION && name &&
         strcmp(name, domain->name) == 0 &&
         read_time(value, "enforce_until", &memory->enforce_until) &&
         read_id(value, true, memory->id) && read_u32(value, "ttl", &memory->ttl) &&
         read_time(value, "changed", &memory->changed) &&
         read_ids(json_object_get(value, "ids"), memory) &&
         (!last || (read_policy(json_object_get(last, "policy"), &memory->last) &&
                    read_time(last, "seen", &memory->last_seen)));
}

bool mtasts_memory_read(struct mtasts_span text, const struct mtasts_domain *domain,
                        struct mtasts_memory *memory) {
  json_t *value = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
  bool read = value && read_value(value, domain, memory);
  json_decref(value);
  return read;
}
