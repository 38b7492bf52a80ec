#include "publish_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ascii.h"
#include "out.h"
#include "policy_id.h"

enum {
  DIRECTORY_MODE = 0755,
  FILE_MODE = 0644,
  READ_MAX = 1 << 20, /* bytes of a file that is there */
  NAME_SIZE = 32,
};

static const char *const name_of[MTASTS_PUBLISH_FILES] = {
    [MTASTS_PUBLISH_POLICY] = "mta-sts.txt",    [MTASTS_PUBLISH_ZONE] = "dns.zone",
    [MTASTS_PUBLISH_NSUPDATE] = "dns.nsupdate", [MTASTS_PUBLISH_DNS_TEXT] = "dns.txt",
    [MTASTS_PUBLISH_NGINX] = "nginx.conf",      [MTASTS_PUBLISH_APACHE] = "apache.conf",
    [MTASTS_PUBLISH_CADDY] = "Caddyfile",       [MTASTS_PUBLISH_LIGHTTPD] = "lighttpd.conf",
    [MTASTS_PUBLISH_PLAN] = "plan.txt",
};

struct temporary {
  char name[NAME_SIZE];
};

static struct temporary temporary_of(size_t file) {
  struct temporary temporary;
  snprintf(temporary.name, sizeof temporary.name, ".%s.new", name_of[file]);
  return temporary;
}

static int directory_of(const struct mtasts_publish_tree *tree, size_t file) {
  return file == MTASTS_PUBLISH_POLICY ? tree->well_known : tree->top;
}

/* errors */

static int complain(const char *path, const char *name, int error) {
  char full[8192];
  snprintf(full, sizeof full, "%s%s%s", path, *name ? "/" : "", name);
  mtasts_print_error(full, "%s", strerror(error));
  switch (error) {
  case EACCES:
  case EPERM:
  case EROFS:
    return MTASTS_EXIT_DENIED;
  case EIO:
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
    return MTASTS_EXIT_IO;
  case ENOMEM:
    return MTASTS_EXIT_MEMORY;
  default:
    return MTASTS_EXIT_CREATE;
  }
}

/* directories */

int mtasts_publish_directory(const char *path, int *directory) {
  char above[4096];
  size_t len = strlen(path);
  if (len >= sizeof above)
    return complain(path, "", ENAMETOOLONG);
  memcpy(above, path, len + 1);
  /* Each directory on the path, from the top. */
  for (char *slash = strchr(above + 1, '/');; slash = strchr(slash + 1, '/')) {
    if (slash)
      *slash = '\0';
    if (mkdir(above, DIRECTORY_MODE) == 0)
      chmod(above, DIRECTORY_MODE); /* whatever the umask */
    else if (errno != EEXIST && access(above, F_OK) != 0)
      return complain(above, "", errno);
    if (!slash)
      break;
    *slash = '/';
  }
  *directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return *directory >= 0 ? MTASTS_EXIT_OK : complain(path, "", errno);
}

static int open_plain_directory(int parent, const char *name) {
  return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_link(int parent, const char *name) {
  struct stat found;
  return fstatat(parent, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(found.st_mode);
}

/* Returns a descriptor, or -1 with errno set. */
static int make_directory(int parent, const char *name) {
  struct stat found;
  if (is_link(parent, name) && unlinkat(parent, name, 0) != 0)
    return -1;
  if (mkdirat(parent, name, DIRECTORY_MODE) != 0 && errno != EEXIST)
    return -1;
  int fd = open_plain_directory(parent, name);
  if (fd >= 0 && fstat(fd, &found) == 0 && (found.st_mode & 0777) != DIRECTORY_MODE &&
      fchmod(fd, (found.st_mode & 07000) | DIRECTORY_MODE) != 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

int mtasts_publish_tree_open(int directory, const char *path, const char *domain,
                             struct mtasts_publish_tree *tree) {
  *tree = (struct mtasts_publish_tree){.path = path, .top = -1, .well_known = -1};
  int www = -1;
  const char *name = "";
  tree->top = make_directory(directory, domain);
  if (tree->top >= 0) {
    name = "www";
    www = make_directory(tree->top, name);
  }
  if (www >= 0) {
    name = "www/.well-known";
    tree->well_known = make_directory(www, ".well-known");
  }
  int error = errno;
  if (www >= 0)
    close(www);
  if (tree->well_known >= 0)
    while (flock(tree->top, LOCK_EX) != 0 && errno == EINTR)
      ;
  if (tree->well_known >= 0)
    return MTASTS_EXIT_OK;
  mtasts_publish_tree_close(tree);
  return complain(path, name, error);
}

void mtasts_publish_tree_close(struct mtasts_publish_tree *tree) {
  if (tree->well_known >= 0)
    close(tree->well_known);
  if (tree->top >= 0)
    close(tree->top);
  tree->top = tree->well_known = -1;
}

/* reading */

/* A regular file's bytes, NULL if there is none. flags: O_NOFOLLOW, or 0 to read what a link leads
 * to. */
static char *read_file(int directory, const char *name, int flags, size_t *size) {
  struct stat found;
  char *bytes = NULL;
  int fd = openat(directory, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | flags);
  if (fd < 0)
    return NULL;
  if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && found.st_size < READ_MAX)
    bytes = malloc((size_t)found.st_size + 1);
  ssize_t got = bytes ? read(fd, bytes, (size_t)found.st_size) : -1;
  close(fd);
  if (got < 0) {
    free(bytes);
    return NULL;
  }
  *size = (size_t)got;
  return bytes;
}

static bool find_id(int directory, const char *name, char id[MTASTS_ID_MAX + 1]) {
  size_t size = 0;
  char *text = read_file(directory, name, 0, &size);
  bool found = text && mtasts_policy_id_find((struct mtasts_span){text, size}, id);
  free(text);
  return found;
}

bool mtasts_publish_tree_read(const struct mtasts_publish_tree *tree,
                              struct mtasts_published *published) {
  static const enum mtasts_publish_file with_id[] = {MTASTS_PUBLISH_ZONE, MTASTS_PUBLISH_NSUPDATE,
                                                     MTASTS_PUBLISH_DNS_TEXT};
  char waiting[MTASTS_ID_MAX + 1];
  size_t size = 0;
  *published = (struct mtasts_published){.has_policy = false};
  char *body = read_file(tree->well_known, name_of[MTASTS_PUBLISH_POLICY], 0, &size);
  if (body) {
    published->store = malloc(size + 1);
    if (published->store)
      published->has_policy =
          mtasts_policy_parse((struct mtasts_span){body, size}, published->store,
                              &published->policy, NULL) == MTASTS_OK;
    free(body);
    if (!published->store)
      return false;
  }
  for (size_t i = 0; i < sizeof with_id / sizeof *with_id && !published->id[0]; i++)
    find_id(tree->top, name_of[with_id[i]], published->id);
  /* The DNS lines that were to follow a new policy, and did not get their names. */
  if (find_id(tree->top, temporary_of(MTASTS_PUBLISH_ZONE).name, waiting) &&
      faccessat(tree->well_known, temporary_of(MTASTS_PUBLISH_POLICY).name, F_OK,
                AT_SYMLINK_NOFOLLOW) != 0)
    published->interrupted = strcmp(waiting, published->id) != 0;
  return true;
}

void mtasts_published_free(struct mtasts_published *published) {
  free(published->store);
  *published = (struct mtasts_published){.has_policy = false};
}

/* writing */

/* A plain file with this text? Then its mode is corrected, and it stays. NULL data: any text. */
static bool keep(int directory, const char *name, const struct mtasts_span *text) {
  struct stat found;
  size_t size = 0;
  if (fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(found.st_mode))
    return false;
  char *there = text ? read_file(directory, name, O_NOFOLLOW, &size) : NULL;
  bool same = !text || (there && mtasts_span_equal(*text, (struct mtasts_span){there, size}));
  free(there);
  if (same && (found.st_mode & 07777) != FILE_MODE)
    same = fchmodat(directory, name, FILE_MODE, 0) == 0;
  return same;
}

/* 0 or an errno. */
static int write_temporary(int directory, const char *name, struct mtasts_span text) {
  int error = 0;
  unlinkat(directory, name, 0); /* of a call that was interrupted */
  int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return errno;
  while (text.len > 0 && error == 0) {
    ssize_t put = write(fd, text.data, text.len);
    if (put > 0) {
      text.data += put;
      text.len -= (size_t)put;
    } else if (put == 0 || errno != EINTR) {
      error = put == 0 ? EIO : errno;
    }
  }
  if (error == 0 && fchmod(fd, FILE_MODE) != 0)
    error = errno;
  if (close(fd) != 0 && error == 0)
    error = errno;
  return error;
}

/* A directory in the place of a file would stop the renaming half-way. */
static bool is_directory(int parent, const char *name) {
  struct stat found;
  return fstatat(parent, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(found.st_mode);
}

static void remove_temporaries(const struct mtasts_publish_tree *tree) {
  for (size_t i = 0; i < MTASTS_PUBLISH_FILES; i++)
    unlinkat(directory_of(tree, i), temporary_of(i).name, 0);
}

/* Sets *at to the file that failed, or behind the last; 0 or an errno. */
static int write_all(const struct mtasts_publish_tree *tree,
                     const struct mtasts_span texts[MTASTS_PUBLISH_FILES], const bool kept[],
                     size_t *at) {
  bool written = false;
  for (*at = 0; *at < MTASTS_PUBLISH_FILES; (*at)++) {
    if (kept[*at])
      continue;
    int error = is_directory(directory_of(tree, *at), name_of[*at])
                    ? EISDIR
                    : write_temporary(directory_of(tree, *at), temporary_of(*at).name, texts[*at]);
    if (error != 0)
      return error;
    written = true;
  }
  /* One call for all files: it takes as long as for one of them. */
  return written && syncfs(tree->top) != 0 ? errno : 0;
}

static int rename_all(const struct mtasts_publish_tree *tree, const bool kept[], size_t *at) {
  for (*at = 0; *at < MTASTS_PUBLISH_FILES; (*at)++) {
    int directory = directory_of(tree, *at);
    if (!kept[*at] && renameat(directory, temporary_of(*at).name, directory, name_of[*at]) != 0)
      return errno;
    if (*at == MTASTS_PUBLISH_POLICY && !kept[*at])
      fsync(directory);
  }
  return 0;
}

int mtasts_publish_tree_write(const struct mtasts_publish_tree *tree,
                              const struct mtasts_span texts[MTASTS_PUBLISH_FILES],
                              bool keep_policy) {
  bool kept[MTASTS_PUBLISH_FILES];
  size_t at = 0;
  for (size_t i = 0; i < MTASTS_PUBLISH_FILES; i++)
    kept[i] = keep(directory_of(tree, i), name_of[i],
                   i == MTASTS_PUBLISH_POLICY && keep_policy ? NULL : &texts[i]);
  int error = write_all(tree, texts, kept, &at);
  if (error != 0) {
    remove_temporaries(tree);
    const char *name = at == MTASTS_PUBLISH_POLICY ? "www/.well-known/mta-sts.txt"
                       : at < MTASTS_PUBLISH_FILES ? name_of[at]
                                                   : "";
    return complain(tree->path, name, error);
  }
  error = rename_all(tree, kept, &at);
  if (error != 0)
    return complain(tree->path, name_of[at], error);
  remove_temporaries(tree);
  return MTASTS_EXIT_OK;
}
