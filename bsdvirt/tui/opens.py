"""What the actions open, by name. Screens are imported when they are opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import Desk

Opener = Callable[[Desk, Sequence[Subject]], None]


def _filter(desk: Desk, subjects: Sequence[Subject]) -> None:
    desk.edit_filter()


def _refresh(desk: Desk, subjects: Sequence[Subject]) -> None:
    desk.refresh_now()


def _quit(desk: Desk, subjects: Sequence[Subject]) -> None:
    desk.exit(0)


def _help(desk: Desk, subjects: Sequence[Subject]) -> None:
    desk.say("help is not built yet")


def _detail(desk: Desk, subjects: Sequence[Subject]) -> None:
    desk.say("detail is not built yet")


OPENERS: dict[str, Opener] = {
    "filter": _filter,
    "refresh": _refresh,
    "quit": _quit,
    "help": _help,
    "detail": _detail,
}
