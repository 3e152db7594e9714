"""What an action is, and what it acts on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bsdvirt.rows.base import Row

GUESTS = frozenset({"jail", "vm"})
"""Kinds of subjects that are guests."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an action acts on: a guest, a network, a release and so on, as a view shows it."""

    host: str
    """"" is this machine."""
    kind: str
    """jail, vm, network, release, image, media, pool, task …"""
    name: str
    state: str = ""
    row: Row | None = None
    of: str = ""
    """The guest that a part in the detail, such as a disk, belongs to."""


NOUNS = {
    "vm": "virtual machine",
    "forward": "forwarded port",
    "profile": "profile of an image",
    "available": "release that is not here",
    "foreign": "foreign guest",
    "media": "medium",
    "nic": "network interface",
    "drive": "CD drive",
}
"""What subjects are called, where that is not their kind."""

Words = Callable[[Sequence[Subject]], list[str]]
"""Returns words of the command line for subjects of one host."""


@dataclass(frozen=True, slots=True)
class Command:
    """Runs `bsdvirt WORDS` in the background, as a task: one for each host."""

    words: Words
    each: bool = False
    """Whether the verb takes one subject only: a task for each of them."""


@dataclass(frozen=True, slots=True)
class OnTerminal:
    """Steps aside and runs `bsdvirt WORDS` on the terminal, for one subject."""

    words: Words
    waits: bool = False
    """Whether to wait for a key before the UI returns: for output that is to be read."""
    leave: Mapping[str, str] = field(default_factory=dict)
    """How the command is left, by the kind of its subject."""

    def lead(self, subject: Subject) -> str:
        """Return the line that is printed before the command runs."""
        place = f"{subject.name} on {subject.host}" if subject.host else subject.name
        leave = self.leave.get(subject.kind)
        return f"{place}: {leave} to return to the UI" if leave else ""


@dataclass(frozen=True, slots=True)
class Asks:
    """Asks for the words that are missing, on the command line, and runs them: in the background
    if they change something, else on the terminal."""

    start: Words
    """The words that are given already; they are not edited."""
    wants: str
    """What is to be typed, as the help of the verb has it, such as TAG …"""
    offer: Callable[[Sequence[Subject]], str] = lambda subjects: ""
    """Returns what is typed already, to be accepted or changed."""
    each: bool = False
    """Whether the verb takes one subject only: it is run for each of them."""


@dataclass(frozen=True, slots=True)
class Opens:
    """Opens a screen or view; see tui/opens.py for the names."""

    name: str


@dataclass(frozen=True, slots=True)
class Action:
    """One action: its key, what it acts on, what it does."""

    id: str
    """Its name in keys.yaml."""
    label: str
    do: Command | OnTerminal | Asks | Opens
    verb: str = ""
    """The verb of the command line that it is; "" for those of the UI alone."""
    key: str = ""
    on: frozenset[str] = frozenset()
    """The kinds of subjects that it acts on; none if it acts on nothing that is selected."""
    places: frozenset[str] = frozenset()
    """The views that it belongs to; none if it belongs wherever its subjects are."""
    states: frozenset[str] = frozenset()
    """The states in which it can be done; none for all."""
    refuses: Callable[[Subject], str] | None = None
    """Returns why it cannot be done to a subject as it is now; "" if it can."""
    many: bool = False
    """Whether it can be done to several subjects at once."""
    loses: bool = False
    """Whether data is lost: what goes is listed, and a name has to be typed."""
    changes: bool = False
    """Whether it changes something: never in a read-only UI."""
    group: str = ""
    """Its section in help and menus."""
    help: str = ""
    """One sentence for help and the palette."""


def why_not(action: Action, subjects: Sequence[Subject], read_only: str = "") -> str:
    """Return why an action cannot be done to these subjects now; "" if it can."""
    if action.changes and read_only:
        return read_only
    if not action.on:
        return ""
    if not subjects:
        return "nothing is selected"
    wrong = [one for one in subjects if one.kind not in action.on]
    if wrong:
        return f"not for a {noun(wrong[0])}"
    if len(subjects) > 1 and not action.many:
        return "only for one at a time"
    if action.states:
        unfit = [one for one in subjects if one.state not in action.states]
        # Of several, those that it fits are acted on.
        if len(unfit) == len(subjects):
            return f"{unfit[0].name} is {unfit[0].state}"
    if action.refuses is not None:
        whys = [action.refuses(one) for one in subjects]
        if all(whys):
            return whys[0]
    return ""


def fitting(action: Action, subjects: Sequence[Subject]) -> list[Subject]:
    """Return those of the subjects that an action can be done to now."""
    return [one for one in subjects if not why_not(action, [one])]


def noun(subject: Subject) -> str:
    """Return what a subject is called in a sentence."""
    return NOUNS.get(subject.kind, subject.kind)
