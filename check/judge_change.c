/* What has changed since the check before, and what is remembered for the next. */
#include <string.h>

#include "judge_private.h"

static void add(const struct mtasts_judgement *j, enum mtasts_found found,
                enum mtasts_severity severity, const char *message, const char *remedy) {
  mtasts_judge_add(j, found, severity, j->record_name, message, remedy);
}

static int64_t last_end(const struct mtasts_memory *memory) {
  return memory->last_seen + memory->last.max_age;
}

/* Is the policy of this check remembered as the last one? Senders know it by its record, now or
 * before. A record that is malformed today, or cannot be looked up, may have been right yesterday.
 */
static bool is_new_last(const struct mtasts_judgement *j, const struct mtasts_memory *memory) {
  return j->policy && (j->record != MTASTS_JUDGED_ABSENT || memory->has_last);
}

bool mtasts_judge_vanished(const struct mtasts_judgement *j, const struct mtasts_memory *memory) {
  if (j->record != MTASTS_JUDGED_ABSENT || !memory->has_last)
    return false;
  int64_t now = j->options->now;
  /* A policy that is still served is the last one that was seen. */
  enum mtasts_mode mode = j->policy ? j->policy->mode : memory->last.mode;
  if (mode == MTASTS_MODE_NONE)
    return now < memory->enforce_until;
  return j->policy ? j->policy->max_age > 0 : now < last_end(memory);
}

static void say_vanished(const struct mtasts_judgement *j, const struct mtasts_memory *memory) {
  int64_t now = j->options->now;
  if (!mtasts_judge_vanished(j, memory))
    return;
  const char *line = mtasts_judge_record_line(j);
  if (memory->last.mode == MTASTS_MODE_NONE) {
    const char *until = mtasts_judge_time(j, memory->enforce_until);
    add(j, MTASTS_FOUND_CHANGE_LEFT_EARLY, MTASTS_SEVERITY_WARNING,
        mtasts_judge_text(j,
                          "The record was removed too early: until %s senders may still have "
                          "the enforce policy from before mode none.",
                          until),
        mtasts_judge_text(j,
                          "Put the record and the policy of mode none back, and keep both until "
                          "%s:\n%s",
                          until, line));
    return;
  }
  int64_t end = last_end(memory);
  bool enforce = memory->last.mode == MTASTS_MODE_ENFORCE;
  add(j, MTASTS_FOUND_CHANGE_RECORD_VANISHED,
      enforce ? MTASTS_SEVERITY_ERROR : MTASTS_SEVERITY_WARNING,
      mtasts_judge_text(j,
                        "The record is gone, but senders that know the policy (mode %s) apply "
                        "it for another %s; all others send unprotected.",
                        mtasts_mode_name(memory->last.mode), mtasts_judge_period(j, end - now)),
      mtasts_judge_text(j,
                        "Put it back:\n%s\nTo leave MTA-STS, serve a policy of mode none with a "
                        "new id, and remove the record only after %s.",
                        line, mtasts_judge_time(j, end)));
}

static struct mtasts_remembered_id *find_id(struct mtasts_memory *memory, const char *id) {
  for (size_t i = 0; i < memory->id_count; i++)
    if (strcmp(memory->ids[i].id, id) == 0)
      return &memory->ids[i];
  return NULL;
}

static struct mtasts_remembered_id *remember_id(struct mtasts_memory *memory, const char *id,
                                                const struct mtasts_remembered_policy *policy) {
  if (memory->id_count == MTASTS_MEMORY_IDS) {
    memory->id_count--;
    memmove(memory->ids, memory->ids + 1, memory->id_count * sizeof *memory->ids);
  }
  struct mtasts_remembered_id *item = &memory->ids[memory->id_count++];
  *item = (struct mtasts_remembered_id){.policy = *policy};
  memcpy(item->id, id, strlen(id) + 1);
  return item;
}

/* Another id than that of the check before. */
static void change_id(const struct mtasts_judgement *j, struct mtasts_memory *memory,
                      const struct mtasts_remembered_policy *policy) {
  const struct mtasts_remembered_id *before = find_id(memory, memory->id);
  if (before && !find_id(memory, j->id.id) && mtasts_remembered_equal(&before->policy, policy))
    add(j, MTASTS_FOUND_CHANGE_POLICY_UNCHANGED, MTASTS_SEVERITY_INFO,
        mtasts_judge_text(j, "The id changed from %s to %s, but the policy is the same.",
                          before->id, j->id.id),
        "Nothing has to be done, unless the new policy was forgotten.");
  memcpy(memory->id, j->id.id, sizeof memory->id);
  memory->ttl = 0;
  memory->changed = 0;
}

static const char *mode_and_age(const struct mtasts_judgement *j,
                                const struct mtasts_remembered_policy *policy) {
  return mtasts_judge_text(j, "mode %s, max_age %u", mtasts_mode_name(policy->mode),
                           policy->max_age);
}

static void judge_id(const struct mtasts_judgement *j, struct mtasts_memory *memory,
                     const struct mtasts_remembered_policy *policy) {
  int64_t now = j->options->now;
  if (strcmp(memory->id, j->id.id) != 0)
    change_id(j, memory, policy);
  struct mtasts_remembered_id *known = find_id(memory, j->id.id);
  if (!known)
    known = remember_id(memory, j->id.id, policy);
  if (j->seen->record.answer.ttl > memory->ttl)
    memory->ttl = j->seen->record.answer.ttl;
  if (mtasts_remembered_equal(&known->policy, policy)) {
    memory->changed = 0;
    return;
  }
  if (memory->changed == 0 || memory->changed > now)
    memory->changed = now;
  /* The right order is the policy first, then the record: the record may still be in caches. */
  bool in_time = now < memory->changed + memory->ttl;
  const char *was = mode_and_age(j, &known->policy);
  const char *is = mode_and_age(j, policy);
  add(j, MTASTS_FOUND_CHANGE_ID_UNCHANGED,
      in_time ? MTASTS_SEVERITY_WARNING : MTASTS_SEVERITY_ERROR,
      mtasts_judge_text(j,
                        "The policy has changed (%s), but the id is still %s: senders keep the "
                        "old policy.",
                        strcmp(was, is) == 0 ? "its set of mx"
                                             : mtasts_judge_text(j, "from %s to %s", was, is),
                        j->id.id),
      mtasts_judge_text(j, "Publish a new id:\n%s", mtasts_judge_record_line(j)));
}

static void say_lowered(const struct mtasts_judgement *j, const struct mtasts_memory *memory,
                        const struct mtasts_remembered_policy *policy) {
  if (memory->has_last && memory->last.mode == MTASTS_MODE_ENFORCE &&
      policy->mode != MTASTS_MODE_ENFORCE && j->record != MTASTS_JUDGED_ABSENT)
    add(j, MTASTS_FOUND_CHANGE_MODE_LOWERED, MTASTS_SEVERITY_INFO,
        mtasts_judge_text(j, "The mode was enforce and is now %s.", mtasts_mode_name(policy->mode)),
        "Nothing has to be done if this was meant; if not, serve mode enforce again with a new "
        "id.");
}

void mtasts_judge_change(const struct mtasts_judgement *j, struct mtasts_memory *memory) {
  struct mtasts_remembered_policy policy;
  int64_t now = j->options->now;
  if (j->policy && !mtasts_policy_remember(j->policy, &policy)) {
    j->findings->no_memory = true;
    return;
  }
  if (is_new_last(j, memory)) {
    say_lowered(j, memory, &policy);
    memory->has_last = true;
    memory->last = policy;
    memory->last_seen = now;
    if (policy.mode == MTASTS_MODE_ENFORCE && now + policy.max_age > memory->enforce_until)
      memory->enforce_until = now + policy.max_age;
  }
  say_vanished(j, memory);
  if (j->policy && j->record == MTASTS_JUDGED_VALID)
    judge_id(j, memory, &policy);
}
