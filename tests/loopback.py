"""A server on loopback that plays Zenodo, a mirror, or a bad proxy."""

import hashlib
import json
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import yaml

RECORD = '/api/records/7'


class Zenodo(ThreadingHTTPServer):
    """Serves ``files``; the attributes make it misbehave.

    Attributes:
        cuts (list[int]): After how many bytes each of the next answers stops.
        ranges (bool): Whether it continues a file.
        status (int, optional): Answers nothing but this.
        record (dict): Changes to the record's entry of a file.
        asked (list[tuple]): Path and Range of all requests.
    """

    def __init__(self, files):
        super().__init__(('127.0.0.1', 0), Handler)
        self.files = files
        self.cuts, self.ranges, self.status = [], True, None
        self.record, self.asked = {}, []

    @property
    def url(self):
        return f'http://127.0.0.1:{self.server_port}'

    def handle_error(self, request, client_address):
        """Be silent about clients that went away."""

    def record_json(self):
        return dict(
            metadata=dict(license=dict(id='cc-by-4.0')),
            files=[
                dict(
                    key=name,
                    size=len(data),
                    checksum=f'md5:{hashlib.md5(data).hexdigest()}',
                    links=dict(
                        self=f'{self.url}{RECORD}/files/{name}/content'
                    ),
                )
                | self.record
                for name, data in self.files.items()
            ],
        )


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_CONNECT(self):  # to a proxy, for https
        self.send_error(self.server.status)

    def do_GET(self):
        server, asked = self.server, self.headers.get('Range')
        server.asked.append((self.path, asked))
        content = re.fullmatch(f'{RECORD}/files/(.+)/content', self.path)
        if server.status:
            self.send_error(server.status)
        elif self.path == RECORD:
            self.answer(200, json.dumps(server.record_json()).encode())
        elif content:  # as Zenodo, which stores files elsewhere
            self.answer(302, b'', Location=f'/blobs/{content[1]}')
        elif self.path.split('/')[-1] in server.files:
            self.send_file(server.files[self.path.split('/')[-1]], asked)
        else:
            self.send_error(404)

    def send_file(self, data, asked):
        start = 0
        if asked and self.server.ranges:
            start = int(re.fullmatch(r'bytes=(\d+)-', asked)[1])
        where = {'Content-Range': f'bytes {start}-/{len(data)}'}
        if start >= len(data):
            self.answer(416, b'', **where)
        elif start:
            self.answer(206, data[start:], **where)
        else:
            self.answer(200, data)

    def answer(self, status, body, **headers):
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if status in (200, 206) and self.path != RECORD and self.server.cuts:
            body = body[: self.server.cuts.pop(0)]
        self.wfile.write(body)


@contextmanager
def serve(files):
    """Run a server for files, a dict of bytes by name."""
    server = Zenodo(files)
    thread = Thread(
        target=server.serve_forever, kwargs=dict(poll_interval=0.01)
    )
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_zoo(path, *entries):
    """Write a zoo file; the first entry is the default model."""
    models = [dict(Default=i == 0) | entry for i, entry in enumerate(entries)]
    path.write_text(yaml.safe_dump(dict(Models=models)))
    return str(path)
