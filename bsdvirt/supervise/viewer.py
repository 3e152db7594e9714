"""A viewer of a guest's console: this terminal becomes the guest's, until ~. or Ctrl-]."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import termios

from bsdvirt.supervise.console import make_raw

IDLE = 2.0
"""Seconds without output after which a viewer whose input has ended leaves."""
LEAVE = 0x1D
"""Ctrl-]."""


def view(link: socket.socket, name: str, data: bytes) -> bool:
    """Show `data`, and pass bytes both ways; whether it was the user who left, or whose input
    has ended."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    before = None
    if os.isatty(0):
        print(f"The console of {name}; leave it with ~. or Ctrl-]", file=sys.stderr, flush=True)
        before = make_raw(0)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        left = _pass(link, data)
    finally:
        if before is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, before)
    if left and before is not None:
        print("\nLeft the console.", file=sys.stderr)
    return left


def _pass(link: socket.socket, data: bytes) -> bool:
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(link, select.POLLIN)
    keys = Keys()
    _write_all(1, data)
    patience: float | None = None
    while True:
        ready = {fd for fd, _ in poll.poll(patience)}
        if not ready:
            return True
        if link.fileno() in ready:
            try:
                data = link.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                return patience is not None
            _write_all(1, data)
        if 0 in ready:
            data = os.read(0, 4096)
            with contextlib.suppress(OSError):  # The other direction tells how it ended.
                link.sendall(keys.pass_on(data))
                if not data:
                    link.sendall(keys.held())
                    link.shutdown(socket.SHUT_WR)
            if keys.leave:
                return True
            if not data:
                # What was typed is still answered; a guest that falls silent then has ended.
                poll.unregister(0)
                patience = IDLE * 1000


class Keys:
    """What is typed, but for the two ways to leave: Ctrl-], and ~. on a line of its own."""

    def __init__(self) -> None:
        self.at_line = True
        self.tilde = False
        self.leave = False

    def held(self) -> bytes:
        """Return what was typed last, and might have been the beginning of a way to leave."""
        return b"~" if self.tilde and not self.leave else b""

    def pass_on(self, data: bytes) -> bytes:
        """Return what of it is the guest's."""
        passed = bytearray()
        for key in data:
            if key == LEAVE or (self.tilde and key == ord(".")):
                self.leave = True
                break
            if self.tilde:
                self.tilde = False
                passed += b"~"
                if key == ord("~"):
                    self.at_line = False
                    continue
            elif self.at_line and key == ord("~"):
                self.tilde = True
                continue
            passed.append(key)
            self.at_line = key in b"\r\n"
        return bytes(passed)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
