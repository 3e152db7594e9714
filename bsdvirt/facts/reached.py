"""The limits of rctl(8) that a guest has reached: lines of its limits.log, which
libexec/limit-reached appends for each event of the kernel. And the processes that the kernel has
killed for lack of memory, by its messages (killproc() in kern_sig.c)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.layout import limits_log

MOST_BYTES = 1 << 20
"""What is read of a log, from its end; newsyslog(8) keeps it at 100 KB, looking once an hour."""
XZ_MEMORY = 128 << 20
ZSTD_WORDS = ("-dcq", "--memory=128MB")
"""newsyslog(8) packs with --long, whose window is 128 MiB (newsyslog.c of 15.1)."""
ZSTD_SECONDS = 10.0
DAY = 86400.0
PAUSE = 60.0
"""Seconds after which a limit is reached anew, and not still."""
_LINE = re.compile(
    r"(\d{1,11}(?:\.\d{1,6})?) ([a-z]{1,20}):devctl=(\d{1,19})(?:/([a-z]{1,10}))? (\d{1,7})",
    re.ASCII,
)


_KILLED = re.compile(
    r"(?:\[\d+(?:\.\d+)?\] )?pid \d{1,9} \(.*\), jid (\d{1,9}), uid -?\d+, was killed: (.{1,80})"
)


class Hit(NamedTuple):
    """An event of the kernel: a process of the guest has reached a limit."""

    time: float
    resource: str
    amount: int
    """Of the rule that reports it: see `watched` in cpu/limits.py."""
    per: str
    pid: int


class Burst(NamedTuple):
    """Events of one rule, with no longer pause between them than PAUSE."""

    first: float
    last: float
    resource: str
    amount: int
    per: str
    times: int
    pids: frozenset[int]


def read_hits(host: Host, name: str, since: float = 0.0) -> list[Hit]:
    """Return the events of a guest since a time, the newest last; none where its log cannot be
    read."""
    fs, path = host.fs, limits_log(name)
    size = fs.size(path)
    now = parse_hits(_end(fs, path, size)) if size else []
    if since and now and now[0].time <= since:
        return [hit for hit in now if hit.time >= since]
    return [hit for hit in [*_older(host, path), *now] if hit.time >= since]


def _end(fs: Fs, path: str, size: int) -> bytes:
    try:
        return fs.read_from(path, max(0, size - MOST_BYTES), MOST_BYTES)
    except OSError:
        return b""


def _older(host: Host, path: str) -> list[Hit]:
    return parse_hits(read_rotated(host, path, 8 * MOST_BYTES)[-MOST_BYTES:])


def has_rotated(fs: Fs, path: str) -> bool:
    """Whether a log was rotated by newsyslog(8)."""
    return any(fs.size(path + end) for end in ROTATED)


def read_rotated(host: Host, path: str, most: int) -> bytes:
    """Return a log as it was before its last rotation, at most so many bytes; empty if there is
    none, or it cannot be read."""
    for end, unpack in ROTATED.items():
        if not host.fs.size(path + end):
            continue
        with contextlib.suppress(OSError, ValueError, EOFError):
            return unpack(host, host.fs.read_bytes(path + end, most, follow=False), most)
    return b""


def _plain(host: Host, data: bytes, most: int) -> bytes:
    return data[:most]


def _bzip2(host: Host, data: bytes, most: int) -> bytes:
    import bz2

    return bz2.BZ2Decompressor().decompress(data, most)


def _gzip(host: Host, data: bytes, most: int) -> bytes:
    import zlib

    try:
        return zlib.decompressobj(31).decompress(data, most)
    except zlib.error as error:
        raise ValueError(str(error)) from None


def _xz(host: Host, data: bytes, most: int) -> bytes:
    import lzma

    try:
        return lzma.LZMADecompressor(memlimit=XZ_MEMORY).decompress(data, most)
    except lzma.LZMAError as error:
        raise ValueError(str(error)) from None


def _zstd(host: Host, data: bytes, most: int) -> bytes:
    """Python reads zstd from 3.14 on, so zstd(1) unpacks it. Of a longer output, the beginning and
    the end are kept; of damaged data, what could be read."""
    shown = host.run((tools.ZSTD, *ZSTD_WORDS), changes=False, timeout=ZSTD_SECONDS, stdin=data)
    return shown.stdout.encode("utf-8", "replace")[-most:]


ROTATED: dict[str, Callable[[Host, bytes, int], bytes]] = {
    ".0": _plain,
    ".0.bz2": _bzip2,
    ".0.gz": _gzip,
    ".0.xz": _xz,
    ".0.zst": _zstd,
}
"""How a rotated log is called, and read. bsdvirt's newsyslog.conf(5) says bzip2; from FreeBSD 15 on
`<compress>` of the host's may say another."""


def parse_hits(data: bytes) -> list[Hit]:
    """Return the events in a log; other lines are skipped."""
    lines = data.decode("ascii", "replace").split("\n")
    matches = (_LINE.fullmatch(line) for line in lines)
    return [
        Hit(float(m[1]), m[2], int(m[3]), m[4] or "", int(m[5])) for m in matches if m is not None
    ]


def bursts(hits: Sequence[Hit]) -> list[Burst]:
    """Return the events of each rule together, in the order of their ends."""
    return sorted(_bursts(hits), key=lambda burst: burst.last)


def _bursts(hits: Sequence[Hit]) -> Iterator[Burst]:
    begun: dict[tuple[str, int, str], list[Hit]] = {}
    for hit in hits:
        rule = hit.resource, hit.amount, hit.per
        if rule in begun and hit.time - begun[rule][-1].time > PAUSE:
            yield _burst(begun.pop(rule))
        begun.setdefault(rule, []).append(hit)
    yield from (_burst(one) for one in begun.values())


def _burst(hits: Sequence[Hit]) -> Burst:
    first, last = hits[0], hits[-1]
    pids = frozenset(hit.pid for hit in hits)
    return Burst(first.time, last.time, last.resource, last.amount, last.per, len(hits), pids)


def read_killed(host: Host) -> list[tuple[int, str]]:
    """Return the jails of the processes that the kernel has killed, and why. A process may have a
    name with a line break, but the number of its jail follows that."""
    shown = host.run((tools.DMESG,), changes=False)
    matches = (_KILLED.fullmatch(line) for line in shown.stdout.split("\n"))
    return [(int(match[1]), match[2]) for match in matches if match]
