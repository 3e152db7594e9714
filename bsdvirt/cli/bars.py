"""Progress bars on a terminal, drawn by rich. It is imported when the first bar is shown."""

from __future__ import annotations

import atexit
import sys
import time
from typing import TYPE_CHECKING, TextIO, cast

from bsdvirt.cli.streams import raw_write
from bsdvirt.host.sanitize import shown_line
from bsdvirt.plan.events import Progress
from bsdvirt.rows.sizes import human_size

if TYPE_CHECKING:
    from rich.progress import Progress as Display
    from rich.progress import Task

DELAY_SECONDS = 0.5
"""Work that ends sooner is shown without a bar."""
RATE_SECONDS = 10.0
"""The rate shown is the average over this long."""
OTHER_COLUMNS = 45
"""Width of everything on a line but the title and the bar."""

Work = tuple[str, str]
"""A subject, and the work on it."""


class _Raw:
    """Standard error for rich: our streams escape control characters that others write."""

    encoding = property(lambda self: sys.stderr.encoding)

    def write(self, text: str) -> None:
        raw_write(sys.stderr, text)

    def flush(self) -> None:
        sys.stderr.flush()


class Bars:
    """One bar for each piece of work under way; none where rich is not installed."""

    def __init__(self) -> None:
        self._began: dict[Work, float] = {}
        self._tasks: dict[Work, Task] = {}
        self._display: Display | None = None

    def show(self, event: Progress) -> None:
        """Draw the bar of a piece of work, once it has taken DELAY_SECONDS."""
        work, now = (event.subject, event.why), time.monotonic()
        if now - self._began.setdefault(work, now) < DELAY_SECONDS:
            return
        if self._display is None:
            try:
                self._display = _new_display()
            except ImportError:
                return
            atexit.register(self.hide)
        display, total = self._display, event.total or None
        if work not in self._tasks:
            title = shown_line(event.why)
            display.add_task(title, total=total, completed=event.done, amount="")
            self._tasks[work] = display.tasks[-1]
        task = self._tasks[work]
        if event.done < task.completed:
            # A restarted download.
            display.reset(task.id, completed=event.done)
        display.start()
        display.update(task.id, total=total, completed=event.done)
        display.update(task.id, amount=amount(event, task.speed or 0.0), refresh=True)

    def end(self, subject: str) -> None:
        """Remove a subject's bars."""
        for work in [work for work in self._began if work[0] == subject]:
            del self._began[work]
            if self._display is not None and work in self._tasks:
                self._display.remove_task(self._tasks.pop(work).id)
        if not self._tasks:
            self.hide()

    def hide(self) -> None:
        """Clear the bars before something else is printed; the next `show` draws them again."""
        if self._display is not None:
            self._display.stop()


def amount(event: Progress, speed: float) -> str:
    """Return `83M of 185M, 12M/s`."""
    if event.unit == "bytes":
        count, rate = human_size(event.done), f"{human_size(int(speed))}/s"
        count += f" of {human_size(event.total)}" if event.total else ""
    else:
        count, rate = f"{event.done} {event.unit}", f"{speed:.0f}/s"
    return f"{count}, {rate}" if speed else count


def _new_display() -> Display:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    console = Console(file=cast("TextIO", _Raw()), force_terminal=True, highlight=False)
    bar = 20 if console.width >= 100 else 10
    title = Column(max_width=max(12, console.width - bar - OTHER_COLUMNS), no_wrap=True)
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=title),
        BarColumn(bar),
        TaskProgressColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeRemainingColumn(compact=True),
        console=console,
        auto_refresh=False,
        speed_estimate_period=RATE_SECONDS,
        get_time=time.monotonic,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
