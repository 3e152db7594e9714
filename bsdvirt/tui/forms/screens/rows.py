"""Fields one below the other, each with its control, its unit, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Static

from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.forms.draft import Draft
from bsdvirt.tui.forms.field import FormField
from bsdvirt.tui.forms.screens.controls import Edited, LineControl, LinesControl, Onward, control_of


class FieldRow(Horizontal):
    """A field."""

    DEFAULT_CSS = """
    FieldRow { height: auto; }
    FieldRow .label { width: 20; height: 1; }
    FieldRow .note { width: 2fr; min-width: 24; height: 1; padding-left: 1; }
    FieldRow LineControl, FieldRow ChoiceControl, FieldRow LinesControl { width: 3fr; }
    """

    class Changed(Message):
        """Its value has changed."""

        def __init__(self, field: FormField, text: str) -> None:
            super().__init__()
            self.field = field
            self.text = text

    def __init__(self, field: FormField, text: str, label: str) -> None:
        super().__init__()
        self.field = field
        self.label = label
        self.control = control_of(field, text)
        self._label = Static("", classes="label", markup=False)
        self._note = Static("", classes="note", markup=False)
        self.wrong = ""
        self.changed = False

    def compose(self) -> ComposeResult:
        yield self._label
        yield self.control
        yield self._note

    def show(self, *, changed: bool, wrong: str, empty: bool) -> None:
        """Show whether it has changed, what is wrong with it, and whether it is to be filled in."""
        self.changed, self.wrong = changed, wrong
        styles = desk_of(self).palette
        mark = "*" if changed else " "
        label = Text(f"{mark}{self.label}", styles["mark" if changed else "text"], no_wrap=True)
        if self.field.required and empty:
            label.append(" needed", styles["dim"])
        self._label.update(label)
        note = ", ".join(word for word in (self.field.unit, self.field.when) if word)
        self._note.update(Text(wrong or note, styles["bad" if wrong else "dim"], no_wrap=True))

    @on(Edited)
    def _edited(self, event: Edited) -> None:
        event.stop()
        self.post_message(self.Changed(self.field, event.text))


class FieldList(VerticalScroll, can_focus=False):
    """Fields that are shown together."""

    class At(Message):
        """Another field has the focus."""

        def __init__(self, row: FieldRow) -> None:
            super().__init__()
            self.row = row

    class Ended(Message):
        """The user went beyond the last field (1), or before the first (-1)."""

        def __init__(self, by: int, *, done: bool) -> None:
            super().__init__()
            self.by = by
            self.done = done

    DEFAULT_CSS = """
    FieldList { height: 1fr; }
    FieldList.whole FieldRow .label { width: 28; }
    FieldList.whole FieldRow .note { min-width: 18; width: 1fr; }
    """

    @property
    def rows(self) -> Sequence[FieldRow]:
        return list(self.query(FieldRow))

    async def show(self, fields: Sequence[FormField], draft: Draft, *, whole: bool = False) -> None:
        """Show these fields in place of others; `whole`, with the names of their sections."""
        await self.remove_children()
        if not self.is_attached:
            # The UI ends, or the form was left meanwhile.
            return
        self.set_class(whole, "whole")
        rows = [
            FieldRow(field, draft.value(field.path), field.path if whole else field.label)
            for field in fields
        ]
        await self.mount(*rows)
        self.scroll_home(animate=False)

    def take(self, fields: Sequence[FormField]) -> bool:
        """Take these declarations of the fields that are shown; return whether they are the same
        fields."""
        rows = self.rows
        if [row.field.path for row in rows] != [field.path for field in fields]:
            return False
        for row, field in zip(rows, fields, strict=True):
            row.field = field
        return True

    def mark(self, draft: Draft, problems: Mapping[str, str]) -> None:
        """Show what has changed, and what is wrong."""
        for row in self.rows:
            path = row.field.path
            row.show(
                changed=draft.changed(row.field),
                wrong=problems.get(path, ""),
                empty=not draft.value(path),
            )

    def offer(self, path: str, values: Sequence[str]) -> None:
        """Offer values for a field."""
        for row in self.rows:
            if row.field.path == path and isinstance(row.control, LineControl | LinesControl):
                row.control.offer(values)

    def go_to(self, path: str = "", *, last: bool = False) -> bool:
        """Move the focus to a field: the first that can be typed, or the last."""
        rows = [row for row in self.rows if not row.control.disabled]
        if last:
            rows.reverse()
        for row in rows:
            if path in ("", row.field.path):
                row.control.focus()
                return True
        return False

    @property
    def current(self) -> FieldRow | None:
        """Return the field with the focus."""
        return next((row for row in self.rows if row.control.has_focus), None)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if (row := self.current) is not None:
            self.post_message(self.At(row))

    @on(Onward)
    def _leave(self, event: Onward) -> None:
        event.stop()
        rows = [row for row in self.rows if not row.control.disabled]
        here = next((n for n, row in enumerate(rows) if row.control.has_focus), 0) + event.by
        if 0 <= here < len(rows):
            rows[here].control.focus()
        else:
            self.post_message(self.Ended(event.by, done=event.done))
