"""Actions of the detail: its tabs, and the parts of a guest under the cursor there: a disk, a
drive, an interface, a mount, a forwarded port, a snapshot, a property."""

from __future__ import annotations

from collections.abc import Sequence

from bsdvirt.tui.actions.action import (
    GUESTS,
    Action,
    Asks,
    Command,
    OnTerminal,
    Opens,
    Subject,
    Words,
)

WITH_DETAIL = frozenset({"guests", "cpus", "detail"})
"""Where the detail can be open."""


def _part(*before: str, after: Sequence[str] = ()) -> Words:
    """Return the words BEFORE GUEST PART AFTER."""

    def words(subjects: Sequence[Subject]) -> list[str]:
        return [*before, *(word for one in subjects for word in (one.of, one.name)), *after]

    return words


def _on(id: str, label: str, kind: str, do: Command | Asks | Opens, help: str, *, verb: str,
        key: str, states: frozenset[str] = frozenset(), loses: bool = False,
        many: bool = False) -> Action:  # fmt: skip
    return Action(
        id, label, do, verb=verb, key=key, on=frozenset({kind}), states=states, loses=loses,
        many=many, places=frozenset({"detail"}), changes=True, group="detail", help=help,
    )  # fmt: skip


def _ui(id: str, label: str, key: str, help: str, *, of_detail: bool = False) -> Action:
    places = frozenset({"detail"}) if of_detail else WITH_DETAIL
    return Action(id, label, Opens(id), key=key, places=places, group="detail", help=help)


def _snapshot(*before: str, after: Sequence[str] = ()) -> Words:
    """Return the words BEFORE GUEST@SNAPSHOT AFTER."""

    def words(subjects: Sequence[Subject]) -> list[str]:
        return [*before, *(f"{one.of}@{one.name}" for one in subjects), *after]

    return words


def _drive(subjects: Sequence[Subject]) -> list[str]:
    return ["cdrom", "insert", *(word for s in subjects for word in (s.of, "--drive", s.name))]


OF_PARTS: tuple[Action, ...] = (
    _on("part-set", "Set", "property", Opens("property"),
        "Set the property under the cursor.", verb="set", key="enter"),
    _on("part-grow", "Grow", "disk", Asks(_part("disk", "resize"), "SIZE"),
        "Grow the disk under the cursor.", verb="disk", key="z"),
    _on("part-remove-disk", "Remove", "disk", Command(_part("disk", "rm")),
        "Remove the disk under the cursor; its zvol is kept.", verb="disk", key="d"),
    _on("part-destroy-disk", "Destroy", "disk",
        Command(_part("disk", "rm", "--destroy", "--yes")),
        "Remove the disk under the cursor, and destroy its zvol with all data.", verb="disk",
        key="D", loses=True),
    _on("part-insert", "Insert", "drive", Asks(_drive, "MEDIUM"),
        "Insert a medium into the drive under the cursor.", verb="cdrom", key="i"),
    _on("part-eject", "Eject", "drive", Command(_part("cdrom", "eject")),
        "Eject the medium in the drive under the cursor.", verb="cdrom", key="d",
        states=frozenset({"full"})),
    _on("part-remove-nic", "Remove", "nic", Command(_part("nic", "rm")),
        "Remove the interface under the cursor.", verb="nic", key="d"),
    _on("part-hide", "End", "forward", Command(_part("expose", "--remove")),
        "End the forwarding under the cursor.", verb="expose", key="d"),
    _on("part-remove-snapshot", "Remove", "snapshot",
        Command(_snapshot("snapshot", "rm", "--yes")),
        "Remove the snapshot under the cursor.", verb="snapshot", key="D", loses=True,
        many=True),
    _on("part-rollback", "Roll back", "snapshot", Asks(_snapshot("rollback"), "[--restart]"),
        "Roll the guest back to the snapshot under the cursor; a running one with --restart.",
        verb="rollback", key="b", loses=True),
    _on("part-clone", "Clone", "snapshot", Asks(_snapshot("clone"), "NEW"),
        "Make another guest of the snapshot under the cursor.", verb="clone", key="n"),
    _on("part-hold", "Hold", "snapshot", Command(_snapshot("snapshot", "hold")),
        "Hold the snapshot under the cursor: nothing can destroy it.", verb="snapshot",
        key="h", states=frozenset({"free"}), many=True),
    _on("part-release", "Release", "snapshot", Command(_snapshot("snapshot", "release")),
        "Release the snapshot under the cursor.", verb="snapshot", key="d",
        states=frozenset({"held"}), many=True),
    Action("part-diff", "Changes", OnTerminal(_snapshot("snapshot", "diff"), waits=True),
           verb="snapshot", key="y", on=frozenset({"snapshot"}), places=frozenset({"detail"}),
           group="detail", help="List the files that changed since the snapshot under the cursor."),
    _on("part-unmount", "Remove", "mount", Command(_part("unmount")),
        "Remove the mount under the cursor from the jail.", verb="unmount", key="d"),
)  # fmt: skip
OF_DETAIL: tuple[Action, ...] = (
    Action(
        "watch",
        "Watch console",
        Opens("watch"),
        key="L",
        on=GUESTS,
        group="detail",
        help="Follow the guest's console beside the table, wherever the cursor goes.",
    ),
    _ui("add-part", "Add", "A", "Add a disk, an interface or a mount, by the tab.", of_detail=True),
    _ui("tab-previous", "Tab before", "left_square_bracket", "Show the tab before."),
    _ui("tab-next", "Next tab", "right_square_bracket", "Show the next tab."),
    _ui("pin", "Pin", "v", "Keep the detail on this guest, or follow the cursor again."),
)

ACTIONS = (*OF_PARTS, *OF_DETAIL)
