"""The detail of a guest, in tabs: beside the table where the terminal is wide, instead of it where
it is narrow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Static

from bsdvirt.errors import as_told
from bsdvirt.host.sanitize import shown_line
from bsdvirt.tui.actions.action import Action, Subject
from bsdvirt.tui.actions.words import ALL
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.detail.bar import TabBar, heading
from bsdvirt.tui.feed.model import GuestState, Store, key_of
from bsdvirt.tui.widgets.table import Key, LiveTable

if TYPE_CHECKING:
    from bsdvirt.tui.detail.tab import Tab

WIDE = 120
"""Columns of a terminal that has room for the table and the detail."""
SETTLED = 0.15
"""Seconds that the cursor rests before the detail follows it."""

PAUSE = 4
"""A host is asked at most a fifth of the time."""


class DetailPane(Vertical):
    """Shows one guest; hidden until it is opened."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "tab(-1)", show=False),
        Binding("right", "tab(1)", show=False),
    ]
    DEFAULT_CSS = """
    DetailPane { width: 3fr; }
    DetailPane #guest { height: 1; }
    """

    def __init__(self) -> None:
        super().__init__(id="detail")
        self._key: Key | None = None
        self._guest: Subject | None = None
        self._tabs: dict[str, Tab] = {}
        self._shown = "summary"
        self._settling: Timer | None = None
        self._due = 0.0
        """When to ask again: seconds, as of time.monotonic."""
        self._turn = 0
        self._busy = False
        self._problem = ""
        self.pinned = False
        self.display = False

    def compose(self) -> ComposeResult:
        yield Static("", id="guest", markup=False)
        yield TabBar()

    # ---- opened and closed ----

    @property
    def opened(self) -> bool:
        return self.display

    @property
    def narrow(self) -> bool:
        """Return whether it is shown instead of the table."""
        return self.app.size.width < WIDE

    @property
    def has_keys(self) -> bool:
        """Return whether actions act on what it shows."""
        if not self.opened or not self.is_attached:
            return False
        focused = self.screen.focused
        return focused is not None and self in focused.ancestors

    def open(self, guest: Subject, tab: str = "", *, watch: bool = False) -> None:
        """Show a guest. Where it was open already, or at a tab, it gets the keys; `watch`: only
        where it is instead of the table, and it stays with the guest."""
        keys = self.narrow or (not watch and (self.opened or bool(tab)))
        self.pinned = watch
        self.display = True
        self._place()
        self._show(guest)
        self.pick(tab or self._shown)
        if keys:
            self.call_after_refresh(self.take_keys)

    def close(self) -> None:
        self.display = False
        self.pinned = False
        self._place()

    def _place(self) -> None:
        """Leave the table out where there is no room for both."""
        self.screen.query_one("#views").display = not (self.opened and self.narrow)

    def on_resize(self, event: events.Resize) -> None:
        self._place()
        self._show_bar()
        if self.opened and self.narrow and not self.has_keys:
            self.take_keys()

    def take_keys(self) -> None:
        self.tab.inside.focus()

    # ---- the guest ----

    @property
    def guest(self) -> Subject | None:
        return self._guest

    def follow(self, current: Sequence[Subject]) -> None:
        """Show the guest under the cursor, once that rests."""
        if not self.opened or self.pinned or self.narrow or len(current) != 1:
            return
        guest = current[0]
        if guest.kind not in ALL:
            return
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLED, lambda: self._show(guest))

    def _show(self, guest: Subject) -> None:
        key = _key(guest)
        if key == self._key and self._guest is not None and self._guest.kind == guest.kind:
            return
        self._key, self._guest = key, guest
        self._problem = ""
        for tab in self._tabs.values():
            tab.clear()
        self.pick(self._shown)

    def toggle_pin(self) -> None:
        """Keep the guest that is shown, wherever the cursor goes; or follow it again."""
        self.pinned = not self.pinned
        self._show_bar()

    def refresh_from(self, store: Store) -> None:
        """Show what was read."""
        guest = self._guest
        if guest is None or not self.opened:
            return
        state = self._state(store)
        if state is None:
            self._problem = "it is gone"
        else:
            row = state.row
            if row.state != guest.state:
                self._due = 0.0
            self._guest = Subject(guest.host, row.kind or "foreign", row.name, row.state, row)
            self.tab.refresh_from(state)
            if time.monotonic() >= self._due and not self._busy:
                self._load()
        self._show_bar()

    def _state(self, store: Store) -> GuestState | None:
        host = store.hosts.get(self._guest.host) if self._guest else None
        return host.guests.get(self._key) if host and self._key else None

    # ---- tabs ----

    @property
    def tab(self) -> Tab:
        return self._tabs[self._shown]

    @property
    def tabs(self) -> list[type[Tab]]:
        """Return the tabs of the guest's kind."""
        kind = self._guest.kind if self._guest else ""
        # They load what reads a guest in full, which the first screen does not need.
        from bsdvirt.tui.detail.tabs import TABS

        return [tab for tab in TABS if kind in tab.kinds]

    def pick(self, name: str) -> None:
        """Show a tab; for a guest that does not have it, the first."""
        had_keys = self.has_keys
        tabs = self.tabs
        chosen = next((tab for tab in tabs if tab.name_ == name), tabs[0])
        if chosen.name_ not in self._tabs:
            self._tabs[chosen.name_] = chosen()
            self.mount(self._tabs[chosen.name_])
        self._shown = chosen.name_
        for tab_name, tab in self._tabs.items():
            tab.display = tab_name == self._shown
        self._show_bar()
        if (state := self._state(desk_of(self).store)) is not None:
            self.call_after_refresh(self.tab.refresh_from, state)
        self._load()
        if had_keys:
            self.call_after_refresh(self.take_keys)

    def action_tab(self, by: int) -> None:
        """Show the next tab, or the one before."""
        names = [tab.name_ for tab in self.tabs]
        if names:
            self.pick(names[(names.index(self._shown) + by) % len(names)])

    @on(TabBar.Picked)
    def _picked(self, event: TabBar.Picked) -> None:
        event.stop()
        self.pick(event.name)

    def _show_bar(self) -> None:
        bar = self.query_one(TabBar)
        bar.show(self.tabs, self._shown)
        line = self.query_one("#guest", Static)
        line.update(heading(self._guest, self.pinned, shown_line(self._problem), line))

    # ---- reading ----

    def _load(self) -> None:
        # run_worker takes a coroutine function, which its types do not say.
        ask: Any = self._ask
        self.run_worker(ask, group="detail", exclusive=True, exit_on_error=False)

    async def _ask(self) -> None:
        guest, tab = self._guest, self.tab
        if guest is None:
            return
        self._turn += 1
        turn, self._busy = self._turn, True
        began = time.monotonic()
        try:
            await tab.load(guest)
            self._problem = ""
        except Exception as raised:
            error = as_told(raised)
            self._problem = f"{error.message} ({error.hint})" if error.hint else error.message
            tab.tell(shown_line(self._problem))
        finally:
            if turn == self._turn:
                self._busy = False
                now = time.monotonic()
                # A host that is slow is asked less often.
                self._due = now + max(tab.pause, PAUSE * (now - began))
        if self.is_mounted:
            self._show_bar()

    def reload(self) -> None:
        """Ask with the next tick."""
        self._due = 0.0

    # ---- what actions act on ----

    def selected(self) -> list[Subject]:
        """Return the part under the cursor, such as a disk, or the guest."""
        return (self.tab.parts() if self._tabs else []) or self._guests()

    def subjects_for(self, action: Action) -> list[Subject]:
        """Return what an action would act on: a part that it is for, or the guest."""
        parts = self.tab.parts() if self._tabs else []
        fit = [one for one in parts if one.kind in action.on]
        return fit or self._guests()

    def _guests(self) -> list[Subject]:
        return [self._guest] if self._guest is not None else []

    def on_table(self, what: str) -> None:
        """Sort the table of the tab."""
        table = self.tab.inside
        if isinstance(table, LiveTable):
            match what:
                case "sort-next" | "sort-previous":
                    table.sort_next(1 if what == "sort-next" else -1)
                case "sort-reverse":
                    table.sort_by(table.sorted_by[0].id)

    def add(self) -> str:
        """Return the id of the action that adds something to what the tab lists."""
        return self.tab.adds if self._tabs else ""


def _key(guest: Subject) -> Key:
    row = guest.row
    return key_of(guest.host, row) if hasattr(row, "id") else (guest.host, guest.name)  # type: ignore[arg-type]
