#!/usr/bin/env python3
"""Writes so many TLS reports, as gzip in mail, into a Maildir, and their gzip streams alone into a file:
received.py MAILDIR COUNT FILE. Each has two policies of five failure details."""
import base64, gzip, json, os, sys

maildir, count = sys.argv[1], int(sys.argv[2])
TYPES = ["certificate-expired", "starttls-not-supported", "validation-failure", "sts-policy-fetch-error", "certificate-host-mismatch"]
MAIL = """Return-Path: <tls@r.example>
From: tls@r.example
To: tls@example.com
Subject: Report Domain: {domain} Submitter: r.example Report-ID: <{n}@r.example>
TLS-Report-Domain: {domain}
TLS-Report-Submitter: r.example
MIME-Version: 1.0
Content-Type: multipart/report; report-type=tlsrpt; boundary="b_{n}"

--b_{n}
Content-Type: text/plain

This is a report.

--b_{n}
Content-Type: application/tlsrpt+gzip; name="r.json.gz"
Content-Transfer-Encoding: base64

{base64}
--b_{n}--
"""


def policy(n, domain, kind):
    return {"policy": {"policy-type": kind, "policy-string": ["version: STSv1", "mode: enforce", "mx: *.example.com", "max_age: 604800"],
                       "policy-domain": domain, "mx-host": ["*.example.com"]},
            "summary": {"total-successful-session-count": n % 977, "total-failure-session-count": 5},
            "failure-details": [{"result-type": TYPES[(n + i) % 5], "sending-mta-ip": f"192.0.2.{(n * 7 + i) % 250}",
                                 "receiving-mx-hostname": f"mx{i}.example.com", "receiving-ip": f"203.0.113.{i}",
                                 "failed-session-count": 1, "failure-reason-code": "X509_V_ERR_CERT_HAS_EXPIRED"} for i in range(5)]}


for directory in ("cur", "new", "tmp"):
    os.makedirs(f"{maildir}/{directory}")
with open(sys.argv[3], "wb") as streams:
    for n in range(count):
        day, domain = f"2026-{1 + n // 28 % 9:02}-{1 + n % 28:02}", f"d{n % 50}.example.com"
        report = {"organization-name": f"Reporter {n % 40} Inc.", "contact-info": "tls@r.example", "report-id": f"{n}@r.example",
                  "date-range": {"start-datetime": day + "T00:00:00Z", "end-datetime": day + "T23:59:59Z"},
                  "policies": [policy(n, domain, kind) for kind in ("sts", "tlsa")]}
        stream = gzip.compress(json.dumps(report).encode(), 6)
        streams.write(stream)
        with open(f"{maildir}/new/{n}.host", "w", encoding="ascii") as mail:
            mail.write(MAIL.format(n=n, domain=domain, base64=base64.encodebytes(stream).decode()))
