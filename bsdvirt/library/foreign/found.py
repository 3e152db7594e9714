"""What was found of a guest of another tool: its configuration as properties of ours, where its
root or its disks are, and what could not be translated. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.types import CpuList, GuestName, HostName

LONGEST = 120
"""Longest part of a foreign value in a note."""
MOST_NOTES = 64
YES = frozenset({"1", "yes", "on", "true", "enable", "enabled"})
NO = frozenset({"", "0", "no", "off", "false", "none", "disable", "disabled"})


class Part(Struct, frozen=True):
    """Where in a file something is: its member, or a range of bytes."""

    member: str = ""
    """In an archive: the directory or member; empty is the whole archive."""
    offset: int = 0
    """In a file: where it begins."""
    size: int = 0
    packed: str = ""
    """The compression of that range."""


class FoundDisk(Struct, frozen=True):
    """A disk of a virtual machine, and the file or device that its data are in."""

    name: str
    path: str
    size: int = 0
    """Bytes, if its configuration says so; otherwise the file is asked."""
    part: Part | None = None
    """Where in that file, if it is not the whole of it."""


class Found(Struct, frozen=True):
    """A guest of another tool."""

    tool: str
    name: str
    settings: Mapping[str, Any]
    """Properties of ours, as plain data, with the kind of guest."""
    root: Part | None = None
    """A jail's root in the archive."""
    disks: tuple[FoundDisk, ...] = ()
    wires: tuple[str, ...] = ()
    """For each interface, what it was connected to there: a bridge, a switch, an uplink."""
    auto: bool = False
    """Whether it started at boot there."""
    after: tuple[str, ...] = ()
    """The guests that it started after."""
    notes: tuple[str, ...] = ()
    """What was not translated, or not exactly."""


class Draft(Struct):
    """Properties and notes while a configuration is read."""

    settings: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    mounts: list[dict[str, Any]] = field(default_factory=list)
    wires: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    auto: bool = False

    def note(self, text: str) -> None:
        """Note something once, up to a number of notes."""
        if text not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(text)

    def drop(self, key: str, value: str = "", why: str = "not translated") -> None:
        """Note that a setting was left out, and why."""
        given = f"={shown(value)}" if value else ""
        self.note(f"{shown(key)}{given}: {why}")

    def hostname(self, value: str) -> None:
        """Take a host name, if it is one."""
        try:
            self.settings["hostname"] = str(HostName.parse(value))
        except BadValueError:
            self.drop("hostname", value, "not a host name: the guest's name is used")

    def cpuset(self, value: str) -> None:
        """Take the CPUs of a guest, if they are a list."""
        try:
            self.settings["cpuset"] = str(CpuList.parse(value))
        except BadValueError:
            self.drop("cpuset", value)

    def description(self, value: str) -> None:
        """Take a comment as the description, on one line."""
        text = " ".join("".join(c if c.isprintable() else " " for c in value).split())[:200]
        if text:
            self.settings["description"] = text

    def found(
        self,
        tool: str,
        name: str,
        kind: str,
        root: Part | None = None,
        disks: tuple[FoundDisk, ...] = (),
    ) -> Found:
        """Return what was found."""
        settings: dict[str, Any] = {"kind": kind, **self.settings}
        for key in ("params", "mounts"):
            if value := getattr(self, key):
                settings[key] = value
        return Found(
            tool, name, settings, root, disks, tuple(self.wires), self.auto, tuple(self.after),
            tuple(self.notes),
        )  # fmt: skip


def shown(text: str) -> str:
    """Return foreign text for a message: printable, on one line, and not long."""
    plain = "".join(c if c.isprintable() else "?" for c in text[: LONGEST + 1])
    return plain if len(plain) <= LONGEST else plain[:LONGEST] + "…"


def usable(name: str) -> str:
    """Return a guest's name for one of another tool, in lower case and with - for other
    characters; empty if none can be made."""
    made = re.sub("[^a-z0-9_-]", "-", name.lower()).strip("-_")[:32]
    return made if re.fullmatch(GuestName.pattern, made, re.ASCII) else ""


def truth(value: str) -> bool | None:
    """Return whether a word means yes; None for any other word."""
    word = value.strip().lower()
    return True if word in YES else False if word in NO else None
