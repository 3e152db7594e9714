"""The screens of tasks: a plan before it runs, what would be lost, a task in full."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from bsdvirt.host.sanitize import shown_line
from bsdvirt.rows import events as rows
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.tasks import describe
from bsdvirt.tui.tasks.choices import Choice, Choices
from bsdvirt.tui.tasks.lines import Line, Lines
from bsdvirt.tui.tasks.task import State, Task

READING = "reading what it would do …"
CSS = """
    {0} {{ layout: vertical; background: $background; }}
    {0} .line {{ height: 1; width: 100%; }}
    {0} #command {{ height: auto; max-height: 3; padding: 0 1; }}
"""


class TaskScreen(ModalScreen[None]):
    """Base of the screens about one task. It follows the task."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.of = task

    def task_changed(self) -> None:
        """Called when tasks have changed."""
        raise NotImplementedError

    def _close(self) -> None:
        """Close, unless another screen is over this one."""
        if self.is_current:
            self.dismiss()

    def _say(self, where: str, text: str, style: str) -> None:
        line = Text(f" {shown_line(text)}", desk_of(self).palette[style], no_wrap=True)
        self.query_one(where, Static).update(line)


class PlanScreen(TaskScreen):
    """The plan of a task: run it, or do not."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("y", "run", show=False),
        Binding("n", "cancel", show=False),
    ]
    DEFAULT_CSS = CSS.format("PlanScreen")

    def compose(self) -> ComposeResult:
        yield Static("", id="title", classes="line", markup=False)
        yield Static(Text(self.of.command, desk_of(self).palette["good"]), id="command")
        yield Lines([(READING, "dim")], id="plan")
        yield Static("", id="note", classes="line", markup=False)
        yield Choices(("run", "Run"), ("cancel", "Cancel"))

    def on_mount(self) -> None:
        where = f" on {self.of.host}" if self.of.host else ""
        self._say("#title", f"{self.of.title}{where}: the plan", "heading")
        self.query_one("#cancel", Choice).focus()
        self.task_changed()

    def task_changed(self) -> None:
        task, lines = self.of, self.query_one(Lines)
        if task.state is State.WAITING:
            lines.show(describe.plan(task))
            commands = sum(len(one.steps) + len(one.finish) for one in task.plans)
            changed = "the host has changed: this is the new plan; " if task.changed else ""
            style = "warning" if task.changed else "dim"
            self._say("#note", f"{changed}{commands} steps; y runs them, esc does not", style)
            if not self._ready:
                self._ready = True
                self.query_one("#run", Choice).focus()
        elif task.state is State.FAILED:
            lines.show(describe.task_lines(task))
            self._say("#note", "nothing was changed; esc closes", "dim")
            self.query_one("#cancel", Choice).set_word("Close")
            self.query_one("#run", Choice).display = False
        elif not task.active or task.state is State.RUNNING:
            self._close()

    _ready = False

    @on(Choice.Chosen)
    def _chosen(self, event: Choice.Chosen) -> None:
        event.stop()
        if event.choice.id == "run":
            self.action_run()
        else:
            self.action_cancel()

    def action_run(self) -> None:
        if self.of.state is State.WAITING:
            self.dismiss()
            desk_of(self).tasks.confirm(self.of)

    def action_cancel(self) -> None:
        self.dismiss()
        desk_of(self).tasks.cancel(self.of)


class LossScreen(TaskScreen):
    """What would be lost: a name is typed, or the number of guests, before it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("f2", "other", show=False),
    ]
    DEFAULT_CSS = (
        CSS.format("LossScreen")
        + """
    LossScreen Horizontal { height: 1; }
    LossScreen #wants { width: auto; }
    LossScreen Input { width: 1fr; padding: 0; }
    """
    )

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._commands = False

    @property
    def _names(self) -> tuple[str, ...]:
        return self.of.names or tuple(dict.fromkeys(one.subject for one in self.of.plans))

    @property
    def wanted(self) -> str:
        """Return what has to be typed."""
        names = self._names
        return names[0] if len(names) == 1 else str(len(names))

    @property
    def _what(self) -> str:
        """Return what that is."""
        if len(self._names) == 1:
            return "the name"
        kinds = {one.kind for one in self.of.plans}
        return "the number of guests" if kinds == {"guest"} else "how many they are"

    def compose(self) -> ComposeResult:
        yield Static("", id="title", classes="line", markup=False)
        yield Static(Text(self.of.command, desk_of(self).palette["warning"]), id="command")
        yield Lines([(READING, "dim")], id="plan")
        yield Static("", id="note", classes="line", markup=False)
        with Horizontal():
            yield Static("", id="wants", markup=False)
            yield Input("", compact=True, select_on_focus=False)
        yield Choices(("cancel", "Cancel"), ("run", self.of.label or "Run"))

    def on_mount(self) -> None:
        where = f" on {self.of.host}" if self.of.host else ""
        self._say("#title", f"{self.of.title}{where}: this is lost for good", "bad")
        self.query_one("#cancel", Choice).focus()
        self.task_changed()

    def task_changed(self) -> None:
        task, lines = self.of, self.query_one(Lines)
        if task.state is State.WAITING:
            lines.show(describe.plan(task) if self._commands else describe.losses(task))
            self._say("#wants", f"Type {self._what}, {self.wanted}:", "warning")
            changed = "the host has changed: look again; " if task.changed else ""
            other = "what is lost" if self._commands else "the commands"
            self._say("#note", f"{changed}F2 shows {other}, esc cancels", "dim")
        elif task.state is State.FAILED:
            lines.show(describe.task_lines(task))
            self._say("#note", "nothing was changed; esc closes", "dim")
            self.query_one("#cancel", Choice).set_word("Close")
            self.query_one("#run", Choice).display = False
        elif not task.active or task.state is State.RUNNING:
            self._close()

    def on_key(self, event: events.Key) -> None:
        """What is typed goes to the line, wherever the focus is."""
        line = self.query_one(Input)
        if event.is_printable and event.character and not line.has_focus:
            event.stop()
            event.prevent_default()
            line.focus()
            line.insert_text_at_cursor(event.character)

    @on(Choice.Chosen)
    def _chosen(self, event: Choice.Chosen) -> None:
        event.stop()
        if event.choice.id == "run":
            self._run()
        else:
            self.action_cancel()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._run()

    def _run(self) -> None:
        if self.of.state is not State.WAITING:
            return
        if self.query_one(Input).value.strip() != self.wanted:
            self._say("#note", f"not {self.wanted}: nothing is done; esc cancels", "bad")
            return
        self.dismiss()
        desk_of(self).tasks.confirm(self.of)

    def action_other(self) -> None:
        self._commands = not self._commands
        self.task_changed()

    def action_cancel(self) -> None:
        self.dismiss()
        desk_of(self).tasks.cancel(self.of)


class DetailScreen(TaskScreen):
    """All that is known of a task."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", show=False),
        Binding("x", "stop", show=False),
    ]
    DEFAULT_CSS = CSS.format("DetailScreen")

    def compose(self) -> ComposeResult:
        yield Static("", id="title", classes="line", markup=False)
        yield Lines(id="plan")
        yield Static("", id="note", classes="line", markup=False)

    def on_mount(self) -> None:
        self._say("#title", f"task {self.of.number}: {self.of.title}", "heading")
        self.query_one(Lines).focus()
        self.task_changed()
        # The time goes on where nothing else does.
        self.set_interval(1.0, self.task_changed)

    def task_changed(self) -> None:
        self.query_one(Lines).show(describe.task_lines(self.of))
        keys = "x cancels it, and what it has done is undone; " if self.of.active else ""
        self._say("#note", f"{keys}esc closes", "dim")

    def action_stop(self) -> None:
        desk_of(self).tasks.cancel(self.of)

    def action_close(self) -> None:
        self.dismiss()


class OperationScreen(ModalScreen[None]):
    """All that the log has of an operation."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "close", show=False)]
    DEFAULT_CSS = CSS.format("OperationScreen")

    def __init__(self, row: rows.Operation, host: str) -> None:
        super().__init__()
        self._title = f" {row.verb} {row.subject}"
        self._shown: list[Line] = describe.operation_lines(row, host)

    def compose(self) -> ComposeResult:
        styles = desk_of(self).palette
        title = Text(shown_line(self._title), styles["heading"], no_wrap=True)
        yield Static(title, id="title", classes="line")
        yield Lines(self._shown, id="plan")
        yield Static(Text(" esc closes", styles["dim"]), id="note", classes="line")

    def on_mount(self) -> None:
        self.query_one(Lines).focus()

    def action_close(self) -> None:
        self.dismiss()
