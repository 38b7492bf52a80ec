/*
 * mtasts.h: MTA-STS (RFC 8461) for programs that send mail.
 *
 * The policy engine and the reader of the cache, as libmtasts offers them.
 *
 * The engine functions are pure: they use nothing but their arguments, do no input or output, read
 * no clock and may be called from any thread. A function that needs the time takes it as an
 * argument, `now`, in seconds since the Unix epoch.
 *
 * Bytes from outside are spans (pointer and length), never C strings. Nothing here takes ownership
 * of an argument. Unless a function says otherwise, its out-parameters are written on MTASTS_OK
 * only.
 */
#ifndef MTASTS_H
#define MTASTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MTASTS_VERSION "0.1.0"

#if defined(__GNUC__)
#define MTASTS_API __attribute__((visibility("default")))
#else
#define MTASTS_API
#endif

/* what happened */

enum mtasts_status {
  MTASTS_OK,
  MTASTS_ABSENT,     /* not found: no STSv1 record, no such domain in the cache */
  MTASTS_NO_POLICY,  /* an address literal or `.parent`: never has a policy */
  MTASTS_NOT_ASCII,  /* an internationalised name: convert it to A-labels first */
  MTASTS_INVALID,    /* malformed input */
  MTASTS_TOO_LARGE,  /* larger than the limit that the function names */
  MTASTS_CORRUPT,    /* stored bytes that are not what this library writes */
  MTASTS_FULL,       /* the cache has no room left */
  MTASTS_LOCKED,     /* another process is the cache's writer */
  MTASTS_PERMISSION, /* the operating system forbids it */
  MTASTS_NO_FILE,    /* no such file or directory */
  MTASTS_NO_MEMORY,
  MTASTS_FORKED,  /* the handle was opened by the parent of this process */
  MTASTS_AWAY,    /* no process listens at mtastsd's socket */
  MTASTS_TIMEOUT, /* no answer in time */
  MTASTS_IO,      /* any other failure of the file system or of LMDB */
};

/* A lower-case name of the status, as in "absent". */
MTASTS_API const char *mtasts_status_name(enum mtasts_status status);

/* plain values */

/* Bytes that the span does not own; not terminated by NUL. */
struct mtasts_span {
  const char *data;
  size_t len; /* bytes */
};

/* A list of names, each stored as one length byte (1 to 253) and the name. */
struct mtasts_names {
  const unsigned char *data;
  size_t size; /* bytes */
  size_t count;
};

/*
 * Steps through a list: `*cursor` starts at 0 and belongs to the list.
 * Returns false at the end, and at the first byte that is not well-formed.
 */
MTASTS_API bool mtasts_names_next(const struct mtasts_names *names, size_t *cursor,
                                  struct mtasts_span *name);

/* policy domain */

#define MTASTS_DOMAIN_MAX 253 /* characters, RFC 1035 section 2.3.4 */

/* A policy domain: lower case, A-labels, no trailing dot. */
struct mtasts_domain {
  char name[MTASTS_DOMAIN_MAX + 3]; /* NUL-terminated */
  size_t len;
};

/*
 * The policy domain of what an MTA calls the next hop: `domain`, `domain.`,
 * `domain:port`, `[host]`, `[host]:port` (RFC 8461 section 3.4 for a smart
 * host). Never allocates.
 *
 *   MTASTS_OK         written to *domain
 *   MTASTS_NO_POLICY  an address, an address literal, or `.parent`
 *   MTASTS_NOT_ASCII  has bytes from 0x80 up: convert it to A-labels first (RFC 5891)
 *   MTASTS_INVALID    not a domain name
 */
MTASTS_API enum mtasts_status mtasts_domain_parse(struct mtasts_span text,
                                                  struct mtasts_domain *domain);

/* TXT record */

#define MTASTS_ID_MAX 32 /* RFC 8461 section 3.1 */

struct mtasts_record {
  char id[MTASTS_ID_MAX + 1]; /* NUL-terminated */
};

/*
 * The record among the TXT records at `_mta-sts.` (RFC 8461 section 3.1).
 * txt: each record's strings joined with nothing between them.
 *
 *   MTASTS_OK       exactly one valid STSv1 record
 *   MTASTS_ABSENT   no STSv1 record
 *   MTASTS_INVALID  malformed, or several STSv1 records; *why then points to a constant sentence,
 *                   unless why is NULL
 */
MTASTS_API enum mtasts_status mtasts_record_parse(const struct mtasts_span *txt, size_t count,
                                                  struct mtasts_record *record, const char **why);

/* policy */

#define MTASTS_POLICY_MAX   65536     /* bytes of a policy body, RFC 8461 section 3.2 */
#define MTASTS_MAX_AGE_MAX  31557600U /* seconds, RFC 8461 section 3.2 */
#define MTASTS_WARNINGS_MAX 32        /* warnings kept of one policy; later ones are counted */
#define MTASTS_ERRORS_MAX   15        /* errors kept of one policy after the first */

enum mtasts_mode {
  MTASTS_MODE_NONE,
  MTASTS_MODE_TESTING,
  MTASTS_MODE_ENFORCE,
};

/* The RFC's name: "none", "testing", "enforce". */
MTASTS_API const char *mtasts_mode_name(enum mtasts_mode mode);

struct mtasts_policy {
  enum mtasts_mode mode;
  uint32_t max_age;       /* seconds, at most MTASTS_MAX_AGE_MAX */
  struct mtasts_names mx; /* mx patterns, lower case, in the policy's order */
};

/* What kind of error or warning it is. */
enum mtasts_policy_fault {
  MTASTS_POLICY_FAULT_NONE,
  /* errors */
  MTASTS_POLICY_FAULT_VERSION,    /* missing, or not STSv1 */
  MTASTS_POLICY_FAULT_MODE,       /* missing, or none of the three */
  MTASTS_POLICY_FAULT_MAX_AGE,    /* missing, or not 1 to 10 digits */
  MTASTS_POLICY_FAULT_MX_MISSING, /* mode enforce or testing without an mx */
  MTASTS_POLICY_FAULT_MX,         /* an mx is no pattern */
  MTASTS_POLICY_FAULT_GRAMMAR,    /* any other breach of it */
  MTASTS_POLICY_FAULT_TOO_LARGE,
  /* warnings */
  MTASTS_POLICY_FAULT_REPEATED,     /* version, mode or max_age again */
  MTASTS_POLICY_FAULT_NOT_STRICT,   /* some senders refuse it: a dot or a blank line at the end */
  MTASTS_POLICY_FAULT_UNKNOWN,      /* an extension field */
  MTASTS_POLICY_FAULT_MAX_AGE_LONG, /* over MTASTS_MAX_AGE_MAX */
};

struct mtasts_policy_diagnostic {
  uint32_t line;    /* counted from 1 */
  const char *text; /* constant */
  enum mtasts_policy_fault fault;
  bool missing; /* a field is missing: `line` is the last one, which is not at fault */
};

struct mtasts_policy_report {
  struct mtasts_policy_diagnostic error; /* why the policy is invalid: the first error */
  /* The errors after the first, until the grammar is broken: what comes behind that says nothing.
   * Errors that are too many are left out. */
  struct mtasts_policy_diagnostic more[MTASTS_ERRORS_MAX];
  size_t more_count;
  struct mtasts_policy_diagnostic warnings[MTASTS_WARNINGS_MAX]; /* before the first error */
  size_t warning_count;             /* may exceed MTASTS_WARNINGS_MAX: the rest was not kept */
  uint32_t mode_line, max_age_line; /* the lines of these fields; 0: not found */
};

/*
 * Parses a policy body (RFC 8461 section 3.2).
 *
 * store: at least body.len bytes, for the mx patterns. The policy points into it, so it must
 * outlive the policy. It must not overlap the body.
 * report: may be NULL; else it is always written.
 *
 *   MTASTS_OK         written to *policy
 *   MTASTS_INVALID    report->error says what and in which line
 *   MTASTS_TOO_LARGE  more than MTASTS_POLICY_MAX bytes; report->error says so
 */
MTASTS_API enum mtasts_status mtasts_policy_parse(struct mtasts_span body, unsigned char *store,
                                                  struct mtasts_policy *policy,
                                                  struct mtasts_policy_report *report);

/*
 * Does an MX host match one of the mx patterns (RFC 8461 section 4.1)? Case and one trailing dot of
 * the host are ignored; `*.` stands for exactly one label. Returns the first pattern that matches,
 * or a span whose data is NULL.
 */
MTASTS_API struct mtasts_span mtasts_mx_match(const struct mtasts_names *patterns,
                                              struct mtasts_span host);

/*
 * Is this a valid mx pattern? Writes it in lower case and without a trailing
 * dot to out (at least MTASTS_DOMAIN_MAX bytes) and returns its length, or 0.
 */
MTASTS_API size_t mtasts_mx_pattern(struct mtasts_span text, char *out);

/* what is known of a domain */

/* What the last look-up of the record at `_mta-sts.` found. */
enum mtasts_record_state {
  MTASTS_RECORD_UNKNOWN, /* not looked up yet */
  MTASTS_RECORD_VALID,
  MTASTS_RECORD_ABSENT,
  MTASTS_RECORD_INVALID,
  MTASTS_RECORD_ERROR, /* the look-up failed */
};

/* "unknown", "valid", "absent", "invalid", "error" */
MTASTS_API const char *mtasts_record_state_name(enum mtasts_record_state state);

/* Why no live policy was found; the RFC 8460 result types and our own. */
enum mtasts_error {
  MTASTS_ERROR_NONE,
  MTASTS_ERROR_POLICY_FETCH,   /* sts-policy-fetch-error */
  MTASTS_ERROR_POLICY_INVALID, /* sts-policy-invalid */
  MTASTS_ERROR_WEBPKI_INVALID, /* sts-webpki-invalid */
  MTASTS_ERROR_DNS,            /* dns-error */
  MTASTS_ERROR_DNSSEC,         /* dnssec-invalid */
  MTASTS_ERROR_RECORD_INVALID, /* record-invalid: malformed, or absent while a policy is live */
};

/* The name in the comment beside the constant above; "" for none. */
MTASTS_API const char *mtasts_error_name(enum mtasts_error error);

/* How the MX names of a domain were found (RFC 5321 section 5.1). */
enum mtasts_mx_state {
  MTASTS_MX_UNKNOWN, /* not looked up yet */
  MTASTS_MX_LISTED,
  MTASTS_MX_IMPLICIT, /* no MX record: the domain itself */
  MTASTS_MX_NULL,     /* "MX 0 .": takes no mail, RFC 7505 */
  MTASTS_MX_NXDOMAIN,
  MTASTS_MX_ERROR, /* the look-up failed and nothing older is known */
};

MTASTS_API const char *mtasts_mx_state_name(enum mtasts_mx_state state);

/* The DANE state of one MX host, or of a domain's whole MX set (RFC 7672). */
enum mtasts_dane {
  MTASTS_DANE_NONE,     /* no TLSA records, or an unsigned zone, whose records do not count */
  MTASTS_DANE_USABLE,   /* of a domain: of each host, or of some while the others are unusable */
  MTASTS_DANE_UNUSABLE, /* secure TLSA records, none of them usable */
  MTASTS_DANE_BOGUS,    /* validation failed: mail must wait */
  MTASTS_DANE_ERROR,    /* a look-up failed in a signed zone: mail must wait */
  MTASTS_DANE_LOST,     /* of a host: its addresses could not be looked up */
  MTASTS_DANE_MIXED,    /* of a domain: usable for some hosts, NONE for others */
  MTASTS_DANE_UNKNOWN,  /* of a domain: this host cannot validate anything */
  MTASTS_DANE_GONE,     /* of a host: it has no addresses, and is ignored */
};

/* "none" (and GONE), "usable" (and MIXED), "unusable", "bogus", "error" (and LOST, UNKNOWN). */
MTASTS_API const char *mtasts_dane_name(enum mtasts_dane dane);

struct mtasts_mx_host {
  uint16_t preference;
  enum mtasts_dane dane;
  struct mtasts_span host; /* lower case, no trailing dot */
};

/*
 * MX hosts by preference, then by name. Each is stored as preference (2 bytes, big-endian), DANE
 * state (1 byte), length of the name (1 byte) and the name (1 to 253 bytes).
 */
struct mtasts_mx_list {
  const unsigned char *data;
  size_t size; /* bytes */
  size_t count;
};

/* Steps through the MX hosts as mtasts_names_next does through names. */
MTASTS_API bool mtasts_mx_next(const struct mtasts_mx_list *list, size_t *cursor,
                               struct mtasts_mx_host *host);

/*
 * All that is known of one policy domain. Times are seconds since the epoch. Spans and lists point
 * into memory that belongs to the code that filled the entry.
 */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order of their meaning */
struct mtasts_entry {
  /* The policy, live or expired. It governs while now < expires. */
  struct mtasts_policy policy;
  bool has_policy;
  char policy_id[MTASTS_ID_MAX + 1]; /* of the record it was fetched under; "" if unknown */
  int64_t fetched;                   /* by HTTPS */
  int64_t expires;                   /* fetched + max_age */

  /* The last look-up of the record, and what is due next. */
  enum mtasts_record_state record;
  char record_id[MTASTS_ID_MAX + 1]; /* of the last valid record; "" before the first */
  int64_t checked;                   /* the last look-up of the TXT record */
  int64_t next_check;                /* a use at or after this time looks it up again */
  int64_t retry_at;                  /* no HTTPS fetch under record_id before this time */
  bool unresolved;  /* the last fetch failed because the DNS gave no addresses of the policy host */
  bool local_fault; /* a fault of this host prevented the look-up: nothing is known of what the
                       domain has now */
  uint32_t failures; /* in a row */
  enum mtasts_error error;
  struct mtasts_span detail; /* printable ASCII, at most MTASTS_DETAIL_MAX bytes */

  /* The MX hosts. */
  enum mtasts_mx_state mx_state;
  struct mtasts_mx_list mx;
  int64_t mx_expires;
  bool mx_local_fault; /* a fault of this host prevented the look-up of MX hosts or DANE */
  bool mx_kept; /* the hosts are those of an earlier look-up, since the last one gave none that
                   counts: they may be out of date */

  /* DANE of the MX set as a whole. */
  enum mtasts_dane dane;
  int64_t dane_expires; /* 0: not looked up */
};

#define MTASTS_DETAIL_MAX 240 /* bytes */

/* Does the entry's policy govern at `now`: is there one, and has it not expired? */
MTASTS_API bool mtasts_entry_live(const struct mtasts_entry *entry, int64_t now);

/* decision */

/* What to do with mail for a domain. */
enum mtasts_verdict {
  MTASTS_VERDICT_UNKNOWN, /* nothing is known, and no look-up was possible */
  MTASTS_VERDICT_NONE,
  MTASTS_VERDICT_TESTING,
  MTASTS_VERDICT_ENFORCE,
  MTASTS_VERDICT_DANE,
  MTASTS_VERDICT_ENCRYPT,
  MTASTS_VERDICT_DEFER,
};

MTASTS_API const char *mtasts_verdict_name(enum mtasts_verdict verdict);

/* Where a decision comes from. */
enum mtasts_source {
  MTASTS_SOURCE_NONE, /* nothing is known */
  MTASTS_SOURCE_NETWORK,
  MTASTS_SOURCE_CACHE,
  MTASTS_SOURCE_STALE, /* an unexpired policy that could not be checked or refreshed */
  MTASTS_SOURCE_OVERRIDE,
};

MTASTS_API const char *mtasts_source_name(enum mtasts_source source);

/* The postmaster's own policy for a domain (mtasts.conf `override`). */
struct mtasts_override {
  struct mtasts_policy policy; /* max_age unused */
  int64_t until;               /* in force while now < until; INT64_MAX: without end */
  bool dane_off;               /* decide as if the domain had no DANE */
  bool no_policy;              /* the override has no policy: the domain's own governs */
};

struct mtasts_decision {
  enum mtasts_verdict verdict;
  enum mtasts_source source;
  const struct mtasts_policy *policy; /* the governing one, of the entry or the override; or NULL */
  const char *rule;                   /* constant: the rule that decided, with its RFC section */
};

/* How an entry came to answer this request. */
enum mtasts_freshness {
  MTASTS_CACHED,  /* read from the cache, without a look-up */
  MTASTS_ASKED,   /* the record was looked up just now; the policy is older */
  MTASTS_FETCHED, /* the policy was fetched just now: it governs, whatever its max_age */
};

/*
 * Decides (RFC 8461 section 5). entry may be NULL: nothing is known.
 * override may be NULL. The decision points into both; it never fails and
 * never allocates.
 */
MTASTS_API struct mtasts_decision mtasts_decide(const struct mtasts_entry *entry,
                                                const struct mtasts_override *override,
                                                enum mtasts_freshness freshness, int64_t now);

/* May mail be delivered to this MX host under the decision (RFC 8461 section 5)? */
MTASTS_API bool mtasts_decision_allows(const struct mtasts_decision *decision,
                                       struct mtasts_span host);

/* reading the cache */

/*
 * One handle for each process and directory. Threads may share it. A child of the process that
 * opened it must not use it: every call returns MTASTS_FORKED there. The child may close it, which
 * only frees memory.
 */
struct mtasts_cache;

/* One for each thread: holds a reader slot and the copy of the last entry read. */
struct mtasts_reader;

/*
 * Opens a cache directory for reading. Creates nothing. The files are mapped, and each read writes
 * a slot in one of them. If the disk fails, or a file system that copies what it writes (btrfs,
 * ZFS) is full, that write raises SIGBUS. A program that must survive this asks mtastsd instead.
 *
 *   MTASTS_NO_FILE     no cache there yet, or its lock.mdb is missing
 *   MTASTS_PERMISSION  may not read the data, or may not write the lock file
 *   MTASTS_CORRUPT     not a cache of this version, or truncated
 *   MTASTS_IO          anything else; errno is set
 */
MTASTS_API enum mtasts_status mtasts_cache_open(const char *directory, struct mtasts_cache **cache);

/* Its readers must have been freed. */
MTASTS_API void mtasts_cache_close(struct mtasts_cache *cache);

MTASTS_API enum mtasts_status mtasts_reader_new(struct mtasts_cache *cache,
                                                struct mtasts_reader **reader);
MTASTS_API void mtasts_reader_free(struct mtasts_reader *reader);

/*
 * Reads one domain: a single look-up for a domain with a policy, a second one for any other.
 * Allocates nothing. The entry points into the reader and is valid until the next call with it.
 *
 * If LMDB cannot read, or while a writer in this process replaces the map, the file is read without
 * LMDB: a few system calls and one page of memory.
 *
 *   MTASTS_ABSENT   not in the cache
 *   MTASTS_CORRUPT  damaged; treat it as absent
 */
MTASTS_API enum mtasts_status mtasts_reader_get(struct mtasts_reader *reader,
                                                const struct mtasts_domain *domain,
                                                struct mtasts_entry *entry);

#ifdef __cplusplus
}
#endif
#endif
