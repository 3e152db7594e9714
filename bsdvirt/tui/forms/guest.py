"""The form of a guest's properties, and of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from bsdvirt.spec.base import Live, Spec
from bsdvirt.spec.fields import fields_of, item_of, struct_of
from bsdvirt.spec.identity import Boot
from bsdvirt.spec.schema import ROOTS, Which
from bsdvirt.tui.desk import Desk
from bsdvirt.tui.feed.queries.properties import BOOT, FILE, IDENTITY
from bsdvirt.tui.forms.check import Assignments, Problem, Root, problem
from bsdvirt.tui.forms.draft import Draft
from bsdvirt.tui.forms.field import NO, YES, property_field
from bsdvirt.tui.forms.form import Form, Order
from bsdvirt.tui.forms.sections import (
    NEW,
    REMOVED,
    Section,
    element_section,
    new_part,
    sections_of,
    value_at,
)

PREFIX = "boot."
FIXED = (Live.NEVER,)
HIDDEN = "-"
"""A secret on the command line: it is read from standard input."""


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties of a guest, as they were read."""

    host: str
    name: str
    kind: str
    file: Mapping[str, Any]
    boot: Mapping[str, Any]

    @property
    def cls(self) -> type[Spec]:
        return ROOTS[cast(Which, self.kind)]

    @property
    def roots(self) -> tuple[Root, Root]:
        boot = {name.removeprefix(PREFIX): value for name, value in self.boot.items()}
        return Root(self.cls, self.file), Root(Boot, boot, PREFIX)

    def value(self, path: str) -> str:
        """Return the text of a property."""
        file, boot = self.roots
        if path.startswith(PREFIX):
            return value_at(boot.data, path.removeprefix(PREFIX))
        return value_at(file.data, path)


async def read(desk: Desk, host: str, name: str, kind: str) -> Properties:
    """Read the properties of a guest. Raises BsdvirtError."""
    file: dict[str, Any] = await desk.ask(host, FILE, name)
    boot: dict[str, Any] = await desk.ask(host, IDENTITY, name, *BOOT)
    return Properties(host, name, kind, file, boot)


def guest_form(of: Properties) -> Form:
    """Return the form of all properties."""
    sections = [one for root in of.roots for one in sections_of(root, fixed=FIXED)]
    form = _form(of, f"Edit {of.name}", sections)
    form.anew = lambda draft: _anew(of, draft)
    form.steers = lambda path: path.endswith((f".{NEW}", f".{REMOVED}"))
    form.stale = lambda desk, draft: _stale(desk, of, draft)
    return form


async def _stale(desk: Desk, of: Properties, typed: Draft) -> tuple[str, Form | None]:
    """Read the guest again; return the form of what it is now if another has changed it."""
    now = await read(desk, of.host, of.name, of.kind)
    changed = changed_by_others(of, now)
    if not changed:
        return "", None
    form = guest_form(now)
    _put_on_top(form, typed)
    said = f"{of.name} has been changed meanwhile: {', '.join(changed)}."
    return f"{said} What you typed is kept: check it, and save again.", form


def property_form(of: Properties, path: str) -> Form:
    """Return the form of one property. Raises LookupError if there is none of that name."""
    cls, prefix = (Boot, PREFIX) if path.startswith(PREFIX) else (of.cls, "")
    field = property_field(cls, path.removeprefix(prefix), at=path, fixed=FIXED)
    return _form(of, f"{of.name}: {path}", [Section(path, (replace(field, label=path),))])


def _form(of: Properties, title: str, sections: list[Section]) -> Form:
    given = {field.path: of.value(field.path) for one in sections for field in one.fields}

    def check(assignments: Assignments) -> Problem | None:
        return problem(of.roots, assignments)

    return Form(
        title, of.host, Draft(sections, given, check), lambda draft: _order(of.name, draft),
        label=f"set {of.name}",
    )  # fmt: skip


def _order(name: str, draft: Draft) -> Order:
    """Return the command that sets what has changed."""
    secret = {field.path for field in draft.fields() if field.secret}
    words, secrets = ["set", name], []
    for path, text in draft.assignments():
        if path in secret and text:
            secrets.append(text)
        words.append(f"{path}={HIDDEN if path in secret and text else text}")
    known = [draft.before.get(path, "") for path in secret]
    return Order(tuple(words), tuple(secrets), tuple(text for text in (*secrets, *known) if text))


def _anew(of: Properties, draft: Draft) -> list[Section]:
    """Return the sections with the elements that are to be added, without those that are not to be
    after all."""
    found: list[Section] = []
    for section in draft.sections:
        if section.new and draft.value(f"{section.element}.{REMOVED}") == YES:
            for field in section.fields:
                draft.values.pop(field.path, None)
            continue
        adds = f"{section.title}.{NEW}"
        if draft.value(adds) == YES:
            draft.set(adds, NO)
            found.append(_new_element(of.cls, draft, section.title))
        found.append(section)
    return found


def _new_element(cls: type[Spec], draft: Draft, name: str) -> Section:
    field = fields_of(cls)[name]
    item = struct_of(item_of(field.type))
    assert item is not None, name
    elements = [one.element.split(".") for one in draft.sections if one.element]
    taken = [part for of, part in elements if of == name]
    return replace(element_section(field, item, new_part(field, item, taken)), new=True)


def changed_by_others(before: Properties, now: Properties) -> list[str]:
    """Return the properties that another has changed."""
    pairs = ((before.file, now.file), (before.boot, now.boot))
    return sorted(
        name
        for old, new in pairs
        for name in old.keys() | new.keys()
        if old.get(name) != new.get(name)
    )


def _put_on_top(form: Form, typed: Draft) -> None:
    """Put what was typed into a form of what there is now."""
    known = {section.title for section in form.draft.sections}
    for section in typed.sections:
        if section.new and section.title not in known:
            form.draft.sections.append(section)
    for field in typed.changes():
        form.draft.set(field.path, typed.value(field.path))
