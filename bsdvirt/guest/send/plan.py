"""The plans of the host that sends a guest. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bsdvirt.guest.inventory import Foreign, Guest
from bsdvirt.guest.send.choose import Choice, Transfer
from bsdvirt.guest.snapshots.plan import SECONDS, remove_steps, take_step
from bsdvirt.guest.snapshots.sets import Snapshot
from bsdvirt.host import tools
from bsdvirt.plan.step import Command, Not, Pipeline, Plan, SnapshotHeld, Step, Undo
from bsdvirt.spec.replica import PROPERTY, Replica, replica_to_json
from bsdvirt.spec.snapshot import Stamp

SEND_SECONDS = 30 * 24 * 3600.0
"""How long a stream may take: a large disk over a slow line takes days."""

Remote = Callable[[Sequence[str]], tuple[str, ...]]
"""Returns the command that runs bsdvirt with these words on the other host."""


def plan_snapshot(
    guest: Guest, name: str, stamp: Stamp, tag: str, op: str, stale: Sequence[Snapshot]
) -> Plan:
    """Take the snapshot that is sent, and hold it; remove those of earlier runs that were cut short
    and are not needed to go on."""
    steps = (take_step(guest, name, stamp, op), hold_step(f"{guest.dataset}@{name}", tag))
    finish = drop_steps(stale, tag)
    return Plan("snapshot", guest.name, "guest", steps, finish, op=op)


NEXT = "the next run sends what has changed since"


def hold_step(full: str, tag: str, why: str = NEXT) -> Step:
    """Keep a snapshot from being destroyed."""
    return Step(
        Command((tools.ZFS, "hold", "-r", tag, full), timeout=SECONDS),
        f"keep {full}: {why}",
        undo=(
            Undo(
                Command((tools.ZFS, "release", "-r", tag, full), timeout=SECONDS),
                SnapshotHeld(full, tag),
            ),
        ),
        unless=SnapshotHeld(full, tag),
        durable=True,
    )


def release_step(full: str, tag: str) -> Step:
    """No longer keep a snapshot, for a plan's finish."""
    return Step(
        Command((tools.ZFS, "release", "-r", tag, full), timeout=SECONDS),
        f"{full} is not needed any more",
        unless=Not(SnapshotHeld(full, tag)),
        durable=True,
    )


def drop_steps(snapshots: Sequence[Snapshot], tag: str) -> tuple[Step, ...]:
    """Remove snapshots of earlier runs, for a plan's finish."""
    return tuple(
        step for one in snapshots for step in (release_step(one.full, tag), *remove_steps(one))
    )


def plan_streams(guest: Guest, choice: Choice, run: str, remote: Remote, limit: int) -> Plan:
    """Send what was chosen. Nothing of it is undone: each stream is received as a whole, and the
    next run goes on where one was cut short."""
    steps = [
        Step(
            Command(remote(("receive", "drop", run, str(number))), timeout=SECONDS),
            "give up a stream that was cut short, and cannot be continued",
            durable=True,
        )
        for number in choice.drop
    ]
    steps += [_stream(one, run, remote, limit) for one in choice.transfers]
    return Plan("send", guest.name, "guest", tuple(steps), op=run)


def _stream(one: Transfer, run: str, remote: Remote, limit: int) -> Step:
    there = remote(("receive", "stream", run, str(one.number), one.snapshot))
    return Step(
        Pipeline(send_words(one), there, timeout=SEND_SECONDS, limit=limit),
        one.words,
        durable=True,
        size=one.size,
    )


def complete_step(argv: tuple[str, ...], host: str) -> Step:
    """Have the other host note that all is there."""
    return Step(Command(argv, timeout=SECONDS), f"{host} has all of it", durable=True)


def send_words(one: Transfer) -> tuple[str, ...]:
    """Return the command that writes the stream: blocks as they are stored, compressed and, of an
    encrypted dataset, encrypted. Properties are not in it."""
    if one.token:
        return (tools.ZFS, "send", "-vP", "-t", one.token)
    raw = ("-w",) if one.source.encrypted else ()
    since = ("-i", one.base) if one.base else ()
    full = f"{one.source.dataset.name}@{one.snapshot}"
    return (tools.ZFS, "send", "-L", "-c", *raw, "-vP", *since, full)


def plan_note(
    guest: Guest, replica: Replica, op: str, *, stale: Sequence[Snapshot] = (), tag: str = ""
) -> Plan:
    """Write down where the guest was sent, and remove the snapshots of earlier runs."""
    step = note_step(guest, replica)
    return Plan(
        "note", guest.name, "guest", (step,), drop_steps(stale, tag), op=op, must_journal=False
    )


def note_step(guest: Guest | Foreign, replica: Replica | None) -> Step:
    """Set bsdvirt:replica, or remove it."""
    was = guest.datasets[0].replica
    return Step(
        Command(set_words(guest.dataset, replica_to_json(replica) if replica else None)),
        "which part this host has in it",
        undo=(Undo(Command(set_words(guest.dataset, was))),),
        durable=True,
    )


def set_words(dataset: str, value: str | None) -> tuple[str, ...]:
    """Return the command that sets bsdvirt:replica, or removes it."""
    if value is None:
        return (tools.ZFS, "inherit", PROPERTY, dataset)
    return (tools.ZFS, "set", f"{PROPERTY}={value}", dataset)
