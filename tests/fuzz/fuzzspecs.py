"""YAML and JSON made by the declarations themselves, then spoilt."""

from __future__ import annotations

import contextlib
import json
import random
from functools import cache
from typing import Any

import msgspec.inspect as mi
import yaml

from bsdvirt.spec.base import Spec
from bsdvirt.spec.fields import bare, fields_of, struct_of

SCALARS: tuple[Any, ...] = (
    "", "null", "~", None, True, False, 0, 1, -1, 5, 24, 1500, 2**31, 2**63, 2**64, 10**30, 1.5,
    "yes", "no", "on", "x", "web", "private", "10.77.0.9", "10.77.0.9/24", "10.77.0.0/24",
    "fd00::1", "fd00::1/64", "fe80::1%em0", "pool", "none", "auto", "em0", "/a", "/a/b", "/", "//",
    "/..", "1G", "16K", "64M", "1.5G", "lz4", "tcp:80", "tcp:80:90", "tcp:1-100", "udp:5", "0-3",
    "0:1", "freebsd", "linux", "14.3-RELEASE", "a=b", "pci.0.1.0.device=x", "é", "\u2028", "\x85",
    "\x00", "\x1b[0m", "\ud800", "a\nb", "'", '"', "$(id)", "x" * 300, "9" * 5000, "vnet",
    "shared", "inherit", "nullfs", "tmpfs", "procfs", "https://a/b", "https://a:99999/b",
    "#cloud-config\n", "ssh-ed25519 AAAA", "$6$" + "a" * 40, "always", "1777", [], {}, [[]], [{}],
    {"a": 1}, [1, 2, 3], ["web", "web"], "²", "٣", "\u202e",
)  # fmt: skip
NOISE = (
    "\n", "  ", ":", "- ", "#", "{", "}", "[", "]", "&a ", "*a", "!!str ", "|", "\t", "\0", "\x7f",
    "\ufeff", "---\n", "...\n", "? ", "<<: ", "%YAML 1.1\n", "'", '"', "\ud800", "\r", "\x0b",
    "[" * 60, "{a: " * 60, "&a [*a]",
)  # fmt: skip
JSON_NOISE = (
    "", '"', "{", "[", "1e400", "9" * 400, "\\u0000", "\\ud800", "null", ",", "\0", "é", "-",
    "[" * 3000, '{"a":' * 3000,
)  # fmt: skip


def value(dice: random.Random, kind: mi.Type, depth: int = 0) -> Any:
    """One that the type might take; now and then anything."""
    if dice.random() < 0.04 or depth > 5:
        return dice.choice(SCALARS)
    if isinstance(kind, mi.UnionType):
        return value(dice, dice.choice(kind.types), depth + 1)
    kind = bare(kind)
    cls = struct_of(kind)
    match kind:
        case _ if cls is not None:
            return struct(dice, cls, depth + 1)
        case mi.ListType(item_type=item):
            return [value(dice, item, depth + 1) for _ in range(dice.choice((0, 1, 1, 2, 3, 70)))]
        case mi.LiteralType(values=values):
            return dice.choice(list(values))
        case mi.BoolType():
            return dice.choice((True, False))
        case mi.IntType(ge=low, le=high):
            return dice.choice((0, 1, 2, 16, 64, 1500, 4096, 65535, low or 0, high or 5))
        case mi.DictType(value_type=inner):
            names = ("a", "disk0", "root")
            return {dice.choice(names): value(dice, inner, depth + 1) for _ in range(2)}
        case mi.CustomType(cls=custom) if dice.random() < 0.95:
            return dice.choice(_fitting(custom) or SCALARS)
    return dice.choice(SCALARS)


@cache
def _fitting(custom: type) -> tuple[Any, ...]:
    """The scalars that a type of ours takes."""
    found = []
    for one in SCALARS:
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            custom.parse(one)  # type: ignore[attr-defined]
            found.append(one)
    return tuple(found)


def struct(dice: random.Random, cls: type[Spec], depth: int = 0) -> dict[str, Any]:
    config = cls.__struct_config__
    made: dict[str, Any] = {config.tag_field: config.tag} if config.tag_field else {}
    share = dice.choice((0.02, 0.1, 0.3))
    for name, field in fields_of(cls).items():
        if field.required or dice.random() < share:
            made[name] = value(dice, field.type, depth)
    if dice.random() < 0.03:
        made[dice.choice(("zz", "__class__", "é", "a.b", ""))] = dice.choice(SCALARS)
    return made


def document(dice: random.Random, cls: type[Spec]) -> str:
    """A file of it, in a third of the cases spoilt."""
    made = struct(dice, cls)
    try:
        text = yaml.safe_dump(
            made, allow_unicode=True, sort_keys=False,
            default_flow_style=dice.choice((True, False, None)),
        )  # fmt: skip
    except yaml.YAMLError:
        text = json.dumps(made)
    return spoilt(dice, text, NOISE) if dice.random() < 0.35 else text


def spoilt(dice: random.Random, text: str, noise: tuple[str, ...]) -> str:
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(text) + 1)
        text = text[:at] + dice.choice(noise) + text[at + dice.randrange(3) :]
    return text
