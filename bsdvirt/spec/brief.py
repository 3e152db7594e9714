"""The host file and the identities of guests, as listings read them: without msgspec, which takes
longer to import than all that a listing does.

What is read here is less than what is valid: the usual forms, in which nothing is to be explained.
Everything else is left to load.py, which is the authority; what both read is the same.
"""

from __future__ import annotations

from bsdvirt import plainjson
from bsdvirt.spec.digits import BOOT_ORDER, MAX_ID, MAX_NICS, is_guest_name

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeGuard

    from bsdvirt.spec.identity import Identity

    Check = Callable[[Any], bool]
    Whole = Callable[[str], Identity]

MOUNTPOINT = "/bsdvirt"
MAX_BYTES = 8191
"""As in identity.py."""
_DIGITS = frozenset("0123456789")
_HEX = _DIGITS | frozenset("abcdef")
_UPPER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
_ALNUM = _DIGITS | _UPPER | _LOWER
_WORD = _ALNUM | frozenset("_.-")
_MOST_PARTS = 12
_YAML_WORDS = frozenset({"null", "true", "yes", "on", "false", "no", "off"})
"""What YAML does not read as text."""


# ---- the host file ----


def brief_host(text: str) -> tuple[str, str] | None:
    """Return the dataset and the mount point that a host file says, if it has plain words and
    numbers only, and zfs(8) lists the datasets."""
    found: dict[str, Any] = {}
    inner: dict[str, str] | None = None
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        known: dict[str, Any] = inner if line.startswith("  ") and inner is not None else found
        key, colon, value = line.removeprefix("  " if known is inner else "").partition(":")
        if not colon or key in known or (value and not value.startswith(" ")):
            return None
        if known is found:
            inner = None if value else {}
        known[key] = value[1:] if value or known is inner else inner
    if not _fits(found, _HOST, ("dataset",)):
        return None
    return found["dataset"], found.get("mountpoint", MOUNTPOINT)


def _is_dataset(value: Any) -> TypeGuard[str]:
    return (
        _is_text(value, 200)
        and value[:1] in _UPPER | _LOWER
        and _are_parts(value)
        and value.lower() not in _YAML_WORDS
    )


def _is_path(value: Any) -> TypeGuard[str]:
    return _is_text(value, 200) and value[:1] == "/" and _are_parts(value[1:])


def _are_parts(path: str) -> bool:
    """Whether each part of a path is a plain word, and neither . nor .."""
    parts = path.split("/")
    return len(parts) <= _MOST_PARTS and all(
        _WORD.issuperset(part) and part not in ("", ".", "..") for part in parts
    )


# ---- the identity of a guest ----


class Brief:
    """The identity of a guest, with the fields that a listing shows; the others are read when they
    are asked for."""

    def __init__(self, text: str, values: Mapping[str, Any], whole: Whole) -> None:
        self._text, self._whole = text, whole
        self.id: int = values["id"]
        self.uuid: str = values["uuid"]
        self.kind: str = values["kind"]
        self.release: str = values.get("release", "")
        self.host: str = values.get("host", "")
        self.tags: list[str] = values.get("tags", [])
        self.template: bool = values.get("template", False)
        self.root: str | None = values.get("root")
        self.nics = [BriefClaim(claim) for claim in values.get("nics", [])]
        self.shared = [BriefAlias(alias) for alias in values.get("shared", [])]
        boot = values.get("boot", {})
        self.autostart: bool = boot.get("auto", False) and not self.template
        self.boot_order: int = boot.get("order", BOOT_ORDER)

    def addresses(self) -> list[str]:
        every = [alias.address for alias in self.shared]
        every += [text for claim in self.nics for text in claim.addresses()]
        return [text.split("/")[0] for text in every]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole(self._text), name)


class BriefClaim:
    """The claims of an interface."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.network: str = values["network"]
        self.mac: str = values["mac"]
        self.address: str | None = values.get("address")
        self.address6: str | None = values.get("address6")
        self.slot: int | None = values.get("slot")
        self.aliases: list[str] = values.get("aliases", [])

    def addresses(self) -> list[str]:
        return [text for text in (self.address, self.address6, *self.aliases) if text]


class BriefAlias:
    """An address of the host's stack."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.address: str = values["address"]
        self.interface: str = values.get("interface", "")


def brief_identity(text: str, whole: Whole) -> Identity:
    """Return the identity in a value of bsdvirt:guest. What is unusual is read by `whole`, which is
    that of load.py, and raises UsageError."""
    values = _usual(text)
    if values is None:
        return whole(text)
    # It has all its attributes.
    brief: Identity = Brief(text, values, whole)  # type: ignore[assignment]
    return brief


def _usual(text: str) -> dict[str, Any] | None:
    if len(text) > MAX_BYTES or "\\" in text or not (text.isascii() and text.isprintable()):
        return None
    try:
        values = plainjson.loads(text, once=True)
    except ValueError:
        return None
    return values if _fits(values, _IDENTITY, ("id", "uuid", "kind")) else None


def _fits(values: Any, checks: Mapping[str, Check], required: tuple[str, ...] = ()) -> bool:
    """Whether it is a mapping of known names to values that pass their checks."""
    return (
        isinstance(values, dict)
        and all(name in values for name in required)
        and all(name in checks and checks[name](value) for name, value in values.items())
    )


def _is_text(value: Any, most: int) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= most


def _is_number(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _is_flag(value: Any) -> bool:
    return value is True or value is False


def _is_uuid(value: Any) -> bool:
    return (
        _is_text(value, 36)
        and [len(part) for part in value.split("-")] == [8, 4, 4, 4, 12]
        and _HEX.issuperset(value.replace("-", ""))
    )


def _is_time(value: Any) -> bool:
    """Whether it is as 2026-11-21T10:30:00Z."""
    return (
        _is_text(value, 20)
        and len(value) == 20
        and value[4] + value[7] + value[10] + value[13] + value[16] + value[19] == "--T::Z"
        and _DIGITS.issuperset(value.translate(_NO_MARKS))
        and len(value.translate(_NO_MARKS)) == 14
    )


_NO_MARKS = str.maketrans("", "", "-T:Z")


def _is_release(value: Any) -> bool:
    return value == "" or (_is_text(value, 64) and value[0] in _ALNUM and _WORD.issuperset(value))


def _is_host(value: Any) -> bool:
    return _is_text(value, 64) and (_ALNUM | {"-"}).issuperset(value)


def _is_tag(value: Any) -> bool:
    usual = _LOWER | _DIGITS | frozenset("._-")
    return (
        _is_text(value, 32) and value[:1] in _LOWER | _DIGITS and value != ""
        and usual.issuperset(value)
    )  # fmt: skip


def _is_mac(value: Any) -> bool:
    return (
        _is_text(value, 17)
        and [len(part) for part in value.split(":")] == [2] * 6
        and _HEX.issuperset(value.replace(":", ""))
        and value[1] in "02468ace"
    )


def _is_address4(value: Any) -> bool:
    if not _is_text(value, 18):
        return False
    address, slash, prefix = value.partition("/")
    numbers = address.split(".")
    return (
        len(numbers) == 4
        and all(_is_decimal(number, 255) for number in numbers)
        and (not slash or _is_decimal(prefix, 32))
    )


def _is_address6(value: Any) -> bool:
    """Whether it is an address in hexadecimal groups only."""
    if not _is_text(value, 49):
        return False
    address, slash, prefix = value.partition("/")
    head, gap, tail = address.partition("::")
    groups = [group for part in (head, tail) if part for group in part.split(":")]
    return (
        all(0 < len(group) <= 4 and _HEX.issuperset(group) for group in groups)
        and (len(groups) < 8 if gap else len(groups) == 8)
        and (not slash or _is_decimal(prefix, 128))
    )


def _is_decimal(text: str, most: int) -> bool:
    return (
        0 < len(text) <= 3
        and _DIGITS.issuperset(text)
        and (text == "0" or text[0] != "0")
        and int(text) <= most
    )


def _is_port(text: str) -> bool:
    return 0 < len(text) <= 5 and _DIGITS.issuperset(text) and 0 < int(text) <= 65535


def _is_interface(value: Any) -> bool:
    return value == "" or (
        _is_text(value, 15) and value[0] in _UPPER | _LOWER and _WORD.issuperset(value)
    )


def _is_device(value: Any) -> bool:
    return _is_text(value, 16) and is_guest_name(value)


def _is_eui64(value: Any) -> bool:
    return value == "" or (
        _is_text(value, 18)
        and len(value) == 18
        and value[:2] == "0x"
        and _HEX.issuperset(value[2:])
    )


def _is_cpus(value: Any) -> bool:
    """Whether it is numbers in their order, apart from one another, as placement writes them."""
    if not _is_text(value, 100):
        return False
    last = -2
    for part in value.split(","):
        first, dash, end = part.partition("-")
        for number in (first, end) if dash else (first,):
            if not _is_decimal(number, 255):
                return False
        if int(first) <= last + 1 or (dash and int(end) <= int(first)):
            return False
        last = int(end or first)
    return True


def _list_of(check: Check, most: int) -> Check:
    return lambda value: isinstance(value, list) and len(value) <= most and all(map(check, value))


def _block(checks: Mapping[str, Check]) -> Check:
    return lambda value: bool(value) and _fits(value, checks)


def _number_of(least: int, most: int) -> Check:
    return lambda value: (
        isinstance(value, str)
        and len(value) <= 4
        and value[:1] != "0"
        and value != ""
        and _DIGITS.issuperset(value)
        and least <= int(value) <= most
    )


def _is_flag_in_yaml(value: Any) -> bool:
    return value in ("true", "false")


_HOST: dict[str, Check] = {
    "dataset": _is_dataset,
    "mountpoint": _is_path,
    "parallel": _number_of(1, 64),
    "placement_policy": lambda value: value in ("spread", "pack"),
    "defaults": _block(
        {
            "network": lambda value: (
                isinstance(value, str) and is_guest_name(value) and value not in _YAML_WORDS
            ),
            "autostart": _is_flag_in_yaml,
        }
    ),
    "boot": _block({"budget": _number_of(3, 3600)}),
    "expose": _block({"filtered": _is_flag_in_yaml}),
    "zfs": _block({"backend": lambda value: value == "zfs"}),
    "stats": _block({"interval": _number_of(1, 60)}),
}
_CLAIM: dict[str, Check] = {
    "network": lambda value: isinstance(value, str) and is_guest_name(value),
    "mac": _is_mac,
    "address": lambda value: value is None or _is_address4(value),
    "address6": lambda value: value is None or _is_address6(value),
    "slot": lambda value: value is None or _is_number(value, 0, 31),
    "aliases": _list_of(lambda value: _is_address4(value) or _is_address6(value), 64),
}
_ALIAS: dict[str, Check] = {
    "address": lambda value: _is_address4(value) or _is_address6(value),
    "interface": _is_interface,
}
_DISK: dict[str, Check] = {
    "slot": lambda value: value is None or _is_number(value, 0, 31),
    "port": lambda value: _is_number(value, 0, 31),
    "serial": lambda value: _is_text(value, 20) and (_ALNUM | set("_-")).issuperset(value),
    "eui64": _is_eui64,
}
_CPUS: dict[str, Check] = {"cpus": _is_cpus, "exclusive": _is_flag}
_BOOT: dict[str, Check] = {
    "auto": _is_flag,
    "order": lambda value: _is_number(value, 0, 9999),
    "after": lambda value: (
        _list_of(lambda name: isinstance(name, str) and is_guest_name(name), 64)(value)
        and len(set(value)) == len(value)
    ),
    "delay": lambda value: _is_number(value, 0, 600),
    "ready": lambda value: (
        _is_text(value, 255)
        and (not value.startswith("tcp:") or _is_port(value.removeprefix("tcp:")))
    ),
    "ready_timeout": lambda value: _is_number(value, 1, 3600),
    "ready_policy": lambda value: value in ("continue", "fail"),
}
_IDENTITY: dict[str, Check] = {
    "id": lambda value: _is_number(value, 1, MAX_ID),
    "uuid": _is_uuid,
    "kind": lambda value: value in ("jail", "vm"),
    "created": _is_time,
    "release": _is_release,
    "nics": _list_of(lambda value: _fits(value, _CLAIM, ("network", "mac")), MAX_NICS),
    "shared": _list_of(lambda value: _fits(value, _ALIAS, ("address",)), 64),
    "cpus": lambda value: value is None or _fits(value, _CPUS, ("cpus",)),
    "boot": lambda value: _fits(value, _BOOT),
    "disks": lambda value: (
        isinstance(value, dict)
        and len(value) <= 64
        and all(_is_device(name) and _fits(disk, _DISK, ("port",)) for name, disk in value.items())
    ),
    "root": lambda value: value is None or _is_path(value),
    "root_dataset": lambda value: value == "" or _is_dataset(value),
    "tags": _list_of(_is_tag, 64),
    "template": _is_flag,
    "host": _is_host,
    "v": lambda value: _is_number(value, 1, 1),
}
