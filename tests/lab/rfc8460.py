#!/usr/bin/env python3
"""Checks TLS reports as a stranger who has read RFC 8460 would: rfc8460.py FILE…

A file is a mail (*.eml) or the gzip body of a POST (*.gz). Prints a JSON line for each, and on standard error each
fault that it finds; ends with 1 if there was one. It uses nothing of this project's.
"""
import email
import email.policy
import email.utils
import gzip
import hashlib
import ipaddress
import json
import re
import sys
from datetime import datetime, timezone

faults = 0
LABEL = r'[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?'
DOMAIN = re.compile(rf'{LABEL}(?:\.{LABEL})+')
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ')
RESULTS = {
    'starttls-not-supported', 'certificate-host-mismatch', 'certificate-expired', 'certificate-not-trusted',
    'validation-failure', 'tlsa-invalid', 'dnssec-invalid', 'dane-required', 'sts-policy-fetch-error',
    'sts-policy-invalid', 'sts-webpki-invalid'}
POLICY_KEYS = {'policy-type', 'policy-string', 'policy-domain', 'mx-host'}
DETAIL_KEYS = {
    'result-type', 'sending-mta-ip', 'receiving-mx-hostname', 'receiving-mx-helo', 'receiving-ip',
    'failed-session-count', 'additional-information', 'failure-reason-code'}


def fault(where, what):
    global faults
    faults += 1
    print(f'{where}: {what}', file=sys.stderr)


def is_count(value):
    return type(value) is int and 0 <= value < 2**53


def no_doubles(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f'a key is there twice: {keys}'
    return dict(pairs)


def texts_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts_of(item)


def check_detail(where, detail):
    keys = set(detail)
    if not {'result-type', 'failed-session-count'} <= keys <= DETAIL_KEYS:
        fault(where, f'keys of a detail: {sorted(keys)}')
    if detail.get('result-type') not in RESULTS:
        fault(where, f'result-type {detail.get("result-type")}')
    if not is_count(detail.get('failed-session-count')) or detail['failed-session-count'] == 0:
        fault(where, f'failed-session-count {detail.get("failed-session-count")}')
    for key in ('sending-mta-ip', 'receiving-ip'):
        if key in detail and str(ipaddress.ip_address(detail[key])) != detail[key]:
            fault(where, f'{key} {detail[key]} is not in the form of RFC 5952')
    for key in keys - {'failed-session-count'}:
        if not isinstance(detail[key], str) or not detail[key]:
            fault(where, f'{key} is empty')
    if 'receiving-mx-helo' in detail and re.search(r'\s', detail['receiving-mx-helo']):
        fault(where, 'receiving-mx-helo is more than a name')


def check_policy(where, entry):
    if set(entry) - {'failure-details'} != {'policy', 'summary'}:
        fault(where, f'keys of an entry of policies: {sorted(entry)}')
    policy, summary = entry['policy'], entry['summary']
    if not {'policy-type', 'policy-domain'} <= set(policy) <= POLICY_KEYS:
        fault(where, f'keys of a policy: {sorted(policy)}')
    if policy['policy-type'] not in ('tlsa', 'sts', 'no-policy-found'):
        fault(where, f'policy-type {policy["policy-type"]}')
    if not DOMAIN.fullmatch(policy['policy-domain']):
        fault(where, f'policy-domain {policy["policy-domain"]}')
    for key in ('policy-string', 'mx-host'):
        if key in policy and (policy['policy-type'] == 'no-policy-found' or not isinstance(policy[key], list)
                              or not policy[key] or not all(isinstance(text, str) for text in policy[key])):
            fault(where, f'{key}: {policy[key]}')
    if set(summary) != {'total-successful-session-count', 'total-failure-session-count'} or \
            not all(is_count(count) for count in summary.values()):
        fault(where, f'summary {summary}')
    if 'failure-details' in entry and not entry['failure-details']:
        fault(where, 'failure-details is empty')
    for detail in entry.get('failure-details', []):
        check_detail(where, detail)


def check_report(where, packed):
    """The gzip file; returns the JSON object."""
    text = gzip.decompress(packed)
    report = json.loads(text.decode('utf-8'), object_pairs_hook=no_doubles)
    if set(report) != {'organization-name', 'date-range', 'contact-info', 'report-id', 'policies'}:
        fault(where, f'keys of the report: {sorted(report)}')
    begin, end = report['date-range']['start-datetime'], report['date-range']['end-datetime']
    if not TIME.fullmatch(begin) or not TIME.fullmatch(end) or begin[10:] != 'T00:00:00Z' or \
            end != begin[:10] + 'T23:59:59Z':
        fault(where, f'date-range {begin} to {end}')
    if not re.fullmatch(r'[^@\s]+@' + DOMAIN.pattern, report['contact-info']):
        fault(where, f'contact-info {report["contact-info"]}')
    if not isinstance(report['policies'], list):
        fault(where, 'policies is no array')
    for entry in report['policies']:
        check_policy(where, entry)
    for text in texts_of(report):
        if re.search('[\x00-\x1f\x7f-\x9f]', text):
            fault(where, f'a control character: {text!r}')
    return report


def check_name(where, name, report, domain):
    """RFC 8460 section 5.1."""
    match = re.fullmatch(r'([^!]+)!([^!]+)!(\d+)!(\d+)(?:![A-Za-z0-9]+)?\.json\.gz', name)
    if not match:
        fault(where, f'file name {name}')
        return
    seconds = [int(datetime.strptime(report['date-range'][key], '%Y-%m-%dT%H:%M:%SZ')
                   .replace(tzinfo=timezone.utc).timestamp()) for key in ('start-datetime', 'end-datetime')]
    if match[1] != report['contact-info'].split('@')[1] or match[2] != domain or \
            [int(match[3]), int(match[4])] != seconds:
        fault(where, f'file name {name} disagrees with the report')


def check_mail(where, raw):
    lines = raw.replace(b'\r\n', b'\n').split(b'\n')
    if any(len(line) >= 998 for line in lines):
        fault(where, 'a line of 998 bytes or more')
    if any(byte > 126 or (byte < 32 and byte != 9) for line in lines for byte in line):
        fault(where, 'a byte that is not of 7 bit text')
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    for name in ('From', 'To', 'Date', 'Message-ID', 'Subject', 'TLS-Report-Domain', 'TLS-Report-Submitter',
                 'TLS-Required', 'MIME-Version', 'Content-Type'):
        if len(mail.get_all(name, [])) != 1:
            fault(where, f'{len(mail.get_all(name, []))} header fields {name}')
    domain, submitter = mail['TLS-Report-Domain'], mail['TLS-Report-Submitter']
    if mail.get_content_type() != 'multipart/report' or mail.get_param('report-type') != 'tlsrpt':
        fault(where, f'Content-Type {mail["Content-Type"]}')
    if mail['TLS-Required'].lower() != 'no':
        fault(where, 'TLS-Required is not No')
    if email.utils.parsedate_to_datetime(mail['Date']).tzinfo is None:
        fault(where, f'Date {mail["Date"]}')
    parts = list(mail.iter_parts())
    if [part.get_content_type() for part in parts] != ['text/plain', 'application/tlsrpt+gzip']:
        fault(where, f'parts {[part.get_content_type() for part in parts]}')
        return None
    file = parts[1]
    if file['Content-Transfer-Encoding'] != 'base64' or file.get_content_disposition() != 'attachment':
        fault(where, 'the report is no attachment in base64')
    packed = file.get_payload(decode=True)
    report = check_report(where, packed)
    name = file.get_filename()
    check_name(where, name, report, domain)
    subject = re.fullmatch(r'Report Domain: (\S+) Submitter: (\S+) Report-ID: <([^<>@\s]+@[^<>@\s]+)>', mail['Subject'])
    identity = report['report-id']
    wanted = identity if '@' in identity else f'{identity}@{submitter}'
    if not subject or subject.groups() != (domain, submitter, wanted):
        fault(where, f'Subject {mail["Subject"]}')
    if submitter != report['contact-info'].split('@')[1]:
        fault(where, f'TLS-Report-Submitter {submitter}')
    if not any(domain in (entry['policy']['policy-domain'],) for entry in report['policies']) and \
            not any(entry['policy']['policy-type'] == 'tlsa' for entry in report['policies']):
        fault(where, f'no policy is of {domain}')
    return {'domain': domain, 'to': [address for _, address in email.utils.getaddresses([mail['To']])],
            'from': mail['From'], 'message_id': mail['Message-ID'], 'file': name, 'report': report, 'packed': packed,
            'dkim': 'DKIM-Signature' in mail}


def main():
    for where in sys.argv[1:]:
        with open(where, 'rb') as stream:
            raw = stream.read()
        try:
            found = check_mail(where, raw) if where.endswith('.eml') else {
                'report': check_report(where, raw), 'packed': raw}
        except Exception as error:  # whatever a malformed report makes the libraries say
            fault(where, f'{type(error).__name__}: {error}')
            continue
        if not found:
            continue
        report = found.pop('report')
        found['sha256'] = hashlib.sha256(found.pop('packed')).hexdigest()
        found['report_id'] = report['report-id']
        found['successful'] = sum(p['summary']['total-successful-session-count'] for p in report['policies'])
        found['failed'] = sum(p['summary']['total-failure-session-count'] for p in report['policies'])
        found['results'] = sorted({d['result-type'] for p in report['policies'] for d in p.get('failure-details', [])})
        found['details'] = {}
        for detail in (d for p in report['policies'] for d in p.get('failure-details', [])):
            kind = detail['result-type']
            found['details'][kind] = found['details'].get(kind, 0) + detail['failed-session-count']
        found['types'] = sorted({p['policy']['policy-type'] for p in report['policies']})
        print(json.dumps(found))
    sys.exit(1 if faults else 0)


main()
