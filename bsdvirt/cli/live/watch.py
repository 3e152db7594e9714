"""The loop of `top`, and of `stats` on a terminal."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Collection, Iterator

from bsdvirt.cli.live.table import Order, frame, help_lines
from bsdvirt.cli.output import say
from bsdvirt.cli.streams import one_line
from bsdvirt.errors import BsdvirtError
from bsdvirt.ops.show.usage import HINT, Watch
from bsdvirt.rows.base import plain
from bsdvirt.rows.usage import Figures
from bsdvirt.session.session import Session

QUIT, HELP, NOW = "q", "?", " "
HEADING = 3
"""Of the lines of a frame."""


class Ticks:
    """Figures of a host at regular times."""

    def __init__(
        self,
        session: Session,
        names: Collection[str] | None,
        delay: float,
        count: int | None,
    ) -> None:
        self._watch = Watch(session, names)
        self._next = time.monotonic() + delay
        self._delay = delay
        self.count = count

    def left(self) -> float:
        """Return the seconds to the next figures."""
        return max(0.0, self._next - time.monotonic())

    def figures(self) -> Figures:
        """Return the figures, and begin to wait for the next ones."""
        self._next = max(self._next + self._delay, time.monotonic())
        return self._watch.figures()

    def each(self) -> Iterator[Figures]:
        """Yield the figures at their times; say what fails, and go on."""
        for _ in range(self.count) if self.count else itertools.count():
            time.sleep(self.left())
            try:
                yield self.figures()
            except BsdvirtError as error:
                say(f"bsdvirt: {one_line(error)}")


def print_json_lines(ticks: Ticks) -> int:
    """Print the figures as JSON, a line each time."""
    for made in ticks.each():
        print(json.dumps(plain(made), separators=(",", ":")), flush=True)
    return 0


def print_batches(ticks: Ticks, order: Order) -> int:
    """Print the table each time, with an empty line between."""
    for number, made in enumerate(ticks.each()):
        if not number and not made.host.racct:
            say(HINT)
        lines = frame(made, order)
        print("\n".join(["", *lines] if number else lines), flush=True)
    return 0


def show(ticks: Ticks, order: Order) -> int:
    """Show the table on the terminal until q is pressed."""
    from bsdvirt.cli.live.terminal import Terminal

    made: Figures | None = None
    error, shown = "", 0
    with Terminal() as terminal:
        terminal.draw(["reading the host"], -1)
        while not ticks.count or shown < ticks.count:
            keys = terminal.keys(ticks.left())
            if QUIT in keys:
                break
            for key in keys:
                order = order.press(key)
            if HELP in keys:
                terminal.draw(help_lines(), -1)
                continue
            if not keys or NOW in keys:
                try:
                    made, error = ticks.figures(), ""
                    shown += 1
                except BsdvirtError as failed:
                    error = one_line(failed)
            if made is not None:
                lines = frame(made, order, terminal.size()[0])
                lines[HEADING - 1] = error or _note(made, order)
                terminal.draw(lines, HEADING)
    return 0


def _note(made: Figures, order: Order) -> str:
    return f"by {order.column.title}; ? for keys, q quits" if made.host.racct else HINT


def interactive(batch: bool) -> bool:
    """Whether there is a terminal to show the table on."""
    return not batch and sys.stdout.isatty()
