"""Help: the keys and actions of the place where it was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from bsdvirt.tui.actions.here import Here, actions_here, by_group, fits_selection
from bsdvirt.tui.actions.places import TITLES
from bsdvirt.tui.desk import desk_of

MOVING = (
    ("up down j k", "another row"),
    ("pageup pagedown", "a page up or down"),
    ("home end g G", "the first row, the last row"),
    ("esc", "back: out of what is open, then the filter, then the marks"),
)
FILTER = (
    ("web", "rows with web in them; several words: all of them"),
    ("!web", "rows without web"),
    ("web*", "a pattern of the whole name"),
    ("tag:prod", "rows with this tag; also tag:prod,test"),
    ("state:running", "by state; !state:running is all others"),
    ("kind:vm", "by kind: jail, vm"),
    ("network:lan", "by network"),
    ("re:^w", "a regular expression"),
)
MOUSE = (
    ("click", "go to the row; on a heading: sort by the column"),
    ("double click", "open the row"),
    ("right click", "the menu of the row"),
    ("wheel", "scroll"),
)


class HelpScreen(ModalScreen[None]):
    """Scrolls; any of the keys that open it closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("home,g", "end(0)", show=False),
        Binding("end,G", "end(1)", show=False),
    ]
    DEFAULT_CSS = """
    HelpScreen VerticalScroll { height: 1fr; scrollbar-size-horizontal: 0; }
    HelpScreen #help { height: auto; width: 100%; }
    HelpScreen #foot { height: 1; width: 100%; }
    """

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Static("", id="help", markup=False)
        yield Static(" esc closes help; up and down scroll", id="foot", markup=False)

    def on_mount(self) -> None:
        self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        self.query_one("#help", Static).update(self._text())

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_relative(y=by * max(1, scroll.size.height - 1), animate=False)

    def action_end(self, last: int) -> None:
        scroll = self.query_one(VerticalScroll)
        if last:
            scroll.scroll_end(animate=False)
        else:
            scroll.scroll_home(animate=False)

    # ---- what is shown ----

    def _text(self) -> Text:
        desk = desk_of(self)
        styles = desk.palette
        title, about = TITLES.get(desk.place, (desk.place, ""))
        text = Text(style=styles["text"])
        text.append(f" {title}", styles["heading"])
        text.append(f"  {about}\n", styles["dim"])
        selected = desk.selected()
        if len(selected) > 1:
            text.append(f" {len(selected)} are marked: actions are done to all of them.\n")
        elif selected:
            text.append(f" The cursor is on {selected[0].name}.\n")
        here = actions_here(desk)
        mine = [one for one in here if fits_selection(one.action, selected)]
        for heading, actions in by_group(mine):
            self._actions(text, heading, actions)
        others = [one for one in here if not fits_selection(one.action, selected)]
        if others:
            self._actions(text, "For others than what is selected", others)
        self._pairs(text, "Moving around", MOVING)
        self._pairs(text, "Filter", FILTER)
        self._pairs(text, "Mouse", MOUSE)
        text.append("\n Keys can be changed: bsdvirt tui --print-keys.\n", styles["dim"])
        return text

    def _actions(self, text: Text, heading: str, actions: Sequence[Here]) -> None:
        styles = desk_of(self).palette
        text.append(f"\n {heading}\n", styles["heading"])
        width = max(cell_len(one.action.label) for one in actions)
        for one in actions:
            style = styles["dim" if one.why_not else "text"]
            text.append(f"  {one.keys or '-':<8}", styles["dim" if one.why_not else "accent"])
            text.append(f"{one.action.label:<{width}}  ", style)
            text.append(one.action.help if not one.why_not else f"not now: {one.why_not}", style)
            text.append("\n")

    def _pairs(self, text: Text, heading: str, pairs: Sequence[tuple[str, str]]) -> None:
        styles = desk_of(self).palette
        text.append(f"\n {heading}\n", styles["heading"])
        width = max(cell_len(keys) for keys, _ in pairs)
        for keys, about in pairs:
            text.append(f"  {keys:<{width}}  ", styles["accent"])
            text.append(f"{about}\n")
