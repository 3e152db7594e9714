"""Plans that change what a guest is to be, or what it claims. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.plan.step import Command, Plan, Step, Undo, WriteFile
from bsdvirt.spec.identity import PROPERTY, Identity
from bsdvirt.spec.load import identity_to_json


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
