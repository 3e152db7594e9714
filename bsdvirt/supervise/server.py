"""The socket of a virtual machine's supervisor: viewers of the console, and requests.

A request is a line of JSON with `v` and `do`; the answer is another, with `ok`. After that, a
viewer's connection carries the console, and that of a stop its progress and end.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable
from functools import partial

from bsdvirt.supervise.events import READ, WRITE, Events
from bsdvirt.supervise.files import Json, remove
from bsdvirt.supervise.log import Log

Reply = tuple[str, Json, Callable[[], None] | None]
VERSION = 1
"""Of the protocol, of run.json and of state.json."""
REQUEST_BYTES = 4096
CLIENTS = 64
REPLAY_BYTES = 256 * 1024
"""How much of the log a viewer is shown first."""
BEHIND_BYTES = 256 * 1024
"""What a viewer may lag behind before output is left out for it."""
CAUGHT_UP_BYTES = 16 * 1024
"""How much of what it missed a viewer is shown when it reads again."""
MISSING = b"\r\n[output is missing here: this terminal was too slow]\r\n"
QUERIES = tuple(b"\x1b[" + word for word in (b"6n", b"5n", b"c", b"0c", b">c", b">0c"))
"""What makes a terminal answer: played again, the answers would be typed to the guest."""


def line(value: Json) -> bytes:
    """Return a line of the protocol."""
    return json.dumps({"v": VERSION} | value).encode() + b"\n"


class Client:
    """A connection: `kind` is empty until its request has come."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.asked = b""
        self.kind = ""
        self.out = bytearray()
        self.missed = 0
        self.silent = False
        self.leaving = False


class Server:
    """The socket and its clients. `act` carries out a request, and returns what is wrong, more
    to answer, and what to do after the answer; `typed` gets what viewers type."""

    def __init__(
        self,
        path: str,
        events: Events,
        log: Log,
        act: Callable[[Json], Reply],
        typed: Callable[[bytes], None],
    ) -> None:
        self.path = path
        self.events = events
        self.log = log
        self.act = act
        self.typed = typed
        self.clients: dict[int, Client] = {}
        remove(path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        os.chmod(path, 0o600)
        self.listener.listen(16)
        self.listener.setblocking(False)
        events.want(self.listener.fileno(), self._accept)

    def of_kind(self, kind: str) -> list[Client]:
        return [client for client in self.clients.values() if client.kind == kind]

    def show(self, data: bytes) -> None:
        """Give all viewers what the guest printed."""
        for client in self.of_kind("console"):
            self._send(client, data)

    def tell_viewers(self, text: str) -> None:
        self.show(f"\r\n[{text}]\r\n".encode())

    def tell_stops(self, **value: str) -> None:
        """Tell all that wait for the guest's end."""
        for client in self.of_kind("stop"):
            self._send(client, line(value))

    def refuse_stops(self, error: str) -> None:
        """Tell all that wait for the guest's end that it goes on."""
        stops = self.of_kind("stop")
        self.tell_stops(error=error)
        for client in stops:
            self._part(client)

    def stop_listening(self) -> None:
        remove(self.path)
        self.listener.close()

    def part_all(self) -> None:
        for client in list(self.clients.values()):
            self._part(client)

    def _accept(self, _: int) -> None:
        try:
            link, _ = self.listener.accept()
        except OSError:
            return
        if len(self.clients) >= CLIENTS:
            # Whether those that have ended their input still listen is not known.
            silent = next((one for one in self.clients.values() if one.silent), None)
            if silent is None:
                link.close()
                return
            self._part(silent)
        link.setblocking(False)
        client = self.clients[link.fileno()] = Client(link)
        self._want(client)

    def _want(self, client: Client, bits: int = 0) -> None:
        if not (client.leaving or client.silent):
            bits |= READ
        self.events.want(client.link.fileno(), partial(self._ready, client), bits)

    def _ready(self, client: Client, bits: int) -> None:
        if bits & ~WRITE:
            self._hear(client)
        if bits & WRITE and client.link.fileno() in self.clients:
            self._flush(client)

    def _hear(self, client: Client) -> None:
        try:
            data = client.link.recv(REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data and client.kind == "console" and not client.silent:
            # It has ended its input, and may go on listening.
            client.silent = True
            self._want(client, WRITE if client.out else 0)
        elif not data:
            self._leave(client)
        elif client.kind == "console":
            self.typed(data)
        elif not client.kind:
            client.asked += data
            request, newline, rest = client.asked.partition(b"\n")
            if newline:
                self._answer(client, request, rest)
            elif len(client.asked) > REQUEST_BYTES:
                self._part(client)

    def _answer(self, client: Client, text: bytes, rest: bytes) -> None:
        """Do what the client's first line asks for."""
        try:
            request = json.loads(text)
            verb, version = request["do"], request["v"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            request, verb, version = {}, None, VERSION
        client.kind = "done"
        more: Json = {}
        follow = None
        if version != VERSION:
            error = f"this supervisor speaks version {VERSION} only: restart the guest"
        elif verb == "console":
            client.kind = "console"
            self._begin_viewing(client, bool(request.get("log")), rest)
            return
        else:
            error, more, follow = self.act(request | {"do": verb})
        self._send(client, line({"ok": False, "error": error} if error else {"ok": True} | more))
        if follow is None:
            self._leave(client)
        else:
            client.kind = "stop"
            follow()

    def _begin_viewing(self, client: Client, replay: bool, typed: bytes) -> None:
        self._send(client, line({"ok": True}))
        if replay:
            data = self.log.recent(REPLAY_BYTES)
            for query in QUERIES:
                data = data.replace(query, b"")
            self._send(client, data)
        if typed:
            self.typed(typed)

    def _send(self, client: Client, data: bytes) -> None:
        """Give data to a client. One that does not read it holds up no other."""
        if client.leaving:
            return
        if client.missed or (client.out and len(client.out) + len(data) > BEHIND_BYTES):
            client.missed += len(data)
            return
        client.out += data
        self._flush(client)

    def _flush(self, client: Client) -> None:
        try:
            while client.out:
                del client.out[: client.link.send(client.out)]
                if client.missed and not client.out:
                    client.out += MISSING
                    client.out += self.log.recent(min(client.missed, CAUGHT_UP_BYTES))
                    client.missed = 0
        except BlockingIOError:
            self._want(client, WRITE)
            return
        except OSError:
            client.out.clear()
            client.leaving = True
        if client.leaving:
            self._part(client)
        else:
            self._want(client)

    def _leave(self, client: Client) -> None:
        """Close the connection as soon as the client has all."""
        client.leaving = True
        self._flush(client)

    def _part(self, client: Client) -> None:
        """Close the connection, with what it can still take at once."""
        if self.clients.pop(client.link.fileno(), None) is None:
            return
        self.events.forget(client.link.fileno())
        with contextlib.suppress(OSError):
            if client.out:
                client.link.send(client.out)
        client.link.close()
