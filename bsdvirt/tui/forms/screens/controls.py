"""What values are typed into: a line, lines, or one of some choices. Each is as high as its
text, and leaves by the up and down keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, TextArea

from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.forms.field import UNSET, Control, FormField

MOST_LINES = 6
"""How high a control for lines grows."""


class Edited(Message):
    """The value of a control has changed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class Onward(Message):
    """The next field, or the one before, is wanted."""

    def __init__(self, by: int, *, done: bool = False) -> None:
        super().__init__()
        self.by = by
        self.done = done
        """Whether enter was pressed: after the last field, the form is done."""


class LineControl(Input):
    """A line of text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "leave(-1)", show=False),
        Binding("down", "leave(1)", show=False),
        Binding("ctrl+n", "next_offer", show=False),
    ]

    def __init__(self, field: FormField, text: str) -> None:
        super().__init__(
            text, placeholder=field.default, password=field.secret, compact=True,
            disabled=field.fixed, select_on_focus=False,
        )  # fmt: skip
        self.field = field
        self.offers: list[str] = list(field.offers)
        if self.offers:
            self.offer(self.offers)

    def offer(self, values: Sequence[str]) -> None:
        """Offer values: they complete what is typed, and ctrl+n goes through them."""
        self.offers = list(values)
        self.suggester = SuggestFromList(self.offers)

    def put(self, text: str) -> None:
        """Put another text in place of what is typed."""
        self.value = text
        self.cursor_position = len(text)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(Edited(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(Onward(1, done=True))

    def action_leave(self, by: int) -> None:
        self.post_message(Onward(by))

    def action_next_offer(self) -> None:
        if self.offers:
            self.put(next_of(self.offers, self.value))


def next_of(offers: Sequence[str], text: str) -> str:
    """Return the offer after a text: the first one, if the text is none of them."""
    here = offers.index(text) if text in offers else -1
    return offers[(here + 1) % len(offers)]


class LinesControl(TextArea):
    """Lines of text."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+n", "next_offer", show=False)]

    def __init__(self, field: FormField, text: str) -> None:
        super().__init__(text, compact=True, read_only=field.fixed, soft_wrap=False)
        self.field = field
        self.offers: list[str] = list(field.offers)
        self.show_cursor = not field.fixed
        self.move_cursor(self.document.end)
        self._fit()

    def _fit(self) -> None:
        self.styles.height = min(MOST_LINES, max(1, len(self.text.splitlines()) + 1))

    def put(self, text: str) -> None:
        """Put another text in place of what is typed."""
        self.text = text

    def offer(self, values: Sequence[str]) -> None:
        """Offer values: ctrl+n goes through them, on the line with the cursor."""
        self.offers = list(values)

    def action_next_offer(self) -> None:
        row, _ = self.cursor_location
        line = self.text.split("\n")[row]
        if self.offers and not self.field.fixed:
            self.replace(next_of(self.offers, line.strip()), (row, 0), (row, len(line)))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._fit()
        self.post_message(Edited(self.text))

    async def _on_key(self, event: events.Key) -> None:
        row, _ = self.cursor_location
        last = len(self.text.split("\n")) - 1
        leaves = {"up": -1 if row == 0 else 0, "down": 1 if row == last else 0}.get(event.key, 0)
        if leaves:
            event.stop()
            event.prevent_default()
            self.post_message(Onward(leaves))
            return
        await super()._on_key(event)


class ChoiceControl(Widget, can_focus=True):
    """One of some choices: left, right and space go through them, a letter to the next that
    begins with it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", show=False),
        Binding("right,space", "step(1)", show=False),
        Binding("up", "leave(-1)", show=False),
        Binding("down", "leave(1)", show=False),
        Binding("enter", "done", show=False),
    ]
    DEFAULT_CSS = "ChoiceControl { height: 1; }"

    def __init__(self, field: FormField, text: str) -> None:
        super().__init__(disabled=field.fixed)
        self.field = field
        self.value = text or field.default

    def render(self) -> Text:
        styles = desk_of(self).palette
        line = Text(no_wrap=True, overflow="ellipsis")
        for choice in self._shown():
            chosen = choice == self.value
            style = "cursor" if chosen and self.has_focus else "accent" if chosen else "dim"
            word = choice or UNSET
            line.append(f"[{word}]" if chosen else f" {word} ", styles[style])
        return line

    def _shown(self) -> Sequence[str]:
        """Return the choices from one on that leaves the chosen one visible."""
        choices = self.field.choices
        here = choices.index(self.value) if self.value in choices else 0
        first = 0
        while first < here and self._cells(choices[first : here + 1]) > self.size.width:
            first += 1
        return choices[first:]

    @staticmethod
    def _cells(choices: Sequence[str]) -> int:
        return sum(len(choice or UNSET) + 2 for choice in choices)

    def choose(self, value: str) -> None:
        if value != self.value:
            self.value = value
            self.refresh()
            self.post_message(Edited(value))

    def action_step(self, by: int) -> None:
        choices = self.field.choices
        here = choices.index(self.value) if self.value in choices else 0
        self.choose(choices[(here + by) % len(choices)])

    def action_leave(self, by: int) -> None:
        self.post_message(Onward(by))

    def action_done(self) -> None:
        self.post_message(Onward(1, done=True))

    def on_key(self, event: events.Key) -> None:
        if not event.character or not event.character.isalnum():
            return
        choices = self.field.choices
        here = choices.index(self.value) if self.value in choices else 0
        for choice in (*choices[here + 1 :], *choices[:here]):
            if (choice or UNSET).startswith(event.character):
                event.stop()
                self.choose(choice)
                return

    def on_click(self, event: events.Click) -> None:
        left = 0
        for choice in self._shown():
            left += len(choice or UNSET) + 2
            if event.x < left:
                self.choose(choice)
                return

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()


def control_of(field: FormField, text: str) -> LineControl | LinesControl | ChoiceControl:
    """Return the control of a field."""
    match field.control:
        case Control.CHOICE:
            return ChoiceControl(field, text)
        case Control.LINES:
            return LinesControl(field, text)
        case _:
            return LineControl(field, text)
