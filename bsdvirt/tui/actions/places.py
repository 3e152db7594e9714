"""The views, by what can be selected in them: where a key means what."""

from __future__ import annotations

from collections.abc import Mapping

from bsdvirt.tui.actions.action import Action

KINDS: Mapping[str, frozenset[str]] = {
    "guests": frozenset({"jail", "vm", "foreign"}),
    "cpus": frozenset({"jail", "vm"}),
    "networks": frozenset({"network", "forward", "jail", "vm", "foreign"}),
    "storage": frozenset({"pool", "jail", "vm", "foreign", "disk", "dataset", "release", "image"}),
    "library": frozenset(
        {"release", "image", "media", "profile", "available", "jail", "vm", "foreign"}
    ),
    "tasks": frozenset({"task", "operation"}),
    "detail": frozenset(
        {
            "jail",
            "vm",
            "foreign",
            "property",
            "disk",
            "drive",
            "device",
            "nic",
            "forward",
            "mount",
            "snapshot",
            "dataset",
            "process",
        }
    ),
}
"""The kinds of subjects, by view."""

TITLES: Mapping[str, tuple[str, str]] = {
    "guests": ("Guests", "All jails and virtual machines."),
    "cpus": ("CPUs", "Who may run on which CPU."),
    "networks": ("Networks", "Bridges with their members, addresses, NAT and forwarded ports."),
    "storage": ("Storage", "Pools, and what guests take of them."),
    "library": ("Library", "Releases for jails; images and media for virtual machines."),
    "tasks": ("Tasks", "What was done, how long it took, what failed."),
    "detail": ("Detail", "A guest in full, and its parts."),
}
"""What help calls the views, and says of them."""


def belongs(action: Action, place: str) -> bool:
    """Return whether an action can apply in a view at all: to one of the kinds that it shows."""
    if action.places:
        return place in action.places
    return not action.on or bool(action.on & KINDS.get(place, frozenset()))


def clash(one: Action, other: Action) -> bool:
    """Return whether one key for both would be ambiguous in some view."""
    for place, kinds in KINDS.items():
        both = belongs(one, place) and belongs(other, place)
        if both and (not one.on or not other.on or one.on & other.on & kinds):
            return True
    return False
