"""What is wrong with values: the same checks and messages as those of the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bsdvirt.errors import UsageError
from bsdvirt.spec.base import Spec
from bsdvirt.spec.fields import item_of, struct_of, type_at
from bsdvirt.spec.paths import NAME, made

Assignments = Sequence[tuple[str, str]]
_WHERE = re.compile(r"([a-z][a-z0-9_]*(?:\.[A-Za-z0-9_-]+)*): (.*)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and the property that it is about; "" if that is not known."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Root:
    """A struct whose properties a form sets, as plain data; {} for one that is to be made."""

    cls: type[Spec]
    data: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""
    """Before the names of its properties, such as `boot.`."""


def problem(roots: Sequence[Root], assignments: Assignments) -> Problem | None:
    """Return the first thing that is wrong with what the assignments make of these structs. A
    property belongs to the last of them whose prefix it has."""
    for root in roots:
        own = [
            (path.removeprefix(root.prefix), text)
            for path, text in assignments
            if root_of(roots, path) is root
        ]
        try:
            made(root.cls, root.data, own)
        except UsageError as error:
            return _problem(root, own, error)
    return None


def root_of(roots: Sequence[Root], path: str) -> Root:
    """Return the struct that a property is of."""
    return next(root for root in reversed(roots) if path.startswith(root.prefix))


def _problem(root: Root, own: Assignments, error: UsageError) -> Problem:
    match = _WHERE.fullmatch(error.message)
    hint = f" ({error.hint})" if error.hint else ""
    if match is None:
        return Problem("", error.message + hint)
    return Problem(root.prefix + _by_name(root, own, match[1]), match[2] + hint)


def _by_name(root: Root, own: Assignments, path: str) -> str:
    """Return a path with the names of elements in place of their numbers."""
    parts = path.split(".")
    kind = type_at(root.cls, parts[:1])
    item = struct_of(item_of(kind)) if kind is not None else None
    if len(parts) < 2 or not parts[1].isdigit() or item is None:
        return path
    elements = root.data.get(parts[0]) or []
    names = [str(one.get(NAME, "")) for one in elements if isinstance(one, Mapping)]
    for assigned, _ in own:
        words = assigned.split(".")
        if words[0] == parts[0] and len(words) > 1 and words[1] not in names:
            names.append(words[1])
    number = int(parts[1])
    if number < len(names) and names[number]:
        parts[1] = names[number]
    return ".".join(parts)
