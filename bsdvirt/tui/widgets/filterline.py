"""The line under the host's: the view's title, its filter, and where that is typed."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from bsdvirt.tui.views.base import View


class FilterLine(Horizontal):
    """Shows the filter of a view, and lets it be typed."""

    DEFAULT_CSS = """
    FilterLine { height: 1; }
    FilterLine Static { width: auto; }
    FilterLine Input { border: none; height: 1; padding: 0; width: 1fr; display: none; }
    FilterLine.editing Input { display: block; }
    """

    class Changed(Message):
        """The text of the filter has changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Ended(Message):
        """Typing has ended."""

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)
        yield Input(compact=True)

    def use(self, view: View[Any]) -> None:
        """Show the title and the filter of a view."""
        self.query_one(Static).update(f" {view.title} ")

    def edit(self, view: View[Any]) -> None:
        """Let the filter of a view be typed."""
        self.query_one(Static).update(f" {view.title} /")
        self.add_class("editing")
        self.query_one(Input).focus()

    def refuse(self, why: str) -> None:
        """Show why the filter is not understood."""
        self.query_one(Static).update(f" {why} /")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._end()

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            self.query_one(Input).value = ""
            self._end()

    def _end(self) -> None:
        self.remove_class("editing")
        self.post_message(self.Ended())
