"""The command line: any verb, typed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from bsdvirt.tui.desk import desk_of

Start = tuple[str, Sequence[str]]
"""A host, and the words that the line has there already."""


class CommandScreen(ModalScreen[None]):
    """A line at the bottom of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", show=False)]
    DEFAULT_CSS = """
    CommandScreen { background: transparent; align: left bottom; }
    CommandScreen Vertical { height: auto; }
    CommandScreen Horizontal { height: 1; }
    CommandScreen Static { width: auto; }
    CommandScreen Input { border: none; height: 1; padding: 0; width: 1fr; }
    """

    def __init__(self, starts: Sequence[Start], wants: str, offer: str) -> None:
        super().__init__()
        self._starts = starts
        self._wants = wants
        self._offer = offer

    def compose(self) -> ComposeResult:
        given = shlex.join(self._starts[0][1]) if self._starts else ""
        more = len(self._starts) - 1
        prompt = f":{given} " if given else ":"
        with Vertical():
            yield Static(f" {self._wants}", id="wants", markup=False)
            with Horizontal():
                yield Static(prompt + (f"(and {more} more) " if more > 0 else ""), markup=False)
                yield Input(self._offer)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            typed = shlex.split(event.value)
        except ValueError as error:
            self.query_one("#wants", Static).update(f" {error}")
            return
        desk = desk_of(self)
        self.dismiss()
        for host, words in self._starts or [("", ())]:
            desk.run_words(host, [*words, *typed], asks=desk.plans)
