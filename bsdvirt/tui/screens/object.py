"""A network, a pool, an image and so on in full, and what can be done to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from bsdvirt.host.sanitize import shown_line
from bsdvirt.rows.base import BYTES, PERCENT, Row, is_old, items, unit_of
from bsdvirt.rows.sizes import human_size
from bsdvirt.tui.actions.action import Subject, noun
from bsdvirt.tui.actions.keys import shown_key
from bsdvirt.tui.actions.table import ACTIONS
from bsdvirt.tui.desk import desk_of

LABEL = 16
"""Cells of the labels."""


class ObjectScreen(ModalScreen[None]):
    """Keys of actions act on what it shows."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", show=False)]
    DEFAULT_CSS = """
    ObjectScreen { align: center middle; }
    ObjectScreen > Vertical {
        width: 90%; height: auto; max-height: 90%; border: round $primary; padding: 0 1;
    }
    ObjectScreen VerticalScroll { height: auto; max-height: 65vh; }
    ObjectScreen Static { height: auto; }
    """

    def __init__(self, subject: Subject, place: str) -> None:
        super().__init__()
        self._subject = subject
        self._place = place

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("", id="title", markup=False)
            with VerticalScroll():
                yield Static("", id="fields", markup=False)
            yield Static("", id="keys", markup=False)

    def on_mount(self) -> None:
        palette = desk_of(self).palette
        subject = self._subject
        where = f" on {subject.host}" if subject.host else ""
        title = f"{noun(subject)} {subject.name}{where}"
        self.query_one("#title", Static).update(Text(shown_line(title), palette["heading"]))
        text = Text()
        for label, value in fields(subject.row) if subject.row is not None else ():
            text.append(f"{label:<{LABEL}} ", palette["dim"])
            text.append(f"{shown_line(value)}\n")
        self.query_one("#fields", Static).update(text)
        self.query_one("#keys", Static).update(self._keys())
        self.query_one(VerticalScroll).focus()

    def _keys(self) -> Text:
        """Return the actions on it: what cannot be done is dimmed, and says why."""
        desk = desk_of(self)
        text = Text()
        for action in ACTIONS:
            keys = desk.keymap.keys_of(action)
            if self._subject.kind not in action.on or action.id == "object":
                continue
            why = desk.why_not(action, [self._subject])
            style = desk.palette["dim" if why else "accent"]
            text.append(f"{shown_key(keys[0]) if keys else ':':>2} ", style)
            text.append(action.label, desk.palette["dim" if why else "text"])
            text.append(f" ({why})  " if why else "  ", desk.palette["dim"])
        return text.append("esc Close", desk.palette["dim"])

    def on_key(self, event: events.Key) -> None:
        """Do the action of a key to what is shown."""
        desk = desk_of(self)
        action = desk.keymap.action(event.key, self._place, [self._subject])
        if action is None or self._subject.kind not in action.on or action.id == "object":
            return
        event.stop()
        if not desk.why_not(action, [self._subject]):
            self.dismiss()
        desk.perform(action, [self._subject])


def fields(row: Row, indent: str = "") -> Iterator[tuple[str, str]]:
    """Yield the fields of a row that say something: label and text."""
    for name, _, value in items(row):
        if is_old(type(row), name) or value in (None, "", []):
            continue
        label = f"{indent}{name.replace('_', ' ')}"
        if isinstance(value, Row):
            yield label, ""
            yield from fields(value, f"{indent}  ")
        elif isinstance(value, list) and isinstance(value[0], Row):
            for number, one in enumerate(value):
                yield f"{label} {number}", ""
                yield from fields(one, f"{indent}  ")
        else:
            yield label, _shown(value, unit_of(type(row), name))


def _shown(value: Any, unit: str) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value))
        case int() | float() if unit == BYTES:
            return human_size(int(value))
        case _:
            return f"{value}%" if unit == PERCENT else str(value)
