"""The declaration of properties. A property is a field of a struct, annotated with `prop(...)`.
Validation of YAML, `set` and `get`, options of the command line, what is written to
jail.conf and bhyve's configuration, `bsdvirt properties`, the JSON Schema and the manual's
property section are all made from it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, ClassVar, Protocol, Self, TypeVar

import msgspec

from bsdvirt.errors import BadValueError as BadValueError
from bsdvirt.errors import UsageError
from bsdvirt.spec.becomes import Becomes

LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$(?!\n)"
"""One line. In Python, $ alone also matches before a final line feed."""
COMMAND = LINE.replace("*", "+")
RELEASE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)"
VNC_PASSWORD = r"^[!-~]{6,8}$(?!\n)"
SECTORS = r"^(512|1024|2048|4096|8192|16384)(/(512|1024|2048|4096|8192|16384))?$"
MOST = 2**31 - 1
"""The upper bound of a number without another one: INT_MAX."""
FORMS = {
    LINE: "one line of text",
    COMMAND: "one line for /bin/sh",
    RELEASE: "a release, such as 14.2-RELEASE",
    VNC_PASSWORD: "6 to 8 printable characters",
    SECTORS: "512 or another power of two up to 16384, or two as 512/4096",
}
"""The patterns in words."""


class Live(StrEnum):
    """When a change of a property takes effect."""

    NOW = "now"
    """at once, on a running guest too"""
    REBOOT = "reboot"
    """when the guest next reboots by itself, or starts"""
    START = "start"
    """at the guest's next start"""
    NEVER = "never"
    """it is fixed at creation"""


class Names(StrEnum):
    """What a property names: a user interface offers those that exist."""

    GUEST = "guest"
    NETWORK = "network"
    RELEASE = "release"
    IMAGE = "image"
    MEDIUM = "medium"
    TAG = "tag"
    POOL = "pool"
    PROFILE = "profile"
    """of an image to fetch"""
    INTERFACE = "interface"
    """of the host"""


class Parsed(Protocol):
    """A type of properties: it parses a value, or raises BadValueError."""

    @classmethod
    def parse(cls, value: object) -> Self: ...


ParsedT = TypeVar("ParsedT", bound=Parsed)


def parsed(kind: type[ParsedT], text: str, hint: str = "", *, of: str = "") -> ParsedT:
    """Return a word of the command line as the value of a property's type; `of` says what it is
    for. Raise UsageError."""
    try:
        return kind.parse(text)
    except ValueError as error:
        raise UsageError(f"{of}: {error}" if of else str(error), hint) from None


class Spec(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Base of the structs that are read from YAML or from a ZFS property."""

    head: ClassVar[tuple[str, ...]] = ()
    """The properties written first, before those of the base."""


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
    names: Names | None = None,
    secret: bool = False,
) -> msgspec.Meta:
    """Declare a property. `help` is one sentence. `becomes` is what a renderer writes for it,
    such as a parameter of jail(8) or a key of bhyve_config(5): see becomes.py. `live`
    defaults to Live.START. A struct that declares a property of its base again gives only
    the differences. The range of an optional number is declared on the number
    (`Annotated[int, prop(..., ge=1)] | None`): msgspec has no range of a union. `names` is what
    its value names. A `secret` is never shown unasked, and never a word of a command."""
    targets = becomes if isinstance(becomes, tuple) else (becomes,)
    extra: dict[str, Any] = {"live": live, "unit": unit, "becomes": targets}
    extra |= {"names": names, "secret": secret}
    if max_length is not None or pattern is not None:
        return msgspec.Meta(
            description=help or None, extra=extra, max_length=max_length, pattern=pattern
        )
    return msgspec.Meta(description=help or None, extra=extra, ge=ge, le=le)


def shown(value: object) -> str:
    """Return a user's value for a message, on one line and shortened."""
    text = repr(str(value) if isinstance(value, str) else value)
    return text if len(text) <= 64 else text[:60] + "..."


def text_of(value: object, words: str) -> str:
    """Return a value that is text. Raise BadValueError with `words`, what was expected."""
    if not isinstance(value, str):
        raise BadValueError(f"expected {words}, got {type_word(value)}")
    return str(value)


def type_word(value: object) -> str:
    """Return the name of the type of a YAML value, for messages."""
    words = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return words.get(type(value), type(value).__name__)


def did_you_mean(word: str, choices: Iterable[str], otherwise: str = "available") -> str:
    """Return a hint with similar words; without any, all choices if they are few."""
    import difflib

    known = list(choices)
    near = difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"{otherwise}: {', '.join(known)}" if known and len(known) <= 20 else ""
