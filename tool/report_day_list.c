#include "report_day_list.h"

#include <stdlib.h>

#include "ascii.h"
#include "out.h"

/* Is there room for one more? Returns the items, perhaps at another place; NULL: no memory. */
static void *grow(void *items, size_t count, size_t *room, size_t size) {
  if (count < *room)
    return items;
  size_t more = *room > 0 ? 2 * *room : 64;
  void *grown = reallocarray(items, more, size);
  if (grown)
    *room = more;
  return grown;
}

struct reading {
  struct mtasts_day_list *list;
  size_t next; /* entry whose state may come next */
  bool no_memory;
};

static bool add_entry(void *context, const struct mtasts_domain *domain, unsigned kinds) {
  struct reading *reading = context;
  struct mtasts_day_list *list = reading->list;
  struct mtasts_day_entry *grown =
      grow(list->entries, list->count, &list->room, sizeof *list->entries);
  reading->no_memory = !grown;
  if (!grown)
    return false;
  list->entries = grown;
  grown[list->count++] = (struct mtasts_day_entry){.domain = *domain, .kinds = kinds};
  return true;
}

/* States come in the order of the domains. */
static bool note_state(void *context, const struct mtasts_domain *domain,
                       struct mtasts_span bytes) {
  struct reading *reading = context;
  struct mtasts_day_list *list = reading->list;
  struct mtasts_send_state state;
  int order = -1;
  while (reading->next < list->count &&
         (order = mtasts_domain_compare(&list->entries[reading->next].domain, domain)) < 0)
    reading->next++;
  if (order == 0)
    list->entries[reading->next].tried = true;
  if (order == 0 && mtasts_send_state_decode(bytes, &state) == MTASTS_OK)
    list->entries[reading->next].done =
        state.status != MTASTS_SEND_PENDING && state.status != MTASTS_SEND_DEFERRED;
  return true;
}

static int print_no_memory(void) {
  mtasts_print_error("outcomes", "out of memory");
  return MTASTS_EXIT_MEMORY;
}

int mtasts_day_list_read(const struct mtasts_report_access *access, uint32_t day,
                         struct mtasts_day_list *list) {
  struct reading reading = {.list = list};
  list->count = list->pair_count = 0;
  enum mtasts_status status =
      mtasts_outcome_store_domains(access->outcomes.store, day, add_entry, &reading);
  if (status == MTASTS_OK)
    status = mtasts_report_state_each(access->outcomes.store, day, note_state, &reading);
  if (status != MTASTS_OK)
    return mtasts_outcome_access_print_error(&access->outcomes, status);
  return reading.no_memory ? print_no_memory() : MTASTS_EXIT_OK;
}

static int by_base(const void *a, const void *b) {
  const struct mtasts_base_pair *x = a;
  const struct mtasts_base_pair *y = b;
  int order = mtasts_domain_compare(&x->base, &y->base);
  return order != 0 ? order : mtasts_domain_compare(&x->recipient, &y->recipient);
}

static bool add_pair(struct mtasts_day_list *list, struct mtasts_span base,
                     const struct mtasts_day_report *report) {
  struct mtasts_base_pair *grown =
      grow(list->pairs, list->pair_count, &list->pair_room, sizeof *list->pairs);
  if (!grown)
    return false;
  list->pairs = grown;
  grown[list->pair_count].recipient = report->domain;
  grown[list->pair_count].failed = report->failed > 0;
  if (mtasts_domain_parse(base, &grown[list->pair_count].base) == MTASTS_OK)
    list->pair_count++;
  return true;
}

/* Adds the TLSA base domains of one recipient domain. */
static int add_pairs_of(const struct mtasts_report_access *access, uint32_t day,
                        const struct mtasts_domain *recipient, struct mtasts_day_list *list) {
  struct mtasts_day_report *report = NULL;
  enum mtasts_status status =
      mtasts_outcome_store_read(access->outcomes.store, day, recipient, &report);
  bool ok = true;
  if (status != MTASTS_OK)
    return mtasts_outcome_access_print_error(&access->outcomes, status);
  for (size_t i = 0; ok && i < report->policy_count; i++)
    if (report->policies[i].policy.type == MTASTS_POLICY_TYPE_TLSA)
      ok = add_pair(list, report->policies[i].policy.domain, report);
  mtasts_day_report_free(report);
  return ok ? MTASTS_EXIT_OK : print_no_memory();
}

/* A recipient domain may have several TLSA policies of one base domain. */
static void drop_equal_pairs(struct mtasts_day_list *list) {
  size_t kept = 1;
  if (list->pair_count < 2)
    return;
  qsort(list->pairs, list->pair_count, sizeof *list->pairs, by_base);
  for (size_t i = 1; i < list->pair_count; i++)
    if (by_base(&list->pairs[kept - 1], &list->pairs[i]) != 0)
      list->pairs[kept++] = list->pairs[i];
  list->pair_count = kept;
}

int mtasts_day_list_pair(const struct mtasts_report_access *access, uint32_t day,
                         struct mtasts_day_list *list) {
  list->pair_count = 0;
  for (size_t i = 0; i < list->count; i++) {
    int code = list->entries[i].kinds & MTASTS_REPORT_RECIPIENT
                   ? add_pairs_of(access, day, &list->entries[i].domain, list)
                   : MTASTS_EXIT_OK;
    if (code != MTASTS_EXIT_OK)
      return code;
  }
  drop_equal_pairs(list);
  return MTASTS_EXIT_OK;
}

void mtasts_day_list_free(struct mtasts_day_list *list) {
  free(list->entries);
  free(list->pairs);
  *list = (struct mtasts_day_list){.entries = NULL};
}
