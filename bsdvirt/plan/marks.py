"""The mark that a dataset bears while an operation makes it, renames it or takes it away:
bsdvirt:op, that operation. Pure."""

from __future__ import annotations

from bsdvirt.host import tools
from bsdvirt.plan.conditions import OP_PROPERTY
from bsdvirt.plan.step import Action, Command, DatasetOwned, Not, Pipeline, Step, Undo

_KEEP = frozenset({"create", "clone", "hold", "mount", "release", "snapshot", "umount"})
"""What zfs(8) does without changing a mark that is there."""
BUSY_SECONDS = 10.0
DESTROY_BUSY_SECONDS = 15.0


def mark_of(op: str) -> tuple[str, str]:
    """The words of zfs(8) that mark a new dataset."""
    return ("-o", f"{OP_PROPERTY}={op}")


def marked_after(marked: frozenset[str], action: Action, op: str) -> frozenset[str]:
    """Return the datasets that bear the mark of an operation after one of its actions; without
    those that may have lost it, or have another name now."""
    match action:
        case Command(argv=(tools.ZFS, verb, *words)) | Pipeline(right=(tools.ZFS, verb, *words)):
            if f"{OP_PROPERTY}={op}" in words:
                return marked | {words[-1]}
            if verb == "inherit":
                return marked - {*words}
            return marked if verb in _KEEP else frozenset()
        case Command(title="", own=False):
            return marked
        case Command() | Pipeline():
            # A hook of the user's may do anything.
            return frozenset()
    return marked


def destroy_ours(dataset: str, op: str) -> Undo:
    """Undo the making of a dataset: only where it still bears this operation's mark."""
    return Undo(
        Command((tools.ZFS, "destroy", "-r", dataset)), DatasetOwned(dataset, op), BUSY_SECONDS
    )


def clear_mark(dataset: str, op: str) -> Step:
    """The dataset belongs to no operation any more."""
    return Step(
        Command((tools.ZFS, "inherit", OP_PROPERTY, dataset)),
        f"{dataset} is complete",
        durable=True,
        unless=Not(DatasetOwned(dataset, op)),
    )


def mark(dataset: str, op: str, why: str) -> Step:
    """A dataset that is there is this operation's, until that is undone or cleared."""
    return Step(
        Command((tools.ZFS, "set", f"{OP_PROPERTY}={op}", dataset)),
        why,
        undo=(
            Undo(Command((tools.ZFS, "inherit", OP_PROPERTY, dataset)), DatasetOwned(dataset, op)),
        ),
        durable=True,
    )


def mark_going(dataset: str, op: str) -> Step:
    """So that what is destroyed after the commit is what was meant before."""
    return mark(dataset, op, f"mark {dataset} as going")


def destroy_marked(dataset: str, op: str, why: str, *, timeout: float = 60.0) -> Step:
    """Destroy a dataset that was marked so, with all beneath it; for a plan's finish."""
    return Step(
        Command((tools.ZFS, "destroy", "-r", dataset), timeout=timeout),
        why,
        unless=Not(DatasetOwned(dataset, op)),
        retry=DESTROY_BUSY_SECONDS,
        durable=True,
    )
