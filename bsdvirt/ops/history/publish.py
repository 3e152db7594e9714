"""The counters of the last sample for Prometheus, in its text format: in a file that node_exporter
collects, and on a socket."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
import time

from msgspec import Struct

from bsdvirt.errors import ConflictError, HostError
from bsdvirt.host.fs import Fs
from bsdvirt.ops.show.prometheus import prometheus
from bsdvirt.rows.usage import Sample

MOST_REQUEST = 8192
"""Bytes of a request."""
PATIENCE = 5.0
"""Seconds for a client to ask, and to take the answer."""
WAITING = 8
"""Clients that wait for their turn."""
END = (b"\r\n\r\n", b"\n\n")
TYPE = "text/plain; version=0.0.4; charset=utf-8"


def mode_of(group: int | None) -> int:
    """Return the mode of a file for root, or also for a group."""
    return 0o600 if group is None else 0o640


class File(Struct, frozen=True):
    """A file that is replaced at each sample."""

    fs: Fs
    path: str
    group: int | None = None

    def publish(self, sample: Sample) -> None:
        self.fs.write(self.path, prometheus(sample), mode_of(self.group), group=self.group)


class _Client(Struct):
    """A connection, one at a time. It never blocks: a slow one is dropped."""

    connection: socket.socket
    until: float
    asked: bytes = b""
    answer: bytes = b""

    def read(self) -> bool:
        """Read what has come; return whether the request is complete."""
        data = self.connection.recv(MOST_REQUEST - len(self.asked))
        self.asked += data
        # What ends, or is too long, is answered too.
        return not data or len(self.asked) >= MOST_REQUEST or any(e in self.asked for e in END)

    def write(self) -> bool:
        """Write as much as is taken; return whether that is all."""
        self.answer = self.answer[self.connection.send(self.answer) :]
        return not self.answer


class Socket:
    """Answers HTTP/1.0 requests on a unix socket while the daemon waits for its next sample."""

    def __init__(self, fs: Fs, path: str, group: int | None = None) -> None:
        self._real = str(fs.path(path))
        self._sample: Sample | None = None
        self._client: _Client | None = None
        self._listener = _listening(self._real, path, group)

    def publish(self, sample: Sample) -> None:
        self._sample = sample

    def wait(self, seconds: float) -> None:
        """Wait for a time, and answer meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._step(left)

    def close(self) -> None:
        """Close the socket, and remove it."""
        self._drop()
        self._listener.close()
        with contextlib.suppress(OSError):
            os.unlink(self._real)

    def _step(self, seconds: float) -> None:
        client = self._client
        if client is None:
            if _ready([self._listener], [], seconds):
                with contextlib.suppress(OSError):
                    connection, _ = self._listener.accept()
                    connection.setblocking(False)
                    self._client = _Client(connection, time.monotonic() + PATIENCE)
            return
        left = min(seconds, client.until - time.monotonic())
        reads, writes = ([], [client.connection]) if client.answer else ([client.connection], [])
        if left <= 0:
            self._drop()
            return
        try:
            if _ready(reads, writes, left):
                self._serve(client)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._drop()

    def _serve(self, client: _Client) -> None:
        if client.answer:
            if client.write():
                self._drop()
        elif client.read():
            client.answer = answer(client.asked, self._sample)

    def _drop(self) -> None:
        if self._client is not None:
            self._client.connection.close()
            self._client = None


def _ready(reads: list[socket.socket], writes: list[socket.socket], seconds: float) -> bool:
    return any(select.select(reads, writes, [], seconds))


def answer(request: bytes, sample: Sample | None) -> bytes:
    """Return the answer to a request: the metrics, to GET and HEAD of any path."""
    method, _, rest = request.partition(b" ")
    if method not in (b"GET", b"HEAD") or b"\n" not in rest:
        return _response("400 Bad Request", "GET /metrics\n")
    if sample is None:
        return _response("503 Service Unavailable", "there is no sample yet\n")
    return _response("200 OK", prometheus(sample), body=method == b"GET")


def _response(status: str, text: str, *, body: bool = True) -> bytes:
    data = text.encode()
    head = f"HTTP/1.0 {status}\r\nContent-Type: {TYPE}\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + (data if body else b"")


def _listening(real: str, path: str, group: int | None) -> socket.socket:
    """Return a socket at a path, in place of one that nothing listens on any more. Raises
    ConflictError where something does, or where there is another file."""
    _clear(real, path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The mode is that of its making: in a directory of another user, the name may soon be a link.
    before = os.umask(0o177 if group is None else 0o117)
    try:
        listener.bind(real)
    except OSError as error:
        listener.close()
        why = error.strerror or str(error)
        raise HostError(f"{path}: {why}", "name a path in a directory that exists") from None
    finally:
        os.umask(before)
    if group is not None:
        os.lchown(real, -1, group)
    listener.setblocking(False)
    listener.listen(WAITING)
    return listener


def _clear(real: str, path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.lstat(real).st_mode):
            raise ConflictError(f"{path} exists, and is not a socket", "name another path")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
        tried.setblocking(False)
        try:
            tried.connect(real)
        except ConnectionRefusedError:
            os.unlink(real)
            return
        except OSError:
            pass
    raise ConflictError(f"{path} is in use", "name another path")
