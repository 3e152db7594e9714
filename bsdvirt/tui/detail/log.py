"""A guest's console log, followed: read only, of bounded length, whatever the guest prints."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message

from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.detail.lines import Line, TextLines
from bsdvirt.tui.detail.tab import TextTab
from bsdvirt.tui.feed.queries.detail import LOG

FIRST = 1000
"""Lines that are read at first."""
LONGEST = 4000
"""The most characters of a line: a longer one is shown as several."""
PARTS = 8
"""How many parts of a log are read at once: what a guest prints faster than that is left out."""
SOON, LATE, SLOWER = 1.0, 5.0, 1.5
"""Seconds between readings: of a guest that prints, of a silent one, and how fast it gets there."""
MISSING: Line = (("[output is missing here]", "warning"),)


class LogLines(TextLines):
    """Lines of a log: reading beyond the first of them asks for earlier ones."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next(True)", show=False),
        Binding("N", "next(False)", show=False),
    ]

    class AtTop(Message):
        """The first line is visible, and earlier ones are wanted."""

    def action_next(self, backwards: bool) -> None:
        if self.sought and not self.search_next(backwards=backwards):
            desk_of(self).say(f"no more {self.sought}")

    def action_scroll_up(self) -> None:
        super().action_scroll_up()
        self._ask_at_top()

    def action_page_up(self) -> None:
        super().action_page_up()
        self._ask_at_top()

    def action_go_home(self) -> None:
        super().action_go_home()
        self._ask_at_top()

    def _ask_at_top(self) -> None:
        if self.scroll_y <= 1:
            self.post_message(self.AtTop())


class LogTab(TextTab):
    name_ = "log"
    title = "Console"
    kinds = frozenset({"jail", "vm"})

    def __init__(self) -> None:
        super().__init__()
        self.lines = LogLines(empty="reading …")
        self._guest: Subject | None = None
        self._forget()

    def _forget(self) -> None:
        self._begin = self._end = ""
        self._last = ""
        """The last line, while it is not ended."""
        self._earlier = False
        """Whether earlier lines are being read."""
        self._pause = SOON

    @property
    def pause(self) -> float:
        return self._pause

    def clear(self) -> None:
        super().clear()
        self._forget()

    def tell(self, problem: str) -> None:
        if not self._end:
            super().tell(problem)

    async def load(self, guest: Subject) -> None:
        self._guest = guest
        desk = desk_of(self)
        if not self._end:
            part = await desk.ask(guest.host, LOG, guest.name, f"--lines={FIRST}")
            self.lines.clear("it has printed nothing yet")
            self._begin, self._end = part.begin, part.end
            self._add(part.text)
            self.call_after_refresh(self.lines.action_go_end)
            return
        for number in range(PARTS + 1):
            if number < PARTS:
                part = await desk.ask(guest.host, LOG, guest.name, f"--after={self._end}")
            else:
                # It prints faster than it is read: go on at its end.
                part = await desk.ask(guest.host, LOG, guest.name, f"--lines={FIRST}")
            if part.missed or number == PARTS:
                self._begin = part.begin
                self._add("\n" * bool(self._last))
                self.lines.add([MISSING])
            self._end = part.end
            self._add(part.text)
            self._pause = SOON if part.text else min(LATE, self._pause * SLOWER)
            if not part.more:
                return

    def _add(self, text: str) -> None:
        """Add output at the end. Its last line may go on in what follows."""
        if not text:
            return
        *ended, last = (self._last + text).split("\n")
        last = last.expandtabs(8)
        lines = [line for one in (*ended, *([last] if last else ())) for line in _lines(one)]
        self.lines.add(lines, instead=len(_lines(self._last)) if self._last else 0)
        self._last = last if len(last) <= LONGEST else last[-(len(last) % LONGEST or LONGEST) :]

    @on(LogLines.AtTop)
    def _read_earlier(self) -> None:
        if self._guest is not None and self._begin and not self._earlier:
            self._earlier = True
            self.run_worker(self._load_earlier(self._guest), exit_on_error=False)

    async def _load_earlier(self, guest: Subject) -> None:
        begin = self._begin
        try:
            part = await desk_of(self).ask(guest.host, LOG, guest.name, f"--before={begin}")
            if begin == self._begin and part.text and not part.missed:
                text = part.text.removesuffix("\n")
                lines = [line for one in text.split("\n") for line in _lines(one)]
                if self.lines.add_before(lines):
                    self._begin = part.begin
        finally:
            self._earlier = False


def _lines(text: str) -> list[Line]:
    """Return a line of output as lines to show."""
    text = text.expandtabs(8)
    pieces = [text[at : at + LONGEST] for at in range(0, len(text), LONGEST)] or [""]
    return [((piece, ""),) for piece in pieces]
