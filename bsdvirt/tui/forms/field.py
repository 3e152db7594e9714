"""A field of a form, made from the declaration of a property."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec.inspect as mi

from bsdvirt.spec.base import Live, Names, Spec
from bsdvirt.spec.fields import Field, bare, field_at, item_of, plain, struct_of, words_of
from bsdvirt.spec.params import JailParams

YES = "yes"
NO = "no"
UNSET = "default"
"""How an unset choice is shown where the default has no words of its own."""
WHEN = {
    Live.NOW: "at once", Live.REBOOT: "next reboot", Live.START: "next start",
    Live.NEVER: "fixed",
}  # fmt: skip
"""When a change takes hold, beside a field."""


class Control(StrEnum):
    """What a field is typed into."""

    LINE = "line"
    CHOICE = "choice"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class FormField:
    """A field: its values are texts, "" where it is not set; a list has an item on each line."""

    path: str
    """Its name in the form: of a property, the name that `bsdvirt set` takes."""
    label: str
    help: str = ""
    type: str = ""
    """The type in words."""
    unit: str = ""
    control: Control = Control.LINE
    choices: tuple[str, ...] = ()
    default: str = ""
    required: bool = False
    live: Live | None = None
    names: Names | None = None
    """What its value names: the form offers those that exist."""
    secret: bool = False
    fixed: bool = False
    """Whether it can only be read."""
    of: Field | None = None
    """The declaration of the property."""
    check: Callable[[str], str] | None = None
    """Returns what is wrong with a text; "" if nothing is. None: the form checks it."""
    offers: tuple[str, ...] = ()
    """Values to choose from, though others can be typed."""

    @property
    def when(self) -> str:
        """When a change takes hold, in words."""
        return WHEN[self.live] if self.live is not None else ""

    @property
    def verbatim(self) -> bool:
        """Whether all that is typed counts, line feeds included."""
        return self.secret or (self.of is not None and _is_text(self.of.type))

    def normal(self, text: str) -> str:
        """Return a text in the one form in which texts are compared: "" for the default."""
        if not self.verbatim:
            lines = (line.strip() for line in text.splitlines())
            text = "\n".join(line for line in lines if line)
        return "" if text == self.default and not self.required else text


def property_field(
    cls: type[Spec], path: str, *, at: str = "", fixed: tuple[Live, ...] = ()
) -> FormField:
    """Return the field of a property of a struct; `at` is its name in the form. It can only be
    read if it takes hold as in `fixed`."""
    field = field_at(cls, path.split("."))
    if field is None or field.name != path.rpartition(".")[2]:
        raise LookupError(f"{cls.__name__} has no property {path}")
    return field_of(field, at or path, fixed=fixed)


def field_of(field: Field, path: str, *, fixed: tuple[Live, ...] = ()) -> FormField:
    """Return the field of a property."""
    choices = _choices(field)
    return FormField(
        path=path,
        label=field.name.replace("_", " "),
        help=field.help.replace("`", ""),
        type=words_of(field.type),
        unit=field.unit,
        control=Control.CHOICE if choices else Control.LINES if _many(field) else Control.LINE,
        choices=choices,
        default=text_of(plain(field.default)),
        required=field.required,
        live=field.live,
        names=field.names,
        secret=field.secret,
        fixed=field.live in fixed,
        of=field,
    )


def _choices(field: Field) -> tuple[str, ...]:
    kind = field.type
    if isinstance(kind, mi.BoolType):
        found: tuple[str, ...] = (NO, YES)
    elif isinstance(kind, mi.LiteralType):
        found = tuple(str(value) for value in kind.values)
    else:
        return ()
    return ("", *found) if field.default is None and not field.required else found


def _many(field: Field) -> bool:
    """Whether its value takes several lines."""
    kind = field.type
    return isinstance(kind, mi.ListType) or is_mapping(kind) or _is_text(kind)


def _is_text(kind: mi.Type) -> bool:
    """Whether it is text that may have line feeds: any other has a pattern."""
    return isinstance(kind, mi.StrType) and kind.pattern is None and (kind.max_length or 0) > 1000


def is_mapping(kind: mi.Type) -> bool:
    """Whether it is a mapping of names to values, such as parameters of jail(8)."""
    return isinstance(kind, mi.CustomType) and kind.cls is JailParams


def text_of(value: Any) -> str:
    """Return a value, as plain data, as the text of a field."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, Mapping):
        return "\n".join(f"{name}={text_of(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(flow(one) if isinstance(one, Mapping) else text_of(one) for one in value)
    return str(value)


def flow(value: object) -> str:
    """Return a plain value as YAML on one line."""
    import yaml

    text: str = yaml.safe_dump(
        [value], sort_keys=False, default_flow_style=True, allow_unicode=True, width=10**9
    )
    return text.strip()[1:-1]


def assignments_of(field: FormField, before: str, text: str) -> list[tuple[str, str]]:
    """Return the properties to set, with their values as on the command line."""
    if field.of is None or not is_mapping(field.of.type):
        return [(field.path, assigned(field.of, text) if field.of else text)]
    old, new = (_entries(field, lines) for lines in (before, text))
    gone = [(name, "") for name in old if name not in new]
    return [*gone, *((name, value) for name, value in new.items() if old.get(name) != value)]


def _entries(field: FormField, text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {f"{field.path}.{name.strip()}": value.strip() for name, _, value in pairs}


def assigned(field: Field, text: str) -> str:
    """Return the text of a field as the value of PROPERTY=VALUE on a command line."""
    item = item_of(field.type)
    if item is None:
        return text
    lines = text.splitlines()
    free = isinstance(bare(item), mi.StrType)
    if struct_of(item) is not None:
        return f"[{', '.join(lines)}]" if lines else ""
    if not free and not any(set(line) & set(",[]{}'\"") for line in lines):
        return ",".join(lines)
    if free and len(lines) == 1 and not lines[0].startswith("["):
        return lines[0]
    return f"[{', '.join(flow(line) for line in lines)}]" if lines else ""
