"""CPUs are chosen on the map: for a guest's cpuset, or a field of a form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

import msgspec.inspect as mi
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from bsdvirt.errors import BsdvirtError
from bsdvirt.rows.cpu import CpuGroup, CpuMap
from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.fields import Field, bare, item_of
from bsdvirt.spec.types import CpuList, CpuPin
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import Desk, desk_of
from bsdvirt.tui.feed.queries.cpus import CPUS
from bsdvirt.tui.forms.field import FormField
from bsdvirt.tui.widgets.cpumap import CpuMapView

HINTS = (
    ("space", "this CPU"), ("c", "its core"), ("b", "its box"), ("a", "all or none"),
    ("enter", "done"), ("esc", "leave"),
)  # fmt: skip
Take = Callable[[str], None]
_opening: set[asyncio.Task[None]] = set()
"""Tasks are kept until they end."""


class ChooseCpus(ModalScreen[None]):
    """A map to choose CPUs on. `take` is given a list of CPUs, "" for all of the host, if it is
    another one than before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", show=False),
        Binding("enter", "done", show=False),
        Binding("space", "pick('cpu')", show=False),
        Binding("c", "pick('core')", show=False),
        Binding("b", "pick('box')", show=False),
        Binding("a", "pick('all')", show=False),
    ]
    DEFAULT_CSS = """
    ChooseCpus { align: center middle; }
    ChooseCpus > Vertical { width: 100%; height: auto; max-height: 100%; }
    ChooseCpus Static { height: auto; max-height: 2; }
    """

    def __init__(self, title: str, shown: CpuMap, value: str, take: Take, guest: str = "") -> None:
        """`guest` is whose CPUs they are: it does not share them with itself."""
        super().__init__()
        self._title = title
        self._shown = shown
        self._guest = guest
        self._take = take
        self._before = value
        self._chosen = set(_cpus(value)) & set(shown.host.cpus)
        self.map = CpuMapView()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("", id="chosen", markup=False)
            yield self.map
            yield Static("", id="choose-hints", markup=False)

    def on_mount(self) -> None:
        styles = desk_of(self).palette
        line = Text(" ", styles["text"])
        for key, word in HINTS:
            line.append(key, styles["accent"])
            line.append(f" {word}  ")
        self.query_one("#choose-hints", Static).update(line)
        self.map.focus()
        self.map.show(self._shown)
        if self._chosen:
            self.map.move_to(min(self._chosen))
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        most = max(4, event.size.height - 4)
        self.map.fit(most)
        self.map.styles.height = min(most, self.map.lines) or most

    @property
    def value(self) -> str:
        """Return what is chosen: "" for all CPUs, or none."""
        if self._chosen >= set(self._shown.host.cpus):
            return ""
        return str(CpuList.of(self._chosen)) if self._chosen else ""

    def _show(self) -> None:
        styles = desk_of(self).palette
        count = len(self._chosen) or len(self._shown.host.cpus)
        text = f" {self._title}: {self.value or 'all CPUs'} ({count})"
        if owners := self._owners():
            text += f"; for itself there: {', '.join(owners)}"
        if others := self._others():
            text += f"; also there: {', '.join(others)}"
        if reserved := self._chosen & set(self._shown.host.reserved):
            text += f"; reserved for the host: {CpuList.of(reserved)}"
        self.query_one("#chosen", Static).update(Text(text, styles["heading"]))
        self.map.choose(self._chosen)

    def _others(self) -> list[str]:
        """Return the running guests with CPUs of their own that may run on the chosen ones."""
        names = {
            name for row in self._shown.cpus if row.number in self._chosen for name in row.guests
        }
        return sorted(names - {self._guest, *self._owners()})

    def _owners(self) -> list[str]:
        """Return the guests that have some of the chosen CPUs for themselves: the choice will be
        refused."""
        rows = (row for row in self._shown.cpus if row.number in self._chosen)
        return sorted({row.owner for row in rows if row.owner} - {self._guest})

    # ---- choosing ----

    def action_pick(self, what: str) -> None:
        """Choose what is at the cursor, or no longer, if all of it is chosen."""
        cursor = self.map.cursor
        if cursor is None:
            return
        cpus = self._part(what, cursor)
        self._chosen = self._chosen - cpus if cpus <= self._chosen else self._chosen | cpus
        self._show()

    def _part(self, what: str, cpu: int) -> set[int]:
        host = self._shown.host
        match what:
            case "core":
                return _smallest(host.cores, cpu)
            case "box":
                return _smallest([*host.caches, *host.domains, *host.packages], cpu)
            case "all":
                return set(host.cpus)
            case _:
                return {cpu}

    def on_cpu_map_view_picked(self, event: CpuMapView.Picked) -> None:
        event.stop()
        self.action_pick("cpu")

    def on_cpu_map_view_moved(self, event: CpuMapView.Moved) -> None:
        event.stop()

    def action_done(self) -> None:
        self.dismiss()
        if self.value != self._before:
            self._take(self.value)

    def action_leave(self) -> None:
        self.dismiss()


def _smallest(groups: Iterable[CpuGroup], cpu: int) -> set[int]:
    """Return the CPUs of the smallest group that has this one."""
    around = [set(one.cpus) for one in groups if cpu in one.cpus]
    return min(around, key=len) if around else {cpu}


def _cpus(value: str) -> Sequence[int]:
    """Return the CPUs of a text as the property has it; none of one that is wrong."""
    try:
        return CpuList.parse(value).cpus if value else ()
    except BadValueError:
        return ()


def choose_cpus(
    desk: Desk, host: str, title: str, value: Callable[[CpuMap], str], take: Take, guest: str = ""
) -> None:
    """Let CPUs of a host be chosen: `value` returns those of now, `take` is given others."""

    async def show() -> None:
        try:
            shown = await desk.ask(host, CPUS)
        except BsdvirtError as error:
            desk.say(str(error), problem=True)
            return
        desk.push_screen(ChooseCpus(title, shown, value(shown), take, guest))

    task = asyncio.create_task(show())
    _opening.add(task)
    task.add_done_callback(_opening.discard)


def open_cpuset(desk: Desk, subjects: Sequence[Subject]) -> None:
    """Let the CPUs of a guest be chosen, and set its cpuset."""
    guest = subjects[0]
    plans = desk.plans

    def value(shown: CpuMap) -> str:
        return next((one.cpuset or "" for one in shown.guests if one.name == guest.name), "")

    def take(cpus: str) -> None:
        words = ["set", guest.name, f"cpuset={cpus}"]
        desk.run_words(guest.host, words, label="CPUs", asks=plans)

    choose_cpus(desk, guest.host, guest.name, value, take, guest.name)


# ---- fields of forms ----


def takes_cpus(field: FormField) -> bool:
    """Return whether the values of a field are CPUs: a list of them, or pins."""
    return field.of is not None and _type(field.of) in (CpuList, CpuPin)


def _type(field: Field) -> object:
    kind = bare(item_of(field.type) or field.type)
    return kind.cls if isinstance(kind, mi.CustomType) else None


def choose_in_field(
    desk: Desk, host: str, field: FormField, text: str, line: int, take: Take
) -> None:
    """Let CPUs be chosen for a field with this text, of pins for that line; `take` is given its new
    text."""
    if field.of is None or _type(field.of) is CpuList:
        choose_cpus(desk, host, field.label, lambda shown: text, take)
        return
    lines = [one for one in text.splitlines() if one.strip()]
    vcpu, _, cpus = lines[line].partition(":") if line < len(lines) else (str(len(lines)), "", "")

    def take_pin(chosen: str) -> None:
        # Pinned to all CPUs is not pinned.
        pin = [f"{vcpu}:{chosen}"] if chosen else []
        take("\n".join([*lines[:line], *pin, *lines[line + 1 :]]))

    choose_cpus(desk, host, f"virtual CPU {vcpu}", lambda shown: cpus, take_pin)
