/* The domains, their DNS server and their policy hosts, and what is wrong with them. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/namespace.h"
#include "net/scripted_https.h"
#include "soak.h"

enum web {
  WEB_GOOD,
  WEB_REFUSE,     /* nothing listens at the address */
  WEB_NO_ADDRESS, /* the DNS has none */
  WEB_SLOW,       /* until the client gives up */
  WEB_500,
  WEB_404,
  WEB_CERTIFICATE, /* of another name */
  WEB_BODY,        /* no policy of this version */
  WEB_HTML,        /* not text/plain */
  WEB_SHORT,       /* cut off within the body */
  WEBS
};

enum {
  TYPE_A = 1,
  TYPE_SOA = 6,
  TYPE_MX = 15,
  TYPE_TXT = 16,
  TYPE_AAAA = 28,
  PACKET_SIZE = 1024,
  POLICY_HOST = 0x7f000101, /* of the first domain; the others follow */
  NOTHING_THERE = 0x7f000201,
  GIVE_UP_MS = 30000, /* that a slow policy host waits for the client's end */
};

static const double late = 0.5; /* seconds after which mtastsd may have given up a question */
static const uint32_t max_ages[] = {120, 200, 300, 500, 900, 3600};

struct domain {
  unsigned id, version;
  enum look_kind record;
  enum web web;
  double record_until, web_until; /* the fault's end */
};

static struct domain domains[DOMAINS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static SSL_CTX *good, *bad;
static int dns_socket;
static int web_sockets[DOMAINS];

static struct domain domain_now(unsigned domain) {
  pthread_mutex_lock(&lock);
  struct domain now = domains[domain];
  pthread_mutex_unlock(&lock);
  return now;
}

/* names */

enum mtasts_mode world_mode(unsigned version) {
  static const enum mtasts_mode modes[] = {MTASTS_MODE_TESTING, MTASTS_MODE_ENFORCE,
                                           MTASTS_MODE_ENFORCE, MTASTS_MODE_NONE};
  return modes[version % 4];
}

/* Each is an organisation of its own, which is looked up beside the others. */
void world_domain(unsigned domain, struct mtasts_domain *out) {
  out->len = (size_t)snprintf(out->name, sizeof out->name, "d%u.example", domain);
}

uint32_t world_max_age(unsigned domain) {
  return max_ages[domain % (sizeof max_ages / sizeof *max_ages)];
}

void world_patterns(unsigned domain, unsigned version, const char *between, char out[WORDS_SIZE]) {
  size_t length = 0;
  for (unsigned i = 0; i <= version % 3; i++)
    length += (size_t)snprintf(out + length, WORDS_SIZE - length, "%sv%u-%u.d%u.example",
                               i ? between : "", version, i, domain);
}

/* Skips a word. False: the text is different. */
static bool take(const char **at, const char *word) {
  size_t length = strlen(word);
  bool same = strncmp(*at, word, length) == 0;
  *at += same ? length : 0;
  return same;
}

static bool take_number(const char **at, unsigned *number) {
  const char *begin = *at;
  *number = 0;
  for (; **at >= '0' && **at <= '9' && *at < begin + 9; ++*at)
    *number = *number * 10 + (unsigned)(**at - '0');
  return *at > begin;
}

unsigned world_version(const char *pattern, unsigned domain) {
  unsigned version, of;
  bool ours = take(&pattern, "v") && take_number(&pattern, &version) && take(&pattern, "-0.d") &&
              take_number(&pattern, &of) && of == domain && take(&pattern, ".example");
  return ours ? version : 0;
}

/* DOMAINS: none of ours. */
static unsigned domain_of(const char *name, const char *prefix) {
  unsigned domain;
  bool ours = take(&name, prefix) && take(&name, "d") && take_number(&name, &domain) &&
              strcmp(name, ".example") == 0;
  return ours && domain < DOMAINS ? domain : DOMAINS;
}

/* DNS */

struct packet {
  unsigned char bytes[PACKET_SIZE];
  size_t size;
};

static void put(struct packet *packet, const void *bytes, size_t size) {
  if (size > sizeof packet->bytes - packet->size)
    abort();
  memcpy(packet->bytes + packet->size, bytes, size);
  packet->size += size;
}

/* A record of the name of the question. */
static void put_record(struct packet *packet, unsigned type, const void *data, size_t size) {
  unsigned char head[12] = {0xc0, 12, 0, (unsigned char)type, 0, 1, 0, 0, 0, 1, 0, 0};
  head[11] = (unsigned char)size;
  put(packet, head, sizeof head);
  put(packet, data, size);
  packet->bytes[7]++;
}

/* There is no such record: the root's SOA, for a second. */
static void put_none(struct packet *packet, unsigned rcode) {
  static const unsigned char soa[] = {0, 0, 6, 0, 1, 0, 0, 0, 1, 0, 22, 0, 0, 0, 0, 0, 1,
                                      0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,  1, 0, 0, 0, 1};
  packet->bytes[3] |= (unsigned char)rcode;
  packet->bytes[9] = 1;
  put(packet, soa, sizeof soa);
}

/* Returns false if no answer is to be sent. */
static bool put_txt(struct packet *packet, const struct domain *domain) {
  char text[64] = "";
  switch (domain->record) {
  case LOOK_DROPPED:
    return false;
  case LOOK_FAILED:
    packet->bytes[3] |= 2;
    return true;
  case LOOK_ABSENT:
    put_none(packet, 3);
    return true;
  case LOOK_VALID:
    snprintf(text + 1, sizeof text - 1, "v=STSv1; id=i%u;", domain->id);
    break;
  case LOOK_INVALID:
    snprintf(text + 1, sizeof text - 1, "v=STSv1; id=not-an-id;");
    break;
  }
  text[0] = (char)strlen(text + 1);
  put_record(packet, TYPE_TXT, text, strlen(text));
  return true;
}

static void put_address(struct packet *packet, unsigned domain, enum web web) {
  bool refuse = web == WEB_REFUSE;
  uint32_t address = htonl((refuse ? NOTHING_THERE : POLICY_HOST) + domain);
  soak_address(domain, refuse || web == WEB_NO_ADDRESS);
  if (web == WEB_NO_ADDRESS)
    put_none(packet, 0);
  else
    put_record(packet, TYPE_A, &address, sizeof address);
}

static void put_mx(struct packet *packet) {
  static const unsigned char mx[] = {0, 10, 2, 'm', 'x', 0xc0, 12};
  put_record(packet, TYPE_MX, mx, sizeof mx);
}

/* Returns false if there is to be no answer. waited: seconds since the question came. */
static bool answer_question(const char *name, unsigned type, double waited, struct packet *packet) {
  unsigned domain = domain_of(name, "_mta-sts.");
  if (type == TYPE_TXT && domain < DOMAINS) {
    struct domain now = domain_now(domain);
    soak_look(domain, now.record, now.id, waited > late);
    return put_txt(packet, &now);
  }
  domain = domain_of(name, "mta-sts.");
  if (type == TYPE_A && domain < DOMAINS)
    put_address(packet, domain, domain_now(domain).web);
  else if (type == TYPE_MX && domain_of(name, "") < DOMAINS)
    put_mx(packet);
  else {
    if (type == TYPE_AAAA && domain < DOMAINS)
      soak_no_other_address(domain);
    put_none(packet, 0);
  }
  return true;
}

/* The question's name, in lower case, and the offset after the question; 0: malformed. */
static size_t read_question(const unsigned char *query, size_t size, char name[256]) {
  size_t at = 12, length = 0;
  for (; at < size && query[at] != 0; at += query[at] + 1U) {
    if (query[at] > 63 || at + query[at] >= size || length + query[at] > 254)
      return 0;
    for (size_t i = 1; i <= query[at]; i++)
      name[length++] =
          (char)(query[at + i] | (query[at + i] >= 'A' && query[at + i] <= 'Z' ? 32 : 0));
    name[length++] = '.';
  }
  name[length > 0 ? length - 1 : 0] = '\0';
  return at + 5 <= size ? at + 5 : 0;
}

/* Seconds since the kernel took a datagram in. */
static double since_arrival(struct msghdr *message) {
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part))
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
      struct timespec came, now;
      memcpy(&came, CMSG_DATA(part), sizeof came);
      clock_gettime(CLOCK_REALTIME, &now);
      return (double)(now.tv_sec - came.tv_sec) + (double)(now.tv_nsec - came.tv_nsec) / 1e9;
    }
  return 1e9;
}

static void *serve_dns(void *context) {
  unsigned char query[PACKET_SIZE];
  char name[256], control[128];
  (void)context;
  for (;;) {
    struct packet reply = {.size = 0};
    struct sockaddr_in from;
    struct iovec room = {query, sizeof query};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &room,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t size = recvmsg(dns_socket, &message, 0);
    size_t end = size > 16 ? read_question(query, (size_t)size, name) : 0;
    if (end == 0 || end > 300)
      continue;
    put(&reply, query, end);
    memcpy(reply.bytes + 2, "\x81\x80\0\1\0\0\0\0\0\0", 10);
    unsigned type = (unsigned)query[end - 4] << 8 | query[end - 3];
    if (answer_question(name, type, since_arrival(&message), &reply))
      sendto(dns_socket, reply.bytes, reply.size, 0, (struct sockaddr *)&from, sizeof from);
  }
  return NULL;
}

static struct sockaddr_in address_of(uint32_t address, uint16_t port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(address)}};
}

/* One thread asks. */
bool world_dns_answers(void) {
  static const unsigned char query[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1};
  static int fd = -1;
  unsigned char reply[PACKET_SIZE];
  struct sockaddr_in server = address_of(INADDR_LOOPBACK, DNS_PORT);
  if (fd < 0) {
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){5, 0}, sizeof(struct timeval));
  }
  return sendto(fd, query, sizeof query, 0, (struct sockaddr *)&server, sizeof server) > 0 &&
         recv(fd, reply, sizeof reply, 0) > 0;
}

/* HTTPS */

static int choose(SSL *tls, int *alert, void *context) {
  const char *host = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
  unsigned domain = host ? domain_of(host, "mta-sts.") : DOMAINS;
  struct domain *plan = SSL_get_app_data(tls);
  (void)alert;
  (void)context;
  if (domain == DOMAINS)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *plan = domain_now(domain);
  SSL_set_SSL_CTX(tls, plan->web == WEB_CERTIFICATE ? bad : good);
  return SSL_TLSEXT_ERR_OK;
}

static int write_response(unsigned domain, const struct domain *plan, char *out, size_t size) {
  char body[2 * WORDS_SIZE], patterns[WORDS_SIZE];
  world_patterns(domain, plan->version, "\nmx: ", patterns);
  int length =
      snprintf(body, sizeof body, "version: %s\nmode: %s\nmx: %s\nmax_age: %u\n",
               plan->web == WEB_BODY ? "STSv2" : "STSv1",
               mtasts_mode_name(world_mode(plan->version)), patterns, world_max_age(domain));
  const char *status = plan->web == WEB_500   ? "500 Internal Server Error"
                       : plan->web == WEB_404 ? "404 Not Found"
                                              : "200 OK";
  return snprintf(out, size,
                  "HTTP/1.1 %s\r\nContent-Type: text/%s\r\nContent-Length: %d\r\n"
                  "Connection: close\r\n\r\n%s",
                  status, plan->web == WEB_HTML ? "html" : "plain",
                  length + (plan->web == WEB_SHORT), body);
}

/* Returns whether the policy was handed over whole. */
static bool serve_policy(SSL *tls, unsigned domain, size_t attempt, const struct domain *plan) {
  char request[2048], response[4 * WORDS_SIZE];
  if (SSL_accept(tls) != 1 || SSL_read(tls, request, sizeof request) <= 0)
    return false;
  if (plan->web == WEB_SLOW) {
    struct pollfd client = {.fd = SSL_get_fd(tls), .events = POLLIN};
    poll(&client, 1, GIVE_UP_MS);
    return false;
  }
  int size = write_response(domain, plan, response, sizeof response);
  /* It was good when the connection was made, whatever has become of it since. */
  bool whole = plan->web == WEB_GOOD || plan->web == WEB_REFUSE || plan->web == WEB_NO_ADDRESS;
  if (whole)
    soak_hand(domain, attempt, plan->version);
  bool written = SSL_write(tls, response, size) == size;
  SSL_shutdown(tls);
  return whole && written;
}

struct connection {
  int fd;
  unsigned domain;
  size_t attempt;
};

static void *serve_connection(void *context) {
  struct connection connection = *(struct connection *)context;
  struct domain plan = {.web = WEB_404};
  free(context);
  SSL *tls = SSL_new(good);
  setsockopt(connection.fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){20, 0},
             sizeof(struct timeval));
  SSL_set_fd(tls, connection.fd);
  SSL_set_app_data(tls, &plan);
  bool whole = serve_policy(tls, connection.domain, connection.attempt, &plan);
  SSL_free(tls);
  close(connection.fd);
  soak_close(connection.domain, connection.attempt, whole);
  return NULL;
}

static void begin_connection(unsigned domain) {
  struct connection *connection = malloc(sizeof *connection);
  pthread_attr_t detached;
  pthread_t thread;
  if (!connection)
    abort();
  *connection = (struct connection){accept4(web_sockets[domain], NULL, NULL, SOCK_CLOEXEC), domain,
                                    soak_connect(domain)};
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  if (pthread_create(&thread, &detached, serve_connection, connection) != 0)
    abort();
  pthread_attr_destroy(&detached);
}

static void *serve_https(void *context) {
  struct pollfd sockets[DOMAINS];
  (void)context;
  for (unsigned i = 0; i < DOMAINS; i++)
    sockets[i] = (struct pollfd){.fd = web_sockets[i], .events = POLLIN};
  while (poll(sockets, DOMAINS, -1) >= 0)
    for (unsigned i = 0; i < DOMAINS; i++)
      if (sockets[i].revents)
        begin_connection(i);
  return NULL;
}

static SSL_CTX *context_of(const struct https_authority *authority, const char *names) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = https_certificate("soak", names, -1, 900, key, authority);
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  SSL_CTX_set_tlsext_servername_callback(context, choose);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

/* start and change */

static bool listen_https(void) {
  for (unsigned i = 0; i < DOMAINS; i++) {
    struct sockaddr_in address = address_of(POLICY_HOST + i, 443);
    web_sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(web_sockets[i], (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(web_sockets[i], 64) != 0)
      return false;
  }
  return true;
}

static bool listen_dns(void) {
  struct sockaddr_in address = address_of(INADDR_LOOPBACK, DNS_PORT);
  dns_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  setsockopt(dns_socket, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int));
  return bind(dns_socket, (struct sockaddr *)&address, sizeof address) == 0;
}

bool world_enter(void) {
  return namespace_enter();
}

bool world_start(const char *bundle) {
  char names[64 * DOMAINS] = "";
  pthread_t thread;
  size_t length = 0;
  struct https_authority authority = https_authority("soak's authority");
  for (unsigned i = 0; i < DOMAINS; i++) {
    domains[i] = (struct domain){.id = 1, .version = 1};
    length += (size_t)snprintf(names + length, sizeof names - length, "%sDNS:mta-sts.d%u.example",
                               i ? "," : "", i);
  }
  good = context_of(&authority, names);
  bad = context_of(&authority, "DNS:mta-sts.example");
  bool made = https_write_bundle(&authority, bundle) && listen_dns() && listen_https() &&
              pthread_create(&thread, NULL, serve_dns, NULL) == 0 &&
              pthread_create(&thread, NULL, serve_https, NULL) == 0;
  https_authority_free(&authority);
  return made;
}

static void heal(struct domain *domain, double now) {
  if (domain->record_until <= now)
    domain->record = LOOK_VALID;
  if (domain->web_until <= now)
    domain->web = WEB_GOOD;
}

/* A few domains have most of the trouble: the others are left alone long enough to expire. */
static unsigned choose_domain(unsigned *seed) {
  double part = (double)rand_r(seed) / ((double)RAND_MAX + 1);
  return (unsigned)(part * part * part * DOMAINS);
}

void world_turn(unsigned *seed) {
  static const enum look_kind records[] = {LOOK_ABSENT, LOOK_ABSENT,  LOOK_INVALID,
                                           LOOK_FAILED, LOOK_DROPPED, LOOK_FAILED};
  static const double lengths[] = {0.1, 0.5, 1, 2, 5, 12};
  struct domain *domain = &domains[choose_domain(seed)];
  int what = rand_r(seed) % 100;
  int kind = rand_r(seed);
  double now = soak_now(), until = now + lengths[rand_r(seed) % 6];
  pthread_mutex_lock(&lock);
  for (unsigned i = 0; i < DOMAINS; i++)
    heal(&domains[i], now);
  if (what < 45)
    domain->version++;
  if (what < 38) { /* else it is changed under the same id, and found with the next fetch */
    domain->id++;
  } else if (what >= 45 && what < 70) {
    domain->record = records[kind % 6];
    domain->record_until = until;
  } else if (what >= 70) {
    domain->web = (enum web)(1 + kind % (WEBS - 1));
    domain->web_until = until;
  }
  pthread_mutex_unlock(&lock);
}

void world_heal(void) {
  pthread_mutex_lock(&lock);
  for (unsigned i = 0; i < DOMAINS; i++) {
    heal(&domains[i], 1e300);
    domains[i].id++;
    domains[i].version++;
  }
  pthread_mutex_unlock(&lock);
}

unsigned world_newest(unsigned domain) {
  return domain_now(domain).version;
}
