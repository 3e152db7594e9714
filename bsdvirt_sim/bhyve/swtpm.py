"""Simulated swtpm(8): a process of its own that serves one connection.

As the real one does (swtpm 0.7 on Linux, and swtpm(8)), it locks its state, creates it at first,
writes the file with its number once its socket is there, and removes both at its end. Its
commands are not TPM 2.0's: each counts one measurement, and is answered with their number.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from bsdvirt_sim.bhyve import unix
from bsdvirt_sim.context import Machine, UnknownCommand

_WORDS = re.compile(
    r"socket --tpm2 --tpmstate dir=([^,]+),mode=0600 --server type=unixio,path=([^,]+),mode=0600"
    r" --pid file=([^,]+) --flags startup-clear --terminate"
)


def main(host: Machine, argv: Sequence[str]) -> int:
    """Run until the client disconnects, or SIGTERM."""
    match = _WORDS.fullmatch(" ".join(argv[1:]))
    if match is None or len(match[2]) > unix.MOST:
        raise UnknownCommand(argv)
    state, place, number = (host.fs.path(path) for path in match.groups())
    os.umask(0o077)
    with open(state / ".lock", "w") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("swtpm: Could not lock access to lockfile: Resource busy", file=sys.stderr)
            return 1
        if not (state / "tpm2-00.permall").exists():
            (state / "tpm2-00.permall").write_bytes(os.urandom(16))
        place.unlink(missing_ok=True)
        wake, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told)
        signal.signal(signal.SIGTERM, lambda *_: None)
        with unix.listen(place) as server:
            place.chmod(0o600)
            number.write_text(str(os.getpid()))
            if _ready(server.fileno(), wake):
                link, count = server.accept()[0], 0
                while _ready(link.fileno(), wake) and link.recv(64):
                    count += 1
                    link.send(f"{count} measured".encode())
                print("swtpm: Data client disconnected", file=sys.stderr)
        for path in (place, number):
            with suppress(FileNotFoundError):
                path.unlink()
    return 0


def _ready(fd: int, wake: int) -> bool:
    """Wait, and return whether that descriptor is ready rather than a signal come."""
    return wake not in select.select([fd, wake], [], [])[0]
