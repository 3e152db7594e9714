"""The jail.conf of a jail's present start, as jail/conf.py wrote it: what the start did,
whatever the guest's file says since."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_LINE = re.compile(r"^  ([\w.]+)(?: \+?= '((?:[^'\\]|\\.)*)')?;$", re.MULTILINE | re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BLANK = re.compile(r"\\(040|011|134)")
_GIVEN = re.compile(r"/sbin/zfs jail \S+ (\S+)")


@dataclass(frozen=True, slots=True)
class Started:
    """What a start mounted and gave to its jail."""

    path: str = ""
    mounts: tuple[tuple[str, str], ...] = ()
    """Each place, as the host names it, and the kind."""
    datasets: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    allowed: frozenset[str] = frozenset()
    """The kinds of file systems that the jail may mount."""
    parameters: tuple[tuple[str, str], ...] = ()
    """All of it, in order; a bare parameter has no value."""

    def values(self, name: str) -> list[str]:
        """The values of one parameter."""
        return [value for key, value in self.parameters if key == name]


@lru_cache(maxsize=512)
def parse_started(text: str) -> Started:
    """What the file says; nothing, of an empty one."""
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
