"""The palette: actions, views and guests, by any letters of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from bsdvirt.tui.actions.action import Action
from bsdvirt.tui.actions.here import actions_here, likeness
from bsdvirt.tui.actions.table import ACTIONS
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.widgets.choices import Choice, Choices


class PaletteScreen(ModalScreen[None]):
    """What is typed narrows the list; enter does what is under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+p", "dismiss", show=False),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("pageup", "move(-10)", show=False, priority=True),
        Binding("pagedown", "move(10)", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    PaletteScreen { background: transparent; align: center top; }
    PaletteScreen > Vertical { width: 90%; max-width: 110; height: 90%; margin-top: 1; }
    PaletteScreen > Vertical { border: solid $border; }
    PaletteScreen Horizontal { height: 1; }
    PaletteScreen Static { width: auto; }
    PaletteScreen Input { padding: 0; width: 1fr; }
    """

    def compose(self) -> ComposeResult:
        with Vertical():
            with Horizontal():
                yield Static(" > ", markup=False)
                yield Input(compact=True)
            yield Choices()

    def on_mount(self) -> None:
        self._all = [*self._actions(), *self._guests()]
        self.query_one(Input).focus()
        self._show("")

    def _actions(self) -> Iterator[Choice]:
        desk = desk_of(self)
        here = actions_here(desk)
        can = [one for one in here if not one.why_not]
        for one in (*can, *(one for one in here if one.why_not)):
            note = one.why_not or one.action.help
            yield self._choice(one.action, note, one.keys, dim=bool(one.why_not))
        shown = {one.action.id for one in here}
        for action in ACTIONS:
            if action.id not in shown:
                # Of another view: it says of what.
                note = f"of a {', '.join(sorted(action.on))}" if action.on else action.help
                yield self._choice(action, note, "", dim=True)

    def _choice(self, action: Action, note: str, keys: str, *, dim: bool) -> Choice:
        return Choice(action.label, note, keys, lambda: desk_of(self).perform(action), dim)

    def _guests(self) -> Iterator[Choice]:
        desk = desk_of(self)
        for guest in desk.store.guests():
            where = f" on {guest.host or 'this host'}" if desk.store.several else ""
            row = guest.row
            note = f"{row.kind or 'foreign'}, {row.state}"
            yield Choice(f"Go to {row.name}{where}", note, act=_going(desk.go_to, *guest.key))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show(event.value)

    def _show(self, typed: str) -> None:
        if not typed.strip():
            self.query_one(Choices).show(self._all)
            return
        scored = [
            (score, index, one)
            for index, one in enumerate(self._all)
            if (score := _score(typed, one)) is not None
        ]
        scored.sort(key=lambda item: (item[0], item[1]))
        self.query_one(Choices).show([one for _, _, one in scored])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one(Choices).action_choose()

    def action_move(self, by: int) -> None:
        self.query_one(Choices).action_move(by)

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        event.stop()
        self.dismiss()
        if event.choice.act is not None:
            self.app.call_later(event.choice.act)


def _going(go_to: Callable[[str, str], None], host: str, id: str) -> Callable[[], None]:
    return lambda: go_to(host, id)


def _score(typed: str, choice: Choice) -> int | None:
    """Return how well a line fits; the label counts more than its help."""
    by_label = likeness(typed, choice.label)
    if by_label is None:
        words = typed.casefold().split()
        by_help = all(word in choice.note.casefold() for word in words)
        return 500 + choice.dim if by_help and words else None
    return by_label + (200 if choice.dim else 0)
