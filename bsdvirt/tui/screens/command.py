"""The command line: any verb, typed, or the words that an action still wants."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from bsdvirt.errors import BsdvirtError
from bsdvirt.tui.actions.complete import Completer, Offers, split_typed
from bsdvirt.tui.actions.language import Typed
from bsdvirt.tui.desk import desk_of

Start = tuple[str, Sequence[str]]
"""A host, and the words that the line has there already."""
MOST_LINES = 8
"""Lines of offers."""


class CommandScreen(ModalScreen[None]):
    """A line at the bottom of the screen, and above it what its next word can be."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", show=False),
        Binding("tab", "complete(1)", show=False, priority=True),
        Binding("shift+tab", "complete(-1)", show=False, priority=True),
        Binding("up", "recall(-1)", show=False, priority=True),
        Binding("down", "recall(1)", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    CommandScreen { background: transparent; align: left bottom; }
    CommandScreen > Vertical { height: auto; }
    CommandScreen #offers { height: auto; max-height: 8; width: 100%; }
    CommandScreen #status { height: auto; width: 100%; }
    CommandScreen Horizontal { height: 1; }
    CommandScreen #prompt { width: auto; }
    CommandScreen Input { padding: 0; width: 1fr; }
    """

    def __init__(self, starts: Sequence[Start], wants: str, offer: str) -> None:
        super().__init__()
        self._starts = starts
        self._wants = wants
        self._offer = offer
        self._offers = Offers({}, wants)
        self._chosen = -1
        self._base = ""
        """What was typed before an offer was chosen."""
        self._recalled = 0
        self._busy = False

    @property
    def _given(self) -> Sequence[str]:
        return self._starts[0][1]

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("", id="offers", markup=False)
            yield Static("", id="status", markup=False)
            with Horizontal():
                yield Static(self._prompt(), id="prompt", markup=False)
                yield Input(self._offer, compact=True)

    def _prompt(self) -> str:
        desk = desk_of(self)
        host = self._starts[0][0]
        text = f"{host or 'this host'}:" if desk.store.several else ":"
        if self._given:
            text += f"{shlex.join(self._given)} "
        more = len(self._starts) - 1
        return text + (f"(and for {more} more) " if more > 0 else "")

    def on_mount(self) -> None:
        desk = desk_of(self)
        self._completer = Completer(desk, desk.language, self._starts[0][0])
        self.query_one(Input).focus()
        self._look()

    # ---- offers ----

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if not self._busy:
            self._look()

    def _look(self) -> None:
        """Show what can follow."""
        self._chosen = -1
        self._say("")
        self.run_worker(self._offer_words(self._text), exclusive=True, exit_on_error=False)

    async def _offer_words(self, text: str) -> None:
        self._offers = await self._completer.offers(self._given, text)
        self._show_offers()

    @property
    def _text(self) -> str:
        return self.query_one(Input).value

    def _show_offers(self) -> None:
        styles = desk_of(self).palette
        shown = Text(no_wrap=True, overflow="crop", style=styles["text"])
        words = self._offers.words
        if wants := (self._wants if not self._text.strip() else "") or self._offers.wants:
            shown.append(f" {wants}", styles["heading"])
        if any(words.values()) and len(words) <= MOST_LINES - 1:
            width = max(map(cell_len, words))
            for index, (word, help) in enumerate(words.items()):
                shown.append("\n ")
                shown.append(f"{word:<{width}}", self._style(index))
                shown.append(f"  {help}", styles["dim"])
        elif words:
            shown.append("\n")
            for index, line in enumerate(self._wrapped(list(words))):
                shown.append("\n" if index else "")
                shown.append_text(line)
        self.query_one("#offers", Static).update(shown)

    def _wrapped(self, words: list[str]) -> list[Text]:
        """Return the words in lines; the last one says how many are not shown."""
        width = self.size.width - 2
        lines = [Text()]
        for index, word in enumerate(words):
            if lines[-1].cell_len + cell_len(word) + 2 > width:
                if len(lines) == MOST_LINES - 2 and index > self._chosen:
                    lines[-1].append(f" +{len(words) - index}")
                    break
                lines.append(Text())
            lines[-1].append(" ")
            lines[-1].append(word, self._style(index))
            lines[-1].append(" ")
        return lines[-(MOST_LINES - 1) :]

    def _style(self, index: int) -> str:
        styles = desk_of(self).palette
        return str(styles["cursor"] if index == self._chosen else styles["accent"])

    def action_complete(self, by: int) -> None:
        """Take the next offer, or the part that all offers begin with."""
        words = list(self._offers.words)
        if not words:
            return
        if self._chosen < 0:
            self._base = self._text
            common = os.path.commonprefix(words)
            if len(words) == 1 or len(common) > len(self._partial()):
                self._put(words[0] + self._after(words[0]) if len(words) == 1 else common)
                self._look()
                return
        self._chosen = (self._chosen + by) % len(words)
        self._put(words[self._chosen])
        self._show_offers()

    def _after(self, word: str) -> str:
        return "" if word.endswith(("=", ":", "/")) else " "

    def _partial(self) -> str:
        split = split_typed(self._base)
        return split[1] if split else ""

    def _put(self, word: str) -> None:
        """Replace the word that is being typed."""
        partial = self._partial()
        kept = self._base[: len(self._base) - len(partial)] if partial else self._base
        self._set_text(kept + word)

    def _set_text(self, text: str) -> None:
        entry = self.query_one(Input)
        self._busy = True
        with entry.prevent(Input.Changed):
            entry.value = text
        self._busy = False
        entry.cursor_position = len(text)

    # ---- history ----

    def action_recall(self, by: int) -> None:
        """Show an earlier line, or a later one."""
        history = [line for line in desk_of(self).history if line.startswith(self._start_text())]
        place = min(0, max(-len(history), self._recalled + by))
        self._recalled = place
        line = history[place] if place else self._start_text()
        self._set_text(line[len(self._start_text()) :])
        self._look()

    def _start_text(self) -> str:
        return f"{shlex.join(self._given)} " if self._given else ""

    # ---- running ----

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip() and not self._given:
            self.dismiss()
            return
        try:
            typed = shlex.split(event.value)
        except ValueError as error:
            self._say(str(error))
            return
        desk = desk_of(self)
        lines: list[tuple[str, Typed]] = []
        for host, start in self._starts:
            try:
                line = desk.language.parse([*start, *typed])
            except BsdvirtError as error:
                self._say(str(error))
                return
            if line.changes and (why := desk.read_only(host)):
                self._say(f"{line.verb}: {why}")
                return
            lines.append((host, line))
        desk.history.append(self._start_text() + event.value.strip())
        self.dismiss()
        self.app.call_later(desk.run_typed, lines)

    def _say(self, text: str) -> None:
        style = desk_of(self).palette["bad"]
        self.query_one("#status", Static).update(Text(f" {text}" if text else "", style))
