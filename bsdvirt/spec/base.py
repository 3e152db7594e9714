"""How a property is declared: once, with all that is ever asked about it.

A property is a field of a struct, annotated with `prop(...)`. From it come the
validation of YAML, `set` and `get`, `bsdvirt properties`, the JSON Schema and the
manual's property section.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from bsdvirt.spec.becomes import Becomes

LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$(?!\n)"
"""One line: Python's $ alone would let a line feed pass at the end."""
COMMAND = LINE.replace("*", "+")
RELEASE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)"
VNC_PASSWORD = r"^[!-~]{6,8}$(?!\n)"
SECTORS = r"^(512|1024|2048|4096|8192|16384)(/(512|1024|2048|4096|8192|16384))?$"
MOST = 2**31 - 1
"""The range of a number that has no other end: what C calls an int."""
FORMS = {
    LINE: "one line of text",
    COMMAND: "one line for /bin/sh",
    RELEASE: "a release, such as 14.2-RELEASE",
    VNC_PASSWORD: "6 to 8 printable characters",
    SECTORS: "512 or another power of two up to 16384, or two as 512/4096",
}
"""The patterns in words."""


class Live(StrEnum):
    """When a change of a property takes hold."""

    NOW = "now"
    """at once, on a running guest too"""
    REBOOT = "reboot"
    """when the guest next reboots by itself, or starts"""
    START = "start"
    """at the guest's next start"""
    NEVER = "never"
    """it is fixed at creation"""


class BadValueError(ValueError):
    """A value is wrong; the message is one sentence.

    `at` says where, for a value that has parts (a dotted path below the value).
    `hint` says what to do; where there is none, the property's help serves.
    """

    def __init__(self, message: str, *, at: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.at = at
        self.hint = hint


class Spec(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Base of everything that is read from YAML or from a dataset's property."""

    head: ClassVar[tuple[str, ...]] = ()
    """The properties that a file begins with, before those of the base."""


def prop(
    help: str = "",
    *,
    live: Live | None = None,
    unit: str = "",
    becomes: Becomes | tuple[Becomes, ...] = (),
    ge: int | None = None,
    le: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
) -> msgspec.Meta:
    """One property's declaration.

    `help` is one sentence. `becomes` is what a renderer writes for it: a parameter of
    jail(8), a key of bhyve_config(5) (see becomes.py). `unit` is the number's.
    Where a struct declares a property of its base again, it says only what is different in
    it; so `live` is that of the base, and Live.START where nothing else is said.
    A range on an optional number is declared on the number (`Annotated[int, prop(...,
    ge=1)] | None`): msgspec knows no range of a union.
    """
    targets = becomes if isinstance(becomes, tuple) else (becomes,)
    extra: dict[str, Any] = {"live": live, "unit": unit, "becomes": targets}
    if max_length is not None or pattern is not None:
        return msgspec.Meta(
            description=help or None, extra=extra, max_length=max_length, pattern=pattern
        )
    return msgspec.Meta(description=help or None, extra=extra, ge=ge, le=le)


def shown(value: object) -> str:
    """A user's value in a message: one line, not long, whatever it is."""
    text = repr(str(value) if isinstance(value, str) else value)
    return text if len(text) <= 64 else text[:60] + "..."


def text_of(value: object, words: str) -> str:
    """The value where it is text. Raises BadValueError, naming what was to be there."""
    if not isinstance(value, str):
        raise BadValueError(f"expected {words}, got {type_word(value)}")
    return str(value)


def type_word(value: object) -> str:
    """The type of a YAML value, in the words of our messages."""
    words = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return words.get(type(value), type(value).__name__)


def did_you_mean(word: str, choices: Iterable[str], otherwise: str = "there are") -> str:
    """A hint at what was meant; where nothing is like it and few are there, all of them."""
    import difflib

    known = list(choices)
    near = difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"{otherwise}: {', '.join(known)}" if known and len(known) <= 20 else ""
