/*
 * milter_client: an MTA's end of a milter, for the checks.
 *
 *   milter_client SOCKET                 does what standard input says, a command a line
 *   milter_client -m SOCKET CONNECTIONS MESSAGES DOMAIN…
 *                                        so many messages on each of so many connections at once,
 *                                        each to one of the domains; prints for each
 *                                        `QUEUE-ID DOMAIN: HEADER`
 *   milter_client -a SOCKET COMMAND…     listens there, and becomes COMMAND as systemd has it
 *                                        (LISTEN_FDS)
 *
 * SOCKET is a path, or PORT of 127.0.0.1. The commands, in words with the escapes \s \n \r \xHH:
 *
 *   new [VERSION ACTIONS STEPS]      connects and negotiates; without it, the last one goes on
 *   silent                           connects, and does not negotiate
 *   connect local|unknown|inet ADDRESS|inet6 ADDRESS
 *   macro STEP NAME VALUE…           before the step of this letter: M mail, R rcpt, E end
 *   mail FROM [PARAMETER…]           rcpt TO [PARAMETER…]      header NAME [VALUE]
 *   helo NAME   data   eoh   body TEXT
 *   end                              prints what the milter does: `add NAME: VALUE`,
 *                                    `delete NAME INDEX`, `quarantine WHY`, and its reply
 *   abort   quit   again             the last: another session on the same connection
 *   cut                              closes
 *   split BYTES                      sends all that follows in parts
 *   send LETTER TEXT                 such a packet
 *   raw TEXT                         these bytes
 *   reply                            waits for one
 *   say TEXT   pause MILLISECONDS
 *
 * A reply that is not `continue` is printed, and `closed` where the connection ends.
 */
#include <arpa/inet.h>
#include <libmilter/mfdef.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
  PACKET_MAX = 1 << 20,
  WORDS_MAX = 32,
  CROWD_MAX = 100, /* connections */
  LINE_SIZE = 8192,
  PATIENCE = 30000, /* milliseconds */
};

struct talk {
  int fd; /* -1: closed */
  unsigned long steps;
  size_t part; /* bytes sent at a time; 0: all */
  bool quiet;
  char header[1024]; /* the last one that was added */
  char packet[PACKET_MAX];
};

static const char *where;

static void say(const struct talk *talk, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct talk *talk, const char *format, ...) {
  if (talk->quiet)
    return;
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  fflush(stdout);
}

static void hang_up(struct talk *talk) {
  if (talk->fd >= 0)
    close(talk->fd);
  talk->fd = -1;
}

static void lost(struct talk *talk) {
  if (talk->fd >= 0)
    say(talk, "closed\n");
  hang_up(talk);
}

static void reach(struct talk *talk) {
  struct sockaddr_un path = {.sun_family = AF_UNIX};
  struct sockaddr_in port = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  bool is_path = strchr(where, '/') != NULL;
  hang_up(talk);
  snprintf(path.sun_path, sizeof path.sun_path, "%s", where);
  port.sin_port = htons((uint16_t)strtoul(where, NULL, 10));
  talk->fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (is_path ? connect(talk->fd, (const struct sockaddr *)&path, sizeof path)
              : connect(talk->fd, (const struct sockaddr *)&port, sizeof port)) {
    say(talk, "refused\n");
    hang_up(talk);
  }
}

/* packets */

static void put(struct talk *talk, const char *bytes, size_t size) {
  for (size_t at = 0; talk->fd >= 0 && at < size;) {
    size_t left = size - at;
    size_t most = talk->part > 0 && talk->part < left ? talk->part : left;
    ssize_t sent = send(talk->fd, bytes + at, most, MSG_NOSIGNAL);
    if (sent < 0)
      lost(talk);
    else
      at += (size_t)sent;
  }
}

static void put_packet(struct talk *talk, char command, const char *data, size_t size) {
  uint32_t length = htonl((uint32_t)size + 1);
  char head[5];
  memcpy(head, &length, 4);
  head[4] = command;
  put(talk, head, sizeof head);
  put(talk, data, size);
}

static bool get(struct talk *talk, char *out, size_t size) {
  for (size_t at = 0; talk->fd >= 0 && at < size;) {
    struct pollfd wanted = {.fd = talk->fd, .events = POLLIN};
    ssize_t got = poll(&wanted, 1, PATIENCE) == 1 ? recv(talk->fd, out + at, size - at, 0) : -1;
    if (got <= 0)
      lost(talk);
    else
      at += (size_t)got;
  }
  return talk->fd >= 0;
}

/* The data of the next packet is in talk->packet, followed by two NULs. 0: the end. */
static char get_packet(struct talk *talk, size_t *size) {
  uint32_t length;
  char command;
  if (!get(talk, (char *)&length, sizeof length) || !get(talk, &command, 1))
    return 0;
  *size = ntohl(length) - 1;
  if (*size > PACKET_MAX - 2 || !get(talk, talk->packet, *size))
    return 0;
  memset(talk->packet + *size, 0, 2);
  return command;
}

static void tell_change(struct talk *talk) {
  uint32_t index;
  memcpy(&index, talk->packet, sizeof index);
  const char *name = talk->packet + sizeof index;
  const char *value = name + strlen(name) + 1;
  if (*value)
    say(talk, "change %s %u: %s\n", name, ntohl(index), value);
  else
    say(talk, "delete %s %u\n", name, ntohl(index));
}

/* Prints what the milter does until its reply. */
static void get_reply(struct talk *talk, bool tell_all) {
  size_t size;
  for (char command; (command = get_packet(talk, &size));) {
    const char *value = talk->packet + strlen(talk->packet) + 1;
    switch (command) {
    case SMFIR_ADDHEADER:
      snprintf(talk->header, sizeof talk->header, "%s", value);
      say(talk, "add %s: %s\n", talk->packet, value);
      break;
    case SMFIR_CHGHEADER:
      tell_change(talk);
      break;
    case SMFIR_QUARANTINE:
      say(talk, "quarantine %s\n", talk->packet);
      break;
    case SMFIR_CONTINUE:
      if (tell_all)
        say(talk, "continue\n");
      return;
    case SMFIR_REPLYCODE:
      say(talk, "%s\n", talk->packet);
      return;
    default:
      say(talk, "%s\n",
          command == SMFIR_ACCEPT     ? "accept"
          : command == SMFIR_REJECT   ? "reject"
          : command == SMFIR_TEMPFAIL ? "tempfail"
                                      : "something else");
      return;
    }
  }
}

/* steps */

static const struct step {
  const char *word;
  unsigned long no_step, no_reply; /* bits */
  char command;
  bool has_reply;
} steps[] = {
    {"connect", SMFIP_NOCONNECT, SMFIP_NR_CONN, SMFIC_CONNECT, true},
    {"helo", SMFIP_NOHELO, SMFIP_NR_HELO, SMFIC_HELO, true},
    {"mail", SMFIP_NOMAIL, SMFIP_NR_MAIL, SMFIC_MAIL, true},
    {"rcpt", SMFIP_NORCPT, SMFIP_NR_RCPT, SMFIC_RCPT, true},
    {"data", SMFIP_NODATA, SMFIP_NR_DATA, SMFIC_DATA, true},
    {"header", SMFIP_NOHDRS, SMFIP_NR_HDR, SMFIC_HEADER, true},
    {"eoh", SMFIP_NOEOH, SMFIP_NR_EOH, SMFIC_EOH, true},
    {"body", SMFIP_NOBODY, SMFIP_NR_BODY, SMFIC_BODY, true},
    {"end", 0, 0, SMFIC_BODYEOB, true},
    {"abort", 0, 0, SMFIC_ABORT, false},
    {"quit", 0, 0, SMFIC_QUIT, false},
    {"again", 0, 0, SMFIC_QUIT_NC, false},
};

static const struct step *step_of(const char *word) {
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    if (strcmp(steps[i].word, word) == 0)
      return &steps[i];
  return NULL;
}

/* As an MTA does: what the milter has refused is left out, and no reply is waited for that will
 * not come. */
static void take_step(struct talk *talk, const struct step *step, const char *data, size_t size) {
  if (talk->fd < 0 || talk->steps & step->no_step)
    return;
  put_packet(talk, step->command, data, size);
  if (step->has_reply && !(talk->steps & step->no_reply))
    get_reply(talk, step->command == SMFIC_BODYEOB);
}

static void negotiate(struct talk *talk, uint32_t version, uint32_t actions, uint32_t offered) {
  const uint32_t options[] = {htonl(version), htonl(actions), htonl(offered)};
  uint32_t chosen;
  size_t size;
  put_packet(talk, SMFIC_OPTNEG, (const char *)options, sizeof options);
  if (talk->fd < 0 || get_packet(talk, &size) != SMFIC_OPTNEG)
    return;
  memcpy(&chosen, talk->packet + 8, sizeof chosen);
  talk->steps = ntohl(chosen);
  if (talk->steps & ~offered)
    say(talk, "not offered: %#lx\n", talk->steps & ~offered);
}

static void open_session(struct talk *talk, uint32_t version, uint32_t actions, uint32_t offered) {
  talk->steps = 0;
  reach(talk);
  negotiate(talk, version, actions, offered);
}

/* Joins words, each followed by a NUL. */
static size_t join(char **words, size_t count, char *out) {
  size_t size = 0;
  for (size_t i = 0; i < count; i++) {
    size_t len = strlen(words[i]) + 1;
    memcpy(out + size, words[i], len);
    size += len;
  }
  return size;
}

/* connect local | unknown | inet ADDRESS | inet6 ADDRESS */
static size_t connection_of(char **words, size_t count, char *out) {
  static const char host[] = "client.example";
  size_t size = sizeof host;
  memcpy(out, host, size);
  if (count < 2) {
    out[size++] = count == 1 && strcmp(words[0], "local") == 0 ? SMFIA_UNIX : SMFIA_UNKNOWN;
    if (out[size - 1] == SMFIA_UNKNOWN)
      return size;
    memcpy(out + size, "\0\0/run/x", 9);
    return size + 9;
  }
  out[size++] = strcmp(words[0], "inet") == 0 ? SMFIA_INET : SMFIA_INET6;
  memcpy(out + size, "\0\031", 2);
  return size + 2 + join(words + 1, 1, out + size + 2);
}

/* commands */

static void unescape(char *word) {
  char *out = word;
  for (const char *at = word; *at; at++) {
    char hex[3] = "";
    if (*at != '\\') {
      *out++ = *at;
    } else if (*++at == 'x') {
      memcpy(hex, at + 1, 2);
      *out++ = (char)strtoul(hex, NULL, 16);
      at += 2;
    } else {
      *out++ = *at == 's' ? ' ' : *at == 'n' ? '\n' : *at == 'r' ? '\r' : *at;
    }
  }
  *out = '\0';
}

static void pause_for(long milliseconds) {
  nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000}, NULL);
}

static uint32_t number(char **words, size_t count, size_t at, uint32_t otherwise) {
  return at < count ? (uint32_t)strtoul(words[at], NULL, 0) : otherwise;
}

/* NUL cannot be in a word: TEXT is unescaped here, with its length. */
static size_t bytes_of(const char *text, char *out) {
  size_t size = 0;
  for (; *text; text++)
    if (text[0] == '\\' && text[1] == 'x') {
      char hex[3] = {text[2], text[3], 0};
      out[size++] = (char)strtoul(hex, NULL, 16);
      text += 3;
    } else {
      out[size++] = *text;
    }
  return size;
}

/* False: no such command. */
static bool obey(struct talk *talk, char **words, size_t count) {
  static char data[LINE_SIZE];
  const char *word = words[0];
  const struct step *step = step_of(word);
  if (strcmp(word, "new") == 0) {
    open_session(talk, number(words, count, 1, SMFI_PROT_VERSION),
                 number(words, count, 2, SMFI_CURR_ACTS), number(words, count, 3, SMFI_CURR_PROT));
  } else if (strcmp(word, "silent") == 0) {
    talk->steps = 0;
    reach(talk);
  } else if (strcmp(word, "macro") == 0 && count > 1) {
    data[0] = words[1][0];
    put_packet(talk, SMFIC_MACRO, data, 1 + join(words + 2, count - 2, data + 1));
  } else if (strcmp(word, "split") == 0) {
    talk->part = number(words, count, 1, 0);
  } else if (strcmp(word, "send") == 0 && count > 1) {
    put_packet(talk, words[1][0], data, count > 2 ? bytes_of(words[2], data) : 0);
  } else if (strcmp(word, "raw") == 0 && count > 1) {
    put(talk, data, bytes_of(words[1], data));
  } else if (strcmp(word, "say") == 0 && count > 1) {
    say(talk, "%s\n", words[1]);
  } else if (strcmp(word, "pause") == 0) {
    pause_for((long)number(words, count, 1, 100));
  } else if (strcmp(word, "reply") == 0) {
    get_reply(talk, true);
  } else if (strcmp(word, "cut") == 0) {
    hang_up(talk);
  } else if (step) {
    size_t size = step->command == SMFIC_CONNECT ? connection_of(words + 1, count - 1, data)
                                                 : join(words + 1, count - 1, data);
    if (step->command == SMFIC_HEADER && count == 2)
      data[size++] = '\0'; /* an empty value */
    take_step(talk, step, data, size);
  } else {
    return false;
  }
  return true;
}

static int obey_input(void) {
  static char line[LINE_SIZE];
  static struct talk talk = {.fd = -1};
  while (fgets(line, sizeof line, stdin)) {
    char *words[WORDS_MAX];
    char *rest = line;
    size_t count = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *word; (word = strsep(&rest, " ")) && count < WORDS_MAX;)
      if (*word)
        words[count++] = word;
    bool as_is = count > 0 && (strcmp(words[0], "raw") == 0 || strcmp(words[0], "send") == 0);
    for (size_t i = 0; i < count && !as_is; i++)
      unescape(words[i]);
    if (count > 0 && !obey(&talk, words, count)) {
      fprintf(stderr, "milter_client: %s: what is that?\n", words[0]);
      return 64;
    }
  }
  hang_up(&talk);
  return 0;
}

/* many at once */

struct crowd {
  unsigned number;   /* of this connection */
  unsigned messages; /* on each */
  char **domains;
  size_t domain_count;
};

static void send_message(struct talk *talk, const char *queue_id, const char *domain) {
  char from[] = "<sender@lab.example>";
  char name[] = "i";
  char id[32];
  char to[256];
  char *sender[] = {from};
  char *recipient[] = {to};
  char *macro[] = {name, id};
  char data[512];
  snprintf(id, sizeof id, "%s", queue_id);
  snprintf(to, sizeof to, "<user@%s>", domain);
  talk->header[0] = '\0';
  take_step(talk, step_of("mail"), data, join(sender, 1, data));
  take_step(talk, step_of("rcpt"), data, join(recipient, 1, data));
  data[0] = SMFIC_BODYEOB;
  put_packet(talk, SMFIC_MACRO, data, 1 + join(macro, 2, data + 1));
  take_step(talk, step_of("end"), "", 0);
}

static void *send_messages(void *context) {
  const struct crowd *crowd = context;
  struct talk *talk = calloc(1, sizeof *talk);
  if (!talk)
    return NULL;
  talk->fd = -1;
  talk->quiet = true;
  open_session(talk, SMFI_PROT_VERSION, SMFI_CURR_ACTS, SMFI_CURR_PROT);
  char data[64];
  char local[] = "local";
  char *words[] = {local};
  take_step(talk, step_of("connect"), data, connection_of(words, 1, data));
  for (unsigned i = 0; i < crowd->messages; i++) {
    char queue_id[32];
    const char *domain = crowd->domains[(crowd->number * 7 + i) % crowd->domain_count];
    snprintf(queue_id, sizeof queue_id, "Q%u-%u", crowd->number, i);
    send_message(talk, queue_id, domain);
    printf("%s %s: %s\n", queue_id, domain, talk->header);
  }
  take_step(talk, step_of("quit"), "", 0);
  hang_up(talk);
  free(talk);
  return NULL;
}

static int send_crowd(unsigned connections, unsigned messages, char **domains, size_t count) {
  static pthread_t threads[CROWD_MAX];
  static struct crowd crowds[CROWD_MAX];
  if (connections > CROWD_MAX)
    return 64;
  for (unsigned i = 0; i < connections; i++) {
    crowds[i] = (struct crowd){i, messages, domains, count};
    if (pthread_create(&threads[i], NULL, send_messages, &crowds[i]) != 0)
      return 71;
  }
  for (unsigned i = 0; i < connections; i++)
    pthread_join(threads[i], NULL);
  return 0;
}

static int activate(const char *path, char **command) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  char pid[16];
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
  snprintf(pid, sizeof pid, "%ld", (long)getpid());
  if (bind(fd, (const struct sockaddr *)&name, sizeof name) != 0 || listen(fd, 8) != 0)
    return perror(path), 73;
  if (fd != 3 && dup2(fd, 3) != 3)
    return 71;
  pid_t parent = getpid();
  if (fork() == 0) { /* systemd, which keeps it */
    while (getppid() == parent)
      pause_for(50);
    _exit(0);
  }
  setenv("LISTEN_PID", pid, 1);
  setenv("LISTEN_FDS", "1", 1);
  execv(command[0], command);
  return perror(command[0]), 71;
}

int main(int argc, char **argv) {
  if (argc == 2 && argv[1][0] != '-') {
    where = argv[1];
    return obey_input();
  }
  if (argc > 5 && strcmp(argv[1], "-m") == 0) {
    where = argv[2];
    return send_crowd((unsigned)strtoul(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10),
                      argv + 5, (size_t)argc - 5);
  }
  if (argc > 3 && strcmp(argv[1], "-a") == 0)
    return activate(argv[2], argv + 3);
  fputs("usage: milter_client SOCKET | -m SOCKET CONNECTIONS MESSAGES DOMAIN… | "
        "-a SOCKET COMMAND…\n",
        stderr);
  return 64;
}
