"""Actions of the UI itself: views, filter, plans, help."""

from __future__ import annotations

from bsdvirt.tui.actions.action import Action, Opens


def _ui(id: str, label: str, key: str, help: str, *, verb: str = "", group: str = "UI") -> Action:
    return Action(id, label, Opens(id), verb=verb, key=key, group=group, help=help)


VIEWS: tuple[Action, ...] = (
    _ui("view-guests", "Guests", "1", "All guests of all hosts.", verb="ls", group="view"),
    _ui("view-cpus", "CPUs", "2", "Which guest may run on which CPU.", verb="cpu", group="view"),
    _ui("view-networks", "Networks", "3", "Bridges, addresses, ports.", group="view"),
    _ui("view-storage", "Storage", "4", "Pools, datasets and zvols.", group="view"),
    _ui("view-library", "Library", "5", "Releases, images and media.", group="view"),
    _ui("view-tasks", "Tasks", "6", "Tasks and events.", verb="events", group="view"),
)
OF_UI: tuple[Action, ...] = (
    _ui("filter", "Filter", "slash", "Show only what matches.", group="view"),
    _ui(
        "back",
        "Back",
        "escape",
        "Leave the detail; drop the last filter; then the marks.",
        group="view",
    ),
    _ui("mark", "Mark", "space", "Mark the row, or unmark it.", group="view"),
    _ui("mark-all", "Mark all", "asterisk", "Mark all rows shown, or unmark them.", group="view"),
    _ui(
        "mark-pattern",
        "Mark by pattern",
        "plus",
        "Mark by a pattern of names, or KEY:VALUE.",
        group="view",
    ),
    _ui("unmark-pattern", "Unmark by pattern", "minus", "Unmark by a pattern.", group="view"),
    _ui("sort-next", "Sort by next", "greater_than_sign", "Sort by the next column.", group="view"),
    _ui(
        "sort-previous",
        "Sort by previous",
        "less_than_sign",
        "Sort by the column before.",
        group="view",
    ),
    _ui("sort-reverse", "Reverse", "o", "Sort the other way round.", group="view"),
    _ui("refresh", "Refresh", "ctrl+r", "Read the hosts now.", group="view"),
    _ui("plan", "Plan first", "p", "Show the plan of the next action before it runs."),
    _ui("command", "Command", "colon", "Type any verb of the command line."),
    _ui("palette", "Palette", "ctrl+p", "Find actions, guests and views by their names."),
    _ui("menu", "Menu", "full_stop", "The actions of what is selected."),
    _ui("help", "Help", "question_mark", "Keys and actions of this place."),
    _ui("settings", "Settings", "comma", "Theme, interval, plans."),
    _ui("quit", "Quit", "q", "Leave the UI."),
)

ACTIONS = (*VIEWS, *OF_UI)
