"""What sending and receiving depends on, by zfs(8): bookmarks and their guids, partial receives,
and what a resume token contains (zfs-send(8), zfs-receive(8))."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.spec.digits import natural
from bsdvirt.zfs.cli import KINDS

GONE = "does not exist"
_TOKEN_LINE = re.compile(r"\t(?P<key>[a-z]+) = (?P<value>.*)")
_KNOWN = frozenset(
    {"fromguid", "object", "offset", "bytes", "toguid", "toname", "embedok", "largeblockok",
     "compressok", "rawok", "version"}
)  # fmt: skip
"""What a token of a plain or raw stream contains (zfs_receive_resume_token in dsl_dataset.c)."""
NVLIST = "nvlist version: 0"


class Received(Struct, frozen=True):
    """How far a dataset was received."""

    token: str = ""
    """Of a receive that was cut short."""
    written: int = 0
    """Bytes written since its newest snapshot."""


class Resumed(Struct, frozen=True):
    """What a resume token asks the sender for."""

    snapshot: str
    """In full, such as tank/a@b."""
    guid: int
    raw: bool
    size: int
    """Bytes that are left to send, as zfs(8) estimates."""


def read_bookmarks(host: Host, root: str) -> dict[str, int]:
    """Return the guids of the bookmarks of a dataset and of all below it, by full name."""
    argv = (tools.ZFS, "list", "-Hp", "-r", "-t", "bookmark", "-o", "name,guid", root)
    rows = (line.split("\t") for line in host.run(argv, changes=False).check().stdout.split("\n"))
    return {
        row[0]: guid
        for row in rows
        if len(row) == 2 and "#" in row[0] and (guid := natural(row[1])) is not None
    }


def read_received(host: Host, root: str) -> dict[str, Received]:
    """Return how far a dataset and all below it were received, by name; none if it does not
    exist."""
    columns = "name,receive_resume_token,written"
    argv = (tools.ZFS, "list", "-Hp", "-r", "-t", KINDS, "-o", columns, root)
    listed = host.run(argv, changes=False)
    if listed.status and GONE in listed.stderr:
        return {}
    rows = (line.split("\t") for line in listed.check().stdout.split("\n"))
    return {
        row[0]: Received("" if row[1] == "-" else row[1], natural(row[2]) or 0)
        for row in rows
        if len(row) == 3
    }


def read_resumed(host: Host, token: str) -> Resumed | None:
    """Return what a token asks for; None for one that cannot be used, or that says more than zfs(8)
    of FreeBSD writes: it came from another host."""
    shown = host.run((tools.ZFS, "send", "-nvP", "-t", token), changes=False)
    if shown.status or shown.timed_out:
        return None
    return parse_resumed(f"{shown.stdout}{shown.stderr}".split("\n"))


def parse_resumed(lines: Sequence[str]) -> Resumed | None:
    """Parse `zfs send -nvP -t TOKEN`: the token's contents, what would be sent, and its size."""
    values: dict[str, str] = {}
    sent: list[str] = []
    size = 0
    for line in lines:
        if line in ("", "resume token contents:", NVLIST):
            continue
        if match := _TOKEN_LINE.fullmatch(line):
            if match["key"] not in _KNOWN or match["key"] in values:
                return None
            values[match["key"]] = match["value"]
            continue
        word, *rest = line.split("\t")
        if word == "full" and rest:
            sent.append(rest[0])
            size = size or natural(rest[-1]) or 0
        elif word == "incremental" and len(rest) > 1:
            sent.append(rest[1])
            size = size or natural(rest[-1]) or 0
        elif word == "size" and rest:
            size = natural(rest[0]) or 0
        else:
            return None
    name, guid = values.get("toname", ""), _number(values.get("toguid", ""))
    if not name or guid is None or sent != [name]:
        return None
    return Resumed(name, guid, "rawok" in values, size)


def _number(text: str) -> int | None:
    """nvlist_print writes guids in hexadecimal."""
    try:
        return int(text, 16) if text.startswith("0x") else int(text)
    except ValueError:
        return None
