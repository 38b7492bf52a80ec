/*
 * mtasts publish: the files by which domains publish MTA-STS.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ascii.h"
#include "command.h"
#include "dns_records.h"
#include "json.h"
#include "out.h"
#include "plan_text.h"
#include "policy_id.h"
#include "policy_text.h"
#include "publish_judge.h"
#include "publish_list.h"
#include "publish_mx.h"
#include "publish_settings.h"
#include "publish_tree.h"
#include "web_snippets.h"

struct publish {
  const struct mtasts_options *options;
  struct mtasts_publish_settings settings;
  struct mtasts_publish_list list;
  struct mtasts_published_set *set; /* of the domain that is being written */
  int directory;
};

/* One text, in memory. */
struct text {
  char *data;
  size_t size;
};

static int no_memory(void) {
  mtasts_print_error("publish", "out of memory");
  return MTASTS_EXIT_MEMORY;
}

/* Of this domain: mx and names; the rest is set when it is written. */
static struct mtasts_publication publication_of(const struct publish *publish,
                                                const struct mtasts_publish_item *item) {
  struct mtasts_publication publication = publish->settings.common;
  publication.domain = item->domain.name;
  publication.mx = (struct mtasts_texts){(const char *const *)item->mx, item->mx_count};
  publication.id = "0";
  return publication;
}

static int64_t wall_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* making texts */

static void write_text(FILE *stream, enum mtasts_publish_file file, struct publish *publish,
                       const struct mtasts_publication *publication) {
  switch (file) {
  case MTASTS_PUBLISH_POLICY:
    mtasts_policy_text(stream, publication);
    return;
  case MTASTS_PUBLISH_ZONE:
    mtasts_published_records(publication, publish->set);
    mtasts_published_zone(stream, publish->set, publication->ttl);
    return;
  case MTASTS_PUBLISH_NSUPDATE:
    mtasts_published_records(publication, publish->set);
    mtasts_published_nsupdate(stream, publish->set, publication->ttl);
    return;
  case MTASTS_PUBLISH_DNS_TEXT:
    if (publication->provider_zone)
      mtasts_published_aliases(publication, publish->set);
    else
      mtasts_published_records(publication, publish->set);
    mtasts_published_plain(stream, publish->set);
    return;
  case MTASTS_PUBLISH_NGINX:
    mtasts_snippet_nginx(stream, publication);
    return;
  case MTASTS_PUBLISH_APACHE:
    mtasts_snippet_apache(stream, publication);
    return;
  case MTASTS_PUBLISH_CADDY:
    mtasts_snippet_caddy(stream, publication);
    return;
  case MTASTS_PUBLISH_LIGHTTPD:
    mtasts_snippet_lighttpd(stream, publication);
    return;
  case MTASTS_PUBLISH_PLAN:
    mtasts_plan_text(stream, publication);
    return;
  case MTASTS_PUBLISH_FILES:
    return;
  }
}

/* False without memory; the text is to be freed all the same. */
static bool make_text(struct text *text, enum mtasts_publish_file file, struct publish *publish,
                      const struct mtasts_publication *publication) {
  FILE *stream = open_memstream(&text->data, &text->size);
  if (!stream)
    return false;
  write_text(stream, file, publish, publication);
  bool whole = ferror(stream) == 0;
  return fclose(stream) == 0 && whole;
}

/* validation */

/* Each policy goes through the parser that senders of our kind use, and is to be without a warning.
 * It is kept for the comparison with what is there. *store: the policy's, to be freed. */
static int parse_own(struct publish *publish, const struct mtasts_publish_item *item,
                     struct mtasts_policy *policy, unsigned char **store) {
  const struct mtasts_publication publication = publication_of(publish, item);
  struct text body = {NULL, 0};
  struct mtasts_policy_report report;
  int code = MTASTS_EXIT_OK;
  bool made = make_text(&body, MTASTS_PUBLISH_POLICY, publish, &publication);
  *store = made ? malloc(body.size + 1) : NULL;
  if (!*store) {
    code = no_memory();
  } else if (mtasts_policy_parse((struct mtasts_span){body.data, body.size}, *store, policy,
                                 &report) != MTASTS_OK ||
             report.warning_count > 0) {
    mtasts_publish_item_error(publish->options, item,
                              report.error.text ? report.error.text : report.warnings[0].text);
    code = MTASTS_EXIT_DATA;
  }
  free(body.data);
  return code;
}

/* Are the names that follow from the domain short enough, and is no alias its own target? Returns
 * NULL, or what is wrong. */
static const char *check_names(struct publish *publish,
                               const struct mtasts_publication *publication) {
  static const char too_long[] = "too long: with what stands before it, the name has more than the "
                                 "253 bytes of a name in the DNS";
  if (strlen(publication->domain) + strlen(MTASTS_POLICY_HOST_LABEL) > MTASTS_DOMAIN_MAX)
    return too_long;
  mtasts_published_records(publication, publish->set);
  for (size_t i = 0; i < publish->set->count; i++) {
    const struct mtasts_published_record *record = &publish->set->records[i];
    if (strlen(record->owner) > MTASTS_DOMAIN_MAX)
      return too_long;
    if (strcmp(record->type, "CNAME") == 0 && strcmp(record->owner, record->value) == 0)
      return "--web names the policy host itself, which cannot be its own alias";
  }
  return NULL;
}

static int validate_all(struct publish *publish) {
  int code = MTASTS_EXIT_OK;
  for (size_t i = 0; i < publish->list.count && code == MTASTS_EXIT_OK; i++) {
    const struct mtasts_publish_item *item = &publish->list.items[i];
    const struct mtasts_publication publication = publication_of(publish, item);
    struct mtasts_policy policy;
    unsigned char *store = NULL;
    const char *why = check_names(publish, &publication);
    if (why) {
      mtasts_publish_item_error(publish->options, item, why);
      return MTASTS_EXIT_DATA;
    }
    code = parse_own(publish, item, &policy, &store);
    free(store);
  }
  return code;
}

/* writing */

static int print_result(const struct publish *publish, const struct mtasts_publication *publication,
                        const char *directory, bool changed) {
  if (!publish->options->json) {
    printf("%s: mode %s, id %s%s, in %s\n", publication->domain,
           mtasts_mode_name(publication->mode), publication->id, changed ? " (new)" : "",
           directory);
    return MTASTS_EXIT_OK;
  }
  json_t *mx = json_array();
  for (size_t i = 0; i < publication->mx.count; i++)
    json_array_append_new(mx, json_string(publication->mx.items[i]));
  return mtasts_json_print(
      json_pack("{s:s, s:s, s:s, s:b, s:o, s:I, s:o}", "domain", publication->domain, "mode",
                mtasts_mode_name(publication->mode), "id", publication->id, "changed", changed,
                "mx", mx, "max_age", (json_int_t)publication->max_age, "directory",
                mtasts_json_text(mtasts_span_of(directory))));
}

static int write_files(struct publish *publish, const struct mtasts_publication *publication,
                       const struct mtasts_publish_tree *tree, bool keep_policy) {
  struct text texts[MTASTS_PUBLISH_FILES] = {{NULL, 0}};
  struct mtasts_span spans[MTASTS_PUBLISH_FILES];
  bool made = true;
  for (size_t i = 0; i < MTASTS_PUBLISH_FILES && made; i++) {
    made = make_text(&texts[i], (enum mtasts_publish_file)i, publish, publication);
    spans[i] = (struct mtasts_span){texts[i].data, texts[i].size};
  }
  int code = made ? mtasts_publish_tree_write(tree, spans, keep_policy) : no_memory();
  for (size_t i = 0; i < MTASTS_PUBLISH_FILES; i++)
    free(texts[i].data);
  return code;
}

/* A new id exactly if the policy differs from the file that is there. */
static int write_tree(struct publish *publish, const struct mtasts_publish_item *item,
                      struct mtasts_publication *publication,
                      const struct mtasts_publish_tree *tree) {
  struct mtasts_published there;
  struct mtasts_policy policy;
  unsigned char *store = NULL;
  char id[MTASTS_ID_MAX + 1];
  int code = parse_own(publish, item, &policy, &store);
  if (code == MTASTS_EXIT_OK && !mtasts_publish_tree_read(tree, &there))
    code = no_memory();
  if (code == MTASTS_EXIT_OK) {
    bool same = there.has_policy && mtasts_policy_same(&there.policy, &policy);
    bool changed = !same || !there.id[0] || there.interrupted;
    if (changed)
      mtasts_policy_id_new(there.id, wall_us(), id);
    else
      memcpy(id, there.id, sizeof id);
    publication->id = id;
    if (!mtasts_policy_id_time(id, &publication->begins))
      publication->begins = wall_us() / 1000000;
    code = write_files(publish, publication, tree, same);
    if (code == MTASTS_EXIT_OK)
      code = print_result(publish, publication, tree->path, changed);
    mtasts_published_free(&there);
  }
  free(store);
  return code;
}

static int write_domain(struct publish *publish, const struct mtasts_publish_item *item) {
  struct mtasts_publication publication = publication_of(publish, item);
  struct mtasts_publish_tree tree;
  char path[MTASTS_SETTINGS_PATH + sizeof item->domain.name + 1];
  char web_root[sizeof path + sizeof "/www"];
  snprintf(path, sizeof path, "%s/%s", publish->settings.directory, publication.domain);
  snprintf(web_root, sizeof web_root, "%s/www", path);
  publication.web_root = web_root;
  int code = mtasts_publish_tree_open(publish->directory, path, publication.domain, &tree);
  if (code != MTASTS_EXIT_OK)
    return code;
  code = write_tree(publish, item, &publication, &tree);
  mtasts_publish_tree_close(&tree);
  return code;
}

static int write_all(struct publish *publish) {
  if (publish->list.count == 0)
    return MTASTS_EXIT_OK;
  int code = mtasts_publish_directory(publish->settings.directory, &publish->directory);
  for (size_t i = 0; i < publish->list.count && code == MTASTS_EXIT_OK; i++)
    code = write_domain(publish, &publish->list.items[i]);
  if (publish->directory >= 0)
    syncfs(publish->directory); /* the names; if it fails, they are still right */
  return code;
}

static int run(const struct mtasts_options *options) {
  struct publish publish = {.options = options, .directory = -1};
  int code = mtasts_publish_settings_read(options, &publish.settings);
  if (code != MTASTS_EXIT_OK)
    return code;
  publish.set = malloc(sizeof *publish.set);
  code = publish.set ? mtasts_publish_list_read(options, &publish.list) : no_memory();
  if (code == MTASTS_EXIT_OK && options->from_mx)
    code = mtasts_publish_mx_add(options, &publish.list);
  if (code == MTASTS_EXIT_OK)
    code = validate_all(&publish);
  if (code == MTASTS_EXIT_OK && publish.settings.common.mode == MTASTS_MODE_ENFORCE &&
      !options->force && publish.list.count > 0)
    code = mtasts_publish_judge(options, &publish.list);
  if (code == MTASTS_EXIT_OK)
    code = write_all(&publish);
  if (publish.directory >= 0)
    close(publish.directory);
  mtasts_publish_list_free(&publish.list);
  free(publish.set);
  return code;
}

const struct mtasts_command mtasts_command_publish = {
    .name = "publish",
    .arguments = "(--domain D | --file LIST) --mode MODE --dir DIR [OPTION...]",
    .summary = "Writes a domain's policy, DNS lines, web server snippets and a plan",
    .help = "DIR/DOMAIN gets www/.well-known/mta-sts.txt, dns.zone, dns.nsupdate, dns.txt,\n"
            "nginx.conf, apache.conf, Caddyfile, lighttpd.conf, and plan.txt: the steps in words,\n"
            "with dates. The id changes exactly if mode, max_age or the mx patterns change.\n"
            "--mode enforce first checks the MX hosts, and is refused if mail would be lost.\n"
            "For providers: publish serve-ask, publish delegations, and --provider.\n\n"
            "  --domain DOMAIN      the domain\n"
            "  --file LIST          many: a domain a line, mx patterns of its own behind it\n"
            "  --mode MODE          testing, enforce or none\n"
            "  --dir DIR            where the domains' directories are\n"
            "  --mx PATTERN...      MX hosts, or *.domain for all names one label below\n"
            "  --from-mx            adds the MX hosts that the DNS has\n"
            "  --max-age SECONDS    how long senders may keep the policy (604800: a week)\n"
            "  --tlsrpt URI...      where reports are wanted: mailto:ADDRESS or https://HOST/PATH\n"
            "  --web ADDRESS...     addresses of the web server, or one host name for an alias\n"
            "  --ttl SECONDS        of the DNS lines (3600)\n"
            "  --cert FILE          certificate; {host} stands for mta-sts.DOMAIN\n"
            "  --key FILE           its key (both: /etc/letsencrypt/live/{host}/...)\n"
            "  --provider ZONE      the records are kept below ZONE, and the domains set aliases\n"
            "  --force              enforce without checking the MX hosts\n\n"
            "Examples:\n"
            "  mtasts publish --domain example.com --mode testing --from-mx --dir /srv/mta-sts \\\n"
            "    --tlsrpt mailto:tls-reports@example.com --web 192.0.2.1 2001:db8::1\n"
            "  mtasts publish --file customers --mode testing --from-mx --dir /srv/mta-sts \\\n"
            "    --provider sts.provider.example --web 192.0.2.1\n",
    .least = 0,
    .max = 0,
    .run = run,
};
