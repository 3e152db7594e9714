"""What copies a stream at a limited rate."""

from __future__ import annotations

import contextlib
import subprocess
import time

from bsdvirt.host import tools


def run(limit: int, data: bytes) -> bytes:
    return subprocess.run(tools.pump(limit), input=data, capture_output=True, check=True).stdout


def test_all_passes_unchanged() -> None:
    data = bytes(range(256)) * 4096
    assert run(1 << 40, data) == data
    assert run(1, b"") == b""


def test_the_limit_holds() -> None:
    began = time.monotonic()
    assert run(400_000, bytes(200_000)) == bytes(200_000)
    # Half a second, less what passes at once.
    assert time.monotonic() - began > 0.3


def test_a_reader_that_is_gone_ends_it() -> None:
    argv = tools.pump(1 << 30)
    pumping = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert pumping.stdout and pumping.stdin
    pumping.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        pumping.stdin.write(bytes(1 << 20))
        pumping.stdin.close()
    assert pumping.wait(30) == 1
    assert pumping.stderr and b"pump: " in pumping.stderr.read()
    pumping.stderr.close()
