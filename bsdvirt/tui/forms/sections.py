"""The sections of a form, made from the declarations of a struct."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bsdvirt.spec.base import Live, Spec
from bsdvirt.spec.fields import Field, fields_of, item_of, struct_of
from bsdvirt.spec.paths import NAME
from bsdvirt.tui.forms.check import Root
from bsdvirt.tui.forms.field import NO, YES, Control, FormField, field_of, text_of

GENERAL = "general"
REMOVED = "remove"
"""The field of an element that removes it."""
NEW = "add"
"""The field that adds an element."""


@dataclass(frozen=True, slots=True)
class Section:
    """Fields that are shown together."""

    title: str
    fields: tuple[FormField, ...]
    help: str = ""
    element: str = ""
    """The path of the element of a list that they are of."""
    new: bool = False
    """Whether that element is to be added."""


def sections_of(root: Root, *, fixed: tuple[Live, ...] = ()) -> list[Section]:
    """Return the sections for the properties of a struct, and of the structs and lists in it."""
    title = root.prefix.rstrip(".") or GENERAL
    return list(_sections(root.cls, root.data, root.prefix, title, "", fixed))


def _sections(
    cls: type[Spec], data: Mapping[str, Any], prefix: str, title: str, help: str,
    fixed: tuple[Live, ...],
) -> list[Section]:  # fmt: skip
    own: list[FormField] = []
    deeper: list[Section] = []
    for field in fields_of(cls).values():
        path = prefix + field.name
        inner, item = struct_of(field.type), struct_of(item_of(field.type))
        if inner is not None:
            below = data.get(field.name) or {}
            deeper += _sections(inner, below, f"{path}.", path, field.help, fixed)
        elif item is not None and not prefix:
            deeper += _elements(field, item, data.get(field.name) or [], fixed)
        elif field.live is not None:
            own.append(field_of(field, path, fixed=fixed))
    return [*([Section(title, tuple(own), help)] if own else []), *deeper]


def _elements(
    field: Field, item: type[Spec], data: list[Any], fixed: tuple[Live, ...]
) -> list[Section]:
    """Return a section for each element of a list, and one that adds another."""
    found = [
        element_section(field, item, part_of(item, one, number), fixed)
        for number, one in enumerate(data)
    ]
    another = FormField(
        f"{field.name}.{NEW}", NEW, f"Add another to {field.name}.", "yes | no",
        control=Control.CHOICE, choices=(NO, YES), default=NO,
    )  # fmt: skip
    return [*found, Section(f"{field.name}", (another,), field.help)]


def element_section(
    field: Field, item: type[Spec], part: str, fixed: tuple[Live, ...] = ()
) -> Section:
    """Return the section of an element of a list, by its name or number."""
    path = f"{field.name}.{part}"
    own = [
        replace(field_of(one, f"{path}.{one.name}", fixed=fixed), live=one.live or field.live)
        for one in fields_of(item).values()
        if one.name != NAME and one.live is not None
    ]
    gone = FormField(
        f"{path}.{REMOVED}", REMOVED, "Remove it.", "yes | no", live=field.live,
        control=Control.CHOICE, choices=(NO, YES), default=NO,
    )  # fmt: skip
    return Section(path, (*own, gone), field.help, element=path)


def part_of(item: type[Spec], value: Mapping[str, Any], number: int) -> str:
    """Return the part of a path that is an element: its name, or its number."""
    return str(value.get(NAME, number)) if NAME in fields_of(item) else str(number)


def new_part(field: Field, item: type[Spec], taken: list[str]) -> str:
    """Return the name or number of a new element of a list."""
    if NAME not in fields_of(item):
        return str(len(taken))
    stem = field.name.removesuffix("s")
    return next(name for n in range(len(taken) + 1) if (name := f"{stem}{n}") not in taken)


def value_at(data: Mapping[str, Any], path: str) -> str:
    """Return the text of what plain data has at a path; "" if it has nothing there."""
    value: Any = data
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list):
            named = [one for one in value if isinstance(one, Mapping) and one.get(NAME) == part]
            index = int(part) if part.isdigit() else len(value)
            value = named[0] if named else value[index] if index < len(value) else None
        else:
            return ""
    return text_of(value)
