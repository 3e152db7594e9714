"""Plans that change what a guest is to be, what it claims, or its name. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bsdvirt.errors import ConflictError
from bsdvirt.facts.host import HostFacts
from bsdvirt.guest.inventory import Guest, running_jail
from bsdvirt.host import tools
from bsdvirt.layout import guest_log_directory
from bsdvirt.plan.marks import clear_mark, mark
from bsdvirt.plan.step import (
    Command,
    DatasetMounted,
    DatasetOwned,
    FileExists,
    Not,
    Plan,
    Rename,
    Step,
    Undo,
    WriteFile,
)
from bsdvirt.spec.identity import PROPERTY, Identity
from bsdvirt.spec.load import identity_to_json
from bsdvirt.spec.types import GuestName

BUSY_SECONDS = 5.0
RENAME_SECONDS = 300.0


def plan_change(
    guest: Guest,
    op: str,
    *,
    before: str,
    after: str,
    identity: Identity,
    first: Sequence[Step] = (),
    live: Sequence[Step] = (),
    finish: Sequence[Step] = (),
    notes: tuple[str, ...] = (),
) -> Plan:
    """Write the guest's file (`before` and `after` are its text) and its identity, where
    they differ from what is there; `live` is what a running one takes at once. `first` and
    `finish` are what its disks and datasets need, before that and after the point of no
    return."""
    steps: list[Step] = [*first]
    if after != before:
        path = guest.layout.guest_file(guest.name)
        steps.append(
            Step(
                WriteFile(path, after, 0o600),
                "its configuration",
                undo=(Undo(WriteFile(path, before, 0o600)),),
                durable=True,
            )
        )
    if identity != guest.identity:
        steps.append(claim_step(guest, identity))
    steps += live
    return Plan(
        "set", guest.name, "guest", tuple(steps), tuple(finish),
        reason="nothing changes", op=op, notes=notes,
    )  # fmt: skip


def plan_claim(
    guest: Guest, identity: Identity, op: str, *, verb: str = "claim", why: str = "its claims fit"
) -> Plan:
    """Claim what the guest's file asks for, where it was changed by hand; or write what
    else is the guest's own. `why` is said where nothing changes."""
    steps = (claim_step(guest, identity),) if identity != guest.identity else ()
    return Plan(verb, guest.name, "guest", steps, reason=why, op=op)


def claim_step(guest: Guest, identity: Identity) -> Step:
    """Write what the guest claims of the host."""

    def argv(value: Identity) -> tuple[str, ...]:
        return (tools.ZFS, "set", f"{PROPERTY}={identity_to_json(value)}", guest.dataset)

    return Step(
        Command(argv(identity)),
        "its identity and claims",
        undo=(Undo(Command(argv(guest.identity))),),
        durable=True,
    )


# ---- another name ----


def plan_rename(
    guest: Guest,
    new: str,
    op: str,
    *,
    facts: HostFacts,
    left: Sequence[Step] = (),
    last: Sequence[Step] = (),
    waiting: Sequence[Guest] = (),
    logs: bool = True,
) -> Plan:
    """Rename its datasets and logs, and correct boot.after of the guests that wait for it
    (`waiting`); its identity stays the same. `left` takes away what its last start left,
    and `last` what has its name outside its datasets.

    Raises ConflictError for a guest that runs, and where another jail has the new name.
    """
    old = guest.name
    if running_jail(guest, facts.jails):
        raise ConflictError(f"{old} is running", f"bsdvirt stop {old}")
    if (other := facts.jails.get(new)) is not None and not other.dying:
        raise ConflictError(f"a jail {new} runs, and is not bsdvirt's", "choose another name")
    source, target = guest.dataset, guest.layout.guest(new)
    steps = [
        *left,
        mark(source, op, f"mark {source} as being renamed"),
        Step(
            Command((tools.ZFS, "rename", source, target), timeout=RENAME_SECONDS),
            f"{old} becomes {new}",
            undo=(
                Undo(
                    Command((tools.ZFS, "rename", target, source), timeout=RENAME_SECONDS),
                    DatasetOwned(target, op),
                    BUSY_SECONDS,
                ),
                *_mounts(guest),
            ),
            durable=True,
            retry=BUSY_SECONDS,
        ),
    ]
    if logs:
        steps.append(_logs(guest_log_directory(old), guest_log_directory(new)))
    steps += [_waits(other, old, new) for other in waiting]
    return Plan(
        "rename",
        old,
        "guest",
        also=(new, *(other.name for other in waiting)),
        steps=tuple(steps),
        finish=(*last, clear_mark(target, op)),
        op=op,
    )


def _mounts(guest: Guest) -> tuple[Undo, ...]:
    """zfs rename unmounts and mounts: cut short between the two, nothing is mounted."""
    return tuple(
        Undo(Command((tools.ZFS, "mount", dataset.name)), Not(DatasetMounted(dataset.name)))
        for dataset in guest.datasets
        if dataset.mounted and not dataset.jailed
    )


def _logs(old: str, new: str) -> Step:
    return Step(
        Rename(old, new),
        "its logs",
        undo=(Undo(Rename(new, old), FileExists(new)),),
        durable=True,
        unless=Not(FileExists(old)),
    )


def _waits(guest: Guest, old: str, new: str) -> Step:
    before = guest.identity
    after = [GuestName(new) if name == old else name for name in before.boot.after]
    boot = msgspec.structs.replace(before.boot, after=after)

    def argv(identity: Identity) -> tuple[str, ...]:
        return (tools.ZFS, "set", f"{PROPERTY}={identity_to_json(identity)}", guest.dataset)

    return Step(
        Command(argv(msgspec.structs.replace(before, boot=boot))),
        f"{guest.name} waits for {new} at boot",
        undo=(Undo(Command(argv(before))),),
        durable=True,
    )
