"""Read the jail.conf of a jail's current start, as jail/conf.py wrote it: what the start did, even
if the guest's file has changed."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

_LINE = re.compile(r"^  ([\w.]+)(?: \+?= '((?:[^'\\]|\\.)*)')?;$", re.MULTILINE | re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BLANK = re.compile(r"\\(040|011|134)")
_GIVEN = re.compile(r"/sbin/zfs jail \S+ (\S+)")


class Started(Struct, frozen=True):
    """Mounts and datasets of a start."""

    path: str = ""
    mounts: tuple[tuple[str, str], ...] = ()
    """Mount points on the host, and file system types."""
    datasets: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    allowed: frozenset[str] = frozenset()
    """File system types that the jail may mount."""
    parameters: tuple[tuple[str, str], ...] = ()
    """All parameters in order; a bare parameter has no value."""

    def values(self, name: str) -> list[str]:
        """Return the values of one parameter."""
        return [value for key, value in self.parameters if key == name]


@lru_cache(maxsize=512)
def parse_started(text: str) -> Started:
    """Parse the file; an empty one has nothing."""
    pairs = tuple((m[1], _ESCAPED.sub(r"\1", m[2] or "")) for m in _LINE.finditer(text))
    names = {name for name, _ in pairs}
    kinds = {n.removeprefix("allow.mount.") for n in names if n.startswith("allow.mount.")}
    lines = [value.split() for name, value in pairs if name == "mount"]
    commands = [value for name, value in pairs if name == "exec.created"]
    return Started(
        path=next((value for name, value in pairs if name == "path"), ""),
        mounts=tuple((_plain(line[1]), line[2]) for line in lines if len(line) > 2),
        datasets=tuple(m[1] for command in commands if (m := _GIVEN.fullmatch(command))),
        interfaces=tuple(value for name, value in pairs if name == "vnet.interface"),
        allowed=frozenset(kinds) if "allow.mount" in names else frozenset(),
        parameters=pairs,
    )


def _plain(word: str) -> str:
    return _BLANK.sub(lambda match: chr(int(match[1], 8)), word)
