"""The plans of the host that receives a guest. Pure.

What is received is read-only, is not mounted where its sender says, and never starts: the guest has
the identity of another host until it is adopted.
"""

from __future__ import annotations

from collections.abc import Sequence

from bsdvirt.guest.inventory import Foreign, Guest
from bsdvirt.guest.send.plan import hold_step, release_step
from bsdvirt.guest.snapshots.plan import SECONDS
from bsdvirt.host import tools
from bsdvirt.plan.step import (
    Command,
    DatasetMounted,
    Not,
    Pipeline,
    Plan,
    SnapshotIs,
    Step,
    Undo,
)
from bsdvirt.spec.identity import PROPERTY as IDENTITY
from bsdvirt.spec.replica import PROPERTY, Replica, replica_to_json
from bsdvirt.spec.send import Offer, Sent
from bsdvirt.zfs.base import SWAP
from bsdvirt.zfs.snapshots import Part

RECEIVE_SECONDS = 30 * 24 * 3600.0
PLACES = ("mountpoint", "canmount", "sharenfs", "sharesmb", SWAP)
"""Properties of a stream by which a dataset would affect this host."""


def plan_stream(
    place: str, sent: Sent, snapshot: str, op: str, *, first: Sequence[str], resumes: bool
) -> Plan:
    """Receive standard input as a snapshot of a dataset. A receive that is cut short can be
    continued; what was there before stays whole. `first` are properties of the guest's own dataset.
    """
    dataset = f"{place}/{sent.path}" if sent.path else place
    words = () if resumes else _properties(sent, first)
    # With the snapshot's name, a stream of several snapshots or datasets is refused.
    argv = (tools.ZFS, "receive", "-s", "-u", *words, f"{dataset}@{snapshot}")
    step = Step(
        Pipeline((), argv, timeout=RECEIVE_SECONDS), f"receive {dataset}@{snapshot}", durable=True
    )
    return Plan("receive", place.rpartition("/")[2], "guest", (step,), op=op)


def _properties(sent: Sent, first: Sequence[str]) -> tuple[str, ...]:
    """Return the options that keep a received dataset from affecting this host."""
    sets = ["readonly=on", *first]
    drops: list[str] = []
    if sent.kind == "volume":
        # The host looks for no partitions in it.
        sets.append("volmode=dev")
        drops.append(SWAP)
    else:
        drops += PLACES
        if sent.jailed:
            sets.append("jailed=on")
        else:
            drops.append("jailed")
    return (
        *(word for pair in sets for word in ("-o", pair)),
        *(word for name in drops for word in ("-x", name)),
    )


def first_properties(offer: Offer, replica: Replica) -> tuple[str, ...]:
    """Return the properties of a guest's own dataset when it is first received: with the identity
    of its host, it is foreign from the beginning."""
    return (f"{IDENTITY}={offer.identity}", f"{PROPERTY}={replica_to_json(replica)}")


def plan_drop(dataset: str, name: str, op: str) -> Plan:
    """Give up a receive that was cut short."""
    step = Step(
        Command((tools.ZFS, "receive", "-A", dataset), timeout=SECONDS),
        f"give up the partial receive of {dataset}",
        durable=True,
    )
    return Plan("receive", name, "guest", finish=(step,), op=op)


def plan_complete(
    foreign: Foreign,
    offer: Offer,
    replica: Replica,
    tag: str,
    op: str,
    *,
    old: Sequence[Part] = (),
    left: Sequence[Part] = (),
) -> Plan:
    """All of a snapshot is there: note that, and remove those of earlier runs: `old` of all
    datasets, and what is `left` of runs that were cut short."""
    place = foreign.dataset
    full = f"{place}@{replica.origin.snapshot}" if replica.origin else place
    was = foreign.datasets[0]
    pairs = {IDENTITY: offer.identity, PROPERTY: replica_to_json(replica)}
    before = {IDENTITY: was.guest or "", PROPERTY: was.replica or ""}
    note = Step(
        Command((tools.ZFS, "set", *(f"{k}={v}" for k, v in pairs.items()), place)),
        f"{full} is complete",
        undo=(Undo(Command((tools.ZFS, "set", *(f"{k}={v}" for k, v in before.items()), place))),),
        durable=True,
    )
    mount = Step(
        Command((tools.ZFS, "mount", place)),
        f"its file can be read at {foreign.layout.guest_directory(foreign.name)}",
        unless=DatasetMounted(place),
        tolerant=True,
    )
    finish = (
        *(step for one in old for step in remove_received(one.full, one.guid, tag)),
        *(_destroy(one.full, one.guid, "-d") for one in left),
    )
    steps = (hold_step(full, tag), note, mount)
    return Plan("receive", foreign.name, "guest", steps, finish, op=op)


def remove_received(full: str, guid: int, tag: str) -> tuple[Step, ...]:
    """Remove a snapshot that was received of all of a guest's datasets, for a plan's finish."""
    return release_step(full, tag), _destroy(full, guid, "-r", "-d")


def _destroy(full: str, guid: int, *options: str) -> Step:
    return Step(
        Command((tools.ZFS, "destroy", *options, full), timeout=SECONDS),
        f"destroy {full}",
        unless=Not(SnapshotIs(full, guid)),
        durable=True,
    )


def plan_settle(
    foreign: Foreign, snapshot: str, partial: Sequence[str], later: Sequence[str], op: str
) -> Plan:
    """Go back to the snapshot that is there in full: give up what was received in part, and what of
    a later one."""
    drops = [
        Step(
            Command((tools.ZFS, "receive", "-A", dataset), timeout=SECONDS),
            f"give up the partial receive of {dataset}",
            # It is gone with the first try of a recovery.
            tolerant=True,
            durable=True,
        )
        for dataset in partial
    ]
    back = [
        Step(
            Command((tools.ZFS, "rollback", "-r", f"{dataset}@{snapshot}"), timeout=SECONDS),
            f"{dataset} as of @{snapshot}, which is there in full",
            durable=True,
        )
        for dataset in later
    ]
    return Plan("settle", foreign.name, "guest", finish=(*drops, *back), op=op)


def plan_return(guest: Guest, offer: Offer, replica: Replica, op: str) -> Plan:
    """Make a guest that another host has now the standby of that one, with the identity there."""
    was = guest.datasets[0]
    before = (f"{IDENTITY}={was.guest}", f"{PROPERTY}={was.replica}")
    after = first_properties(offer, replica)
    step = Step(
        Command((tools.ZFS, "set", *after, guest.dataset)),
        f"{guest.name} is the standby of {offer.label} from now on",
        undo=(Undo(Command((tools.ZFS, "set", *before, guest.dataset))),),
        durable=True,
    )
    return Plan("receive", guest.name, "guest", (step,), op=op)
