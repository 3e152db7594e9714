"""The application: its hosts, its settings, the main screen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from rich.style import Style
from textual.app import App
from textual.filter import LineFilter

from bsdvirt.tui.actions.action import (
    Action,
    Asks,
    Command,
    OnTerminal,
    Opens,
    Subject,
    fitting,
    why_not,
)
from bsdvirt.tui.actions.keys import Keymap
from bsdvirt.tui.actions.language import Language, Typed
from bsdvirt.tui.desk import Ended
from bsdvirt.tui.ends import end_by_signals, survive_terminal
from bsdvirt.tui.feed.feed import Feed
from bsdvirt.tui.feed.model import Store
from bsdvirt.tui.feed.source import Query, Reader, Source
from bsdvirt.tui.main import MainScreen
from bsdvirt.tui.opens import OPENERS
from bsdvirt.tui.settings import Settings, SettingsFile
from bsdvirt.tui.tasks.room import new_tasks
from bsdvirt.tui.terminal import Runner, StepAside
from bsdvirt.tui.views.base import View
from bsdvirt.tui.views.registry import VIEWS
from bsdvirt.tui.widgets.glyphs import glyphs
from bsdvirt.tui.widgets.styles import palette_of
from bsdvirt.tui.widgets.table import LiveTable
from bsdvirt.tui.widgets.terminal import AsciiOnly, NoColours, SixteenColours, theme_for
from bsdvirt.tui.widgets.themes import PREFIX, THEMES

T = TypeVar("T")
FILTERS: Mapping[str, type[LineFilter]] = {"16": SixteenColours, "none": NoColours}
"""By theme: what leaves out the colours that it has not."""


@dataclass(frozen=True, slots=True)
class Start:
    """What the UI is opened with, besides its hosts and settings."""

    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Keys that were changed, by action."""
    file: SettingsFile | None = None
    """Where settings are kept; None keeps none."""
    problems: Sequence[str] = ()
    """What is wrong with the user's files."""
    theme: str = ""
    """The theme for this time."""


class BsdvirtApp(App[int]):
    """The UI over some hosts."""

    TITLE = "bsdvirt"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        sources: Sequence[Source],
        settings: Settings,
        language: Language,
        start: Start | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.start = start = start or Start()
        self.language = language
        self.history: list[str] = []
        self.glyphs = glyphs()
        for theme in THEMES.values():
            self.register_theme(theme)
        self._filters_of_theme: list[LineFilter] = []
        self.use_theme(start.theme or settings.theme or theme_for(os.environ))
        self.store = Store([source.name for source in sources])
        self._readers = {source.name: Reader(source) for source in sources}
        self._feeds = [
            Feed(reader, self.store, settings.interval, self._show_news)
            for reader in self._readers.values()
        ]
        self._reading: list[asyncio.Task[None]] = []
        self._plan_next = False
        self.keymap = Keymap(start.keys)
        for key in self.keymap.keys:
            self.bind(key, f"press('{key}')", show=False)
        self._sorted: dict[str, tuple[Any, bool]] = {}
        self.main = MainScreen(VIEWS, self._arrange, settings.view)
        self.terminal: Runner = StepAside(self)
        self.tasks = new_tasks(self)

    @property
    def sources(self) -> Mapping[str, Source]:
        return {name: reader.source for name, reader in self._readers.items()}

    def _handle_exception(self, error: Exception) -> None:
        """Leave out what fails once the UI ends: Textual takes screens apart that are still being
        filled."""
        if not self._exit:
            super()._handle_exception(error)

    def _arrange(self, view: View[Any]) -> None:
        """Show the columns of the settings in a view, sorted as they say."""
        table = view.table
        wanted = self.settings.columns.get(view.name_, ())
        if columns := [one for id in wanted for one in table.columns if one.id == id]:
            table.columns = columns
        sort = self.settings.sort.get(view.name_, "")
        column = sort.removeprefix("-")
        if any(one.id == column for one in table.columns):
            table.sort_by(column, reverse=sort.startswith("-"))
        self._sorted[view.name_] = table.sorted_by

    def _keep_view(self) -> None:
        """Keep which view was shown last, and how the views were sorted."""
        sort = dict(self.settings.sort)
        for name, view in self.main.views.items():
            column, reverse = view.table.sorted_by
            if (column, reverse) != self._sorted[name]:
                sort[name] = f"{'-' if reverse else ''}{column.id}"
        settings = msgspec.structs.replace(self.settings, view=self.main.view.name_, sort=sort)
        if self.start.file is not None and settings != self.settings:
            self.start.file.save(settings)

    def use_theme(self, name: str) -> None:
        """Draw everything in a theme: dark, light, 16 or none."""
        filters: list[LineFilter] = []
        if name in FILTERS:
            filters.append(FILTERS[name]())
        if not self.glyphs.utf8:
            filters.append(AsciiOnly())
        self._filters_of_theme = filters
        self.palette: Mapping[str, Style] = palette_of(name)
        self.theme = f"{PREFIX}{name}"

    def get_line_filters(self) -> Sequence[LineFilter]:
        return self._filters_of_theme

    def save_settings(self, settings: Settings) -> None:
        self.settings = settings
        for feed in self._feeds:
            feed.interval = settings.interval
        if self.start.file is not None and (why := self.start.file.save(settings)):
            self.say(why, problem=True)

    def on_mount(self) -> None:
        if not self.is_headless:
            end_by_signals(self.exit)
        self.push_screen(self.main)
        self.call_after_refresh(self._say_at_start)
        self._reading = [asyncio.create_task(feed.run()) for feed in self._feeds]

    def _say_at_start(self) -> None:
        """Say what is wrong with the user's files, and where nothing can be changed."""
        for problem in self.start.problems:
            self.notify(problem, severity="warning", timeout=15, markup=False)
        for name in self._readers:
            if why := self.read_only(name):
                what = f"{name}: " if self.store.several else ""
                self.notify(f"{what}read-only: {why}", timeout=8, markup=False)

    def _show_news(self) -> None:
        if self.main.ready and not getattr(self.screen, "covers", False):
            self.main.refresh_from(self.store)

    async def on_unmount(self) -> None:
        self._keep_view()
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        for reader in self._readers.values():
            reader.close()

    # ---- for the parts of the UI: see desk.py ----

    async def ask(self, host: str, query: Query[T], *words: str) -> T:
        return await self._readers[host].ask(query, *words)

    def refresh_now(self) -> None:
        for feed in self._feeds:
            feed.refresh()
        for view in self.main.views.values():
            view.reload()

    def read_only(self, host: str) -> str:
        return self._readers[host].source.read_only

    def why_not(self, action: Action, subjects: Sequence[Subject]) -> str:
        hosts = dict.fromkeys(one.host for one in subjects) or [self.host]
        locked = [self.read_only(host) for host in hosts]
        return why_not(action, subjects, locked[0] if all(locked) else "")

    def selected(self) -> list[Subject]:
        return self.main.selected()

    def action_press(self, key: str) -> None:
        action = self.keymap.action(key, self.place, self.selected())
        if action is not None:
            self.perform(action)

    def subjects_for(self, action: Action) -> list[Subject]:
        """Return what an action would act on: where it takes one only, that under the cursor."""
        return self.main.subjects_for(action) if action.on else []

    @property
    def host(self) -> str:
        chosen = self.main.current()
        return chosen[0].host if chosen else next(iter(self._readers))

    @property
    def place(self) -> str:
        return self.main.place

    @property
    def plans(self) -> bool:
        return self._plan_next or self.settings.plans == "always"

    def toggle_plan(self) -> None:
        self._plan_next = not self._plan_next
        self.main.update_footer()

    def perform(self, action: Action, subjects: Sequence[Subject] | None = None) -> None:
        if subjects is None:
            subjects = self.subjects_for(action)
        if why := self.why_not(action, subjects):
            self.say(f"{action.label}: {why}", problem=True)
            return
        if action.changes:
            subjects = [one for one in subjects if not self.read_only(one.host)]
        subjects = fitting(action, subjects) if action.on else subjects
        match action.do:
            case Opens(name):
                OPENERS[name](self, subjects)
            case OnTerminal(words, waits):
                for host, of_host in _by_host(subjects, self.host):
                    lead = action.do.lead(of_host[0]) if of_host else ""
                    self.run_on_terminal(host, words(of_host), lead=lead, waits=waits)
            case Asks(start, wants, offer, each):
                of = _by_host(subjects, self.host, each=each)
                starts = [(host, start(some)) for host, some in of]
                self.type_command(starts, wants=wants, offer=offer(subjects))
            case Command(words, each):
                asks = self.plans
                for host, of_host in _by_host(subjects, self.host, each=each):
                    self.run_words(
                        host, words(of_host), label=action.label, asks=asks, loses=action.loses,
                        names=[one.name for one in of_host],
                    )  # fmt: skip
        if isinstance(action.do, Command) and self._plan_next:
            self.toggle_plan()

    def type_command(
        self, starts: Sequence[tuple[str, Sequence[str]]] = (), *, wants: str = "", offer: str = ""
    ) -> None:
        from bsdvirt.tui.screens.command import CommandScreen

        self.push_screen(CommandScreen(starts or [(self.host, ())], wants, offer))

    def run_typed(self, lines: Sequence[tuple[str, Typed]]) -> None:
        asks = self.plans
        for host, line in lines:
            if line.plans:
                self.run_words(host, line.words, label=line.verb, asks=asks, loses=line.confirms)
            else:
                self.run_on_terminal(host, line.words, waits=not line.takes_over)
        if asks and self._plan_next and any(line.plans for _, line in lines):
            self.toggle_plan()

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
        self.tasks.run(
            host, words, label=label, asks=asks, loses=loses, names=names, secrets=secrets,
            ended=ended,
        )  # fmt: skip

    def run_on_terminal(
        self, host: str, words: Sequence[str], *, lead: str = "", waits: bool = False
    ) -> None:
        argv = self._readers[host].source.argv(words, terminal=True)
        self.run_worker(self.terminal(argv, lead=lead, waits=waits), exit_on_error=False)

    def say(self, text: str, *, problem: bool = False) -> None:
        self.notify(text, severity="error" if problem else "information", timeout=5, markup=False)

    def show_view(self, id: str) -> None:
        self.main.show_view(id)

    def on_table(self, what: str) -> None:
        self.main.on_table(what)

    def go_to(self, host: str, id: str) -> None:
        self.main.show_view("guests")
        if not self.main.view.table.go_to((host, id)):
            self.say("it is not shown: the filter leaves it out, or it is gone", problem=True)

    def on_live_table_menu(self, event: LiveTable.Menu) -> None:
        self.open_menu(event.x, event.y)

    def open_menu(self, x: int | None = None, y: int = 0) -> None:
        from bsdvirt.tui.screens.menu import MenuScreen

        if x is None:
            row = self.main.view.table.line_region()
            x, y = (row.x + 4, row.y + 1) if row else (0, 0)
        self.push_screen(MenuScreen(x, y))

    def open_detail(
        self, subjects: Sequence[Subject], tab: str = "", *, watch: bool = False
    ) -> None:
        self.main.open_detail(subjects, tab, watch)

    def on_detail(self, what: str) -> None:
        self.main.on_detail(what)

    def edit_filter(self) -> None:
        self.main.edit_filter()


def _by_host(
    subjects: Sequence[Subject], host: str, *, each: bool = False
) -> Iterator[tuple[str, Sequence[Subject]]]:
    """Yield the subjects of each host, or `each` by itself. Without subjects, only the host."""
    if not subjects:
        yield host, ()
    elif each:
        yield from ((one.host, [one]) for one in subjects)
    else:
        for name in dict.fromkeys(one.host for one in subjects):
            yield name, [one for one in subjects if one.host == name]


def run(
    sources: Sequence[Source], settings: Settings, language: Language, start: Start | None = None
) -> int:
    """Run the UI on this terminal, and return the exit status."""
    app: App[Any] = BsdvirtApp(sources, settings, language, start)
    survive_terminal()
    return app.run() or 0
