"""Leaving the UI with tasks under way: wait for them, leave them, or undo them."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.tasks.choices import Choice, Choices
from bsdvirt.tui.tasks.describe import STATE_STYLES, duration
from bsdvirt.tui.tasks.lines import Line, Lines
from bsdvirt.tui.tasks.task import State, Task

ABOUT = {
    "stay": "stay in the UI",
    "wait": "leave when they have ended",
    "leave": "leave now: they go on, and the log has how they end",
    "undo": "cancel them, and leave when what they have done is undone",
}


class LeaveScreen(ModalScreen[None]):
    """Tasks are under way: what is to become of them?"""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "stay", show=False)]
    DEFAULT_CSS = """
    LeaveScreen { layout: vertical; background: $background; }
    LeaveScreen .line { height: 1; width: 100%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._leaving = False
        self._seen: dict[int, Task] = {}
        """The tasks that were under way since this was opened."""

    def compose(self) -> ComposeResult:
        yield Static("", id="title", classes="line", markup=False)
        yield Lines(id="list")
        yield Static("", id="note", classes="line", markup=False)
        yield Choices(
            ("stay", "Stay"), ("wait", "Wait"), ("leave", "Leave them"), ("undo", "Undo them")
        )

    def on_mount(self) -> None:
        self.query_one("#stay", Choice).focus()
        self.task_changed()
        self.set_interval(1.0, self.task_changed)

    def task_changed(self) -> None:
        """Show the tasks. Leave when there is none any more; if one has failed meanwhile, only if
        that was chosen."""
        desk = desk_of(self)
        active = desk.tasks.active()
        self._seen |= {task.number: task for task in active}
        if not active:
            failed = any(task.state is State.FAILED for task in self._seen.values())
            if self._leaving or not failed:
                desk.exit(0)
            elif self.is_current:
                self.dismiss()
            return
        title = f" {len(active)} under way" + (
            ": leaving when they have ended" if self._leaving else ""
        )
        self.query_one("#title", Static).update(Text(title, desk.palette["heading"]))
        lines: list[Line] = [
            (f"{task.title}: {task.state.value}, {duration(task.seconds)}  {task.doing}",
             STATE_STYLES[task.state])
            for task in active
        ]  # fmt: skip
        self.query_one(Lines).show(lines)

    def on_descendant_focus(self) -> None:
        focused = self.focused
        if isinstance(focused, Choice) and focused.id is not None:
            text = Text(f" {focused.word}: {ABOUT[focused.id]}", desk_of(self).palette["dim"])
            self.query_one("#note", Static).update(text)

    @on(Choice.Chosen)
    def _chosen(self, event: Choice.Chosen) -> None:
        event.stop()
        desk = desk_of(self)
        match event.choice.id:
            case "stay":
                self.dismiss()
            case "leave":
                desk.exit(0)
            case "wait":
                self._leave(undo=False)
            case "undo":
                self._leave(undo=True)

    def _leave(self, *, undo: bool) -> None:
        self._leaving = True
        tasks = desk_of(self).tasks
        for task in tasks.active():
            # Nobody would confirm them.
            if (undo and not task.cancelled) or task.state is State.WAITING:
                tasks.cancel(task)
        self.task_changed()

    def action_stay(self) -> None:
        self.dismiss()
