"""What the actions open, by name. Screens are imported when they are opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import Desk
from bsdvirt.tui.forms.open import (
    FORMS,
    open_form,
    open_guest_form,
    open_property_form,
    open_wizard,
)

Opener = Callable[[Desk, Sequence[Subject]], None]


def _filter(desk: Desk, subjects: Sequence[Subject]) -> None:
    desk.edit_filter()


def _refresh(desk: Desk, subjects: Sequence[Subject]) -> None:
    desk.refresh_now()


def _quit(desk: Desk, subjects: Sequence[Subject]) -> None:
    if not desk.tasks.active():
        desk.exit(0)
        return
    from bsdvirt.tui.tasks.leave import LeaveScreen

    desk.push_screen(LeaveScreen())


def _task(desk: Desk, subjects: Sequence[Subject]) -> None:
    from bsdvirt.tui.tasks.room import open_row

    open_row(desk, subjects[0])


def _cancel_task(desk: Desk, subjects: Sequence[Subject]) -> None:
    for subject in subjects:
        if (task := desk.tasks.get(int(subject.name))) is not None:
            desk.tasks.cancel(task)


def _view(id: str) -> Opener:
    return lambda desk, subjects: desk.show_view(id)


def _command(desk: Desk, subjects: Sequence[Subject]) -> None:
    desk.type_command()


def _object(desk: Desk, subjects: Sequence[Subject]) -> None:
    from bsdvirt.tui.screens.object import ObjectScreen

    desk.push_screen(ObjectScreen(subjects[0], desk.place))


def _plan(desk: Desk, subjects: Sequence[Subject]) -> None:
    desk.toggle_plan()


def _help(desk: Desk, subjects: Sequence[Subject]) -> None:
    from bsdvirt.tui.screens.help import HelpScreen

    desk.push_screen(HelpScreen())


def _palette(desk: Desk, subjects: Sequence[Subject]) -> None:
    from bsdvirt.tui.screens.palette import PaletteScreen

    desk.push_screen(PaletteScreen())


def _settings(desk: Desk, subjects: Sequence[Subject]) -> None:
    from bsdvirt.tui.screens.settings import SettingsScreen

    desk.push_screen(SettingsScreen())


def _menu(desk: Desk, subjects: Sequence[Subject]) -> None:
    desk.open_menu()


def _cpuset(desk: Desk, subjects: Sequence[Subject]) -> None:
    from bsdvirt.tui.screens.cpus import open_cpuset

    open_cpuset(desk, subjects)


def _create(desk: Desk, subjects: Sequence[Subject]) -> None:
    subject = subjects[0] if subjects else None
    open_wizard(desk, subject.host if subject else desk.host, subject)


def _property(desk: Desk, subjects: Sequence[Subject]) -> None:
    """Open the form of the property under the cursor; that of a list's element that has a name
    is typed."""
    from bsdvirt.tui.detail.config import has_form

    part = subjects[0]
    guest = Subject(part.host, getattr(part.row, "kind", None) or "", part.of)
    if has_form(guest.kind, part.name):
        open_property_form(desk, guest, part.name)
    else:
        starts = [(part.host, ["set", part.of])]
        desk.type_command(starts, wants="PROPERTY=VALUE", offer=f"{part.name}=")


def _form(name: str) -> Opener:
    """Return what opens the form of a command."""

    def opener(desk: Desk, subjects: Sequence[Subject]) -> None:
        open_form(desk, name, subjects[0] if subjects else Subject(desk.host, "", ""))

    return opener


def _table(what: str) -> Opener:
    return lambda desk, subjects: desk.on_table(what)


def _findings(desk: Desk, subjects: Sequence[Subject]) -> None:
    from bsdvirt.tui.screens.findings import FindingsScreen

    desk.push_screen(FindingsScreen())


OPENERS: dict[str, Opener] = {
    **{f"form {name}": _form(name) for name in FORMS},
    "filter": _filter,
    "refresh": _refresh,
    "mark": _table("mark"),
    "mark-all": _table("mark-all"),
    "mark-pattern": _table("mark-pattern"),
    "unmark-pattern": _table("unmark-pattern"),
    "sort-next": _table("sort-next"),
    "sort-previous": _table("sort-previous"),
    "sort-reverse": _table("sort-reverse"),
    "back": _table("back"),
    "findings": _findings,
    "quit": _quit,
    "task": _task,
    "cancel-task": _cancel_task,
    "command": _command,
    "plan": _plan,
    "help": _help,
    "palette": _palette,
    "menu": _menu,
    "settings": _settings,
    "object": _object,
    "detail": lambda desk, subjects: desk.open_detail(subjects),
    "log": lambda desk, subjects: desk.open_detail(subjects, "log"),
    "watch": lambda desk, subjects: desk.open_detail(subjects, "log", watch=True),
    "tab-previous": lambda desk, subjects: desk.on_detail("tab-previous"),
    "tab-next": lambda desk, subjects: desk.on_detail("tab-next"),
    "property": _property,
    "pin": lambda desk, subjects: desk.on_detail("pin"),
    "add-part": lambda desk, subjects: desk.on_detail("add-part"),
    "create": _create,
    "cpuset": _cpuset,
    "form": lambda desk, subjects: open_guest_form(desk, subjects[0]),
    "view-guests": _view("guests"),
    "view-cpus": _view("cpus"),
    "view-networks": _view("networks"),
    "view-storage": _view("storage"),
    "view-library": _view("library"),
    "view-tasks": _view("tasks"),
}
