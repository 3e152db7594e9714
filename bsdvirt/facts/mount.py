"""mount(8): `mount --libxo json`.

Its lines (`mount -p`) cannot be read: a name may hold blanks, tabs and line feeds, and who
may mount in a jail chooses some. JSON keeps them apart: libxo escapes quotes, backslashes
and line feeds, and writes every other character as it is (xo_format_string_direct). mount(8)
writes names in the locale's characters (%hs in prmount): in the C locale that is each byte as
the character of that number, from which the very bytes come back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from msgspec import Struct

from bsdvirt.host import tools
from bsdvirt.host.base import Host

ALL = (tools.MOUNT, "--libxo", "json")
SIDES = ("<below>:", "<above>:")
"""Prefix of the source of a unionfs(4)."""


class Mount(Struct, frozen=True):
    source: str
    path: str
    kind: str


def parse(text: str) -> list[Mount]:
    """Return the mounts in the order in which they were made."""
    listed = json.loads(text, strict=False)["mount"]["mounted"]
    return [
        Mount(_name(entry["special"]), _name(entry["node"]), str(entry["fstype"]))
        for entry in listed
    ]


def _name(told: str) -> str:
    """Return the name whose bytes these characters stand for."""
    for side in SIDES:
        told = told.removeprefix(side)
    try:
        return os.fsdecode(told.encode("latin-1"))
    except UnicodeEncodeError:
        return told


def fstab_places(text: str) -> frozenset[str]:
    """Return the mount points in fstab(5)."""
    words = (line.split() for line in text.splitlines() if not line.lstrip().startswith("#"))
    places = (_blanks(line[1]) for line in words if len(line) > 1)
    return frozenset(place.rstrip("/") or "/" for place in places)


def _blanks(word: str) -> str:
    """Decode fstab's escapes (getfsent(3) reads them with strunvis(3))."""
    return word.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")


def beneath(
    mounts: Iterable[Mount], root: str, but: Iterable[str] = (), kinds: Iterable[str] = ()
) -> list[str]:
    """Return the mount points below `root`, without root itself, deepest and latest first; without
    those in `but`, and only of these types, if given."""
    kept, chosen = frozenset(but), frozenset(kinds)
    inside = [
        mount.path
        for mount in mounts
        if mount.path.startswith(root.rstrip("/") + "/")
        and mount.path not in kept
        and (not chosen or mount.kind in chosen)
    ]
    return list(reversed(inside))


def read_mounts(host: Host) -> list[Mount]:
    return parse(host.run(ALL, changes=False).check().stdout)
