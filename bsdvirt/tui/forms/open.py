"""Opening forms, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from bsdvirt.errors import BsdvirtError, UsageError
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import Desk

if TYPE_CHECKING:
    from bsdvirt.tui.forms.form import Form

FORMS = (
    "network create", "network set", "release fetch", "release add", "image fetch", "image import",
    "media add", "pool add", "disk add", "disk resize", "nic add", "insert", "mount", "expose",
    "rename", "tag", "clone",
)  # fmt: skip
"""The names of forms, in the words of their command; their declarations are not imported yet."""
_opening: set[asyncio.Task[None]] = set()
"""Tasks are kept until they end."""


def open_form(desk: Desk, name: str, subject: Subject) -> None:
    """Open the form of a command: `name` is its words, such as `network create` or `disk add`. Of
    the subject, a new object takes the host only."""
    _open(desk, _form(desk, name, subject))


async def _form(desk: Desk, name: str, subject: Subject) -> Form:
    """Return the form of a command. Raises BsdvirtError."""
    from bsdvirt.tui.forms import networks, objects, offers

    match name:
        case "network create":
            return networks.create_network(subject.host)
        case "network set":
            data = await offers.network_data(desk, subject.host, subject.name)
            return networks.set_network(subject.host, subject.name, data)
        case _:
            return objects.open_object(subject.host, name, subject.name)


def open_wizard(desk: Desk, host: str, subject: Subject | None = None) -> None:
    """Open the wizard that creates a guest on a host, from a release, an image or a medium."""
    _open(desk, _wizard(desk, host, subject))


async def _wizard(desk: Desk, host: str, subject: Subject | None) -> Form:
    from bsdvirt.tui.forms import known, wizard

    found = await known.known(desk, host)
    return wizard.wizard(found, subject.kind, subject.name) if subject else wizard.wizard(found)


def open_guest_form(desk: Desk, subject: Subject) -> None:
    """Open the form of a guest's properties."""
    _open(desk, _guest(desk, subject))


def open_property_form(desk: Desk, subject: Subject, property: str) -> None:
    """Open the form of one property of a guest, such as cpuset."""
    _open(desk, _guest(desk, subject, property))


async def _guest(desk: Desk, subject: Subject, property: str = "") -> Form:
    """Return the form of a guest. Raises BsdvirtError."""
    from bsdvirt.tui.forms import guest

    try:
        of = await guest.read(desk, subject.host, subject.name, subject.kind)
    except UsageError as error:
        raise BrokenFileError(subject, error) from error
    return guest.property_form(of, property) if property else guest.guest_form(of)


class BrokenFileError(BsdvirtError):
    """A guest's file has an error."""

    def __init__(self, subject: Subject, why: BsdvirtError) -> None:
        super().__init__(why.message, why.hint)
        self.subject = subject


def _open(desk: Desk, form: Coroutine[Any, Any, Form]) -> None:
    """Show a form as soon as what it shows has been read."""
    task = asyncio.create_task(_show(desk, form))
    _opening.add(task)
    task.add_done_callback(_opening.discard)


async def _show(desk: Desk, form: Coroutine[Any, Any, Form]) -> None:
    from bsdvirt.tui.forms.screens.broken import BrokenScreen
    from bsdvirt.tui.forms.screens.form import FormScreen

    try:
        desk.push_screen(FormScreen(await form))
    except BrokenFileError as error:
        desk.push_screen(BrokenScreen(error.subject, str(error)))
    except BsdvirtError as error:
        desk.say(str(error), problem=True)
