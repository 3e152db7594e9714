"""A list to choose from: actions, guests, views. What cannot be chosen now is dimmed, and says
why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from bsdvirt.tui.desk import desk_of

GAP = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of the list."""

    label: str
    note: str = ""
    """Help; or, where it is dimmed, why."""
    key: str = ""
    act: Callable[[], None] | None = None
    """What choosing it does; None for a heading."""
    dim: bool = False


class Choices(ScrollView, can_focus=True):
    """The list; the cursor skips headings."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "move(-10)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("home,g", "move(-1000)", show=False),
        Binding("end,G", "move(1000)", show=False),
        Binding("enter", "choose", show=False),
    ]
    DEFAULT_CSS = "Choices { height: 1fr; scrollbar-size-horizontal: 0; }"

    class Chosen(Message):
        """A line was chosen."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, choices: Sequence[Choice] = (), *, notes: bool = True) -> None:
        super().__init__()
        self._notes = notes
        self._choices: Sequence[Choice] = ()
        self._cursor = 0
        self.show(choices)

    def show(self, choices: Sequence[Choice]) -> None:
        """Show these lines; the cursor is on the first that can be chosen."""
        self._choices = choices
        self._cursor = next((i for i, one in enumerate(choices) if one.act), 0)
        self._labels = max((cell_len(one.label) for one in choices), default=0)
        self._keys = max((cell_len(one.key) for one in choices), default=0)
        self.virtual_size = Size(self.size.width, len(choices))
        self.scroll_to(y=0, animate=False, immediate=True)
        self.refresh()

    @property
    def least_width(self) -> int:
        """Return the width of labels and keys."""
        return self._labels + self._keys + 2 * GAP

    @property
    def cursor(self) -> int:
        """Return the line of the cursor."""
        return self._cursor

    def move_to(self, line: int) -> None:
        """Move the cursor to a line, where that can be chosen."""
        if 0 <= line < len(self._choices) and self._choices[line].act:
            self._cursor = line
            self.refresh()

    def action_move(self, by: int) -> None:
        places = [i for i, one in enumerate(self._choices) if one.act]
        if not places:
            return
        now = places.index(self._cursor) if self._cursor in places else 0
        self._cursor = places[max(0, min(len(places) - 1, now + by))]
        top, lines = int(self.scroll_y), max(1, self.size.height)
        if not top <= self._cursor < top + lines:
            y = self._cursor if self._cursor < top else self._cursor - lines + 1
            self.scroll_to(y=y, animate=False, immediate=True)
        self.refresh()

    def action_choose(self) -> None:
        if self._cursor < len(self._choices) and self._choices[self._cursor].act:
            self.post_message(self.Chosen(self._choices[self._cursor]))

    def on_click(self, event: events.Click) -> None:
        index = event.y + int(self.scroll_y)
        if index < len(self._choices) and self._choices[index].act:
            self._cursor = index
            self.action_choose()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._choices))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        styles = desk_of(self).palette
        index = y + int(self.scroll_y)
        if index >= len(self._choices):
            return Strip.blank(width, styles["text"])
        choice = self._choices[index]
        if choice.act is None:
            segments = [Segment(f" {choice.label}", styles["text"] + styles["heading"])]
            return Strip(segments).adjust_cell_length(width, styles["text"])
        here = styles["cursor"] if index == self._cursor else None
        plain = styles["text"] + styles["dim"] if choice.dim else styles["text"]
        label = _padded(f" {choice.label}", min(self._labels + 1, width))
        key = _padded(choice.key, self._keys)
        segments = [Segment(label + " " * GAP, here or plain)]
        if self._keys:
            accent = plain if choice.dim else styles["text"] + styles["accent"]
            segments.append(Segment(key + " " * GAP, here or accent))
        if self._notes:
            room = max(0, width - self.least_width - 1)
            style = styles["text"] + styles["dim"]
            segments.append(Segment(_padded(choice.note, room), here or style))
        return Strip(segments).adjust_cell_length(width, here or styles["text"])


def _padded(text: str, width: int) -> str:
    return set_cell_size(text, width) if width > 0 else ""
