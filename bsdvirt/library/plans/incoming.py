"""Plans that receive ZFS streams of other tools, and remove what was received. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from bsdvirt.host import tools
from bsdvirt.layout import Layout
from bsdvirt.plan.marks import clear_mark, destroy_marked, destroy_ours, mark_going, mark_of
from bsdvirt.plan.step import Command, DatasetMounted, Pipeline, Plan, Step, Undo

SECONDS = 7 * 24 * 3600.0
NOT_TAKEN = (
    "mountpoint", "canmount", "jailed", "sharenfs", "sharesmb", "readonly", "quota", "refquota",
    "reservation", "refreservation",
)  # fmt: skip
"""Properties in a stream that would act on this host, or on what is done with the dataset."""


class Feed(Struct, frozen=True):
    """A command that writes a stream to standard output, and the child that it becomes; an empty
    one is the dataset itself."""

    command: tuple[str, ...]
    child: str = ""
    read: tuple[str, ...] = ()
    """Further datasets of the stream to mount, whose files belong to the configuration."""


def plan_receive(name: str, feeds: Sequence[Feed], path: str, layout: Layout, op: str) -> Plan:
    """Receive the streams of a file into a dataset of their own, and mount it, where set-uid has no
    effect."""
    top = layout.incoming(name)
    steps = []
    for feed in feeds:
        dataset = f"{top}/{feed.child}" if feed.child else top
        words = [word for prop in NOT_TAKEN for word in ("-x", prop)]
        first = () if feed.child else (*mark_of(op), "-o", "setuid=off")
        steps.append(
            Step(
                Pipeline(
                    feed.command,
                    (tools.ZFS, "receive", "-u", *first, *words, dataset),
                    timeout=SECONDS,
                ),
                f"receive a stream of {path}",
                undo=() if feed.child else (destroy_ours(top, op),),
                durable=True,
            )
        )
    read = [top, *(f"{top}/{child}" for feed in feeds for child in feed.read)]
    steps += [_mounted(dataset) for dataset in read]
    return Plan("import", name, "guest", tuple(steps), (clear_mark(top, op),), op=op)


def _mounted(dataset: str) -> Step:
    return Step(
        Command((tools.ZFS, "mount", dataset)),
        f"mount {dataset}, for its configuration",
        undo=(Undo(Command((tools.ZFS, "umount", dataset)), DatasetMounted(dataset)),),
    )


def plan_discard(name: str, layout: Layout, op: str) -> Plan:
    """Destroy what is left of what was received."""
    top = layout.incoming(name)
    gone = destroy_marked(top, op, f"destroy {top}, which was received")
    return Plan("import", name, "guest", (mark_going(top, op),), (gone,), op=op)
