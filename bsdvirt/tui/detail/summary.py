"""The first tab: what a guest is, how it is, and why it does not run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import UNSET

from bsdvirt.host.sanitize import shown, shown_line
from bsdvirt.rows.guest import ForeignInfo, GuestInfo
from bsdvirt.rows.jail import JailInfo
from bsdvirt.rows.sizes import human_size
from bsdvirt.rows.vm import VmInfo
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.detail.lines import Line
from bsdvirt.tui.detail.tab import TextTab

LABEL = 14
"""Cells of the labels."""
MINUTE, HOUR, DAY = 60, 3600, 86400


class SummaryTab(TextTab):
    name_ = "summary"
    title = "Summary"

    async def load(self, guest: Subject) -> None:
        self.lines.show(summary(await self.info(guest)))


def summary(info: GuestInfo | ForeignInfo) -> list[Line]:
    """Return the lines of a guest."""
    if isinstance(info, ForeignInfo):
        return [*_foreign(info)]
    return [*_failure(info), *_common(info), *_of_kind(info), *_rest(info)]


def field(label: str, value: object, style: str = "") -> Line:
    """Return a line with a label."""
    text = "-" if value in (None, "", []) else shown_line(str(value))
    return ((f" {label:<{LABEL}} ", "dim"), (text, style))


def heading(text: str) -> Line:
    return ((f" {text}", "heading"),)


def _failure(info: GuestInfo) -> Iterator[Line]:
    """Yield why the last start failed, or how the guest ended."""
    if info.failure is not UNSET:
        yield ((" The last start failed:", "bad"),)
        yield from (((f"   {line}", "bad"),) for line in shown(info.failure).splitlines())
        yield ()


def _common(info: GuestInfo) -> Iterator[Line]:
    yield field("state", info.state, _style(info.state))
    usage = _usage(info)
    if uptime := usage.get("wallclock"):
        yield field("up for", period(uptime))
    yield field("addresses", ", ".join(info.addresses))
    for nic in info.nics:
        own = [one for one in (nic.address, nic.address6, *nic.aliases) if one]
        yield field(f"on {nic.network}", ", ".join([*own, nic.mac]))
    if "memoryuse" in usage:
        yield field(
            "uses", f"{usage.get('pcpu', 0)} % CPU, {human_size(usage['memoryuse'])} memory"
        )
    yield field("disk used", human_size(info.used))


def _of_kind(info: GuestInfo) -> Iterator[Line]:
    if isinstance(info, VmInfo):
        yield from _vm(info)
    elif isinstance(info, JailInfo):
        yield from _jail(info)


def _vm(info: VmInfo) -> Iterator[Line]:
    if info.cpus is not UNSET and info.memory is not UNSET:
        yield field("size", f"{info.cpus} CPUs, {human_size(info.memory)} memory, {info.loader}")
    if info.vnc is not UNSET and info.vnc is not None:
        yield field("VNC", f"{info.vnc.address}:{info.vnc.port}  password {info.vnc.password}")
    if info.pid is not None:
        yield field("processes", f"bhyve {info.pid}, supervisor {info.supervisor_pid or 'gone'}",
                    "" if info.supervisor_pid else "warning")  # fmt: skip
    if info.runs > 1:
        yield field("runs", f"bhyve was started {info.runs} times since `start`")
    if info.last_end:
        yield field("last end", info.last_end)


def _jail(info: JailInfo) -> Iterator[Line]:
    yield field("release", info.release)
    yield field("root", info.root)
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


def _usage(info: GuestInfo) -> dict[str, int]:
    used = getattr(info, "usage", UNSET)
    return {} if used is UNSET else used


def _style(state: str) -> str:
    return {"running": "good", "failed": "bad", "stopped": "dim"}.get(state, "warning")


def period(seconds: float) -> str:
    """Return a time as people read it, such as 3d 4h."""
    whole = int(seconds)
    parts = (
        (whole // DAY, "d"), (whole % DAY // HOUR, "h"), (whole % HOUR // MINUTE, "m"),
        (whole % MINUTE, "s"),
    )  # fmt: skip
    shown = [f"{number}{unit}" for number, unit in parts if number]
    return " ".join(shown[:2]) or "0s"
