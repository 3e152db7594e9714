"""The mark that a dataset in the making bears: bsdvirt:op, the operation that makes it. Pure."""

from __future__ import annotations

from bsdvirt.host import tools
from bsdvirt.plan.looks import OP_PROPERTY
from bsdvirt.plan.step import Command, DatasetOwned, Not, Step, Undo

BUSY_SECONDS = 10.0


def mark_of(op: str) -> tuple[str, str]:
    """The words of zfs(8) that mark a new dataset."""
    return ("-o", f"{OP_PROPERTY}={op}")


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
