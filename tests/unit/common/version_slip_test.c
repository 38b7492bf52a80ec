#include "version_slip.h"

#include "ascii.h"
#include "unit.h"

const char *const unit_name = "common/version_slip";

static const struct {
  const char *txt, *word;
  bool slip;
} cases[] = {
    {"v=stsv1; id=1", "STSv", true},
    {"id=1; v=STSv1", "STSv", true},
    {"\"v=STSv1; id=1;\"", "STSv", true},
    {"xSTSV2", "STSv", true},
    {"", "STSv", false},
    {"STS", "STSv", false},
    {"v=spf1 include:hostsv.example -all", "STSv", false},
    {"V=DMARC1; rua=mailto:stsv@a.example", "STSv", false},
    {"a-site-verification=xSTSvx", "STSv", false},
    {"a-site-verification", "STSv", false},
    {"v=TLSRPTv1; rua=mailto:stsv1@a.example", "STSv", false},
    {"v=TLSRPTv1 rua=mailto:a@a.example", "TLSRPTv", true},
    {"v=tlsrptV1;", "TLSRPTv", true},
    {"v=STSv1; id=1; a=tlsrptv1", "TLSRPTv", false},
    {"v=DKIM1; p=TLSRPTv", "TLSRPTv", false},
};

static void each(void) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    unit_check(mtasts_version_slip(mtasts_span_of(cases[i].txt), mtasts_span_of(cases[i].word)) ==
                   cases[i].slip,
               "%s", cases[i].txt);
}

const struct unit_test unit_tests[] = {
    {"records of this kind and of others", each},
    {NULL, NULL},
};
