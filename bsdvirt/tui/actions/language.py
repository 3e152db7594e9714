"""What the UI asks of the command line's parser. The command line gives it when it opens the UI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Typed:
    """A command line that was understood."""

    words: tuple[str, ...]
    verb: str
    changes: bool
    """Whether it changes something: not in a read-only UI."""
    plans: bool = False
    """Whether it has a plan: it is run as a task. Others are run on the terminal."""
    confirms: bool = False
    """Whether it would ask before it runs: its plan is shown first."""
    takes_over: bool = False
    """Whether it uses the terminal until it is left, such as a console."""


@dataclass(frozen=True, slots=True)
class Next:
    """What the next word of a command line can be."""

    words: Mapping[str, str]
    """Words, and a line of help for each."""
    kinds: tuple[str, ...] = ()
    """Kinds of names: guest, network, release, image, media, pool, profile, property."""
    wants: str = ""
    """What it is called in the help of the verb."""


class Language(Protocol):
    """The verbs of the command line."""

    def parse(self, words: Sequence[str]) -> Typed:
        """Return what a command line means. Raises BsdvirtError for what is not understood."""

    def next(self, words: Sequence[str]) -> Next:
        """Return what can follow these complete words."""
