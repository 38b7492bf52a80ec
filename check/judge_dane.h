/*
 * judge_dane.h: what DANE (RFC 7672) says of a mail server's certificate. Part of judge.h.
 */
#ifndef MTASTS_JUDGE_DANE_H
#define MTASTS_JUDGE_DANE_H

#include "judge_private.h"

/* The faults (judge_certificate.h) that are none for a sender that uses DANE: all of dates, trust
 * and names under a DANE-EE record that matches, trust alone under a DANE-TA record. */
unsigned mtasts_judge_dane_forgives(const struct mtasts_judgement *j,
                                    const struct mtasts_seen_mx *mx,
                                    const struct mtasts_seen_mail_server *server);

#endif
