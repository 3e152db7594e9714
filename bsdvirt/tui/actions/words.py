"""Words of the command line for what is selected, and the sets that the table is written with."""

from __future__ import annotations

from collections.abc import Sequence

from bsdvirt.tui.actions.action import Subject, Words

JAIL = frozenset({"jail"})
VM = frozenset({"vm"})
ALL = frozenset({"jail", "vm", "foreign"})
"""Guests, and those of another host that were found here."""
FOREIGN = frozenset({"foreign"})

UP = frozenset({"running", "paused", "starting", "stopping", "restarting"})
DOWN = frozenset({"stopped", "failed", "interrupted"})
OFF = DOWN | {"locked", "foreign", "template"}
"""States in which a guest can be destroyed without force."""
RUNNING = frozenset({"running"})
PAUSED = frozenset({"paused"})


def names(*before: str, after: Sequence[str] = ()) -> Words:
    """Return the words BEFORE NAME … AFTER."""

    def words(subjects: Sequence[Subject]) -> list[str]:
        return [*before, *(one.name for one in subjects), *after]

    return words


def only(*words: str) -> Words:
    """Return these words, whatever is selected."""
    return lambda subjects: list(words)


def first_name(subjects: Sequence[Subject]) -> str:
    """Return the name of the first subject; "" if there is none."""
    return subjects[0].name if subjects else ""
