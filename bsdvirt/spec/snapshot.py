"""The property bsdvirt:snapshot: what a snapshot of a guest is for. It is set on the snapshot of
guests/<name> itself, which no jail can write."""

from __future__ import annotations

from typing import Literal

import msgspec

from bsdvirt.errors import UsageError
from bsdvirt.spec.base import Spec
from bsdvirt.spec.load import decode, parse_json
from bsdvirt.spec.types import Patterned

PROPERTY = "bsdvirt:snapshot"
VERSION = 1
MAX_BYTES = 2048
MAX_NOTE = 200
"""Characters of a note."""

OWN_TAG = "bsdvirt"
"""The tag of a hold that is given none."""
REPLICA_TAGS = "bsdvirt:"
"""Begins the tags of the holds that are set by bsdvirt itself, such as for a replica."""

Why = Literal["manual", "periodic", "clone", "rollback", "upgrade", "send", "export"]


class SnapshotName(Patterned):
    """The name of a snapshot, after the @."""

    words = "the name of a snapshot"
    pattern = "[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}"
    longest = 64
    rule = "it is a letter or a digit, then up to 63 of letters, digits, _, ., : and -"


class HoldTag(Patterned):
    """The tag of a hold of a snapshot."""

    words = "the tag of a hold"
    pattern = "[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}"
    longest = 64
    rule = "it is a letter or a digit, then up to 63 of letters, digits, _, ., : and -"


class Stamp(Spec, frozen=True, kw_only=True):
    """When and why a snapshot was taken, and of which guest."""

    time: str
    """In UTC, as 2026-11-27T10:30:00Z."""
    why: Why = "manual"
    uuid: str = ""
    """UUID of the guest."""
    running: bool = False
    """The guest was running: what it had not written yet is not in the snapshot."""
    note: str = ""
    v: int = VERSION


def stamp_from_json(text: str) -> Stamp:
    """Return the value of bsdvirt:snapshot. Raise UsageError for anything else."""
    stamp = decode(Stamp, parse_json(text, PROPERTY, MAX_BYTES), PROPERTY)
    if stamp.v != VERSION:
        raise UsageError(f"{PROPERTY}: version {stamp.v} is not known", "upgrade this host")
    return stamp


def stamp_to_json(stamp: Stamp) -> str:
    """Return compact JSON."""
    return msgspec.json.encode(stamp).decode()
