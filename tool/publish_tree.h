/*
 * publish_tree.h: the directory of one published domain: what is there, and new files in its place.
 *
 * Files are replaced all together: each is written whole under a temporary name, then all are on
 * the disk, then they get their names, the policy first. The caller syncs the names at its end. A
 * symbolic link, of a file or of a directory, is replaced and never written through. Directories
 * get mode 0755 and files 0644, whatever the umask.
 *
 * If a call is interrupted between the names, the next one finds the temporary files: then the
 * record that was published may be older than the policy, and the policy needs a new id.
 */
#ifndef MTASTS_TOOL_PUBLISH_TREE_H
#define MTASTS_TOOL_PUBLISH_TREE_H

#include "command.h"

enum mtasts_publish_file {
  MTASTS_PUBLISH_POLICY, /* first: a record must not name a policy that is not there */
  MTASTS_PUBLISH_ZONE,
  MTASTS_PUBLISH_NSUPDATE,
  MTASTS_PUBLISH_DNS_TEXT,
  MTASTS_PUBLISH_NGINX,
  MTASTS_PUBLISH_APACHE,
  MTASTS_PUBLISH_CADDY,
  MTASTS_PUBLISH_LIGHTTPD,
  MTASTS_PUBLISH_PLAN,
  MTASTS_PUBLISH_FILES,
};

struct mtasts_publish_tree {
  const char *path; /* of the domain's directory, for messages */
  int top;          /* DIR/DOMAIN; locked */
  int well_known;   /* DIR/DOMAIN/www/.well-known */
};

/* What a directory holds. */
struct mtasts_published {
  struct mtasts_policy policy;
  bool has_policy;            /* there is a file, and it is a valid policy */
  unsigned char *store;       /* of the policy */
  char id[MTASTS_ID_MAX + 1]; /* in the DNS lines; "" if there is none */
  bool interrupted;           /* an earlier call was, after it had replaced the policy */
};

/* Opens DIR, and makes it if it is missing, with the directories above it. On failure prints an
 * error and returns an exit code. */
int mtasts_publish_directory(const char *path, int *directory);

/* Opens a domain's directory, makes what is missing, and waits for another call that is at work
 * there. On failure prints an error and returns an exit code. */
int mtasts_publish_tree_open(int directory, const char *path, const char *domain,
                             struct mtasts_publish_tree *tree);

/* Closes it. */
void mtasts_publish_tree_close(struct mtasts_publish_tree *tree);

/* Reads what is there; false without memory. What cannot be read counts as missing. */
bool mtasts_publish_tree_read(const struct mtasts_publish_tree *tree,
                              struct mtasts_published *published);

void mtasts_published_free(struct mtasts_published *published);

/*
 * Replaces the files whose text differs from what is there. keep_policy: the policy's file stays as
 * it is if it is a plain file. On failure prints an error and returns an exit code.
 */
int mtasts_publish_tree_write(const struct mtasts_publish_tree *tree,
                              const struct mtasts_span texts[MTASTS_PUBLISH_FILES],
                              bool keep_policy);

#endif
