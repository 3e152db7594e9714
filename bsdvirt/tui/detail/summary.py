"""The first tab: what a guest is, how it is, and why it does not run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as field_
from typing import Any, cast

from msgspec import UNSET
from msgspec.structs import replace

from bsdvirt.host.sanitize import shown, shown_line
from bsdvirt.ops.show.reached import in_words
from bsdvirt.rows.events import Operation
from bsdvirt.rows.guest import ForeignInfo, GuestInfo
from bsdvirt.rows.jail import JailInfo
from bsdvirt.rows.sizes import human_size
from bsdvirt.rows.usage import GuestFigures
from bsdvirt.rows.vm import VmInfo
from bsdvirt.spec.schema import Which
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.detail.events import failure, last_failed, pending
from bsdvirt.tui.detail.lines import Line
from bsdvirt.tui.detail.tab import TextTab
from bsdvirt.tui.feed.model import GuestState
from bsdvirt.tui.feed.queries.detail import EVENTS, LOG

EVENTS_SECONDS = 30.0
"""Seconds between two readings of the log of operations, which is long."""
LAST_LINES = 12
"""Lines of the console log that are shown with a failure."""
LABEL = 14
"""Cells of the labels."""
MINUTE, HOUR, DAY = 60, 3600, 86400


class SummaryTab(TextTab):
    name_ = "summary"
    title = "Summary"

    def __init__(self) -> None:
        super().__init__()
        self._shown: Shown | None = None
        self._state: GuestState | None = None

    def clear(self) -> None:
        super().clear()
        self._shown = self._state = None

    async def load(self, guest: Subject) -> None:
        desk = desk_of(self)
        info = await self.info(guest)
        told, before = Shown(info), self._shown
        if not isinstance(info, ForeignInfo):
            now = time.monotonic()
            if before and before.info.state == info.state and now < before.at + EVENTS_SECONDS:
                told.events, told.at = before.events, before.at
            else:
                told.events = await desk.ask(guest.host, EVENTS, guest.name)
                told.at = now
            if info.failure is not UNSET:
                part = await desk.ask(guest.host, LOG, guest.name, f"--lines={LAST_LINES}")
                told.console = part.text.splitlines()
        self._shown = told
        self._draw()

    def refresh_from(self, guest: GuestState | None) -> None:
        self._state = guest
        self._draw()

    def _draw(self) -> None:
        if self._shown is not None:
            figures = self._state.figures if self._state else None
            self.lines.show(summary(self._shown, figures))


@dataclass(slots=True)
class Shown:
    """What was read of a guest."""

    info: GuestInfo | ForeignInfo
    events: list[Operation] = field_(default_factory=list)
    at: float = 0.0
    """When they were read: seconds, as of time.monotonic."""
    console: Sequence[str] = ()
    """The end of its console log, where its last start failed."""


def summary(told: Shown, figures: GuestFigures | None = None) -> list[Line]:
    """Return the lines of a guest."""
    info = told.info
    if isinstance(info, ForeignInfo):
        return [*_foreign(info)]
    return [
        *_failure(info, told), *_common(info), *_used(figures), *_of_kind(info),
        *_later(info, told), *_rest(info),
    ]  # fmt: skip


def field(label: str, value: object, style: str = "") -> Line:
    """Return a line with a label."""
    text = "-" if value in (None, "", []) else shown_line(str(value))
    return ((f" {label:<{LABEL}} ", "dim"), (text, style))


def heading(text: str) -> Line:
    return ((f" {text}", "heading"),)


def _failure(info: GuestInfo, told: Shown) -> Iterator[Line]:
    """Yield why the last start failed: the error, the command, the end of the console."""
    if info.failure is UNSET:
        return
    yield ((" The last start failed:", "bad"),)
    why = shown(info.failure)
    yield from (((f"   {line}", "bad"),) for line in why.splitlines())
    if (failed := last_failed(told.events)) is not None:
        # Its message is what has just been said.
        yield from failure(replace(failed, message="" if failed.message in why else failed.message))
    if told.console:
        yield ((" The end of its console log:", "dim"),)
        yield from (((f"   {line.expandtabs(8)}", ""),) for line in told.console)
    yield ()


def _common(info: GuestInfo) -> Iterator[Line]:
    yield field("state", info.state, _style(info.state))
    yield field("addresses", ", ".join(info.addresses))
    for nic in info.nics:
        own = [one for one in (nic.address, nic.address6, *nic.aliases) if one]
        yield field(f"on {nic.network}", ", ".join([*own, nic.mac]))
    yield field("disk used", human_size(info.used))


def _used(figures: GuestFigures | None) -> Iterator[Line]:
    """Yield what a running guest uses now."""
    if figures is None:
        return
    if figures.uptime is not None:
        yield field("up for", period(figures.uptime))
    if figures.cpu is not None:
        yield field("CPU", f"{figures.cpu:.0f} % of one")
    if figures.memory is not None:
        most = f" of {human_size(figures.memory_limit)}" if figures.memory_limit else ""
        yield field("memory", human_size(figures.memory) + most)


def _later(info: GuestInfo, told: Shown) -> Iterator[Line]:
    """Yield what was changed since a guest's start and takes hold at its next."""
    if info.state in ("running", "paused") and info.kind is not None:
        for command in pending(told.events, cast(Which, info.kind)):
            yield field("at next start", command, "warning")


def _of_kind(info: GuestInfo) -> Iterator[Line]:
    if isinstance(info, VmInfo):
        yield from _vm(info)
    elif isinstance(info, JailInfo):
        yield from _jail(info)


def _vm(info: VmInfo) -> Iterator[Line]:
    if info.cpus is not UNSET and info.memory is not UNSET:
        cpus = f"{info.cpus} CPU{'' if info.cpus == 1 else 's'}"
        yield field("size", f"{cpus}, {human_size(info.memory)} memory, {info.loader}")
    if info.vnc is not UNSET and info.vnc is not None:
        where = info.vnc.socket or f"{info.vnc.address}:{info.vnc.port}"
        yield field("VNC", f"{where}  password {info.vnc.password}")
    if info.pid is not None:
        yield field("processes", f"bhyve {info.pid}, supervisor {info.supervisor_pid or 'gone'}",
                    "" if info.supervisor_pid else "warning")  # fmt: skip
    if info.runs > 1:
        yield field("runs", f"bhyve was started {info.runs} times since `start`")
    if info.last_end:
        yield field("last end", info.last_end)


def _jail(info: JailInfo) -> Iterator[Line]:
    yield field("release", info.version or info.release)
    yield field("root", info.root)
    if info.old_root:
        yield field("old root", f"{info.old_root} is kept from before the last upgrade")
    if info.jid is not None:
        yield field("jail ID", info.jid)
    if info.cpus is not UNSET:
        yield field("CPUs", info.cpus)
    if info.limits is not UNSET and info.limits:
        yield field("limits", ", ".join(f"{name} {most}" for name, most in info.limits.items()))
    if info.main is not UNSET:
        said = (info.main.state, info.main.why, info.main.last)
        yield field("main command", ", ".join(one for one in said if one))


def _rest(info: GuestInfo) -> Iterator[Line]:
    for row in info.reached:
        yield field("limit reached", in_words(row), "warning")
    boot = f"yes, order {info.boot.order}" if info.boot.auto else "no"
    after = [] if info.boot.after is UNSET else info.boot.after
    yield field("starts at boot", f"{boot}, after {', '.join(after)}" if after else boot)
    yield field("tags", ", ".join(info.tags))
    if description := info.config.get("description"):
        yield field("description", description)
    if error := info.config.get("error"):
        yield field("its file", error, "bad")
    yield field("created", info.created)
    yield field("dataset", info.dataset)
    if info.origin:
        yield field("clone of", info.origin)
    yield field("id", f"{info.id}, {info.uuid}")
    yield field("log", info.log)


def _foreign(info: ForeignInfo) -> Iterator[Line]:
    yield ((" This guest belongs to another host:", "warning"),)
    yield ((f"   {shown_line(info.why)}", "warning"),)
    yield ()
    yield field("dataset", info.dataset)
    yield field("adopted by", info.adopt)
    yield ()
    yield heading("What its file uses of this host")
    yield from _mapping(info.asks)
    yield ()
    yield heading("What its datasets set")
    yield from _mapping(info.datasets)
    yield ()
    yield heading("Its file")
    yield from _mapping(info.config)


def _mapping(value: Any, indent: int = 0) -> Iterator[Line]:
    """Yield nested values as lines; a stranger may have written them."""
    entries: Sequence[tuple[object, object]] = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    )
    if not entries and not indent:
        yield (("   nothing", "dim"),)
    for key, item in entries:
        label = f"   {'  ' * indent}{shown_line(str(key))}: "
        if isinstance(item, dict | list) and item:
            yield ((label, "dim"),)
            yield from _mapping(item, indent + 1)
        else:
            yield ((label, "dim"), (shown_line(str(item)), ""))


def _style(state: str) -> str:
    styles = {"running": "good", "failed": "bad", "stopped": "dim", "template": "dim"}
    return styles.get(state, "warning")


def period(seconds: float) -> str:
    """Return a time as people read it, such as 3d 4h."""
    whole = int(seconds)
    parts = (
        (whole // DAY, "d"), (whole % DAY // HOUR, "h"), (whole % HOUR // MINUTE, "m"),
        (whole % MINUTE, "s"),
    )  # fmt: skip
    shown = [f"{number}{unit}" for number, unit in parts if number]
    return " ".join(shown[:2]) or "0s"
