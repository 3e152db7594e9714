"""The main screen: the lines of the hosts, one of the views, the footer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import ContentSwitcher

from bsdvirt.tui.actions.action import Action, Subject
from bsdvirt.tui.actions.keys import shown_key
from bsdvirt.tui.actions.table import BY_ID
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.detail.pane import DetailPane
from bsdvirt.tui.feed.model import Store
from bsdvirt.tui.tasks.line import TaskLine
from bsdvirt.tui.views.base import View
from bsdvirt.tui.views.filters import completed
from bsdvirt.tui.widgets.filterline import Entry, FilterLine
from bsdvirt.tui.widgets.footer import ActionFooter
from bsdvirt.tui.widgets.hostline import HostLines
from bsdvirt.tui.widgets.table import LiveTable


class MainScreen(Screen[None]):
    """One view at a time, under the lines of the hosts."""

    DEFAULT_CSS = """
    MainScreen { layout: vertical; }
    #views { width: 2fr; }
    """

    def __init__(
        self,
        makers: Mapping[str, Callable[[], View[Any]]],
        arrange: Callable[[View[Any]], None],
        first: str = "",
    ) -> None:
        """`makers` make the views; `arrange` is called with each when it is made. `first` is shown
        first, where there is such a view."""
        super().__init__()
        self._makers = makers
        self._arrange_view = arrange
        self._shown = first if first in makers else next(iter(makers))
        self.views: dict[str, View[Any]] = {}
        """The views that were shown so far, by id."""
        self._make(self._shown)
        self.detail = DetailPane()
        self.ready = False
        """Whether its widgets are there."""
        self._footer: Hashable = None
        """What the footer was made for."""
        self._table: Mapping[str, Callable[[], object]] = {
            "mark": lambda: self.view.table.toggle_mark(),
            "mark-all": lambda: self.view.table.mark_all(),
            "mark-pattern": lambda: self._edit_marks(mark=True),
            "unmark-pattern": lambda: self._edit_marks(mark=False),
            "sort-next": lambda: self.view.table.sort_next(1),
            "sort-previous": lambda: self.view.table.sort_next(-1),
            "sort-reverse": lambda: self.view.table.sort_by(self.view.table.sorted_by[0].id),
            "back": self._back,
        }

    def compose(self) -> ComposeResult:
        yield HostLines()
        yield FilterLine()
        with Horizontal(id="body"):
            with ContentSwitcher(initial=self._shown, id="views"):
                yield self.view
            yield self.detail
        yield TaskLine()
        yield ActionFooter()

    def on_mount(self) -> None:
        self.ready = True
        self.view.table.focus()
        self.view.on_shown()
        self.refresh_from(desk_of(self).store)

    @property
    def view(self) -> View[Any]:
        """Return the view that is visible."""
        return self.views[self._shown]

    @property
    def place(self) -> str:
        """Return the id of the view that is visible, or "detail" where that has the keys."""
        return "detail" if self.detail.has_keys else self._shown

    def show_view(self, id: str) -> None:
        if id in self.views:
            self._shown = id
            self._enter(id)
        elif id in self._makers:
            self._make(id)
            self._shown = id
            self.run_worker(self._open(id))

    def _make(self, id: str) -> None:
        view = self._makers[id]()
        self._arrange_view(view)
        self.views[id] = view

    async def _open(self, id: str) -> None:
        """Show a view for the first time."""
        view = self.views[id]
        view.display = False
        await self.query_one("#views", ContentSwitcher).mount(view)
        self._enter(id)

    def _enter(self, id: str) -> None:
        if id == self._shown and self.view.is_mounted:
            self.detail.close()
            self.query_one("#views", ContentSwitcher).current = id
            self.view.table.focus()
            self.view.on_shown()
            self.refresh_from(desk_of(self).store)

    # ---- what is shown ----

    def refresh_from(self, store: Store) -> None:
        """Show what was read."""
        if not self.view.is_mounted:
            return
        desk = desk_of(self)
        read_only = {name: desk.read_only(name) for name in store.hosts}
        keys = desk.keymap.keys_of(BY_ID["doctor"])
        key = shown_key(keys[0]) if keys else ""
        self.query_one(HostLines).update(store, read_only, key)
        self.view.refresh_from(store)
        self.detail.refresh_from(store)
        self._show_state()
        self.update_footer()

    def update_footer(self) -> None:
        desk = desk_of(self)
        selected, current = self.selected(), self.current()
        of = (
            self.place,
            desk.plans,
            len(selected) > 1,
            frozenset((one.host, one.kind, one.state) for one in (*selected, *current)),
            tuple((one.kind, one.state) for one in current),
        )
        if of != self._footer:
            self._footer = of
            self.query_one(ActionFooter).update_for(self.place, selected)

    @on(LiveTable.Moved)
    @on(LiveTable.MarksChanged)
    def _selection_changed(self) -> None:
        self.detail.follow(self.view.current())
        self._show_state()
        self.update_footer()

    @on(LiveTable.Sorted)
    def _show_state(self) -> None:
        self.query_one(FilterLine).show(self._state())

    def _state(self) -> Text:
        """Return what the line of the filter says of the table."""
        view, palette = self.view, desk_of(self).palette
        table = view.table
        seen, total = len(table.visible_rows), table.total
        line = Text(f" {view.title} ", palette["heading"], no_wrap=True)
        line.append(f" {seen} of {total}" if seen != total else f" {total}", palette["dim"])
        for text in view.filters:
            line.append(f"  /{text}", palette["accent"])
        if marks := len(table.marks):
            line.append(f"  {marks} marked", palette["mark"])
            if unseen := table.marked_unseen:
                line.append(f", {unseen} of them not shown here", palette["mark"])
        return line.append(" ")

    # ---- what is chosen ----

    @on(LiveTable.Chosen)
    def _row_chosen(self) -> None:
        desk = desk_of(self)
        current = self.current()
        if (action := desk.keymap.action("enter", self.place, current)) is not None:
            desk.perform(action, current)

    def selected(self) -> list[Subject]:
        return self.detail.selected() if self.detail.has_keys else self.view.selected()

    def current(self) -> list[Subject]:
        return self.detail.selected() if self.detail.has_keys else self.view.current()

    def subjects_for(self, action: Action) -> list[Subject]:
        """Return what an action would act on: where it takes one only, that under the cursor."""
        if self.detail.has_keys:
            return self.detail.subjects_for(action)
        return self.view.selected() if action.many else self.view.current()

    # ---- the detail of a guest ----

    def open_detail(self, subjects: Sequence[Subject], tab: str, watch: bool) -> None:
        """Show a guest in full, at a tab."""
        if subjects:
            self.detail.open(subjects[0], tab, watch=watch)
            self.update_footer()

    def on_detail(self, what: str) -> None:
        """Do something to the detail; the words are ids of actions."""
        detail = self.detail
        match what:
            case "tab-next" | "tab-previous" if detail.opened:
                detail.action_tab(1 if what == "tab-next" else -1)
            case "pin" if detail.opened:
                detail.toggle_pin()
            case "add-part":
                if action := BY_ID.get(detail.add()):
                    desk_of(self).perform(action)

    def _leave_detail(self) -> bool:
        """Go back from the detail to the table; return whether it was open."""
        detail = self.detail
        if not detail.opened:
            return False
        if detail.narrow or not detail.has_keys:
            detail.close()
        self.view.table.focus()
        self.update_footer()
        return True

    # ---- filters, marks, sort ----

    def on_table(self, what: str) -> None:
        """Do something to the table of the view; the words are ids of actions."""
        if what == "back" or not self.detail.has_keys:
            self._table[what]()
        else:
            self.detail.on_table(what)

    def edit_filter(self) -> None:
        """Let a filter be typed: it is kept with enter, and forgotten with escape."""
        if self.detail.has_keys:
            self._search()
            return
        view = self.view
        self._edit(Entry(" /", view.filter_by, view.keep_filter, view.offers, completed))

    def _search(self) -> None:
        """Let a text be typed that is searched in the tab of the detail."""
        detail = self.detail

        def entered(text: str) -> None:
            detail.tab.search(text)
            detail.take_keys()

        self.query_one(FilterLine).edit(Entry(" /", detail.tab.search, entered), self._state())

    def _edit_marks(self, *, mark: bool) -> None:
        view = self.view

        def entered(text: str) -> None:
            if (test := view.pattern(text)) is not None:
                view.table.mark_where(test, mark=mark)

        prompt = " mark: " if mark else " unmark: "
        self._edit(Entry(prompt, view.pattern, entered, view.offers, completed))

    def _edit(self, entry: Entry) -> None:
        def entered(text: str) -> None:
            entry.entered(text)
            self.view.table.focus()
            self.call_later(self._show_state)

        shown = Entry(entry.prompt, entry.typed, entered, entry.offers, entry.complete)
        self.query_one(FilterLine).edit(shown, self._state())

    def _back(self) -> None:
        """Leave the detail; where it is not open, drop the last filter; then the marks."""
        if self._leave_detail():
            return
        if not self.view.drop_filter():
            self.view.table.unmark_all()
        self._show_state()
