"""A mirror on this machine: https on 127.0.0.1, which can be told to misbehave."""

from __future__ import annotations

import contextlib
import hashlib
import io
import ssl
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def make_certificate(place: Path) -> Path:
    """A key and a certificate for 127.0.0.1, signed by itself, in one file."""
    file, key = place / "mirror.pem", place / "mirror.key"
    subprocess.run(
        ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file)),
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text(file.read_text() + key.read_text())
    return file


@dataclass
class Mirror:
    """What it serves lies in `root`. `faults` are taken one a request, by path's end:
    `cut:N` closes after N bytes, `stall:N` is silent after them, `503` and such are
    answers, `to:URL` redirects, `shift:N` answers with the range N bytes on."""

    root: Path
    certificate: Path
    port: int = 0
    faults: dict[str, list[str]] = field(default_factory=dict)
    ranges: bool = True
    etag: str = ""
    """Sent with each file; a range is sent only if If-Range, when there is one, names it."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range of each request."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def fault(self, path: str) -> str:
        for end, left in self.faults.items():
            if path.endswith(end) and left:
                return left.pop(0)
        return ""

    def ranges_of(self, end: str) -> list[str]:
        return [where for path, where in self.asked if path.endswith(end)]

    @contextlib.contextmanager
    def serving(self) -> Iterator[Mirror]:
        mirror = self

        class Handler(_Handler):
            served = mirror

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """Nothing: whoever hangs up has a reason, and tests see it there."""

        server = Server(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    served: Mirror

    def do_GET(self) -> None:
        mirror, where = self.served, self.headers.get("Range", "")
        mirror.asked.append((self.path, where))
        verb, _, word = mirror.fault(self.path).partition(":")
        place = mirror.root / self.path.strip("/")
        if verb == "to":
            self._head(302, 0, Location=word)
        elif verb.isdigit():
            self._head(int(verb), 0)
        elif place.is_dir():
            links = "".join(f'<a href="{one.name}/">x</a>\n' for one in place.iterdir())
            self._head(200, len(links))
            self.wfile.write(links.encode())
        elif not place.is_file():
            self._head(404, 0)
        else:
            self._file(place.read_bytes(), where, verb, int(word or 0))

    def _file(self, data: bytes, where: str, verb: str, after: int) -> None:
        begin = int(where.removeprefix("bytes=").rstrip("-")) if where else 0
        if where and not (
            self.served.ranges
            and self.headers.get("If-Range", self.served.etag) == self.served.etag
        ):
            begin, where = 0, ""
        begin += after if verb == "shift" else 0
        if begin >= len(data) > 0:
            self._head(416, 0)
            return
        if where:
            span = f"bytes {begin}-{len(data) - 1}/{len(data)}"
            self._head(206, len(data) - begin, **{"Content-Range": span})
        else:
            self._head(200, len(data))
        if verb in ("", "shift"):
            self.wfile.write(data[begin:])
            return
        self.wfile.write(data[begin : begin + after])
        self.wfile.flush()
        if verb == "stall":
            time.sleep(30)
        self.close_connection = True

    def _head(self, status: int, length: int, **more: str) -> None:
        self.send_response(status)
        etag = {"ETag": self.served.etag} if self.served.etag else {}
        for name, value in {"Content-Length": str(length), **etag, **more}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests look at `asked`."""


def add_set(place: Path, name: str, files: dict[str, str]) -> None:
    """Another distribution set beside base.txz, and its line in MANIFEST."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as tar:
        for path, text in files.items():
            info = tarfile.TarInfo(f"./{path}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    data = buffer.getvalue()
    (place / f"{name}.txz").write_bytes(data)
    line = f'{name}.txz\t{hashlib.sha256(data).hexdigest()}\t{len(files)}\t{name}\t"{name}"\toff\n'
    manifest = place / "MANIFEST"
    manifest.write_text(manifest.read_text() + line)
