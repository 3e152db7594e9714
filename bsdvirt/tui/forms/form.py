"""What a form is for: the fields to fill in, and the command line that they become."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bsdvirt.tui.forms.draft import Draft
from bsdvirt.tui.forms.sections import Section


@dataclass(frozen=True, slots=True)
class Order:
    """A command line, and the secrets that it reads from standard input, a line each."""

    words: tuple[str, ...]
    secrets: tuple[str, ...] = ()


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
    nothing: str = "nothing has changed"
    """What to say where nothing would be done."""
    anew: Callable[[Draft], Sequence[Section]] | None = None
    """Returns the sections for what is typed, where they depend on that."""
    steers: frozenset[str] = field(default_factory=frozenset)
    """The fields that the sections depend on."""
    needs_change: bool = True
    """Whether there is something to do only if a field has changed."""
