"""What was done to a guest: when, by whom, how long it took, and what failed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from bsdvirt.host.sanitize import shown, shown_line
from bsdvirt.rows.events import Operation
from bsdvirt.spec.base import Live
from bsdvirt.spec.schema import Which, properties
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.detail.lines import Line
from bsdvirt.tui.detail.tab import TextTab
from bsdvirt.tui.feed.queries.detail import EVENTS

STARTS = frozenset({"start", "restart", "run", "boot start"})
"""Verbs that start a guest."""


class EventsTab(TextTab):
    name_ = "events"
    title = "Events"
    interval = 10.0
    kinds = frozenset({"jail", "vm"})

    async def load(self, guest: Subject) -> None:
        found = await desk_of(self).ask(guest.host, EVENTS, guest.name)
        if not found:
            self.lines.clear("nothing was done to it, or the log of that is gone")
            return
        self.lines.show(line for one in reversed(found) for line in _event(one))


def _event(one: Operation) -> Iterator[Line]:
    by = f" by {one.user}" if one.user else ""
    words = command_line(one)
    yield (
        (f" {one.time} ", "dim"), (f"{'ok    ' if one.ok else 'failed'} ", _style(one.ok)),
        (shown_line(words), ""), (f"  {one.seconds:.1f}s{shown_line(by)}", "dim"),
    )  # fmt: skip
    yield from failure(one)


def command_line(one: Operation) -> str:
    """Return the verb and its words, without the options before it."""
    verb = one.verb.split(" ", 1)[0]
    words = one.command
    if verb in words:
        return shlex.join(words[words.index(verb) :])
    return f"{one.verb} {one.subject}"


def failure(one: Operation) -> Iterator[Line]:
    """Yield why an operation failed: its message, the command, what it printed, what was undone."""
    style = "warning" if one.ok else "bad"
    for line in shown(one.message).splitlines():
        yield ((f"   {line}", style),)
    if one.argv:
        status = "" if one.status is None else f"  (exit status {one.status})"
        yield (("   command: ", "dim"), (shown_line(shlex.join(one.argv)) + status, ""))
    for line in shown(one.stderr).splitlines():
        yield ((f"     {line}", ""),)
    if one.hint:
        yield (("   to do: ", "dim"), (shown_line(one.hint), ""))
    for line in one.undone:
        yield (("   undone: ", "dim"), (shown_line(line), "dim"))
    for left in one.left:
        yield (("   not undone: ", "bad"), (shown_line(f"{left.shell}: {left.error}"), "bad"))


def last_failed(found: Sequence[Operation]) -> Operation | None:
    """Return the last start, if it failed."""
    last = next((one for one in reversed(found) if one.verb in STARTS), None)
    return last if last is not None and not last.ok else None


def pending(found: Sequence[Operation], kind: Which) -> list[str]:
    """Return the command lines that have changed a guest since its last start, but for those whose
    changes have all taken hold."""
    since: list[Operation] = []
    for one in reversed(found):
        if one.verb in STARTS and one.ok:
            break
        since.append(one)
    else:
        return []
    at_once = {info.name for info in properties(kind) if info.live == Live.NOW}
    return [command_line(one) for one in reversed(since) if _waits(one, at_once)]


def _waits(one: Operation, at_once: set[str]) -> bool:
    """Return whether an operation changes the next start only."""
    if not one.ok or not one.command:
        return False
    set_ = [word.partition("=")[0] for word in one.command if "=" in word[1:]]
    return one.verb == "set" and any(name not in at_once for name in set_)


def _style(ok: bool) -> str:
    return "good" if ok else "bad"
