#include "aggregate_private.h"

#include <errno.h>

#include "ascii.h"
#include "tally.h"

/* details */

/* One policy of a domain and day, read into memory, or a new one. */
struct place {
  struct mtasts_span domain_key;
  struct mtasts_counter_key key;
  struct mtasts_counted_policy policy; /* its `packed` is unused */
  struct mtasts_bytes packed;
};

static const char bare_digest[MTASTS_DIGEST_SIZE];

enum {
  BARE_LEN = 2 + 4 * MTASTS_FIELDS, /* bytes of a packed detail without any text */
};

static void key_of_detail(struct mtasts_counter_key *key, const struct place *place,
                          enum mtasts_result_type result, const char *digest) {
  *key = place->key;
  mtasts_counter_key_number(key, (uint32_t)result, 2);
  mtasts_counter_key_add(key, (struct mtasts_span){digest, MTASTS_DIGEST_SIZE});
}

/* Adds to a detail that is there, or makes it. */
static int raise_detail(const struct mtasts_aggregate *aggregate, struct place *place,
                        struct mtasts_span key, struct mtasts_span packed, uint64_t count) {
  struct mtasts_counted_detail detail = {0};
  int rc = mtasts_aggregate_get_detail(aggregate, key, &detail);
  if (rc == MDB_NOTFOUND) {
    detail = (struct mtasts_counted_detail){.packed = packed};
    place->policy.details++;
  } else if (rc != 0) {
    return rc;
  }
  detail.count = mtasts_sum(detail.count, count);
  return mtasts_aggregate_put_detail(aggregate, key, &detail);
}

/* Adds to the detail that has a result type and nothing else. */
static int raise_bare(const struct mtasts_aggregate *aggregate, struct place *place,
                      enum mtasts_result_type result, uint64_t count) {
  const struct mtasts_outcome_detail detail = {.result = result};
  struct mtasts_bytes packed = {0};
  struct mtasts_counter_key key;
  MDB_val value;
  bool granted;
  key_of_detail(&key, place, result, bare_digest);
  mtasts_pack_detail(&packed, &detail);
  int rc = packed.failed ? ENOMEM
                         : mtasts_aggregate_get(aggregate, aggregate->tables->details,
                                                mtasts_counter_key_span(&key), &value);
  /* Only a new key takes room. */
  if (rc == MDB_NOTFOUND)
    rc = mtasts_aggregate_take_share(aggregate, place->domain_key, key.len + packed.len, true,
                                     &granted);
  if (rc == 0)
    rc = raise_detail(aggregate, place, mtasts_counter_key_span(&key), mtasts_bytes_span(&packed),
                      count);
  mtasts_bytes_free(&packed);
  return rc;
}

/* Counts one detail of this result type as the bare one. MDB_NOTFOUND: there is no other than the
 * bare one. */
static int strip_detail(const struct mtasts_aggregate *aggregate, struct place *place,
                        enum mtasts_result_type result) {
  struct mtasts_counter_key start = place->key;
  struct mtasts_counter_key from;
  struct mtasts_counter_key stripped;
  struct mtasts_counted_detail detail;
  mtasts_counter_key_number(&start, (uint32_t)result, 2);
  key_of_detail(&from, place, result, bare_digest);
  from.bytes[from.len - 1] = 1;
  int rc = mtasts_aggregate_find_from(aggregate, aggregate->tables->details, &from,
                                      mtasts_counter_key_span(&start), &stripped);
  if (rc == 0)
    rc = mtasts_aggregate_get_detail(aggregate, mtasts_counter_key_span(&stripped), &detail);
  if (rc != 0)
    return rc;
  uint64_t count = detail.count;
  rc = mtasts_aggregate_delete_key(aggregate, aggregate->tables->details,
                                   mtasts_counter_key_span(&stripped));
  place->policy.details--;
  return rc == 0 ? raise_bare(aggregate, place, result, count) : rc;
}

/* A policy has its greatest number of details, and needs one more bare detail. If there is one of
 * its result type, that is stripped, and so becomes the bare one. Else two of another type become
 * one: among so many details some type has two. */
static int make_room_for_bare(const struct mtasts_aggregate *aggregate, struct place *place,
                              enum mtasts_result_type wanted) {
  static const enum mtasts_result_type results[] = {
      MTASTS_RESULT_NO_STARTTLS,    MTASTS_RESULT_HOST_MISMATCH,  MTASTS_RESULT_NOT_TRUSTED,
      MTASTS_RESULT_EXPIRED,        MTASTS_RESULT_VALIDATION,     MTASTS_RESULT_POLICY_FETCH,
      MTASTS_RESULT_POLICY_INVALID, MTASTS_RESULT_WEBPKI_INVALID, MTASTS_RESULT_TLSA_INVALID,
      MTASTS_RESULT_DNSSEC_INVALID, MTASTS_RESULT_DANE_REQUIRED,
  };
  int rc = strip_detail(aggregate, place, wanted);
  if (rc != MDB_NOTFOUND)
    return rc;
  for (size_t i = 0; i < 2 * sizeof results / sizeof *results; i++) {
    if (place->policy.details < MTASTS_DETAILS_MAX)
      return 0;
    rc = strip_detail(aggregate, place, results[i / 2]);
    if (rc != 0 && rc != MDB_NOTFOUND)
      return rc;
  }
  return 0;
}

static int add_bare(const struct mtasts_aggregate *aggregate, struct place *place,
                    enum mtasts_result_type result, uint64_t count) {
  struct mtasts_counter_key key;
  MDB_val value;
  key_of_detail(&key, place, result, bare_digest);
  int rc = mtasts_aggregate_get(aggregate, aggregate->tables->details,
                                mtasts_counter_key_span(&key), &value);
  if (rc == MDB_NOTFOUND)
    rc = place->policy.details < MTASTS_DETAILS_MAX ? 0
                                                    : make_room_for_bare(aggregate, place, result);
  return rc == 0 ? raise_bare(aggregate, place, result, count) : rc;
}

/* packed: not in the map. */
static int add_detail(const struct mtasts_aggregate *aggregate, struct place *place,
                      enum mtasts_result_type result, struct mtasts_span packed, uint64_t count) {
  struct mtasts_counter_key key;
  char digest[MTASTS_DIGEST_SIZE] = {0};
  MDB_val value;
  bool granted = false;
  if (packed.len == BARE_LEN)
    return add_bare(aggregate, place, result, count);
  int rc = mtasts_counter_digest(packed, digest);
  if (rc != 0)
    return rc;
  key_of_detail(&key, place, result, digest);
  rc = mtasts_aggregate_get(aggregate, aggregate->tables->details, mtasts_counter_key_span(&key),
                            &value);
  if (rc == 0)
    granted = true;
  else if (rc == MDB_NOTFOUND)
    rc = place->policy.details < MTASTS_DETAILS_MAX
             ? mtasts_aggregate_take_share(aggregate, place->domain_key, key.len + packed.len,
                                           false, &granted)
             : 0;
  if (rc != 0)
    return rc;
  return granted ? raise_detail(aggregate, place, mtasts_counter_key_span(&key), packed, count)
                 : add_bare(aggregate, place, result, count);
}

/* policies */

static int key_of_policy(struct mtasts_counter_key *key, struct mtasts_span domain_key,
                         struct mtasts_span packed) {
  char digest[MTASTS_DIGEST_SIZE] = {0};
  int rc = mtasts_counter_digest(packed, digest);
  key->len = 0;
  mtasts_counter_key_add(key, domain_key);
  mtasts_counter_key_policies(key);
  mtasts_counter_key_add(key, (struct mtasts_span){digest, MTASTS_DIGEST_SIZE});
  return rc;
}

/* Opens the place of a packed policy. MDB_NOTFOUND: it has no counters; the place is ready for
 * new_place. */
static int open_place(const struct mtasts_aggregate *aggregate, struct mtasts_span domain_key,
                      struct mtasts_span packed, struct place *place) {
  *place = (struct place){.domain_key = domain_key};
  mtasts_bytes_add(&place->packed, packed);
  int rc = place->packed.failed ? ENOMEM : key_of_policy(&place->key, domain_key, packed);
  return rc == 0 ? mtasts_aggregate_get_policy(aggregate, mtasts_counter_key_span(&place->key),
                                               &place->policy)
                 : rc;
}

static int new_place(const struct mtasts_aggregate *aggregate, struct mtasts_counted_domain *domain,
                     struct place *place, bool needed, bool *granted) {
  int rc = mtasts_aggregate_take_share(aggregate, place->domain_key,
                                       place->key.len + place->packed.len, needed, granted);
  if (rc == 0 && *granted) {
    place->policy = (struct mtasts_counted_policy){0};
    domain->policies++;
  }
  return rc;
}

static int write_place(const struct mtasts_aggregate *aggregate, struct place *place) {
  place->policy.packed = mtasts_bytes_span(&place->packed);
  return mtasts_aggregate_put_policy(aggregate, mtasts_counter_key_span(&place->key),
                                     &place->policy);
}

/* The policy that collects others: of a type and a policy domain, and nothing else. */
static int open_collector(const struct mtasts_aggregate *aggregate, struct mtasts_span domain_key,
                          enum mtasts_policy_type type, struct mtasts_span policy_domain,
                          struct place *place) {
  const struct mtasts_outcome_policy policy = {.type = type, .domain = policy_domain};
  struct mtasts_bytes packed = {0};
  mtasts_pack_policy(&packed, &policy);
  int rc =
      packed.failed ? ENOMEM : open_place(aggregate, domain_key, mtasts_bytes_span(&packed), place);
  mtasts_bytes_free(&packed);
  return rc;
}

/* Moves the details of one policy to another. */
static int move_details(const struct mtasts_aggregate *aggregate,
                        const struct mtasts_counter_key *from, struct place *into) {
  struct mtasts_counter_key key;
  int rc;
  while ((rc = mtasts_aggregate_find_from(aggregate, aggregate->tables->details, from,
                                          mtasts_counter_key_span(from), &key)) == 0) {
    struct mtasts_counted_detail detail;
    struct mtasts_outcome_detail read = {0};
    struct mtasts_bytes packed = {0};
    if ((rc = mtasts_aggregate_get_detail(aggregate, mtasts_counter_key_span(&key), &detail)) != 0)
      return rc;
    mtasts_bytes_add(&packed, detail.packed);
    if (packed.failed)
      rc = ENOMEM;
    else if (!mtasts_unpack_detail(mtasts_bytes_span(&packed), &read))
      rc = MDB_CORRUPTED;
    if (rc == 0)
      rc = mtasts_aggregate_delete_key(aggregate, aggregate->tables->details,
                                       mtasts_counter_key_span(&key));
    if (rc == 0)
      rc = add_detail(aggregate, into, read.result, mtasts_bytes_span(&packed), detail.count);
    mtasts_bytes_free(&packed);
    if (rc != 0)
      return rc;
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

static int merge_policy(const struct mtasts_aggregate *aggregate,
                        struct mtasts_counted_domain *domain, const struct mtasts_counter_key *from,
                        struct place *into) {
  struct mtasts_counted_policy policy;
  if (mtasts_span_equal(mtasts_counter_key_span(from), mtasts_counter_key_span(&into->key)))
    return 0;
  int rc = mtasts_aggregate_get_policy(aggregate, mtasts_counter_key_span(from), &policy);
  if (rc != 0)
    return rc;
  into->policy.successful = mtasts_sum(into->policy.successful, policy.successful);
  into->policy.failed = mtasts_sum(into->policy.failed, policy.failed);
  rc = move_details(aggregate, from, into);
  if (rc == 0)
    rc = mtasts_aggregate_delete_key(aggregate, aggregate->tables->policies,
                                     mtasts_counter_key_span(from));
  domain->policies--;
  return rc;
}

/* The policies of a domain and day, when there are as many as there may be. */
struct survey {
  size_t count;
  struct {
    struct mtasts_counter_key key;
    enum mtasts_policy_type type;
    char domain[MTASTS_DOMAIN_MAX];
    size_t domain_len;
  } policies[MTASTS_POLICIES_MAX];
};

static struct mtasts_span surveyed_domain(const struct survey *survey, size_t i) {
  return (struct mtasts_span){survey->policies[i].domain, survey->policies[i].domain_len};
}

static int take_survey(const struct mtasts_aggregate *aggregate, struct mtasts_span domain_key,
                       struct survey *survey) {
  struct mtasts_counter_key start = {.len = 0};
  MDB_cursor *cursor;
  MDB_val key = {0};
  MDB_val value;
  mtasts_counter_key_add(&start, domain_key);
  mtasts_counter_key_policies(&start);
  survey->count = 0;
  int rc = mdb_cursor_open(aggregate->txn, aggregate->tables->policies, &cursor);
  if (rc != 0)
    return rc;
  while (survey->count < MTASTS_POLICIES_MAX &&
         (rc = mtasts_counter_next(cursor, mtasts_counter_key_span(&start), &key, &value)) == 0) {
    struct mtasts_counted_policy policy;
    struct mtasts_outcome_policy read;
    if (key.mv_size > sizeof start.bytes || !mtasts_counter_read_policy(&value, &policy) ||
        !mtasts_unpack_policy(policy.packed, &read) || read.domain.len > MTASTS_DOMAIN_MAX) {
      rc = MDB_CORRUPTED;
      break;
    }
    size_t i = survey->count++;
    survey->policies[i].key.len = 0;
    mtasts_counter_key_add(&survey->policies[i].key,
                           (struct mtasts_span){key.mv_data, key.mv_size});
    survey->policies[i].type = read.type;
    survey->policies[i].domain_len = read.domain.len;
    memcpy(survey->policies[i].domain, read.domain.data, read.domain.len);
  }
  mdb_cursor_close(cursor);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Do two of the policies have one type and, if `by_domain`, one policy domain? */
static bool find_pair(const struct survey *survey, bool by_domain, size_t pair[2]) {
  for (pair[0] = 0; pair[0] < survey->count; pair[0]++)
    for (pair[1] = pair[0] + 1; pair[1] < survey->count; pair[1]++)
      if (survey->policies[pair[0]].type == survey->policies[pair[1]].type &&
          (!by_domain ||
           mtasts_span_equal(surveyed_domain(survey, pair[0]), surveyed_domain(survey, pair[1]))))
        return true;
  return false;
}

/* The first policy of a type and, unless its data is NULL, of a policy domain. */
static bool find_one(const struct survey *survey, enum mtasts_policy_type type,
                     struct mtasts_span policy_domain, size_t *found) {
  for (*found = 0; *found < survey->count; (*found)++)
    if (survey->policies[*found].type == type &&
        (!policy_domain.data || mtasts_span_equal(surveyed_domain(survey, *found), policy_domain)))
      return true;
  return false;
}

/* Where outcomes of one domain are added up. */
struct target {
  const struct mtasts_aggregate *aggregate;
  struct mtasts_span domain_key;
  struct mtasts_span name; /* of the domain */
  struct mtasts_counted_domain *domain;
};

/* Policies of a survey that become one. */
struct merger {
  const struct survey *survey;
  const size_t *merged;
  size_t count;
};

static const struct merger no_merger;

/* Opens a collector, makes it if it is new, and merges the policies into it. */
static int collect(const struct target *target, enum mtasts_policy_type type,
                   struct mtasts_span policy_domain, const struct merger *merger,
                   struct place *place) {
  bool granted;
  int rc = open_collector(target->aggregate, target->domain_key, type, policy_domain, place);
  if (rc == MDB_NOTFOUND)
    rc = new_place(target->aggregate, target->domain, place, true, &granted);
  for (size_t i = 0; i < merger->count && rc == 0; i++)
    rc = merge_policy(target->aggregate, target->domain,
                      &merger->survey->policies[merger->merged[i]].key, place);
  return rc;
}

/* Merges two policies into a collector, so that there is room for another policy. */
static int merge_pair(const struct target *target, struct mtasts_span policy_domain,
                      const struct survey *survey, const size_t pair[2]) {
  const struct merger both = {survey, pair, 2};
  struct place place = {0};
  int rc = collect(target, survey->policies[pair[0]].type, policy_domain, &both, &place);
  if (rc == 0)
    rc = write_place(target->aggregate, &place);
  mtasts_bytes_free(&place.packed);
  return rc;
}

/* The domain has as many policies as it may have. Opens the collector for one more. */
static int collect_surveyed(const struct target *target, const struct mtasts_outcome_policy *policy,
                            struct survey *survey, struct place *place) {
  const struct mtasts_span any = {NULL, 0};
  size_t found[2];
  const struct merger one = {survey, found, 1};
  int rc = take_survey(target->aggregate, target->domain_key, survey);
  if (rc != 0)
    return rc;
  if (find_one(survey, policy->type, policy->domain, found))
    return collect(target, policy->type, policy->domain, &one, place);
  if (find_pair(survey, true, found)) {
    rc = merge_pair(target, surveyed_domain(survey, found[0]), survey, found);
    return rc == 0 ? collect(target, policy->type, policy->domain, &no_merger, place) : rc;
  }
  /* There are even too many policy domains: the collector is of the domain itself. */
  if (find_one(survey, policy->type, target->name, found))
    return collect(target, policy->type, target->name, &no_merger, place);
  if (find_one(survey, policy->type, any, found))
    return collect(target, policy->type, target->name, &one, place);
  rc = find_pair(survey, false, found) ? merge_pair(target, target->name, survey, found) : 0;
  return rc == 0 ? collect(target, policy->type, target->name, &no_merger, place) : rc;
}

/* Opens the place where sessions under a policy are counted. */
static int place_policy(const struct target *target, struct mtasts_span packed,
                        struct place *place) {
  struct mtasts_outcome_policy policy;
  bool granted = false;
  if (!mtasts_unpack_policy(packed, &policy))
    return MDB_CORRUPTED;
  int rc = open_place(target->aggregate, target->domain_key, packed, place);
  if (rc == MDB_NOTFOUND && target->domain->policies < MTASTS_POLICIES_MAX) {
    rc = new_place(target->aggregate, target->domain, place, false, &granted);
    if (rc == 0 && !granted)
      rc = MDB_NOTFOUND;
  }
  if (rc != MDB_NOTFOUND)
    return rc;
  mtasts_bytes_free(&place->packed);
  rc = open_collector(target->aggregate, target->domain_key, policy.type, policy.domain, place);
  if (rc != MDB_NOTFOUND)
    return rc;
  if (target->domain->policies < MTASTS_POLICIES_MAX)
    return new_place(target->aggregate, target->domain, place, true, &granted);
  mtasts_bytes_free(&place->packed);
  struct survey *survey = malloc(sizeof *survey);
  rc = survey ? collect_surveyed(target, &policy, survey, place) : ENOMEM;
  free(survey);
  return rc;
}

/* domains */

/* Sessions that are added. */
struct addition {
  const struct mtasts_aggregate *aggregate;
  uint32_t day;
  struct mtasts_outcome_session session;
  uint64_t count;
};

static int add_details(const struct mtasts_aggregate *aggregate, struct place *place,
                       const struct mtasts_outcome_session *session, uint64_t count) {
  struct mtasts_bytes_reader reader = {.rest = session->details};
  int rc = 0;
  for (size_t i = 0; i < session->detail_count && rc == 0; i++) {
    struct mtasts_span packed = mtasts_bytes_take_text(&reader);
    struct mtasts_outcome_detail detail;
    rc = mtasts_unpack_detail(packed, &detail)
             ? add_detail(aggregate, place, detail.result, packed, count)
             : MDB_CORRUPTED;
  }
  return rc;
}

static int add_session(const struct target *target, const struct mtasts_outcome_session *session,
                       uint64_t count) {
  struct place place = {0};
  int rc = place_policy(target, session->policy, &place);
  if (rc == 0) {
    uint64_t *sessions = session->failed ? &place.policy.failed : &place.policy.successful;
    *sessions = mtasts_sum(*sessions, count);
    rc = add_details(target->aggregate, &place, session, count);
  }
  if (rc == 0)
    rc = write_place(target->aggregate, &place);
  mtasts_bytes_free(&place.packed);
  return rc;
}

/* Adds a session to one domain of the day. *refused: the domain has no counters yet, and its
 * organisation has its share. */
static int add_to_domain(const struct addition *addition, struct mtasts_span name,
                         enum mtasts_report_domain kind, bool *refused) {
  const struct mtasts_aggregate *aggregate = addition->aggregate;
  struct mtasts_counter_key key;
  struct mtasts_counted_domain domain = {0};
  MDB_val value;
  bool granted = true;
  mtasts_counter_key_begin(&key, addition->day, name);
  int rc = mtasts_aggregate_get(aggregate, aggregate->tables->domains,
                                mtasts_counter_key_span(&key), &value);
  if (rc == 0 && !mtasts_counter_read_domain(&value, &domain))
    rc = MDB_CORRUPTED;
  else if (rc == MDB_NOTFOUND)
    rc = mtasts_aggregate_take_share(aggregate, mtasts_counter_key_span(&key), key.len, false,
                                     &granted);
  *refused = !granted;
  if (rc != 0 || !granted)
    return rc;
  const struct mtasts_counted_domain before = domain;
  const struct target target = {aggregate, mtasts_counter_key_span(&key), name, &domain};
  rc = add_session(&target, &addition->session, addition->count);
  domain.kinds |= (unsigned)kind;
  if (rc == 0 && (domain.kinds != before.kinds || domain.policies != before.policies))
    rc = mtasts_aggregate_put_domain(aggregate, mtasts_counter_key_span(&key), &domain);
  return rc;
}

int mtasts_aggregate_add(const struct mtasts_aggregate *aggregate, uint32_t day,
                         struct mtasts_span outcome, uint64_t count,
                         struct mtasts_aggregate_refused *refused) {
  struct mtasts_bytes_reader reader = {.rest = outcome};
  struct mtasts_span domain = mtasts_unpack_domain(&reader);
  struct addition addition = {.aggregate = aggregate, .day = day, .count = count};
  int rc = 0;
  *refused = (struct mtasts_aggregate_refused){0};
  while (rc == 0 && !refused->domain && mtasts_unpack_session(&reader, &addition.session)) {
    struct mtasts_outcome_policy policy;
    bool base = false;
    rc = add_to_domain(&addition, domain, MTASTS_REPORT_RECIPIENT, &refused->domain);
    if (rc == 0 && !refused->domain && mtasts_unpack_policy(addition.session.policy, &policy) &&
        policy.type == MTASTS_POLICY_TYPE_TLSA && !mtasts_span_equal(policy.domain, domain))
      rc = add_to_domain(&addition, policy.domain, MTASTS_REPORT_TLSA_BASE, &base);
    refused->base |= base;
  }
  return rc == 0 && reader.failed ? MDB_CORRUPTED : rc;
}
