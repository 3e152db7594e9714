"""What screens, views and actions may ask of the application."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

from rich.style import Style
from textual.screen import Screen
from textual.widget import Widget

from bsdvirt.tui.actions.action import Action, Subject
from bsdvirt.tui.actions.keys import Keymap
from bsdvirt.tui.actions.language import Language, Typed
from bsdvirt.tui.feed.model import Store
from bsdvirt.tui.feed.source import Query, Source
from bsdvirt.tui.settings import Settings
from bsdvirt.tui.tasks.book import Tasks
from bsdvirt.tui.terminal import Runner
from bsdvirt.tui.widgets.glyphs import Glyphs

T = TypeVar("T")
Ended = Callable[[str], None]
"""Called at the end of a task with its error; "" if it went well."""


class Desk(Protocol):
    """The application, as its parts see it."""

    settings: Settings
    store: Store
    keymap: Keymap
    language: Language
    history: list[str]
    """Command lines that were typed."""
    palette: Mapping[str, Style]
    glyphs: Glyphs
    terminal: Runner
    tasks: Tasks

    @property
    def sources(self) -> Mapping[str, Source]:
        """The hosts, by name; "" is this machine."""

    async def ask(self, host: str, query: Query[T], *words: str) -> T:
        """Return the rows of a query, read in the host's own thread. Raises BsdvirtError."""

    def refresh_now(self) -> None:
        """Read all hosts now."""

    def read_only(self, host: str) -> str:
        """Return why nothing can be changed on a host; "" if it can."""

    def why_not(self, action: Action, subjects: Sequence[Subject]) -> str:
        """Return why an action cannot be done to these subjects now; "" if it can."""

    def perform(self, action: Action, subjects: Sequence[Subject] | None = None) -> None:
        """Do an action to the subjects: None for what is selected."""

    def run_words(
        self,
        host: str,
        words: Sequence[str],
        *,
        label: str = "",
        asks: bool = False,
        loses: bool = False,
        names: Sequence[str] = (),
        secrets: Sequence[str] = (),
        ended: Ended | None = None,
    ) -> None:
        """Run `bsdvirt WORDS` in the background, as a task (tasks/). `asks`: show its plan first;
        `loses`: list what is lost, and have a name typed; `names`: the objects that it changes.
        `secrets` are lines that it reads from standard input first, see cli/flags.py: they are
        shown and kept nowhere. `ended` is called at its end, with the error or ""."""

    def type_command(
        self, starts: Sequence[tuple[str, Sequence[str]]] = (), *, wants: str = "", offer: str = ""
    ) -> None:
        """Let a command line be typed, and run it: in the background if it changes something, else
        on the terminal. `starts`: hosts, and the words that the line has there already; what is
        typed is run for each. `wants` says what is to be typed, `offer` is there to be edited."""

    def run_typed(self, lines: Sequence[tuple[str, Typed]]) -> None:
        """Run command lines, each on its host: in the background, or on the terminal."""

    @property
    def host(self) -> str:
        """Return the host of what is under the cursor."""

    def subjects_for(self, action: Action) -> list[Subject]:
        """Return what an action would act on now."""

    @property
    def place(self) -> str:
        """Return the id of the view that is visible."""

    @property
    def plans(self) -> bool:
        """Return whether the plan of the next action is shown before it runs."""

    def toggle_plan(self) -> None:
        """Show the plan of the next action first, or no longer."""

    def run_on_terminal(
        self, host: str, words: Sequence[str], *, lead: str = "", waits: bool = False
    ) -> None:
        """Step aside, print `lead`, run `bsdvirt WORDS` on the terminal, and come back when it has
        ended; `waits`, after the enter key. See terminal.py, and await desk.terminal for the exit
        status of a command."""

    def use_theme(self, name: str) -> None:
        """Draw everything in a theme: dark, light, 16 or none."""

    def save_settings(self, settings: Settings) -> None:
        """Use these settings, and keep them."""

    def say(self, text: str, *, problem: bool = False) -> None:
        """Show a short message for a moment."""

    def show_view(self, id: str) -> None:
        """Show one of the views of the main screen."""

    def on_table(self, what: str) -> None:
        """Mark rows, sort, or go back; the words are ids of actions."""

    def go_to(self, host: str, id: str) -> None:
        """Show the guests, with the cursor on one of them: by its key (feed/model.py)."""

    def open_menu(self, x: int | None = None, y: int = 0) -> None:
        """Show the menu of what is selected, there, or beside the row under the cursor."""

    def open_detail(
        self, subjects: Sequence[Subject], tab: str = "", *, watch: bool = False
    ) -> None:
        """Show a guest in full, at a tab. `watch`: where there is room for the table too, it keeps
        the keys, and the guest is shown wherever its cursor goes."""

    def on_detail(self, what: str) -> None:
        """Do something to the detail of a guest; the words are ids of actions."""

    def edit_filter(self) -> None:
        """Let the user type the filter of the view."""

    def selected(self) -> list[Subject]:
        """Return what actions act on: the marked rows of the view, or that under the cursor."""

    def push_screen(self, screen: Screen[Any]) -> Any:
        """Show a screen over the others (Textual's)."""

    def exit(self, result: int | None = None) -> None:
        """Leave the UI (Textual's)."""


def desk_of(widget: Widget) -> Desk:
    """Return the application of a widget."""
    return cast(Desk, widget.app)
