#!/usr/bin/env python3
"""Takes TLS reports: by HTTPS, and by SMTP in clear.

  collector.py DIR https ADDRESS PORT CERTIFICATE KEY
  collector.py DIR smtp ADDRESS PORT

A POST is kept as DIR/N.gz, its path and header fields as DIR/N.head; the path says how it is answered. A mail is
kept as DIR/N.eml, with its envelope in DIR/N.head.
"""
import http.server
import itertools
import os
import socketserver
import ssl
import sys
import time

directory = sys.argv[1]
numbers = itertools.count()


def keep(kind, head, body):
    name = f'{directory}/{os.getpid()}-{next(numbers):04}'
    with open(name + '.head', 'w', encoding='utf-8') as stream:
        stream.write(head)
    with open(name + '.part', 'wb') as stream:
        stream.write(body)
    os.rename(name + '.part', name + kind)


class Post(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        keep('.gz', f'POST {self.path}\n{self.headers}', body)
        what = self.path.strip('/').split('/')[0]
        if what == 'hang':
            time.sleep(30)
            return
        if what == 'close':
            self.close_connection = True
            return
        status = int(what) if what.isdigit() else 200
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header('Location', '/redirected')
        text = b'error: it was lost' if what == 'lies' else b''
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Mail(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b'\r\n')

    def take(self):
        body = b''
        self.say('354 go on')
        while (line := self.rfile.readline()) not in (b'.\r\n', b''):
            body += line[1:] if line.startswith(b'.') else line
        return body

    def handle(self):
        envelope = ''
        self.say('220 collector ESMTP')
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb in (b'MAIL', b'RCPT'):
                envelope += line.decode().strip() + '\n'
            if verb == b'QUIT':
                self.say('221 bye')
                return
            if verb == b'DATA':
                keep('.eml', envelope, self.take())
                envelope = ''
            self.say('250 yes')


class Threads(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main():
    _, _, kind, address, port, *files = sys.argv
    if kind == 'smtp':
        Threads((address, int(port)), Mail).serve_forever()
    server = http.server.ThreadingHTTPServer((address, int(port)), Post)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


main()
