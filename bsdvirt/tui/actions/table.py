"""The table of all actions. Keys, footer, palette, help and menus are made from it."""

from __future__ import annotations

from collections.abc import Sequence

from bsdvirt.tui.actions.action import GUESTS, Action, Command, OnTerminal, Opens, Subject, Words

JAIL = frozenset({"jail"})
VM = frozenset({"vm"})
UP = frozenset({"running", "paused", "starting", "stopping"})
DOWN = frozenset({"stopped", "failed", "crashed", "unknown"})


def _names(*verb: str) -> Words:
    """Return the words VERB NAME …"""

    def words(subjects: Sequence[Subject]) -> list[str]:
        return [*verb, *(one.name for one in subjects)]

    return words


def _change(id: str, label: str, key: str, *, on: frozenset[str] = GUESTS, states: frozenset[str],
            help: str) -> Action:  # fmt: skip
    return Action(
        id, label, Command(_names(id)), verb=id, key=key, on=on, states=states,
        many=True, changes=True, group="guest", help=help,
    )  # fmt: skip


ACTIONS: tuple[Action, ...] = (
    _change("start", "Start", "s", states=DOWN, help="Start the guests."),
    _change("stop", "Stop", "x", states=UP, help="Stop the guests in an orderly way."),
    _change("restart", "Restart", "r", states=UP, help="Stop and start the guests."),
    _change("pause", "Pause", "u", on=VM, states=frozenset({"running"}), help="Pause the guests."),
    _change("resume", "Resume", "U", on=VM, states=frozenset({"paused"}), help="Resume them."),
    _change("reset", "Reset", "Z", on=VM, states=UP, help="Reset, as by the button."),
    Action(
        "console", "Console", OnTerminal(_names("console")), verb="console", key="c", on=GUESTS,
        states=UP, group="guest", help="A login shell in a jail, or a virtual machine's console.",
    ),
    Action(
        "destroy", "Destroy", Command(_names("destroy", "--yes")), verb="destroy", key="D",
        on=GUESTS, many=True, loses=True, changes=True, group="guest",
        help="Destroy the guests with all their data.",
    ),
    Action("detail", "Detail", Opens("detail"), verb="info", key="enter", on=GUESTS, group="guest",
           help="Show the guest in full."),
    Action("filter", "Filter", Opens("filter"), key="slash", group="view",
           help="Show what matches only."),
    Action("refresh", "Refresh", Opens("refresh"), key="ctrl+r", group="view",
           help="Read the hosts now."),
    Action("help", "Help", Opens("help"), key="question_mark", group="UI",
           help="Keys and actions of this place."),
    Action("quit", "Quit", Opens("quit"), key="q", group="UI", help="Leave the UI."),
)  # fmt: skip

BY_ID = {action.id: action for action in ACTIONS}
