#include "plan_text.h"

#include <inttypes.h>
#include <string.h>

#include "rfc3339.h"

enum {
  DAY = 86400,             /* seconds */
  REPORTS_COME = 2 * DAY,  /* a report of a day is sent in the next: RFC 8460 section 4 */
  TESTING = 14 * DAY,      /* at least: two weeks have two of each day of the week */
  MAX_AGE_WISHED = 604800, /* seconds; RFC 8461 section 3.2 recommends weeks */
};

struct date {
  char text[MTASTS_RFC3339_SIZE];
};

static struct date date(int64_t seconds) {
  struct date day;
  if (mtasts_rfc3339_format(seconds, day.text))
    day.text[sizeof "2026-01-31" - 1] = '\0';
  else
    snprintf(day.text, sizeof day.text, "?");
  return day;
}

/* The first day that has begun `seconds` after the policy was made, and a TTL later. */
static struct date after(const struct mtasts_publication *p, int64_t seconds) {
  return date(p->begins + seconds + p->ttl + DAY - 1);
}

static void put_head(FILE *stream, const struct mtasts_publication *p) {
  fprintf(stream,
          "MTA-STS for %s: mode %s since %s\n\n"
          "Policy   https://" MTASTS_POLICY_HOST_LABEL "%s/.well-known/mta-sts.txt\n"
          "Id       %s\n"
          "Max age  %u seconds (%.1f days)\n"
          "MX       ",
          p->domain, mtasts_mode_name(p->mode), date(p->begins).text, p->domain, p->id, p->max_age,
          (double)p->max_age / DAY);
  for (size_t i = 0; i < p->mx.count; i++)
    fprintf(stream, "%s%s\n", i > 0 ? "         " : "", p->mx.items[i]);
  fputs(p->mx.count == 0 ? "none\n\n" : "\n", stream);
}

static void put_files(FILE *stream, const struct mtasts_publication *p) {
  fputs(
      "HOW TO PUBLISH IT\n\n"
      "1. Include one of nginx.conf, apache.conf, Caddyfile and lighttpd.conf in your web server,\n"
      "   and reload it. The policy must be there before the record names it.\n"
      "   Apache: a Redirect that is set for the whole server must not cover this host.\n"
      "   lighttpd: include it behind all other blocks, since the last one counts.\n",
      stream);
  if (p->provider_zone)
    fprintf(stream,
            "2. The provider puts the lines of dns.zone in its zone %s, or runs\n"
            "   nsupdate with dns.nsupdate.\n"
            "3. The customer sets the aliases of dns.txt, once. They never change.\n",
            p->provider_zone);
  else
    fputs("2. Put the lines of dns.zone in your zone, or run nsupdate with dns.nsupdate, or type\n"
          "   the columns of dns.txt (name, type, value) into the form of your DNS provider.\n",
          stream);
  fprintf(stream, "%d. Run: mtasts check %s\n\n", p->provider_zone ? 4 : 3, p->domain);
}

static const char *mark(bool here) {
  return here ? "   <- you are here" : "";
}

static void put_reports_step(FILE *stream, const struct mtasts_publication *p) {
  fprintf(stream, "Step 1, %s: TLS reports%s\n", date(p->begins).text,
          mark(p->mode == MTASTS_MODE_NONE));
  if (p->rua.count > 0)
    fputs("   The record at _smtp._tls asks senders for a report each day.\n", stream);
  else
    fprintf(stream,
            "   No record at _smtp._tls is among these files, and without reports testing shows\n"
            "   nothing. Give --tlsrpt mailto:tls-reports@%s, or publish a record of your own.\n",
            p->domain);
  fprintf(stream,
          "   The first reports arrive by %s. They show what fails even without MTA-STS.\n\n",
          date(p->begins + REPORTS_COME).text);
}

static void put_testing_step(FILE *stream, const struct mtasts_publication *p) {
  const bool testing = p->mode == MTASTS_MODE_TESTING;
  const int64_t begins = testing ? p->begins : p->begins + REPORTS_COME;
  fprintf(
      stream,
      "Step 2, from %s to %s at least: mode testing%s\n"
      "   Senders deliver as before, and report what enforce would refuse.\n"
      "   Read the reports: mtasts report show --domain %s FILE...\n"
      "   - certificate-expired, certificate-host-mismatch, certificate-not-trusted,\n"
      "     starttls-not-supported: repair the MX host that the report names.\n"
      "   - validation-failure with an MX host that is not in the policy: add that host.\n"
      "   - sts-policy-fetch-error, sts-policy-invalid, sts-webpki-invalid: repair the web server\n"
      "     or the policy.\n"
      "   Each day without a report is a day in which nothing was learnt.\n\n",
      date(begins).text, date(begins + TESTING).text, mark(testing), p->domain);
}

static void put_enforce_step(FILE *stream, const struct mtasts_publication *p) {
  const bool enforce = p->mode == MTASTS_MODE_ENFORCE;
  const int64_t begins = enforce                          ? p->begins
                         : p->mode == MTASTS_MODE_TESTING ? p->begins + TESTING
                                                          : p->begins + REPORTS_COME + TESTING;
  fprintf(stream,
          "Step 3, %s%s: mode enforce%s\n"
          "   %s: mtasts publish --domain %s --mode enforce ...\n"
          "   It first checks the MX hosts, and refuses if mail would be lost.\n"
          "   A max_age of weeks protects senders who write seldom, as in --max-age 1209600.\n\n",
          enforce ? "since " : "not before ", date(begins).text, mark(enforce),
          enforce ? "It was made by" : "When a week of reports shows no failure", p->domain);
  if (enforce && p->max_age < MAX_AGE_WISHED)
    fputs("   This max_age is under a week: raise it when all has been quiet for some days.\n\n",
          stream);
}

static void put_change(FILE *stream, const struct mtasts_publication *p) {
  fprintf(
      stream,
      "TO CHANGE AN MX HOST\n\n"
      "   Senders may use the policy that they have for %u seconds, whatever you publish. So:\n"
      "1. Add the new host to the policy, and keep the old one: mtasts publish ... --mx OLD NEW.\n"
      "   The id changes by itself. Publish policy and record.\n"
      "2. Wait the max_age of the old policy and the TTL. If you add it on the day on which this\n"
      "   policy was made, wait until %s.\n"
      "3. Change the MX records.\n"
      "4. When no mail comes to the old host any more, remove it from the policy, by\n"
      "   mtasts publish once more.\n\n",
      p->max_age, after(p, p->max_age).text);
}

static void put_leave(FILE *stream, const struct mtasts_publication *p) {
  const bool leaving = p->mode == MTASTS_MODE_NONE;
  fprintf(
      stream,
      "TO LEAVE\n\n"
      "   A record that just disappears leaves senders with their old policy, and you without a\n"
      "   way to change it (RFC 8461 section 8.3). So:\n"
      "1. Publish mode none%s: mtasts publish --domain %s --mode none --max-age 86400 ...\n"
      "2. Wait the longest max_age that you have published before, and a day. ",
      leaving ? ", which these files do" : "", p->domain);
  if (leaving)
    fprintf(stream,
            "This one ends on\n"
            "   %s; if the policy before had a longer max_age, wait for that.\n",
            after(p, p->max_age).text);
  else
    fprintf(stream,
            "If you begin on the day\n"
            "   on which this policy was made, wait until %s.\n",
            after(p, (int64_t)p->max_age + DAY).text);
  fputs("3. Remove the record at _mta-sts first, then the policy host and its address.\n", stream);
}

void mtasts_plan_text(FILE *stream, const struct mtasts_publication *publication) {
  put_head(stream, publication);
  put_files(stream, publication);
  fputs("THE STEPS\n\n", stream);
  put_reports_step(stream, publication);
  put_testing_step(stream, publication);
  put_enforce_step(stream, publication);
  put_change(stream, publication);
  put_leave(stream, publication);
}
