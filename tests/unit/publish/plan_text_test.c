#include "plan_text.h"

#include "publication_fixture.h"

const char *const unit_name = "publish/plan_text";

static bool says(const struct mtasts_publication *publication, const char *words) {
  bool has = fixture_has(mtasts_plan_text, publication, words);
  unit_check(has, "does not say: %s", words);
  return has;
}

static void testing(void) {
  struct mtasts_publication publication = fixture_publication();
  CU_ASSERT(says(&publication, "mode testing since 2026-01-01"));
  CU_ASSERT(says(&publication, "Step 1, 2026-01-01: TLS reports"));
  CU_ASSERT(says(&publication, "without reports testing shows\n   nothing"));
  CU_ASSERT(says(&publication, "arrive by 2026-01-03"));
  CU_ASSERT(
      says(&publication, "Step 2, from 2026-01-01 to 2026-01-15 at least: mode testing   <-"));
  CU_ASSERT(says(&publication, "Step 3, not before 2026-01-15: mode enforce\n"));
}

/* A week and an hour after the day on which it was made is over. */
static void changing_and_leaving(void) {
  struct mtasts_publication publication = fixture_publication();
  CU_ASSERT(says(&publication, "wait until 2026-01-09.\n3. Change the MX records"));
  CU_ASSERT(says(&publication, "wait until 2026-01-10.\n3. Remove the record"));
  publication.mode = MTASTS_MODE_NONE;
  publication.mx.count = 0;
  CU_ASSERT(says(&publication, "MX       none\n"));
  CU_ASSERT(says(&publication, "mode none, which these files do"));
  CU_ASSERT(says(&publication, "2026-01-09; if the policy before had a longer max_age"));
}

static void enforce(void) {
  struct mtasts_publication publication = fixture_publication();
  publication.mode = MTASTS_MODE_ENFORCE;
  CU_ASSERT(says(&publication, "Step 3, since 2026-01-01: mode enforce   <- you are here"));
  publication.max_age = 86400;
  CU_ASSERT(says(&publication, "under a week"));
}

static void provider(void) {
  static const char *const rua[] = {"mailto:a@b.example"};
  struct mtasts_publication publication = fixture_publication();
  publication.provider_zone = "sts.example";
  publication.rua = (struct mtasts_texts){rua, 1};
  CU_ASSERT(says(&publication, "in its zone sts.example"));
  CU_ASSERT(says(&publication, "The customer sets the aliases of dns.txt"));
  CU_ASSERT(says(&publication, "asks senders for a report each day"));
}

const struct unit_test unit_tests[] = {{"testing", testing},
                                       {"changing_and_leaving", changing_and_leaving},
                                       {"enforce", enforce},
                                       {"provider", provider},
                                       {NULL, NULL}};
