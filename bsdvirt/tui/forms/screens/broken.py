"""Shown where a form cannot be: the guest's file has an error, and is to be edited as a file."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of


class BrokenScreen(ModalScreen[None]):
    """Says what is wrong; enter opens the file in the editor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,E", "edit", show=False),
        Binding("escape", "dismiss", show=False),
    ]
    DEFAULT_CSS = """
    BrokenScreen { align: center middle; }
    BrokenScreen Vertical { width: 76; height: auto; border: round $error; padding: 0 1; }
    BrokenScreen Static { height: auto; }
    """

    def __init__(self, subject: Subject, why: str) -> None:
        super().__init__()
        self.subject = subject
        self.why = why

    def compose(self) -> ComposeResult:
        styles = desk_of(self).palette
        keys = Text()
        for key, word in (("enter", "edit the file"), ("esc", "leave it")):
            keys.append(key, styles["accent"])
            keys.append(f" {word}  ", styles["text"])
        with Vertical():
            yield Static(Text(f"The file of {self.subject.name} has an error:", styles["text"]))
            yield Static(Text(self.why, styles["bad"]))
            yield Static(keys)

    def action_edit(self) -> None:
        self.dismiss()
        desk_of(self).run_on_terminal(self.subject.host, ["edit", self.subject.name], waits=True)
