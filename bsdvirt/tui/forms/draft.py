"""What is typed into a form: values, what changed, what is wrong, and what is to be set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from bsdvirt.tui.forms.check import Assignments, Problem
from bsdvirt.tui.forms.field import YES, FormField, assignments_of
from bsdvirt.tui.forms.sections import REMOVED, Section

Check = Callable[[Assignments], Problem | None]
"""Returns the first thing that is wrong with assignments."""
MISSING = "it is missing"
MOST_PROBLEMS = 8
"""How many problems of properties are shown at once."""


class Draft:
    """The values of the fields of a form, as text."""

    def __init__(
        self, sections: Sequence[Section], given: Mapping[str, str], check: Check | None = None
    ) -> None:
        self.sections = list(sections)
        self.before = dict(given)
        """The values as they were when the form was opened."""
        self.values = dict(given)
        self._check = check

    def fields(self) -> Iterator[FormField]:
        for section in self.sections:
            yield from section.fields

    def field(self, path: str) -> FormField | None:
        return next((field for field in self.fields() if field.path == path), None)

    def value(self, path: str) -> str:
        return self.values.get(path, "")

    def set(self, path: str, text: str) -> None:
        self.values[path] = text

    def changed(self, field: FormField) -> bool:
        """Whether a field is to have another value than it had."""
        before, now = self.before.get(field.path, ""), self.value(field.path)
        return field.normal(before) != field.normal(now)

    def changes(self) -> list[FormField]:
        """Return the fields that have changed, in the order of the form. Of an element that is
        removed, that is all."""
        found: list[FormField] = []
        for section in self.sections:
            gone = f"{section.element}.{REMOVED}" if section.element else ""
            if gone and self.value(gone) == YES:
                found += [field for field in section.fields if field.path == gone]
            else:
                found += [field for field in section.fields if self.changed(field)]
        return found

    def assignments(self, *, without: Collection[str] = ()) -> list[tuple[str, str]]:
        """Return what is to be set, with values as on the command line, but for some fields."""
        found: list[tuple[str, str]] = []
        for field in self.changes():
            if field.path.endswith(f".{REMOVED}"):
                found.append((field.path.removesuffix(f".{REMOVED}"), ""))
            elif field.path not in without:
                before = field.normal(self.before.get(field.path, ""))
                found += assignments_of(field, before, field.normal(self.value(field.path)))
        return found

    def problems(self) -> dict[str, str]:
        """Return what is wrong, by the path of the field; that of the form as a whole at ""."""
        found: dict[str, str] = {}
        for field in self.fields():
            if wrong := self._problem(field):
                found[field.path] = wrong
        for _ in range(MOST_PROBLEMS):
            # What is wrong already is left out: the others are then checked.
            one = self._check(self.assignments(without=found)) if self._check else None
            place = self._place(one.path) if one is not None else ""
            if one is None or place in found:
                break
            found[place] = one.message if place or not one.path else f"{one.path}: {one.message}"
        return found

    def _problem(self, field: FormField) -> str:
        """Return what is wrong with the text of a field, whatever the others have."""
        text = field.normal(self.value(field.path))
        if not text:
            return MISSING if field.required else ""
        return field.check(text) if field.check is not None else ""

    def _place(self, path: str) -> str:
        """Return the path of the field that a problem is shown at."""
        fields = (field.path for field in self.fields())
        return next((field for field in fields if _within(path, field)), "")


def _within(path: str, field: str) -> bool:
    return path == field or path.startswith(f"{field}.")
