"""View 2: the map of the CPUs, and the guests with the CPUs that they may run on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import Static

from bsdvirt.cpu.cells import letters, style_of
from bsdvirt.cpu.legend import cpus_text, heading, notes, pins_text
from bsdvirt.host.sanitize import shown_line
from bsdvirt.rows.cpu import CpuGuest, CpuMap, CpuRow
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.feed.model import Store
from bsdvirt.tui.feed.queries.cpus import CPUS
from bsdvirt.tui.views.asking import AskingView, key_of
from bsdvirt.tui.views.entries import HOST, Entry, column, guests_of
from bsdvirt.tui.views.entries import style_of as state_style
from bsdvirt.tui.widgets.cpumap import CpuMapView
from bsdvirt.tui.widgets.table import LiveTable

COLUMNS = (
    column("mark", "", 1),
    column("name", "NAME", 12, grows=2),
    HOST,
    column("kind", "KIND", 4, rank=6),
    column("state", "STATE", 8, rank=3),
    column("cpus", "CPUS", 10, grows=1),
    column("count", "N", 4, right=True, rank=5, descends=True),
    column("pins", "PINS", 8, grows=1, rank=2),
    column("shares", "SHARES WITH", 12, grows=3, rank=4),
)
BESIDE = 120
"""Least width of the view for a table beside the map."""
SHARE = 0.6
"""The part of the view's height that the map has where the table is below it."""
OWN_LINES = 2
"""The host's line above the map, and that of the CPU below it."""
LEAST_LINES = 4


class CpusView(AskingView):
    """The map of one host, that of the guest under the cursor, and the guests of all."""

    name_ = "cpus"
    title = "CPUs"
    digit = "2"
    interval = 2.0
    DEFAULT_CSS = """
    CpusView #cpu-parts { height: 1fr; layout: vertical; }
    CpusView.beside #cpu-parts { layout: horizontal; }
    CpusView #cpu-drawn { height: auto; }
    CpusView.beside #cpu-drawn { width: 55%; height: 1fr; }
    CpusView #cpu-host { display: block; height: 1; }
    CpusView #cpu-who { display: block; height: auto; max-height: 3; }
    """

    def __init__(self) -> None:
        self._maps: dict[str, CpuMap] = {}
        self.map = CpuMapView(id="cpu-map")
        super().__init__()

    def make_table(self) -> LiveTable[Entry]:
        return LiveTable(COLUMNS, sort="name", empty="no guests yet: n creates one")

    def compose(self) -> ComposeResult:
        with Container(id="cpu-parts"):
            with Vertical(id="cpu-drawn"):
                yield Static("", id="cpu-host", markup=False)
                yield self.map
                yield Static("", id="cpu-who", markup=False)
            yield self.table
        yield Static("", classes="note", markup=False)
        yield Static("", classes="problems", markup=False)

    async def ask(self, host: str) -> list[Entry]:
        shown = await desk_of(self).ask(host, CPUS)
        self._maps[host] = shown
        return list(rows(desk_of(self).store, host, shown))

    def refresh_from(self, store: Store) -> None:
        super().refresh_from(store)
        self._show_map()

    def show_rows(self) -> None:
        super().show_rows()
        self._show_map()

    # ---- the map ----

    @property
    def _host(self) -> str | None:
        """Return the host whose map is shown: that of the row under the cursor."""
        row = self.table.cursor
        if row is not None and row.host in self._maps:
            return row.host
        return next(iter(self._maps), None)

    def _show_map(self) -> None:
        host = self._host
        if host is None:
            return
        store, shown = desk_of(self).store, self._maps[host]
        figures = store.hosts[host].figures
        self.map.show(shown, figures.cpu_by_cpu if figures else ())
        words = [heading(shown.host), *notes(shown.host)]
        name = f"{host}: " if store.several else ""
        self._line("#cpu-host", name + "; ".join(words), "heading")
        self._show_who()
        self._show_own()
        self._set_height()

    def _set_height(self) -> None:
        """Give the map the lines that it needs, as far as there is room beside its own lines."""
        lines = self.size.height if self.has_class("beside") else int(self.size.height * SHARE)
        most = max(LEAST_LINES, lines - OWN_LINES)
        self.map.fit(most)
        self.map.styles.height = min(most, self.map.lines) or most

    @on(CpuMapView.Moved)
    def _show_who(self) -> None:
        """Say who may run on the CPU under the cursor of the map."""
        host = self._host
        if host is not None and self.map.cursor is not None:
            self._line("#cpu-who", who(self._maps[host], self.map.cursor), "text")

    @on(LiveTable.Moved)
    def _cursor_moved(self) -> None:
        self._show_map()

    def _show_own(self) -> None:
        """Let the CPUs of the guest under the cursor stand out, if it has CPUs of its own."""
        row, host = self.table.cursor, self._host
        guests = self._maps[host].guests if host is not None else []
        found = [g for g in guests if row is not None and g.name == row.subject.name]
        self.map.choose({cpu for one in found if not one.everywhere for cpu in one.cpus})

    def _line(self, where: str, text: str, style: str) -> None:
        self.query_one(where, Static).update(Text(f" {text}", desk_of(self).palette[style]))

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= BESIDE, "beside")
        self._set_height()

    def matcher(self, text: str) -> Callable[[Entry], bool] | None:
        """`cpu:3` are the guests that may run on CPU 3."""
        words = text.split()
        on_cpus = [word[4:] for word in words if word.startswith("cpu:")]
        rest = super().matcher(" ".join(word for word in words if not word.startswith("cpu:")))
        if not on_cpus:
            return rest

        def test(entry: Entry) -> bool:
            cpus = entry.values.get("on", frozenset())
            return all(word in cpus for word in on_cpus) and (rest is None or rest(entry))

        return test


def rows(store: Store, host: str, shown: CpuMap) -> Iterator[Entry]:
    """Yield the guests of a host, as rows of the table."""
    of = letters(shown)
    named = list(of)
    find = guests_of(store, host)
    for one in shown.guests:
        letter = of.get(one.name, "")
        colour = style_of(named, one.name)
        yield Entry(
            key_of(host, one.name),
            _subject(find(one.name), one),
            {
                "mark": letter,
                "name": one.name,
                "kind": one.kind,
                "state": one.state,
                "cpus": _cpus(one),
                "count": str(one.count),
                "pins": pins_text(one),
                "shares": _shares(one),
                "why": one.error or "",
            },
            values={"count": one.count, "cpus": one.cpus, "on": frozenset(map(str, one.cpus))},
            styles={"mark": colour, "name": colour, "state": state_style(one.state)},
        )


def _subject(known: Subject, one: CpuGuest) -> Subject:
    if known.kind != "guest":
        return known
    return Subject(known.host, one.kind, one.name, one.state)


def _cpus(one: CpuGuest) -> str:
    """Return the CPUs of a guest; those that it will have, if it does not run."""
    if one.everywhere:
        return "all"
    return cpus_text(one.claimed if one.claimed and not one.running else one.cpus)


def _shares(one: CpuGuest) -> str:
    if one.error:
        return one.error
    if one.owns and not one.shared_with:
        return "for itself"
    return "nobody" if one.exclusive else ", ".join(one.shared_with)


def who(shown: CpuMap, cpu: int) -> str:
    """Return in a sentence what a CPU is, and who may run on it."""
    row = next(one for one in shown.cpus if one.number == cpu)
    own = [_with_pins(row, name) for name in _guests(row)]
    every = [
        one.name
        for one in shown.guests
        if one.running and one.everywhere and not one.pins and cpu in one.cpus
    ]
    parts = [", ".join(_places(shown, row))]
    if row.reserved:
        parts.append("reserved for the host")
    if row.owner:
        parts.append(f"{row.owner} has it for itself")
    if own and own != [row.owner]:
        parts.append(f"guests {', '.join(own)}")
    elif not own and not row.owner and not row.reserved:
        parts.append("no guest of its own")
    if every:
        parts.append(f"on all other CPUs {', '.join(every)}" if _some(shown) else
                     f"on all CPUs {', '.join(every)}")  # fmt: skip
    if row.stopped:
        parts.append(f"not running {', '.join(row.stopped)}")
    return shown_line(f"CPU {cpu}: {'; '.join(parts)}")


def _some(shown: CpuMap) -> bool:
    """Return whether guests without CPUs of their own run on some CPUs only."""
    return bool(shown.host.reserved) or any(one.owns for one in shown.guests)


def _places(shown: CpuMap, row: CpuRow) -> Iterator[str]:
    yield f"core {row.core}"
    if len(shown.host.domains) > 1:
        yield f"domain {row.domain}"
    if row.package is not None and len(shown.host.packages) > 1:
        yield f"package {row.package}"


def _guests(row: CpuRow) -> list[str]:
    pinned = [one.guest for one in row.pins]
    return [*pinned, *(name for name in row.guests if name not in pinned)]


def _with_pins(row: CpuRow, name: str) -> str:
    vcpus = [str(vcpu) for one in row.pins if one.guest == name for vcpu in one.vcpus]
    return f"{name} (virtual CPU {', '.join(vcpus)})" if vcpus else name
