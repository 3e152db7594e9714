"""What a form is for: the fields to fill in, and the command line that they become."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bsdvirt.tui.desk import Desk
from bsdvirt.tui.forms.draft import Draft
from bsdvirt.tui.forms.sections import Section


@dataclass(frozen=True, slots=True)
class Also:
    """Another way to run a command: its key, and the words that it has in addition."""

    key: str
    label: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """A command line, and the secrets that it reads from standard input, a line each."""

    words: tuple[str, ...]
    secrets: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    """Texts that are not to be shown, should the plan have them."""
    also: Also | None = None


@dataclass(slots=True)
class Form:
    """A form for one command."""

    title: str
    host: str
    draft: Draft
    order: Callable[[Draft], Order]
    """Returns the command for what is typed."""
    label: str = ""
    """What the task is called."""
    verb: str = "run it"
    """What the review's key does."""
    file: bool = False
    """Whether the review begins with the file that the command writes."""
    nothing: str = "nothing has changed"
    """What to say where nothing would be done."""
    anew: Callable[[Draft], Sequence[Section]] | None = None
    """Returns the sections for what is typed, where they depend on that."""
    steers: Callable[[str], bool] = lambda path: False
    """Whether the sections depend on a field."""
    stale: Callable[[Desk, Draft], Awaitable[tuple[str, Form | None]]] | None = None
    """Reads again what the form shows. Returns what to say, and the form with what was typed, if
    another has changed it meanwhile."""
    needs_change: bool = True
    """Whether there is something to do only if a field has changed."""
