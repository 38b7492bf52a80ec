#include "dns_message.h"

#include <string.h>

#include "ascii.h"

enum {
  HEADER_SIZE = 12,
  CLASS_IN = 1,
  FLAG_ANSWER = 0x8000,    /* QR */
  FLAG_TRUNCATED = 0x0200, /* TC */
  RCODE_MASK = 0x000f,
  NAME_MAX_WIRE = 255, /* RFC 1035 section 2.3.4 */
  LABELS_MAX = 127,    /* that fit in it */
  ALIASES_MAX = 16,    /* in a row; resolvers follow fewer */
  SOA_NUMBERS = 20,    /* serial, refresh, retry, expire, minimum */
};

/* Reads forward. After the first read past the end, or of malformed data, it stays bad. */
struct cursor {
  const unsigned char *bytes;
  size_t size;
  size_t at;
  bool bad;
};

static const unsigned char *take(struct cursor *in, size_t count) {
  if (in->bad || count > in->size - in->at) {
    in->bad = true;
    return NULL;
  }
  const unsigned char *bytes = in->bytes + in->at;
  in->at += count;
  return bytes;
}

static uint8_t take_u8(struct cursor *in) {
  const unsigned char *b = take(in, 1);
  return b ? b[0] : 0;
}

static uint16_t take_u16(struct cursor *in) {
  const unsigned char *b = take(in, 2);
  return (uint16_t)(b ? b[0] << 8 | b[1] : 0);
}

static uint32_t take_u32(struct cursor *in) {
  uint32_t high = take_u16(in);
  return high << 16 | take_u16(in);
}

/* Adds a label in lower case. Returns false if a host name cannot contain it. */
static bool add_label(struct mtasts_domain *name, const unsigned char *label, size_t length) {
  bool host = true;
  if (name->len > 0)
    name->name[name->len++] = '.';
  for (size_t i = 0; i < length; i++) {
    char c = (char)label[i];
    host = host && (mtasts_is_alnum(c) || c == '-' || c == '_');
    name->name[name->len++] = mtasts_lower(c);
  }
  name->name[name->len] = '\0';
  return host;
}

/*
 * Reads a name (RFC 1035 section 4.1.4) and moves `in` past it. out may be NULL. Returns false if
 * the name is well-formed but no host name. Each pointer must lead to a place before the labels
 * that it ends, so there are no loops. A name has at most 255 bytes, and no more pointers than
 * labels.
 */
static bool take_name(struct cursor *in, struct mtasts_domain *out) {
  struct cursor walk = *in;
  size_t segment = in->at;
  size_t length = 1;
  size_t jumps = 0;
  bool host = true;
  if (out)
    *out = (struct mtasts_domain){.len = 0};
  for (;;) {
    uint8_t head = take_u8(&walk);
    if (head >= 0xc0) {
      size_t target = (size_t)(head & 0x3f) << 8 | take_u8(&walk);
      if (jumps++ == 0)
        in->at = walk.at;
      if (target >= segment || jumps > LABELS_MAX)
        walk.bad = true;
      segment = walk.at = target;
    } else if (head > 0x3f) {
      walk.bad = true;
    } else if (head > 0) {
      const unsigned char *label = take(&walk, head);
      length += 1U + head;
      if (length > NAME_MAX_WIRE)
        walk.bad = true;
      if (!walk.bad && out)
        host = add_label(out, label, head) && host;
    }
    if (walk.bad || head == 0)
      break;
  }
  in->bad |= walk.bad;
  if (jumps == 0)
    in->at = walk.at;
  return host;
}

/* A record. rr.rdata is the offset of its rdata. */
struct record {
  uint16_t type;
  uint16_t class;
  struct mtasts_rr rr;
};

/* owner may be NULL; it becomes empty if it is no host name. */
static struct record take_record(struct cursor *in, struct mtasts_domain *owner) {
  struct record record = {.rr = {.message = in->bytes, .message_size = in->size}};
  if (!take_name(in, owner) && owner)
    owner->len = 0;
  record.type = take_u16(in);
  record.class = take_u16(in);
  record.rr.ttl = take_u32(in);
  if (record.rr.ttl > INT32_MAX)
    record.rr.ttl = 0; /* RFC 2181 section 8 */
  record.rr.rdata_size = take_u16(in);
  record.rr.rdata = in->at;
  take(in, record.rr.rdata_size);
  return record;
}

/* A cursor over the rdata; names in it may still point back into the message. */
static struct cursor rdata_of(const struct mtasts_rr *rr) {
  return (struct cursor){.bytes = rr->message, .size = rr->rdata + rr->rdata_size, .at = rr->rdata};
}

/* Does the whole rdata have the form of its type? */
static bool rdata_valid(const struct record *record) {
  struct cursor in = rdata_of(&record->rr);
  switch (record->type) {
  case MTASTS_RR_A:
    take(&in, 4);
    break;
  case MTASTS_RR_AAAA:
    take(&in, 16);
    break;
  case MTASTS_RR_CNAME:
  case MTASTS_RR_PTR:
    take_name(&in, NULL);
    break;
  case MTASTS_RR_MX:
    take_u16(&in);
    take_name(&in, NULL);
    break;
  case MTASTS_RR_SOA:
    take_name(&in, NULL);
    take_name(&in, NULL);
    take(&in, SOA_NUMBERS);
    break;
  case MTASTS_RR_TXT:
    do
      take(&in, take_u8(&in));
    while (!in.bad && in.at < in.size);
    break;
  default:
    return true;
  }
  return !in.bad && in.at == in.size;
}

static uint32_t soa_minimum(const struct mtasts_rr *rr) {
  struct cursor in = rdata_of(rr);
  in.at = in.size - sizeof(uint32_t);
  return take_u32(&in);
}

static void lower_to(uint32_t *ttl, uint32_t other) {
  if (other < *ttl)
    *ttl = other;
}

/* Reads the answer and the authority section. The TTL depends on both. */
static bool read_sections(struct cursor *in, struct mtasts_dns_message *m, uint16_t answers,
                          uint16_t authorities) {
  uint32_t ttl = UINT32_MAX;
  uint32_t negative = 0;
  m->answers = in->at;
  for (uint32_t i = 0; i < (uint32_t)answers + authorities; i++) {
    if (i == answers)
      m->answers_end = in->at;
    struct record record = take_record(in, NULL);
    if (in->bad || !rdata_valid(&record))
      return false;
    if (record.class != CLASS_IN)
      continue;
    if (i < answers) {
      lower_to(&ttl, record.rr.ttl);
      m->count += record.type == m->type;
      m->cnames += record.type == MTASTS_RR_CNAME;
      m->rrsigs += record.type == MTASTS_RR_RRSIG;
    } else if (record.type == MTASTS_RR_SOA) {
      /* RFC 2308 section 5 */
      negative = record.rr.ttl;
      lower_to(&negative, soa_minimum(&record.rr));
    }
  }
  if (authorities == 0)
    m->answers_end = in->at;
  if (m->count == 0)
    lower_to(&ttl, negative);
  m->ttl = ttl;
  return true;
}

enum mtasts_status mtasts_dns_message_read(const unsigned char *bytes, size_t size, uint16_t type,
                                           struct mtasts_dns_message *message) {
  struct cursor in = {.bytes = bytes, .size = size};
  struct mtasts_dns_message m = {.bytes = bytes, .size = size, .type = type};
  if (size < HEADER_SIZE)
    return MTASTS_INVALID;
  take_u16(&in); /* id */
  uint16_t flags = take_u16(&in);
  uint16_t questions = take_u16(&in);
  uint16_t answers = take_u16(&in);
  uint16_t authorities = take_u16(&in);
  uint16_t additionals = take_u16(&in);
  m.rcode = flags & RCODE_MASK;
  if (!(flags & FLAG_ANSWER) || (flags & FLAG_TRUNCATED) || questions > 1)
    return MTASTS_INVALID;
  if (questions > 0) {
    take_name(&in, NULL);
    take(&in, 4);
  }
  if (in.bad || !read_sections(&in, &m, answers, authorities))
    return MTASTS_INVALID;
  while (additionals-- > 0)
    take_record(&in, NULL);
  if (in.bad || in.at != in.size)
    return MTASTS_INVALID;
  *message = m;
  return MTASTS_OK;
}

bool mtasts_dns_message_next(const struct mtasts_dns_message *message, size_t *cursor,
                             struct mtasts_rr *rr) {
  struct cursor in = {
      .bytes = message->bytes, .size = message->size, .at = *cursor ? *cursor : message->answers};
  while (in.at < message->answers_end) {
    struct record record = take_record(&in, NULL);
    if (in.bad)
      break;
    *cursor = in.at;
    if (record.type == message->type && record.class == CLASS_IN) {
      *rr = record.rr;
      return true;
    }
  }
  return false;
}

size_t mtasts_rr_txt(const struct mtasts_rr *rr, char *out) {
  struct cursor in = rdata_of(rr);
  size_t length = 0;
  while (in.at < in.size) {
    size_t size = take_u8(&in);
    const unsigned char *string = take(&in, size);
    if (!string)
      break;
    memcpy(out + length, string, size);
    length += size;
  }
  return length;
}

enum mtasts_status mtasts_rr_mx(const struct mtasts_rr *rr, uint16_t *preference,
                                struct mtasts_domain *exchange) {
  struct cursor in = rdata_of(rr);
  struct mtasts_domain name;
  uint16_t value = take_u16(&in);
  if (!take_name(&in, &name) || in.bad)
    return MTASTS_INVALID;
  *preference = value;
  *exchange = name;
  return MTASTS_OK;
}

enum mtasts_status mtasts_rr_ptr(const struct mtasts_rr *rr, struct mtasts_domain *name) {
  struct cursor in = rdata_of(rr);
  struct mtasts_domain target;
  if (!take_name(&in, &target) || in.bad)
    return MTASTS_INVALID;
  *name = target;
  return MTASTS_OK;
}

enum mtasts_status mtasts_rr_mx_raw(const struct mtasts_rr *rr, uint16_t *preference,
                                    struct mtasts_domain *exchange) {
  struct cursor in = rdata_of(rr);
  struct mtasts_domain name;
  uint16_t value = take_u16(&in);
  bool host = take_name(&in, &name);
  if (in.bad)
    return MTASTS_CORRUPT;
  *preference = value;
  *exchange = name;
  return host ? MTASTS_OK : MTASTS_INVALID;
}

/* One step: the target of the CNAME at the name. MTASTS_ABSENT if there is none. */
static enum mtasts_status follow(const struct mtasts_dns_message *message,
                                 struct mtasts_domain *name) {
  struct cursor in = {.bytes = message->bytes, .size = message->size, .at = message->answers};
  while (in.at < message->answers_end) {
    struct mtasts_domain owner;
    struct record record = take_record(&in, &owner);
    if (in.bad)
      break;
    if (record.type != MTASTS_RR_CNAME || record.class != CLASS_IN ||
        !mtasts_span_equal((struct mtasts_span){owner.name, owner.len},
                           (struct mtasts_span){name->name, name->len}))
      continue;
    struct cursor rdata = rdata_of(&record.rr);
    if (!take_name(&rdata, name) || rdata.bad || name->len == 0)
      return MTASTS_INVALID;
    return MTASTS_OK;
  }
  return MTASTS_ABSENT;
}

enum mtasts_status mtasts_dns_message_alias(const struct mtasts_dns_message *message,
                                            const char *name, struct mtasts_domain *target) {
  struct mtasts_domain at = {.len = strlen(name)};
  if (at.len == 0 || at.len > MTASTS_DOMAIN_MAX)
    return MTASTS_ABSENT;
  memcpy(at.name, name, at.len + 1);
  for (size_t steps = 0; steps <= ALIASES_MAX; steps++) {
    enum mtasts_status status = follow(message, &at);
    if (status == MTASTS_INVALID)
      return status;
    if (status == MTASTS_OK)
      continue;
    if (steps == 0)
      return MTASTS_ABSENT;
    *target = at;
    return MTASTS_OK;
  }
  return MTASTS_INVALID;
}
