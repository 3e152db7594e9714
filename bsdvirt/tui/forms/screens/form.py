"""The screen of a form: its sections, the fields of one of them, help for the field with the
focus."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from bsdvirt.errors import BsdvirtError
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.forms.field import FormField
from bsdvirt.tui.forms.form import Form, Order
from bsdvirt.tui.forms.offers import offered
from bsdvirt.tui.forms.screens.controls import LineControl, LinesControl
from bsdvirt.tui.forms.screens.review import ReviewScreen
from bsdvirt.tui.forms.screens.rows import FieldList, FieldRow
from bsdvirt.tui.screens.cpus import choose_in_field, takes_cpus

MOST_FOUND = 20
"""How many fields a search shows."""
PAUSE = 0.1
"""Seconds without a key, after which a search begins."""
HINTS = (
    ("^s", "review"), ("^f", "find"), ("pgup/pgdn", "section"), ("^n", "offer"), ("esc", "leave"),
)  # fmt: skip


class FormScreen(ModalScreen[None]):
    """A form. What is typed is checked at once; nothing is changed before the review."""

    covers: ClassVar = True
    """Nothing of the screen beneath is seen: it need not be drawn."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,f2,ctrl+enter", "review", show=False, priority=True),
        Binding("ctrl+f", "find", show=False, priority=True),
        Binding("ctrl+o", "choose", show=False, priority=True),
        Binding("pagedown", "section(1)", show=False, priority=True),
        Binding("pageup", "section(-1)", show=False, priority=True),
        Binding("escape", "leave", show=False),
    ]
    DEFAULT_CSS = """
    FormScreen { layout: vertical; background: $background; }
    FormScreen #title, FormScreen #hints { height: 1; }
    FormScreen #sections { width: 21; height: 100%; border: none; padding: 0; }
    FormScreen.single #sections { display: none; }
    FormScreen #find { display: none; }
    FormScreen.finding #find { display: block; }
    FormScreen #said { height: auto; max-height: 3; padding: 0 1; display: none; }
    FormScreen #about { height: 3; padding: 0 1; }
    """

    def __init__(self, form: Form, said: str = "") -> None:
        super().__init__()
        self._said = said
        self.form = form
        self.draft = form.draft
        self._at = 0
        self._tried = False
        self._leaving = False
        self._problems: dict[str, str] = {}
        self._touched: set[str] = set()
        self._showing = asyncio.Lock()
        self._listed: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        with Horizontal():
            yield OptionList(id="sections")
            with Vertical():
                yield Input(placeholder="find a property", id="find", compact=True)
                yield FieldList(id="fields")
        yield Static("", id="said", markup=False)
        yield Static("", id="about", markup=False)
        yield Static("", id="hints", markup=False)

    async def on_mount(self) -> None:
        self.set_class(len(self.draft.sections) == 1, "single")
        self.query_one("#sections", OptionList).can_focus = False
        self._hints()
        self._list_sections()
        await self._show_section(0)
        self.say(self._said)

    @property
    def fields(self) -> FieldList:
        return self.query_one(FieldList)

    # ---- what is shown ----

    def _hints(self) -> None:
        styles = desk_of(self).palette
        line = Text(" ", no_wrap=True)
        for key, word in HINTS:
            line.append(key, styles["accent"])
            line.append(f" {word}  ", styles["text"])
        self.query_one("#hints", Static).update(line)

    def _list_sections(self) -> None:
        """Show the sections, each with whether it has changes or problems."""
        styles = desk_of(self).palette
        changed = {field.path for field in self.draft.changes()}
        shown = self._shown_problems()
        names = []
        for section in self.draft.sections:
            paths = {field.path for field in section.fields}
            style = "bad" if paths & shown.keys() else "mark" if paths & changed else "text"
            mark = "*" if paths & changed else " "
            names.append((f"{mark}{section.title}", style))
        title = Text(f" {self.form.title}", styles["heading"], no_wrap=True)
        if changed and self.form.needs_change:
            title.append(f"  {len(changed)} changed", styles["mark"])
        self.query_one("#title", Static).update(title)
        if names == self._listed:
            return
        self._listed = names
        sections = self.query_one("#sections", OptionList)
        with sections.prevent(OptionList.OptionHighlighted):
            sections.clear_options()
            sections.add_options(
                Option(Text(name, styles[style], no_wrap=True)) for name, style in names
            )
            sections.highlighted = self._at

    async def _show_section(self, number: int, *, last: bool = False) -> None:
        async with self._showing:
            self._at = number
            section = self.draft.sections[number]
            self.remove_class("finding")
            await self.fields.show(section.fields, self.draft)
            if not self.is_attached:
                return
            self._check()
            if not self.fields.go_to(last=last):
                self._about(section.help)
        self.query_one("#sections", OptionList).highlighted = number
        for field in section.fields:
            if field.names is not None:
                self.run_worker(self._offer(field), exit_on_error=False)

    async def _offer(self, field: FormField) -> None:
        if field.names is not None:
            values = await offered(desk_of(self), self.form.host, field.names)
            self.fields.offer(field.path, [*field.offers, *values])
            if (row := self.fields.current) is not None and row.field == field:
                self._about_row(row)

    def _check(self) -> None:
        self._problems = self.draft.problems()
        self.fields.mark(self.draft, self._shown_problems())
        self._list_sections()
        if (row := self.fields.current) is not None:
            self._about_row(row)

    def _shown_problems(self) -> dict[str, str]:
        """Return the problems to show: not that of a field that nobody has come to yet."""
        if self._tried:
            return self._problems
        return {path: text for path, text in self._problems.items() if path in self._touched}

    def _about_row(self, row: FieldRow) -> None:
        """Show help for a field, or what is wrong with it."""
        styles = desk_of(self).palette
        field, text = row.field, Text()
        if wrong := self._shown_problems().get(field.path):
            text.append(wrong, styles["bad"])
        elif field.fixed:
            text.append(f"{field.help} It is fixed at creation.", styles["dim"])
        else:
            text.append(field.help, styles["text"])
            notes = [field.type, f"default {field.default}" if field.default else ""]
            if any(notes):
                text.append(f" ({'; '.join(note for note in notes if note)})", styles["dim"])
        if isinstance(row.control, LineControl | LinesControl) and row.control.offers:
            text.append(f"\n^n: {' '.join(row.control.offers)}", styles["dim"])
        if takes_cpus(field) and not field.fixed:
            text.append("\n^o: choose on the map of the CPUs", styles["dim"])
        self.query_one("#about", Static).update(text)

    def _about(self, text: str) -> None:
        self.query_one("#about", Static).update(text)

    def say(self, text: str) -> None:
        """Show what is wrong with the form as a whole, until something is typed."""
        said = self.query_one("#said", Static)
        said.update(Text(text, desk_of(self).palette["bad"]))
        said.display = bool(text)

    # ---- what is typed ----

    @on(FieldRow.Changed)
    async def _changed(self, event: FieldRow.Changed) -> None:
        event.stop()
        path = event.field.path
        if event.text == self.draft.value(path):
            # A control that has just been made.
            return
        self._leaving = False
        self.say("")
        self._touched.add(path)
        self.draft.set(path, event.text)
        if self.form.anew is not None and self.form.steers(path):
            self.draft.sections = list(self.form.anew(self.draft))
            self._at = min(self._at, len(self.draft.sections) - 1)
            self.set_class(len(self.draft.sections) == 1, "single")
            here = self.draft.sections[self._at]
            if not self.fields.take(here.fields):
                await self._show_section(self._at)
                self.fields.go_to(path)
        self._check()

    @on(FieldList.At)
    def _at_field(self, event: FieldList.At) -> None:
        event.stop()
        self._about_row(event.row)

    @on(FieldList.Ended)
    async def _ended(self, event: FieldList.Ended) -> None:
        event.stop()
        number = self._at + event.by
        if self.has_class("finding"):
            return
        if 0 <= number < len(self.draft.sections):
            await self._show_section(number, last=event.by < 0)
        elif event.done:
            self.action_review()

    @on(OptionList.OptionSelected, "#sections")
    async def _section_chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        await self._show_section(event.option_index)

    async def action_section(self, by: int) -> None:
        await self._show_section((self._at + by) % len(self.draft.sections))

    def action_choose(self) -> None:
        """Let CPUs be chosen on the map, for a field of CPUs."""
        row = self.fields.current
        if row is None or row.field.fixed or not takes_cpus(row.field):
            return
        control = row.control
        desk, host, field = desk_of(self), self.form.host, row.field
        if isinstance(control, LineControl):
            choose_in_field(desk, host, field, control.value, 0, control.put)
        elif isinstance(control, LinesControl):
            line = control.cursor_location[0]
            choose_in_field(desk, host, field, control.text, line, control.put)

    # ---- search ----

    def action_find(self) -> None:
        self.add_class("finding")
        self.query_one("#find", Input).focus()

    @on(Input.Changed, "#find")
    def _find(self, event: Input.Changed) -> None:
        event.stop()
        self.run_worker(self._find_soon(), group="find", exclusive=True, exit_on_error=False)

    async def _find_soon(self) -> None:
        # What is typed fast is looked for once.
        await asyncio.sleep(PAUSE)
        await self._show_found()

    async def _show_found(self) -> None:
        words = self.query_one("#find", Input).value.lower().split()
        fields = [field for field in self.draft.fields() if _matches(field, words)][:MOST_FOUND]
        if fields != [row.field for row in self.fields.rows]:
            async with self._showing:
                await self.fields.show(fields, self.draft, whole=True)
        self._check()

    @on(Input.Submitted, "#find")
    async def _found(self, event: Input.Submitted) -> None:
        event.stop()
        self.workers.cancel_group(self, "find")
        await self._show_found()
        self.fields.go_to()

    # ---- the end ----

    async def action_leave(self) -> None:
        if self.has_class("finding"):
            await self._show_section(self._at)
        elif not self._touched or self._leaving:
            self.dismiss()
        else:
            self._leaving = True
            self.say("What is typed is not saved: esc again drops it, ^s goes on.")

    def action_review(self) -> None:
        # Not in the handler of the key: the host may take long to answer.
        self.run_worker(self._review(), group="review", exclusive=True, exit_on_error=False)

    async def _review(self) -> None:
        self._tried = True
        self.say("")
        self._check()
        if self._problems:
            await self._go_to_problem()
        elif self.form.needs_change and not self.draft.changes():
            self.say(self.form.nothing)
        elif not await self._changed_by_others():
            order = self.form.order(self.draft)
            self.app.push_screen(ReviewScreen(self.form, order), self._reviewed)

    async def _changed_by_others(self) -> bool:
        """Read again what the form shows; return whether another has changed it."""
        if self.form.stale is None:
            return False
        try:
            said, form = await self.form.stale(desk_of(self), self.draft)
        except BsdvirtError as error:
            self.say(str(error))
            return True
        if form is None:
            return False
        self.form, self.draft = form, form.draft
        await self._show_section(min(self._at, len(self.draft.sections) - 1))
        self.say(said)
        return True

    async def _go_to_problem(self) -> None:
        """Show the first problem at its field."""
        path = next(iter(self._problems))
        for number, section in enumerate(self.draft.sections):
            if path in {field.path for field in section.fields}:
                if not self.fields.go_to(path):
                    await self._show_section(number)
                    self.fields.go_to(path)
                return
        self.say(self._problems[path])

    def _reviewed(self, order: Order | None) -> None:
        if order is None:
            return
        form, app = self.form, self.app
        desk_of(self).run_words(
            form.host, order.words, label=form.label or form.title, secrets=order.secrets,
            ended=lambda error: _come_back(app, form, error),
        )  # fmt: skip
        self.dismiss()

    def on_key(self, event: events.Key) -> None:
        if event.key == "down" and self.query_one("#find", Input).has_focus:
            event.stop()
            self.fields.go_to()


def _come_back(app: App[object], form: Form, error: str) -> None:
    """Show a form again whose command has failed, unless another is open meanwhile."""
    if error and not isinstance(app.screen, ModalScreen):
        app.push_screen(FormScreen(form, error))


def _matches(field: FormField, words: Sequence[str]) -> bool:
    text = f"{field.path} {field.label} {field.help}".lower()
    return bool(words) and all(word in text for word in words)
