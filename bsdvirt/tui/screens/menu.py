"""The menu of what is selected: by the right button of the mouse, or by a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Offset
from textual.screen import ModalScreen

from bsdvirt.tui.actions.action import Action
from bsdvirt.tui.actions.here import actions_here, by_group, fits_selection
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.widgets.choices import Choice, Choices

WIDEST = 70
FRAME = 2


class MenuScreen(ModalScreen[None]):
    """The actions of what is selected, beside it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,left,full_stop", "dismiss", show=False)
    ]
    DEFAULT_CSS = """
    MenuScreen { background: transparent; }
    MenuScreen Choices { position: absolute; height: auto; border: solid $border; }
    """

    def __init__(self, x: int, y: int) -> None:
        super().__init__()
        self._at = Offset(x, y)

    def compose(self) -> ComposeResult:
        yield Choices()

    def on_mount(self) -> None:
        lines = self._lines()
        choices = self.query_one(Choices)
        choices.show(lines)
        room = self.app.size
        width = min(WIDEST, room.width)
        height = min(len(lines) + FRAME, room.height)
        choices.styles.width = width
        choices.styles.height = height
        x = max(0, min(self._at.x, room.width - width))
        y = max(0, min(self._at.y, room.height - height))
        choices.styles.offset = (x, y)
        choices.focus()

    def _lines(self) -> list[Choice]:
        desk = desk_of(self)
        subjects = desk.selected()
        fitting = [
            one
            for one in actions_here(desk)
            if one.action.on and fits_selection(one.action, subjects)
        ]
        # Devices have forms and the palette: a menu is short.
        fitting = [one for one in fitting if one.keys or one.action.group != "devices"]
        lines = []
        for heading, actions in by_group(fitting):
            lines.append(Choice(heading))
            for one in actions:
                note = one.why_not or one.action.help
                act = self._doing(one.action)
                lines.append(Choice(one.action.label, note, one.keys, act, bool(one.why_not)))
        return lines or [Choice("nothing is selected")]

    def _doing(self, action: Action) -> Callable[[], None]:
        return lambda: desk_of(self).perform(action)

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        event.stop()
        self.dismiss()
        if event.choice.act is not None:
            self.app.call_later(event.choice.act)

    def on_click(self, event: events.Click) -> None:
        if not self.query_one(Choices).region.contains(event.screen_x, event.screen_y):
            self.dismiss()
