"""The line under the hosts': the view's title, its filters, its marks, and where a filter or a
pattern is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from bsdvirt.errors import BsdvirtError
from bsdvirt.tui.desk import desk_of


@dataclass(frozen=True)
class Entry:
    """Something that is typed on the line."""

    prompt: str
    typed: Callable[[str], object]
    """Called with each change. Raises BsdvirtError for what is not understood."""
    entered: Callable[[str], None]
    """Called at the end; with "" where typing is given up. Raises BsdvirtError."""
    offers: Callable[[str], Sequence[str]] = lambda text: ()
    """Returns what the last word may become."""
    complete: Callable[[str, Sequence[str]], str] = lambda text, offers: text
    """Returns the text with its last word completed."""


class _Field(Input):
    """A line to type in; tab completes, escape gives up."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+u", "delete_left_all", show=False)]

    async def _on_key(self, event: events.Key) -> None:
        if event.key in ("tab", "escape"):
            event.stop()
            event.prevent_default()
            line = self.parent
            assert isinstance(line, FilterLine)
            if event.key == "tab":
                line.complete()
            else:
                line.end("")
            return
        await super()._on_key(event)


class FilterLine(Horizontal):
    """Shows what the table shows, and lets a filter or a pattern be typed."""

    DEFAULT_CSS = """
    FilterLine { height: 1; }
    FilterLine Static { width: auto; max-width: 80%; height: 1; }
    FilterLine #state { width: 1fr; }
    FilterLine Input {
        border: none; height: 1; padding: 0; width: 1fr; min-width: 16; display: none;
        background: transparent;
    }
    FilterLine #offers { display: none; max-width: 50%; }
    FilterLine.editing #state { width: auto; }
    FilterLine.editing Input, FilterLine.editing #offers { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._entry: Entry | None = None
        self._state: Text | None = None

    def compose(self) -> ComposeResult:
        yield Static("", id="state", markup=False)
        yield _Field(compact=True)
        yield Static("", id="offers", markup=False)

    @property
    def editing(self) -> bool:
        """Return whether something is being typed."""
        return self._entry is not None

    def show(self, state: Text) -> None:
        """Show the state of the table."""
        if self._entry is None and state != self._state:
            self._state = state
            self.query_one("#state", Static).update(state)

    def edit(self, entry: Entry, state: Text) -> None:
        """Let a text be typed, after the state of the table."""
        self._entry = entry
        self._state = None
        palette = desk_of(self).palette
        self.query_one("#state", Static).update(state + Text(entry.prompt, palette["accent"]))
        self.query_one("#offers", Static).update("")
        self.add_class("editing")
        field = self.query_one(_Field)
        field.value = ""
        field.focus()

    def complete(self) -> None:
        """Complete the last word, as far as there is one way only."""
        field, entry = self.query_one(_Field), self._entry
        if entry is not None:
            field.value = entry.complete(field.value, entry.offers(field.value))
            field.cursor_position = len(field.value)

    def end(self, text: str) -> None:
        """End typing; "" gives up."""
        entry = self._entry
        if entry is None:
            return
        try:
            entry.entered(text)
        except BsdvirtError as error:
            self._refuse(error)
            return
        self._entry = None
        self.remove_class("editing")
        self.screen.refresh_bindings()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._entry is None:
            return
        try:
            self._entry.typed(event.value)
        except BsdvirtError as error:
            self._refuse(error)
            return
        offered = " ".join(word for word in self._entry.offers(event.value))
        self.query_one("#offers", Static).update(Text(offered, desk_of(self).palette["dim"]))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.end(event.value)

    def _refuse(self, error: BsdvirtError) -> None:
        text = f"{error.message}: {error.hint}" if error.hint else error.message
        self.query_one("#offers", Static).update(Text(text, desk_of(self).palette["bad"]))
