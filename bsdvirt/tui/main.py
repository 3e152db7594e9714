"""The main screen: the host line, one of the views, the footer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Static

from bsdvirt.errors import BsdvirtError
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.feed.model import Store
from bsdvirt.tui.views.base import View
from bsdvirt.tui.widgets.filterline import FilterLine
from bsdvirt.tui.widgets.footer import ActionFooter
from bsdvirt.tui.widgets.table import LiveTable


class MainScreen(Screen[None]):
    """One view at a time, under the line of the hosts."""

    DEFAULT_CSS = """
    MainScreen { layout: vertical; }
    #hosts { height: auto; }
    """

    def __init__(self, views: Sequence[View[Any]]) -> None:
        super().__init__()
        self.views: Mapping[str, View[Any]] = {view.name_: view for view in views}
        self._shown = views[0].name_

    def compose(self) -> ComposeResult:
        yield Static("", id="hosts", markup=False)
        yield FilterLine()
        with Vertical(id="body"), ContentSwitcher(initial=self._shown, id="views"):
            yield from self.views.values()
        yield ActionFooter()

    def on_mount(self) -> None:
        self.view.table.focus()
        self.view.on_shown()

    @property
    def view(self) -> View[Any]:
        """Return the view that is visible."""
        return self.views[self._shown]

    @property
    def place(self) -> str:
        """Return the id of the view that is visible."""
        return self._shown

    def show_view(self, id: str) -> None:
        if id not in self.views:
            return
        self._shown = id
        self.query_one("#views", ContentSwitcher).current = id
        self.view.table.focus()
        self.view.on_shown()
        self.refresh_from(desk_of(self).store)
        self.query_one(FilterLine).use(self.view)

    def refresh_from(self, store: Store) -> None:
        """Show what was read."""
        self.query_one("#hosts", Static).update(_hosts(store))
        self.view.refresh_from(store)
        self.update_footer()

    def update_footer(self) -> None:
        self.query_one(ActionFooter).update_for(self.place, self.view.selected())

    @on(LiveTable.Moved)
    @on(LiveTable.MarksChanged)
    def _selection_changed(self) -> None:
        self.update_footer()

    @on(LiveTable.Chosen)
    def _row_chosen(self) -> None:
        desk = desk_of(self)
        current = self.view.current()
        if (action := desk.keymap.action("enter", self.place, current)) is not None:
            desk.perform(action, current)

    def edit_filter(self) -> None:
        self.query_one(FilterLine).edit(self.view)

    @on(FilterLine.Changed)
    def _filter_changed(self, event: FilterLine.Changed) -> None:
        try:
            self.view.table.where(self.view.matcher(event.text))
        except BsdvirtError as error:
            self.query_one(FilterLine).refuse(str(error))

    @on(FilterLine.Ended)
    def _filter_ended(self) -> None:
        self.view.table.focus()

    def selected(self) -> list[Subject]:
        return self.view.selected()

    def current(self) -> list[Subject]:
        return self.view.current()


def _hosts(store: Store) -> str:
    """Return a line for each host."""
    lines = []
    for host in store.hosts.values():
        running = sum(1 for guest in host.guests.values() if guest.row.state == "running")
        text = f" {host.name or 'this host'}: {running} of {len(host.guests)} guests running"
        lines.append(f" {host.name or 'this host'}: {host.problem}" if host.problem else text)
    return "\n".join(lines)
