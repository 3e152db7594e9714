"""A view whose rows are asked of each host at an interval, while it is visible."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.widgets import Static

from bsdvirt.errors import BsdvirtError
from bsdvirt.host.sanitize import shown_line
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.feed.model import Store
from bsdvirt.tui.views.base import View
from bsdvirt.tui.views.entries import Entry
from bsdvirt.tui.widgets.table import Key, LiveTable
from bsdvirt.tui.widgets.tree import TreeTable

SHARE = 10
"""A host is asked at most a tenth of the time."""


@dataclass(slots=True)
class Answer:
    """What a host has answered last."""

    rows: list[Entry] = field(default_factory=list)
    problem: str = ""
    """Why it did not answer since; the rows are then the last that it gave."""
    due: float = 0.0
    """When to ask again: seconds, as of time.monotonic."""
    again: bool = False
    """Something changed while it was asked."""
    opened: bool = False
    """Whether its rows were opened at first."""
    asking: asyncio.Task[None] | None = None


class AskingView(View[Entry]):
    """Base of the views of networks, storage and the library. A host that does not answer keeps
    its rows, and hinders no other."""

    DEFAULT_CSS = """
    AskingView Static { height: auto; max-height: 3; display: none; }
    AskingView Static.any { display: block; }
    """
    interval: ClassVar[float] = 3.0
    """Seconds between two readings."""

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {}
        self._told: dict[str, str] = {}
        super().__init__()

    def make_table(self) -> LiveTable[Entry]:
        raise NotImplementedError

    async def ask(self, host: str) -> list[Entry]:
        """Return the rows of a host. Raises BsdvirtError."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield self.table
        yield Static("", classes="note", markup=False)
        yield Static("", classes="problems", markup=False)

    def on_mount(self) -> None:
        if not desk_of(self).store.several:
            self.table.leave_out("host")

    def refresh_from(self, store: Store) -> None:
        """Ask the hosts whose answers are old."""
        now = time.monotonic()
        for host, state in store.hosts.items():
            answer = self._answers.setdefault(host, Answer())
            if state.problem:
                answer.problem = state.problem
            elif answer.asking is None and now >= answer.due:
                answer.asking = asyncio.create_task(self._ask(host, answer))
        self._show_problems()

    def reload(self, host: str | None = None) -> None:
        """Ask now: a host where something has changed, or all."""
        for name, answer in self._answers.items():
            if host in (None, name):
                answer.due = 0.0
                answer.again = answer.asking is not None
        if self.display:
            self.refresh_from(desk_of(self).store)

    async def _ask(self, host: str, answer: Answer) -> None:
        began = time.monotonic()
        try:
            answer.rows = await self.ask(host)
            answer.problem = ""
        except BsdvirtError as error:
            answer.problem = f"{error.message}: {error.hint}" if error.hint else error.message
        finally:
            now = time.monotonic()
            answer.asking = None
            answer.due = 0.0 if answer.again else now + max(self.interval, SHARE * (now - began))
            answer.again = False
        if self.is_mounted:
            self.show_rows()

    def show_rows(self) -> None:
        """Show what all hosts have answered."""
        rows = [row for answer in self._answers.values() for row in answer.rows]
        self.table.show({row.key: row for row in rows})
        if isinstance(self.table, TreeTable):
            for answer in self._answers.values():
                if answer.rows and not answer.opened:
                    answer.opened = True
                    # The answer can come before the table was laid out.
                    fits = len(rows) < (self.table.size.height or self.app.size.height)
                    self.table.open(*self.to_open(answer.rows, fits=fits))
        self._show_note()
        self._show_problems()

    def to_open(self, rows: list[Entry], *, fits: bool) -> set[Key]:
        """Return the rows of a host that are open at first: all, if they fit the screen."""
        return {row.parent for row in rows if row.parent is not None} if fits else set()

    @on(LiveTable.Moved)
    def _show_note(self) -> None:
        """Show what is remarkable of the row under the cursor, where its column does not fit."""
        row = self.table.cursor
        text = "" if row is None or self.table.shows("why") else row.cells.get("why", "")
        self._say(".note", f" {shown_line(text)}" if text else "")

    def _show_problems(self) -> None:
        told = [
            f" {host}: {answer.problem}" if host else f" {answer.problem}"
            for host, answer in self._answers.items()
            if answer.problem
        ]
        self._say(".problems", "\n".join(shown_line(line) for line in told))

    def _say(self, where: str, text: str) -> None:
        if self._told.get(where) == text:
            return
        self._told[where] = text
        line = self.query_one(where, Static)
        line.set_class(bool(text), "any")
        style = "bad" if where == ".problems" else "dim"
        line.update(Text(text, desk_of(self).palette[style]))

    def subject(self, row: Entry) -> Subject:
        return row.subject


def key_of(host: str, *words: str) -> Key:
    """Return the key of a row: words that name it among the rows of its host."""
    return host, "\t".join(words)
