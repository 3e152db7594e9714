"""What `doctor` found, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from bsdvirt.host.sanitize import shown_line
from bsdvirt.rows.host import Finding
from bsdvirt.tui.actions.table import BY_ID
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.feed.model import HostState


class FindingsScreen(ModalScreen[None]):
    """The findings of all hosts; the problems first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", show=False),
        Binding("r", "repair", show=False),
        Binding("ctrl+r", "refresh_now", show=False),
    ]
    DEFAULT_CSS = """
    FindingsScreen { align: center middle; }
    FindingsScreen > Vertical {
        width: 90%; height: 80%; border: round $primary; padding: 0 1;
    }
    FindingsScreen VerticalScroll { height: 1fr; }
    FindingsScreen Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        with Vertical():
            with VerticalScroll():
                yield Static("", id="findings", markup=False)
            yield Static("", id="keys", markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._show()
        self.set_interval(1.0, self._show)

    def _show(self) -> None:
        """Show what was found: again while the screen is open, since a repair may be under way."""
        desk = desk_of(self)
        text = Text()
        for state in desk.store.hosts.values():
            if desk.store.several:
                text.append(f"{shown_line(state.name or 'this host')}\n", desk.palette["heading"])
            for part, style in _said(state):
                text.append(part, desk.palette[style] if style else None)
        self.query_one("#findings", Static).update(text)
        keys = "r repair   ^r examine again   esc close"
        self.query_one("#keys", Static).update(Text(keys, desk.palette["dim"]))

    def action_repair(self) -> None:
        """Have all hosts repaired on which something can be."""
        desk = desk_of(self)
        action = BY_ID["repair"]
        for name, state in desk.store.hosts.items():
            if not any(one.repair for one in state.findings or ()):
                continue
            if why := desk.read_only(name):
                desk.say(f"{action.label}: {why}", problem=True)
                continue
            desk.run_words(name, ["doctor", "--repair"], label=action.label, asks=desk.plans)
            self.dismiss()

    def action_refresh_now(self) -> None:
        desk_of(self).refresh_now()


def _said(state: HostState) -> Iterator[tuple[str, str]]:
    """Yield what is said of a host, each part with the name of its style."""
    if state.unexamined:
        yield f"not examined: {shown_line(state.unexamined)}\n", "bad"
    elif state.findings is None:
        yield "is being examined\n", "dim"
    elif not state.findings:
        yield "all is well\n", "good"
    for finding in sorted(state.findings or (), key=lambda one: not one.problem):
        yield from _finding(finding)


def _finding(finding: Finding) -> Iterator[tuple[str, str]]:
    yield "problem " if finding.problem else "notice  ", "bad" if finding.problem else "warning"
    message = finding.message.removeprefix(f"{finding.subject}: ")
    yield f"{shown_line(finding.subject)}: {shown_line(message)}\n", ""
    yield f"        {shown_line(finding.remedy)}\n", "dim"
    if finding.repair:
        yield f"        r repairs: {shown_line(finding.repair)}\n", "accent"
