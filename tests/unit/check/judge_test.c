#include "judge.h"

#include "observation_fixture.h"
#include "unit.h"

const char *const unit_name = "check/judge";

enum {
  FINDS_MAX = 40,
  LINE_MAX_BYTES = 4096,
};

/* A case of a file, and the step of it that is being read. */
struct reader {
  const char *path;
  unsigned line;
  char name[200];
  struct fixture fixture;
  struct mtasts_judge_options options;
  struct mtasts_memory memory;
  bool open, remembers, planned, says; /* says: there is a line `finds` or `clean` */
  struct fixture_line finds[FINDS_MAX];
  size_t find_count;
  unsigned cases;
  bool fired[MTASTS_FOUND_COUNT], missed[MTASTS_FOUND_COUNT];
};

static void apply(struct reader *reader, const char *text);

static void begin_case(struct reader *reader, const char *name) {
  static const char *const good[] = {
      "now 2026-12-01T00:00:00Z",
      "record \"v=STSv1; id=1;\"",
      "tlsrpt \"v=TLSRPTv1; rua=mailto:a@reports.example\"",
      "rua mailto:a@reports.example",
      "https 192.0.2.80",
      "policy \"version: STSv1\\nmode: enforce\\nmax_age: 1209600\\nmx: mx.example.com\\n\"",
      "mx mx.example.com",
      "server 192.0.2.25",
  };
  struct fixture *f = &reader->fixture;
  mtasts_arena_free(&f->arena);
  struct chains chains = f->chains;
  *f = (struct fixture){.chains = chains};
  f->seen = (struct mtasts_observation){
      .domain = {"example.com", strlen("example.com")},
      .validates = true,
      .smtp = true,
      .servers = MTASTS_SPAN("192.0.2.53@53"),
      .policy_host = {.a = fixture_answer(f, "answer"), .aaaa = fixture_answer(f, "nodata")},
      .mx_answer = fixture_answer(f, "secure"),
      .https = f->https,
      .mx = f->mx,
      .rua = f->rua,
  };
  snprintf(reader->name, sizeof reader->name, "%.*s", (int)sizeof reader->name - 1, name);
  reader->options = (struct mtasts_judge_options){.now = 0};
  reader->memory = (struct mtasts_memory){.id_count = 0};
  reader->remembers = reader->planned = reader->says = false;
  reader->open = true;
  reader->find_count = 0;
  reader->cases++;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    apply(reader, good[i]);
  f->has_https = f->has_mx = f->has_rua = false;
}

static int find_id(const char *id) {
  for (int found = 0; found < MTASTS_FOUND_COUNT; found++)
    if (strcmp(mtasts_found_name((enum mtasts_found)found), id) == 0)
      return found;
  return -1;
}

/* finds SEVERITY ID [SUBJECT] [line=N] [message=WORDS] [remedy=WORDS] [result=TYPE] */
static bool fits(const struct fixture_line *want, const struct mtasts_finding *finding) {
  if (strcmp(want->words[1].key, mtasts_severity_name(finding->severity)) != 0 ||
      strcmp(want->words[2].key, finding->id) != 0)
    return false;
  for (size_t i = 3; i < want->count; i++) {
    const char *key = want->words[i].key;
    const char *value = want->words[i].value;
    if (want->words[i].quoted || !*value) {
      if (strcmp(key, finding->subject) != 0)
        return false;
    } else if (strcmp(key, "line") == 0) {
      if (strtoul(value, NULL, 10) != finding->line)
        return false;
    } else if (strcmp(key, "result") == 0) {
      if (!finding->result_type || strcmp(finding->result_type, value) != 0)
        return false;
    } else if (!strstr(strcmp(key, "message") == 0 ? finding->message : finding->remedy, value)) {
      return false;
    }
  }
  return true;
}

static bool is_printable(const char *text, bool lines) {
  for (; *text; text++)
    if (!(*text >= ' ' && *text <= '~') && !(lines && *text == '\n'))
      return false;
  return true;
}

/* What holds for each finding, whatever it is. */
static void check_texts(const struct reader *reader, const struct mtasts_finding *finding) {
  bool acts = finding->severity >= MTASTS_SEVERITY_WARNING;
  size_t end = strlen(finding->message);
  unit_check(is_printable(finding->subject, false) && is_printable(finding->message, false) &&
                 is_printable(finding->remedy, true),
             "%s: %s: %s: not printable", reader->path, reader->name, finding->id);
  unit_check(end > 10 && finding->message[end - 1] == '.', "%s: %s: %s: \"%s\" is no sentence",
             reader->path, reader->name, finding->id, finding->message);
  unit_check(strlen(finding->remedy) > (acts ? 20 : 5) &&
                 strstr(finding->remedy, finding->message) == NULL,
             "%s: %s: %s: the remedy \"%s\"", reader->path, reader->name, finding->id,
             finding->remedy);
  unit_check(!strstr(finding->remedy, "(null)") && !strstr(finding->message, "(null)"),
             "%s: %s: a text is missing", reader->path, reader->name);
}

static void run_step(struct reader *reader) {
  struct mtasts_findings findings = {.count = 0};
  struct mtasts_policy policy;
  struct fixture *f = &reader->fixture;
  unsigned char store[4096];
  bool used[256] = {false};
  const char *path = reader->path;
  reader->options.now = f->now;
  f->seen.now = f->now;
  unit_check(reader->says, "%s:%u: %s: a step that expects nothing", path, reader->line,
             reader->name);
  unit_check(!*f->wrong, "%s:%u: %s: what is \"%s\"?", path, reader->line, reader->name, f->wrong);
  if (!reader->planned) {
    mtasts_judge(&f->seen, &reader->options, reader->remembers ? &reader->memory : NULL, &findings);
  } else if (mtasts_policy_parse(f->https[0].body, store, &policy, NULL) == MTASTS_OK) {
    mtasts_judge_planned(&f->seen, &policy, &reader->options, &findings);
  } else {
    unit_check(false, "%s:%u: %s: the plan is no policy", path, reader->line, reader->name);
  }
  unit_check(!findings.no_memory, "%s: %s: memory", path, reader->name);
  for (size_t i = 0; i < reader->find_count; i++) {
    size_t k = 0;
    while (k < findings.count && (used[k] || !fits(&reader->finds[i], &findings.items[k])))
      k++;
    unit_check(k < findings.count, "%s:%u: %s: not found: %s %s", path, reader->line, reader->name,
               reader->finds[i].words[1].key, reader->finds[i].words[2].key);
    if (k < findings.count)
      used[k] = true;
  }
  for (size_t k = 0; k < findings.count && k < sizeof used; k++) {
    const struct mtasts_finding *finding = &findings.items[k];
    check_texts(reader, finding);
    reader->fired[finding->found] = reader->fired[finding->found] || used[k];
    unit_check(used[k], "%s:%u: %s: found too: %s %s \"%s\" line %u: %s / %s", path, reader->line,
               reader->name, mtasts_severity_name(finding->severity), finding->id, finding->subject,
               finding->line, finding->message, finding->remedy);
    unit_check(k == 0 || findings.items[k - 1].severity >= finding->severity, "%s: %s: order", path,
               reader->name);
  }
  mtasts_findings_free(&findings);
  reader->find_count = 0;
  reader->says = false;
}

static void end_case(struct reader *reader) {
  if (reader->open)
    run_step(reader);
  reader->open = false;
}

/* Lines about the expectation, the options and the time. Returns false for others. */
static bool apply_step(struct reader *reader, const struct fixture_line *line) {
  struct fixture *f = &reader->fixture;
  const char *word = line->words[0].key;
  const char *first = line->count > 1 ? line->words[1].key : "";
  if (strcmp(word, "finds") == 0) {
    reader->says = true;
    if (reader->find_count < FINDS_MAX && line->count > 2 && find_id(line->words[2].key) >= 0)
      reader->finds[reader->find_count++] = *line;
    else
      fixture_wrong(f, "finds");
  } else if (strcmp(word, "clean") == 0) {
    reader->says = true;
  } else if (strcmp(word, "not") == 0) { /* a near miss: the exact list proves that it is absent */
    for (size_t i = 1; i < line->count; i++)
      if (find_id(line->words[i].key) >= 0)
        reader->missed[find_id(line->words[i].key)] = true;
      else
        fixture_wrong(f, line->words[i].key);
  } else if (strcmp(word, "later") == 0) {
    run_step(reader);
    f->now += strtoll(first, NULL, 10);
  } else if (strcmp(word, "now") == 0) {
    if (!mtasts_rfc3339_parse((struct mtasts_span){first, strlen(first)}, &f->now))
      fixture_wrong(f, first);
  } else if (strcmp(word, "expect") == 0) {
    reader->options.has_expect = true;
    reader->options.expect = strcmp(first, "enforce") == 0   ? MTASTS_MODE_ENFORCE
                             : strcmp(first, "testing") == 0 ? MTASTS_MODE_TESTING
                                                             : MTASTS_MODE_NONE;
  } else if (strcmp(word, "memory") == 0) {
    reader->remembers = true;
  } else if (strcmp(word, "planned") == 0) {
    reader->planned = true;
  } else {
    return false;
  }
  return true;
}

static void apply_no_smtp(struct fixture *f) {
  f->seen.smtp = false;
  for (size_t i = 0; i < f->seen.mx_count; i++)
    for (size_t k = 0; k < f->mx[i].server_count; k++)
      f->servers[i][k].connect = MTASTS_CONNECT_NOT_TRIED, f->servers[i][k].smtp = 0;
}

static void apply_observation(struct reader *reader, const struct fixture_line *line) {
  struct fixture *f = &reader->fixture;
  struct mtasts_observation *seen = &f->seen;
  const char *word = line->words[0].key;
  const char *first = line->count > 1 ? line->words[1].key : "";
  if (strcmp(word, "record") == 0) {
    fixture_txt(f, &seen->record, line);
  } else if (strcmp(word, "tlsrpt") == 0) {
    fixture_txt(f, &seen->tlsrpt, line);
    seen->rua_count = 0;
  } else if (strcmp(word, "rua") == 0) {
    fixture_rua(f, line);
  } else if (strcmp(word, "policy") == 0) {
    for (size_t i = 0; i < seen->https_count; i++)
      f->https[i].body = fixture_copy(f, first, line->words[1].len);
  } else if (strcmp(word, "policy-host") == 0) {
    seen->policy_host.a = seen->policy_host.aaaa = fixture_answer(f, first);
    seen->policy_host.count = seen->https_count = 0;
  } else if (strcmp(word, "https") == 0) {
    fixture_https(f, line);
  } else if (strcmp(word, "mx") == 0) {
    fixture_mx(f, line);
  } else if (strcmp(word, "server") == 0) {
    fixture_server(f, line);
  } else if (strcmp(word, "mx-answer") == 0) {
    seen->mx_answer = fixture_answer(f, first);
    seen->mx_count = 0;
  } else if (strcmp(word, "null-mx") == 0) {
    seen->null_mx = true;
    seen->mx_count = f->has_mx ? seen->mx_count : 0;
  } else if (strcmp(word, "implicit") == 0) {
    seen->mx_answer = fixture_answer(f, "nodata");
    seen->implicit_mx = true;
    seen->mx_count = 0;
  } else if (strcmp(word, "no-smtp") == 0) {
    apply_no_smtp(f);
  } else if (strcmp(word, "unvalidated") == 0) {
    seen->validates = false;
  } else if (strcmp(word, "dead") == 0) {
    seen->resolver_dead = true;
  } else if (strcmp(word, "deadline") == 0) {
    seen->deadline = true;
  } else {
    fixture_wrong(f, word);
  }
}

static void apply(struct reader *reader, const char *text) {
  struct fixture_line line;
  fixture_cut(&reader->fixture, text, &line);
  if (line.count > 0 && !apply_step(reader, &line))
    apply_observation(reader, &line);
}

static void read_file(struct reader *reader, const char *path) {
  char text[LINE_MAX_BYTES];
  FILE *file = fopen(path, "r");
  unit_check(file != NULL, "%s is missing", path);
  if (!file)
    return;
  reader->path = path;
  reader->line = 0;
  while (fgets(text, sizeof text, file)) {
    text[strcspn(text, "\n")] = '\0';
    reader->line++;
    if (strncmp(text, "case ", 5) == 0) {
      end_case(reader);
      begin_case(reader, text + 5);
    } else if (reader->open) {
      apply(reader, text);
    }
  }
  end_case(reader);
  fclose(file);
}

static void every_case(void) {
  static const char *const paths[] = {
      "tests/data/check/record.txt", "tests/data/check/host.txt",   "tests/data/check/policy.txt",
      "tests/data/check/mx.txt",     "tests/data/check/smtp.txt",   "tests/data/check/dane.txt",
      "tests/data/check/tlsrpt.txt", "tests/data/check/change.txt", "tests/data/check/rules.txt",
  };
  struct reader *reader = calloc(1, sizeof *reader);
  chains_make(&reader->fixture.chains);
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    read_file(reader, paths[i]);
  unit_check(reader->cases >= 200, "only %u cases", reader->cases);
  for (size_t i = 0; i < MTASTS_FOUND_COUNT; i++) {
    const char *name = mtasts_found_name((enum mtasts_found)i);
    /* The judge cannot know it: the tool finds it. */
    bool tool = i == MTASTS_FOUND_CHECK_STATE;
    unit_check(reader->fired[i] != tool, "no case finds %s", name);
    unit_check(reader->missed[i] != tool, "no case nearly has %s", name);
  }
  chains_free(&reader->fixture.chains);
  mtasts_arena_free(&reader->fixture.arena);
  free(reader);
}

const struct unit_test unit_tests[] = {
    {"every case of tests/data/check is judged as it says", every_case},
    {NULL, NULL},
};
