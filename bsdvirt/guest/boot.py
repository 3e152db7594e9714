"""What a guest's properties say of the boot: set and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.guest.claims import UNCLAIMED
from bsdvirt.guest.inventory import Inventory
from bsdvirt.spec.identity import Boot
from bsdvirt.spec.load import GuestSpec
from bsdvirt.spec.paths import set_paths
from bsdvirt.spec.vm import Vm

Assignments = Sequence[tuple[str, str]]
IDENTITY_PREFIX = "boot."
"""What the names of properties begin with that are kept in the identity, not in the file."""


def set_boot(boot: Boot, assignments: Assignments) -> Boot:
    """Apply the assignments of boot.* properties. Raises UsageError."""
    ours = [
        (path.removeprefix(IDENTITY_PREFIX), text)
        for path, text in assignments
        if path.startswith(IDENTITY_PREFIX)
    ]
    try:
        return set_paths(boot, ours)
    except UsageError as error:
        raise UsageError(f"{IDENTITY_PREFIX}{error.message}", error.hint) from None


def check_order(found: Inventory, name: str, boot: Boot, before: Boot | None = None) -> None:
    """Raises UsageError for a guest in boot.after that does not exist, ConflictError for a
    circle; what was so `before` is not checked."""
    if before is not None and boot.after == before.after:
        return
    after = {guest: set(entry.identity.boot.after) for guest, entry in found.guests.items()}
    after[name] = set(boot.after)
    for wanted in boot.after:
        if wanted not in found.guests and (before is None or wanted not in before.after):
            left = ",".join(str(other) for other in boot.after if other in found.guests)
            hint = "bsdvirt ls shows what is there"
            if before is not None:
                hint += f"; bsdvirt set {name} boot.after={left}"
            raise UsageError(f"{name}: boot.after: no guest {wanted}", hint)
    _walk(after, [name], set())


def _walk(after: Mapping[str, Set[str]], trail: list[str], seen: set[str]) -> None:
    for earlier in sorted(after.get(trail[-1], ())):
        if earlier == trail[0]:
            circle = " after ".join([*trail, earlier])
            raise ConflictError(f"boot.after goes in a circle: {circle}", "leave one of them out")
        if earlier not in seen:
            seen.add(earlier)
            _walk(after, [*trail, earlier], seen)


def check_ready(name: str, spec: GuestSpec, boot: Boot) -> None:
    """Raises UsageError for what cannot tell when a virtual machine is ready: a command, or
    a port of an address that nobody knows here."""
    if not isinstance(spec, Vm) or not boot.ready:
        return
    if boot.ready_port is not None and not any(
        nic.aliases or {nic.address, nic.address6} - set(UNCLAIMED) for nic in spec.nics
    ):
        raise UsageError(
            f"{name}: boot.ready: no address of its is known here, whose port could answer",
            "give it one, as nics.0.address=pool",
        )
    if boot.ready_port is None:
        raise UsageError(
            f"{name}: boot.ready: no command can be run in a virtual machine from here",
            "as boot.ready=tcp:22",
        )
