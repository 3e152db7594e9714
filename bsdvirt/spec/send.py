"""What two hosts say to each other when one sends a guest to the other, as JSON over ssh(1). Both
sides check it: neither trusts the other."""

from __future__ import annotations

import re
from typing import Literal, TypeVar

import msgspec

from bsdvirt.errors import UsageError
from bsdvirt.spec.base import BadValueError, Spec
from bsdvirt.spec.fields import plain
from bsdvirt.spec.load import decode, parse_json
from bsdvirt.spec.replica import HostId
from bsdvirt.spec.snapshot import SnapshotName
from bsdvirt.spec.types import GuestName, Patterned

VERSION = 1
MOST_BYTES = 4 << 20
MOST_DATASETS = 256
MOST_SNAPSHOTS = 1024
"""Snapshots of a dataset that are offered: the newest ones."""
MOST_GUID = 2**64 - 1

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)

Message = TypeVar("Message", bound=Spec)


class Path(Patterned):
    """The name of a dataset of a guest, without that of the guest's own; empty for that."""

    words = "a dataset of a guest"
    pattern = "([A-Za-z0-9_.: -]+(/[A-Za-z0-9_.: -]+){0,15})?"
    longest = 200
    rule = "it is its name below guests/NAME"


class AnySnapshot(Patterned):
    """The name of a snapshot, after the @: of any tool."""

    words = "the name of a snapshot"
    pattern = "[A-Za-z0-9_.: %-]{1,200}"
    longest = 200
    rule = "it is as zfs(8) takes it"


class RunId(Patterned):
    """The id of a run of `bsdvirt send`."""

    words = "the id of a run"
    pattern = "[0-9a-f]{32}"
    longest = 32
    rule = "it is 32 hexadecimal digits"


class Token(Patterned):
    """A receive_resume_token."""

    words = "a resume token"
    pattern = "[0-9a-f]{1,8}-[0-9a-f]{1,16}-[0-9a-f]{1,16}-[0-9a-f]{1,8192}"
    longest = 8300
    rule = "it is as zfs(8) prints it"


class Known(Spec, frozen=True, kw_only=True):
    """A snapshot that one side has."""

    name: AnySnapshot
    guid: int


class Sent(Spec, frozen=True, kw_only=True):
    """A dataset of the guest on the sending host."""

    path: Path
    kind: Literal["filesystem", "volume"]
    size: int = 0
    """Bytes that it refers to."""
    jailed: bool = False
    encrypted: bool = False
    snapshots: list[Known] = []
    """The oldest first."""


class Offer(Spec, frozen=True, kw_only=True):
    """What the sending host wants to send."""

    host: HostId
    label: str
    """The sending host's name, for people."""
    guest: GuestName
    """The guest's name there."""
    name: GuestName
    """Its name on the receiving host."""
    kind: Literal["jail", "vm"]
    identity: str
    """Its bsdvirt:guest there."""
    snapshot: SnapshotName
    """The name of the snapshot that this run takes."""
    time: str
    """When it takes that, in UTC."""
    standby: bool = False
    pool: str = ""
    look: bool = False
    """It only asks: nothing will be sent."""
    datasets: list[Sent]
    v: int = VERSION


class Have(Spec, frozen=True, kw_only=True):
    """A dataset of the guest on the receiving host."""

    path: Path
    snapshots: list[Known] = []
    """The oldest first."""
    token: Token | None = None
    written: int = 0
    """Bytes written since its newest snapshot."""


class Answer(Spec, frozen=True, kw_only=True):
    """What the receiving host says to an offer."""

    host: HostId
    run: RunId
    available: int
    """Bytes available to the guest there."""
    datasets: list[Have] = []
    v: int = VERSION


class Yield(Spec, frozen=True, kw_only=True):
    """A host has a replica of a guest, and wants to have the guest itself."""

    host: HostId
    label: str
    """That host's name, for people."""
    guest: GuestName
    """The guest's name on the host that is asked."""
    name: GuestName
    """Its name on the host that asks."""
    uuid: str
    look: bool = False
    """It only asks."""
    v: int = VERSION


class Hand(Spec, frozen=True, kw_only=True):
    """A host has given a guest to the host that is asked, or wants it back."""

    host: HostId
    guest: GuestName
    """The guest's name on the host that asks."""
    name: GuestName
    """Its name on the host that is asked."""
    uuid: str
    identity: str
    """Its bsdvirt:guest on the host that asks."""
    label: str
    look: bool = False
    """It only asks."""
    v: int = VERSION


class Done(Spec, frozen=True, kw_only=True):
    """It was done, or could be."""

    message: str = ""
    v: int = VERSION


class Refusal(Spec, frozen=True, kw_only=True):
    """An error of the other host."""

    error: str
    hint: str = ""
    code: int = 1
    promoted: bool = False
    """The guest there was a replica of this one, and is that host's own since."""
    v: int = VERSION


def message_from_json(cls: type[Message], text: str | bytes, source: str) -> Message:
    """Return a message of the other host. Raise UsageError for one that is not valid."""
    data = parse_json(text, source, MOST_BYTES)
    version = data.get("v", VERSION) if isinstance(data, dict) else VERSION
    if version != VERSION:
        raise UsageError(f"{source}: a newer version of bsdvirt", "install that version here, too")
    message = decode(cls, data, source)
    try:
        _check(message)
    except BadValueError as error:
        raise UsageError(f"{source}: {error}") from None
    return message


def message_to_json(message: Spec) -> bytes:
    """Return compact JSON."""
    return msgspec.json.encode(plain(message))


def _check(message: Spec) -> None:
    guids: list[int] = []
    if isinstance(message, Offer | Answer):
        paths = [str(one.path) for one in message.datasets]
        if len(paths) > MOST_DATASETS or len(set(paths)) != len(paths):
            raise BadValueError("too many datasets, or one twice")
        for one in message.datasets:
            if len(one.snapshots) > MOST_SNAPSHOTS:
                raise BadValueError("too many snapshots")
            guids += [known.guid for known in one.snapshots]
    if isinstance(message, Offer) and not _TIME.fullmatch(message.time):
        raise BadValueError("its time is not one")
    if isinstance(message, Offer) and "" not in {str(one.path) for one in message.datasets}:
        raise BadValueError("the guest's own dataset is missing")
    if not all(0 < guid <= MOST_GUID for guid in guids):
        raise BadValueError("a guid is not one")
