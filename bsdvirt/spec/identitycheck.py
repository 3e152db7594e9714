"""Validation of the property bsdvirt:guest: the values in the structs of spec/identity.py.
Pure.

A value may have been written by hand or by another host, and ends up in jail.conf, in bhyve's
configuration and in the claims that new guests avoid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bsdvirt.spec.base import LINE, RELEASE, BadValueError, shown
from bsdvirt.spec.identity import MAX_ID, MAX_NICS, Alias, Claim, DiskClaim, Identity
from bsdvirt.spec.types import DatasetName, DeviceName, GuestName, InterfaceName, Mac

VERSION = 1
MOST_SLOT = 31
MOST_PORT = 31
MOST_DISKS = 64
MOST_ADDRESSES = 256
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOST = re.compile(r"[A-Za-z0-9-]{1,64}")
_CREATED = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?", re.ASCII)
_SERIAL = re.compile(r"[A-Za-z0-9_-]{0,20}")
_EUI64 = re.compile(r"(0x[0-9a-f]{16})?")


def check_identity(identity: Identity) -> None:
    """Raise BadValueError for the first invalid value, with its place."""
    for at, good, value, what in _values(identity):
        if not good:
            raise BadValueError(f"{shown(value)} is not {what}", at=at)


Looked = tuple[str, bool, object, str]


def _values(identity: Identity) -> Iterator[Looked]:
    yield "v", identity.v == VERSION, identity.v, f"{VERSION}: another version wrote it"
    yield "id", 1 <= identity.id <= MAX_ID, identity.id, f"an id: 1..{MAX_ID}"
    yield "uuid", _is(_UUID, identity.uuid), identity.uuid, "a UUID in lower case"
    yield _pattern("host", _HOST, identity.host, "the id of a host")
    yield _pattern("created", _CREATED, identity.created, "a time such as 2026-11-21T10:30:00Z")
    known = identity.release == "" or re.match(RELEASE, identity.release) is not None
    yield "release", known, identity.release, "a release"
    yield _parsed("root_dataset", DatasetName, identity.root_dataset, empty=True)
    for name, claims in (("nics", identity.nics), ("next", identity.next or [])):
        yield name, len(claims) <= MAX_NICS, len(claims), f"at most {MAX_NICS} interfaces"
        for number, claim in enumerate(claims):
            yield from _claim(f"{name}.{number}", claim)
    for name, aliases in (("shared", identity.shared), ("next_shared", identity.next_shared)):
        for number, alias in enumerate(aliases or []):
            yield from _alias(f"{name}.{number}", alias)
    yield "disks", len(identity.disks) <= MOST_DISKS, len(identity.disks), "a number of disks"
    for key, disk in identity.disks.items():
        yield from _disk(f"disks.{key}", key, disk)
    line = re.match(LINE, identity.boot.ready) is not None
    yield "boot.ready", line, identity.boot.ready, "one line of text"


def _claim(at: str, claim: Claim) -> Iterator[Looked]:
    yield _parsed(f"{at}.network", GuestName, claim.network)
    yield _parsed(f"{at}.mac", Mac, claim.mac)
    yield (
        f"{at}.address",
        _address(claim.address, 4),
        claim.address,
        "an IPv4 address, as 10.0.0.2/24",
    )
    yield (
        f"{at}.address6",
        _address(claim.address6, 6),
        claim.address6,
        "an IPv6 address with prefix",
    )
    yield f"{at}.aliases", len(claim.aliases) <= MOST_ADDRESSES, len(claim.aliases), "a number"
    for number, alias in enumerate(claim.aliases):
        yield f"{at}.aliases.{number}", _address(alias), alias, "an address with its prefix"
    yield _number(f"{at}.slot", claim.slot, MOST_SLOT, "a PCI slot")


def _alias(at: str, alias: Alias) -> Iterator[Looked]:
    yield f"{at}.address", _address(alias.address), alias.address, "an address with its prefix"
    yield _parsed(f"{at}.interface", InterfaceName, alias.interface, empty=True)


def _disk(at: str, name: str, disk: DiskClaim) -> Iterator[Looked]:
    yield _parsed(at, DeviceName, name)
    yield _number(f"{at}.slot", disk.slot, MOST_SLOT, "a PCI slot")
    yield _number(f"{at}.port", disk.port, MOST_PORT, "a port of the AHCI controller")
    yield _pattern(f"{at}.serial", _SERIAL, disk.serial, "a serial number")
    yield _pattern(f"{at}.eui64", _EUI64, disk.eui64, "an EUI-64 such as 0x02…")


def _pattern(at: str, pattern: re.Pattern[str], value: str, what: str) -> Looked:
    return at, value == "" or _is(pattern, value), value, what


def _is(pattern: re.Pattern[str], value: str) -> bool:
    return pattern.fullmatch(value) is not None


def _parsed(at: str, kind: type[GuestName | Mac | DatasetName | DeviceName | InterfaceName],
            value: str, *, empty: bool = False) -> Looked:  # fmt: skip
    try:
        good = (empty and value == "") or kind.parse(value) == value
    except BadValueError:
        good = False
    return at, good, value, kind.words


def _number(at: str, value: int | None, most: int, what: str) -> Looked:
    return at, value is None or 0 <= value <= most, value, f"{what}: 0..{most}"


_BYTE = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"{_BYTE}(\.{_BYTE}){{3}}(/(3[0-2]|[12]?\d))?", re.ASCII)
_IPV6 = re.compile(r"([0-9a-f:.]{2,45})(/(12[0-8]|1[01]\d|[1-9]?\d))?", re.ASCII)
_GROUPS = re.compile(r"[0-9a-f]{1,4}(:[0-9a-f]{1,4})*")


def _address(value: str | None, version: int = 0) -> bool:
    """Return whether it is None or an address, with or without a prefix length. Without
    ipaddress: every listing checks this, and importing it takes longer than reading all
    guests."""
    if value is None:
        return True
    if version != 6 and _IPV4.fullmatch(value):
        return True
    match = _IPV6.fullmatch(value)
    if version == 4 or match is None:
        return False
    head, gap, tail = match[1].partition("::")
    groups = [part for part in (head, tail) if part]
    count = sum(part.count(":") + 1 for part in groups)
    whole = count < 8 if gap else count == 8
    return whole and all(_GROUPS.fullmatch(part) for part in groups)
