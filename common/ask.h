/*
 * ask.h: asking mtastsd, as the plugin and the milter do: one connection, one request, one
 * reply, close.
 *
 * The `entry` map of the ask socket gives the whole decision in the form in which the cache
 * keeps it, so that whoever asked and whoever read the cache himself go on with the same struct:
 *
 *   OK FRESHNESS [override] [monitor] [defer] LF VALUE
 *
 * FRESHNESS is `cached`, `asked` or `fetched`. `override`: the policy in VALUE is the
 * postmaster's. `monitor`: site_mode, enforce nothing. `defer`: on_unknown. VALUE is what
 * mtasts_entry_encode writes; empty where nothing is known and nobody could be asked in time.
 *
 * No thread, no signal handler, no descriptor left open, no allocation. SIGPIPE is not raised.
 */
#ifndef MTASTS_ASK_H
#define MTASTS_ASK_H

#include "entry_codec.h"

enum {
  /* A reply of the entry map, framed. */
  MTASTS_RULING_HEAD = 64,
  MTASTS_RULING_MAX = MTASTS_RULING_HEAD + MTASTS_ENTRY_SIZE_MAX,
  MTASTS_ASK_GRACE = 250, /* milliseconds that a client waits past the daemon's own deadline */
};

/* What a front end is told of a domain. */
struct mtasts_ruling {
  bool known;                /* there is an entry */
  struct mtasts_entry entry; /* its policy is the override's where that is in force */
  enum mtasts_freshness freshness;
  bool overridden;
  bool monitor; /* decide and log, enforce nothing */
  bool defer;   /* where the verdict is unknown: defer, else deliver */
};

/* Writes a reply's payload; returns its bytes. out: MTASTS_RULING_MAX bytes. */
size_t mtasts_ruling_write(const struct mtasts_ruling *ruling, char *out);

/*
 * Reads a reply's payload; the ruling's entry points into it.
 *   MTASTS_CORRUPT  not a reply of the entry map, or one that names what no name may hold
 *                   (mtasts_entry_check)
 */
enum mtasts_status mtasts_ruling_read(struct mtasts_span payload, struct mtasts_ruling *ruling);

/* mtasts_decide for a ruling. The decision points into it. */
struct mtasts_decision mtasts_ruling_decide(const struct mtasts_ruling *ruling, int64_t now);

/*
 * Sends `MAP SPACE KEY` to the unix socket and waits for the reply.
 *
 * deadline: milliseconds for all of it. room: where the reply is read to; *payload points
 * into it.
 *
 *   MTASTS_OK          whatever the reply says
 *   MTASTS_AWAY        nobody listens there
 *   MTASTS_PERMISSION  may not connect
 *   MTASTS_TIMEOUT     no whole reply in time
 *   MTASTS_CORRUPT     the reply is no netstring, does not fit, or is cut short
 *   MTASTS_TOO_LARGE   the path of the socket, or the request, is too long
 *   MTASTS_IO          no descriptor left, and the like; errno is set
 */
enum mtasts_status mtasts_ask(const char *socket_path, const char *map, struct mtasts_span key,
                              uint32_t deadline, char *room, size_t room_size,
                              struct mtasts_span *payload);

#endif
