"""A line of the main screen: what is under way."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from bsdvirt.host.sanitize import shown_line
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.tasks.describe import STATE_STYLES, duration
from bsdvirt.tui.tasks.task import State

BAR = 10


class TaskLine(Static):
    """The oldest task under way, its progress, and how many there are; nothing where none is."""

    DEFAULT_CSS = "TaskLine { height: 1; display: none; } TaskLine.any { display: block; }"

    def __init__(self) -> None:
        super().__init__("", markup=False)

    def on_mount(self) -> None:
        self.set_interval(1.0, self.draw)

    def draw(self) -> None:
        """Show the tasks as they are now."""
        desk = desk_of(self)
        active = desk.tasks.active()
        self.set_class(bool(active), "any")
        if not active:
            return
        shown = next((one for one in active if one.state is State.RUNNING), active[0])
        styles = desk.palette
        line = Text(" ", no_wrap=True, overflow="ellipsis")
        if len(active) > 1:
            line.append(f"{len(active)} tasks  ", styles["heading"])
        line.append(f"{shown_line(shown.title)} ", styles["text"])
        line.append(
            f"{shown.state.value} {duration(shown.seconds)}  ", styles[STATE_STYLES[shown.state]]
        )
        if shown.share is not None and shown.state is State.RUNNING:
            full = round(shown.share * BAR)
            line.append(desk.glyphs.bars[-1] * full, styles["accent"])
            line.append(desk.glyphs.bars[1] * (BAR - full) + "  ", styles["dim"])
        line.append(shown_line(shown.doing), styles["dim"])
        self.update(line)
