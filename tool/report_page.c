#include "report_page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ascii.h"
#include "command.h"
#include "out.h"
#include "whole_file.h"

enum {
  NAME_MAX_BYTES = 200, /* of a domain that names its file */
};

struct index {
  const struct mtasts_page_link *links;
  size_t count;
};

bool mtasts_report_page_is_directory(const char *path) {
  struct stat status;
  size_t len = strlen(path);
  return (len > 0 && path[len - 1] == '/') || (stat(path, &status) == 0 && S_ISDIR(status.st_mode));
}

struct writing {
  const struct mtasts_page *page;
  const struct index *index; /* NULL: the page itself */
};

static bool write_page(void *context, FILE *stream) {
  const struct writing *writing = context;
  return writing->index ? mtasts_page_index(stream, writing->page, writing->index->links,
                                            writing->index->count)
                        : mtasts_page_write(stream, writing->page);
}

static int create_or_complain(const char *path, const struct mtasts_page *page,
                              const struct index *index) {
  struct writing writing = {page, index};
  int error = mtasts_whole_file_write(path, write_page, &writing);
  if (!error)
    return MTASTS_EXIT_OK;
  mtasts_print_error(path, "cannot be created: %s", strerror(error));
  return error == ENOMEM ? MTASTS_EXIT_MEMORY : MTASTS_EXIT_CREATE;
}

int mtasts_report_page(const char *path, const struct mtasts_page *page) {
  return create_or_complain(path, page, NULL);
}

/* directories */

/* Can the name be that of a file and stand in a link as it is? */
static bool names_file(struct mtasts_span domain) {
  if (domain.len == 0 || domain.len > NAME_MAX_BYTES || domain.data[0] == '.' ||
      domain.data[0] == '-' || mtasts_span_equal(domain, MTASTS_SPAN("index")))
    return false;
  for (size_t i = 0; i < domain.len; i++)
    if (!mtasts_is_alnum(domain.data[i]) && domain.data[i] != '-' && domain.data[i] != '.' &&
        domain.data[i] != '_')
      return false;
  return true;
}

/* The name of a domain's file; `domain-N.html` if its own name cannot be one. */
static char *file_of(struct mtasts_span domain, size_t number) {
  char *name = NULL;
  int written = names_file(domain) ? asprintf(&name, "%.*s.html", (int)domain.len, domain.data)
                                   : asprintf(&name, "domain-%zu.html", number);
  return written < 0 ? NULL : name;
}

static int write_domain(const char *directory, const char *file, const struct mtasts_page *page,
                        const struct mtasts_domain_sums *domain) {
  char *path = NULL;
  char *title = strndup(domain->domain.len > 0 ? domain->domain.data : "(no domain)",
                        domain->domain.len > 0 ? domain->domain.len : 11);
  int code = MTASTS_EXIT_MEMORY;
  struct mtasts_page own = *page;
  if (title && asprintf(&path, "%s/%s", directory, file) >= 0) {
    struct mtasts_sums sums = domain->sums; /* a view of it */
    sums.check = page->sums->check;
    own.sums = &sums;
    own.title = title;
    code = create_or_complain(path, &own, NULL);
    free(path);
  }
  free(title);
  return code;
}

static int write_index(const char *directory, const struct mtasts_page *page,
                       const struct index *index) {
  char *path = NULL;
  if (asprintf(&path, "%s/index.html", directory) < 0)
    return MTASTS_EXIT_MEMORY;
  int code = create_or_complain(path, page, index);
  free(path);
  return code;
}

static int write_pages(const char *directory, const struct mtasts_page *page,
                       const struct mtasts_by_domain *domains, const struct mtasts_count **sorted,
                       struct mtasts_page_link *links) {
  struct index index = {links, 0};
  int code = MTASTS_EXIT_OK;
  for (size_t i = 0; i < page->sums->domains.used && code == MTASTS_EXIT_OK; i++) {
    const struct mtasts_domain_sums *domain = mtasts_by_domain_find(domains, sorted[i]->name);
    char *file = domain ? file_of(sorted[i]->name, i + 1) : NULL;
    if (domain && !file)
      return MTASTS_EXIT_MEMORY;
    if (domain) {
      links[index.count++] = (struct mtasts_page_link){sorted[i], file};
      code = write_domain(directory, file, page, domain);
    }
  }
  return code == MTASTS_EXIT_OK ? write_index(directory, page, &index) : code;
}

int mtasts_report_pages(const char *directory, const struct mtasts_page *page,
                        const struct mtasts_by_domain *domains) {
  size_t used = page->sums->domains.used;
  if (mkdir(directory, 0777) < 0 && errno != EEXIST) {
    mtasts_print_error(directory, "cannot be created: %s", strerror(errno));
    return MTASTS_EXIT_CREATE;
  }
  const struct mtasts_count **sorted = mtasts_tally_sorted(&page->sums->domains, MTASTS_LARGEST);
  struct mtasts_page_link *links = calloc(used + 1, sizeof *links);
  int code = MTASTS_EXIT_MEMORY;
  if (links && (sorted || used == 0))
    code = write_pages(directory, page, domains, sorted, links);
  for (size_t i = 0; links && i < used; i++)
    free((char *)(uintptr_t)links[i].file);
  free(links);
  free(sorted);
  return code;
}
