"""What can be chosen on a screen that asks: words in a row, one of which has the focus."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static

from bsdvirt.tui.desk import desk_of


class Choice(Static, can_focus=True):
    """A word to be chosen by enter, space or the mouse."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "choose", show=False),
        Binding("left,h", "app.focus_previous", show=False),
        Binding("right,l", "app.focus_next", show=False),
    ]
    DEFAULT_CSS = "Choice { width: auto; height: 1; margin: 0 1; }"

    class Chosen(Message):
        """A choice was made."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, word: str, id: str) -> None:
        super().__init__("", id=id, markup=False)
        self.word = word

    def on_mount(self) -> None:
        self._draw(focused=self.has_focus)

    def on_focus(self) -> None:
        self._draw(focused=True)

    def on_blur(self) -> None:
        self._draw(focused=False)

    def set_word(self, word: str) -> None:
        """Have it say something else."""
        self.word = word
        self._draw(focused=self.has_focus)

    def _draw(self, *, focused: bool) -> None:
        style = "cursor" if focused else "heading"
        left, right = ("[", "]") if focused else (" ", " ")
        self.update(Text(f"{left} {self.word} {right}", desk_of(self).palette[style]))

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_choose()


class Choices(Horizontal):
    """A row of choices."""

    DEFAULT_CSS = "Choices { height: 1; }"

    def __init__(self, *choices: tuple[str, str]) -> None:
        super().__init__()
        self._choices = choices

    def compose(self) -> ComposeResult:
        for id, word in self._choices:
            yield Choice(word, id)
