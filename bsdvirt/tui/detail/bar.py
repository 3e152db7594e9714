"""The two lines above a tab: the guest, and the names of the tabs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widgets import Static

from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.actions.keys import shown_key
from bsdvirt.tui.actions.table import BY_ID
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.views.entries import style_of

if TYPE_CHECKING:
    from bsdvirt.tui.detail.tab import Tab

GAP = 1
"""Cells on both sides of a name."""


class TabBar(Static):
    """The names of the tabs, with the one that is shown among those that fit."""

    DEFAULT_CSS = "TabBar { height: 1; }"

    class Picked(Message):
        """A name was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._spans: list[tuple[int, int, str]] = []

    def show(self, tabs: Sequence[type[Tab]], shown: str) -> None:
        """Show these tabs."""
        styles = desk_of(self).palette
        first = _first(tabs, shown, self.size.width)
        line = Text("<" if first else " ", styles["dim"], no_wrap=True)
        self._spans = []
        for tab in tabs[first:]:
            begin = line.cell_len
            line.append(f" {tab.title} ", styles["cursor" if tab.name_ == shown else "heading"])
            self._spans.append((begin, line.cell_len, tab.name_))
        self.update(line)

    def on_click(self, event: events.Click) -> None:
        for begin, end, name in self._spans:
            if begin <= event.x < end:
                self.post_message(self.Picked(name))


def _first(tabs: Sequence[type[Tab]], shown: str, width: int) -> int:
    """Return the first tab of the line, so that the one that is shown fits."""
    widths = [len(tab.title) + 2 * GAP for tab in tabs]
    place = next((index for index, tab in enumerate(tabs) if tab.name_ == shown), 0)
    first = 0
    while first < place and sum(widths[first : place + 1]) + 1 > width > 0:
        first += 1
    return first


def heading(guest: Subject | None, pinned: bool, problem: str, bar: Static) -> Text:
    """Return the line of the guest."""
    styles = desk_of(bar).palette
    line = Text(no_wrap=True, overflow="ellipsis")
    if guest is None:
        return line.append(" no guest", styles["dim"])
    line.append(f" {guest.name} ", styles["heading"])
    if guest.host:
        line.append(f" on {guest.host}", styles["dim"])
    line.append(f" {guest.state}", styles[style_of(guest.state)])
    if pinned:
        line.append("  pinned", styles["mark"])
    if problem:
        line.append(f"  {problem}", styles["warning"])
    hint = _hint(bar)
    if (gap := bar.size.width - line.cell_len - len(hint) - 1) > 1:
        line.append(" " * gap + hint, styles["dim"])
    return line


def _hint(bar: Static) -> str:
    """Return the keys of the tabs and of the way back."""
    keymap = desk_of(bar).keymap
    keys = [keymap.keys_of(BY_ID[id]) for id in ("tab-previous", "tab-next", "back")]
    before, after, back = (shown_key(one[0]) if one else "" for one in keys)
    return f"{before} {after} tabs  {back} back"
