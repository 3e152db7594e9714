"""Options of the command line made from the declarations of properties: an option's choices,
unit and help are those of its property."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Mapping
from typing import Any

import msgspec.inspect as mi

from bsdvirt.cli.parser import Globals
from bsdvirt.errors import UsageError
from bsdvirt.spec.base import Spec
from bsdvirt.spec.fields import Field, field_at, fields_of, item_of, plain, struct_of
from bsdvirt.spec.types import CpuList, Size

METAVARS: dict[type, str] = {Size: "SIZE", CpuList: "LIST"}
STANDARD_INPUT = "-"
"""The value of a secret that is read from standard input."""
MOST_CHARACTERS = 1000
Assignment = tuple[str, str]
UNITS = {"s": "SECONDS"}


def add_property(
    parser: argparse._ActionsContainer,
    struct: type[Spec],
    path: str,
    option: str = "",
    *,
    note: str = "",
    default: bool = True,
    repeat: bool = False,
    dest: str | None = None,
) -> None:
    """Add the option that sets one property: by default `--` and the property's name. `note` is
    appended to its help, such as the device that it sets; without `default`, the help has no
    default. With `repeat` it can be repeated. `dest` is argparse's."""
    field = field_at(struct, path.split("."))
    if field is None or field.name != path.rpartition(".")[2]:
        raise LookupError(f"{struct.__name__} has no property {path}")
    word = option or f"--{field.name.replace('_', '-')}"
    notes = [note] if note else []
    more = _value(field, word)
    if dest is not None:
        more["dest"] = dest
    if repeat or isinstance(field.type, mi.ListType):
        more["action"] = "append"
        notes.append("may be repeated")
    if (bounds := _range(field)) and "action" not in more:
        notes.append(bounds)
    if default and (shown := plain(field.default)) not in (None, "", [], False, True):
        notes.append(f"default {shown}")
    parser.add_argument(word, help=_help(field, notes), **more)


def add_properties(
    parser: argparse._ActionsContainer,
    struct: type[Spec],
    *,
    without: Collection[str] = (),
    notes: Mapping[str, str] | None = None,
) -> None:
    """Add an option for each property of a device that is one value."""
    for name in _values(struct):
        if name not in without:
            add_property(parser, struct, name, note=(notes or {}).get(name, ""))


def given(options: object, struct: type[Spec]) -> dict[str, Any]:
    """Return the properties of a struct that options set, as plain data by name."""
    found = {name: getattr(options, name, None) for name in fields_of(struct)}
    return {name: value for name, value in found.items() if value is not None}


def _values(struct: type[Spec]) -> list[str]:
    """Return the properties that are one value: no lists, and no structs."""
    fields = fields_of(struct).values()
    return [f.name for f in fields if not (item_of(f.type) or struct_of(f.type))]


def _value(field: Field, option: str) -> dict[str, Any]:
    """Return the arguments of add_argument() for the value."""
    kind = item_of(field.type) or field.type
    if isinstance(kind, mi.BoolType):
        plain_flag = field.default is False and not field.optional
        action: Any = "store_true" if plain_flag else argparse.BooleanOptionalAction
        return {"action": action, "default": None}
    if isinstance(kind, mi.LiteralType):
        return {"choices": kind.values}
    if isinstance(kind, mi.IntType):
        return {"type": int, "metavar": UNITS.get(field.unit, field.unit.upper()) or "N"}
    cls = kind.cls if isinstance(kind, mi.CustomType) else str
    named = (word for known, word in METAVARS.items() if issubclass(cls, known))
    return {"metavar": next(named, option.strip("-").upper())}


def _range(field: Field) -> str:
    kind = field.type
    if isinstance(kind, mi.IntType) and kind.ge is not None and kind.le is not None:
        return f"{kind.ge}..{kind.le}"
    return ""


def _help(field: Field, notes: list[str]) -> str:
    """Return the property's help in the style of argparse: lower case, without a full stop."""
    text = field.help.replace("`", "").rstrip(".")
    if text[1:2].islower() or text.startswith("A "):
        text = text[0].lower() + text[1:]
    if notes:
        text += f" ({', '.join(notes)})"
    return text.replace("%", "%%")


# ---- PROPERTY=VALUE ----


def with_secrets(options: Globals, assignments: list[Assignment]) -> list[Assignment]:
    """Return assignments to guests with the secrets that are given as `-`: each is a line of
    standard input, in their order, or is typed at the terminal, which does not show it. Raises
    UsageError."""
    known = options.secrets
    for path, text in assignments:
        if text == STANDARD_INPUT and path not in known and _is_secret(path):
            known[path] = _read(path)
    return [
        (path, known.get(path, text) if text == STANDARD_INPUT else text)
        for path, text in assignments
    ]


def _is_secret(path: str) -> bool:
    # Imported where it is used: most commands have no secret.
    from bsdvirt.spec.jail import Jail
    from bsdvirt.spec.vm import Vm

    fields = [field_at(cls, path.split(".")) for cls in (Jail, Vm)]
    name = path.rpartition(".")[2]
    return any(field is not None and field.name == name and field.secret for field in fields)


def _line() -> str:
    """Return a line of standard input, and read no more than that: an answer may follow."""
    line = b""
    while len(line) < MOST_CHARACTERS and (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode(errors="replace")


def _read(path: str) -> str:
    if sys.stdin.isatty():
        import getpass

        try:
            text = getpass.getpass(f"{path}: ")
        except EOFError:
            text = ""
    else:
        text = _line()
    if not text:
        raise UsageError(f"{path}: nothing was typed", "write it on a line of standard input")
    return text
