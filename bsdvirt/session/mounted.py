"""Mount guests' own datasets that are not mounted."""

from __future__ import annotations

from collections.abc import Collection

from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.host import tools
from bsdvirt.plan.step import Command, DatasetMounted, Plan, Step
from bsdvirt.session.prepared import Part, run_part
from bsdvirt.session.session import Session


def mount_own(session: Session, found: Inventory, names: Collection[str]) -> Inventory:
    """Mount the guests' own datasets, before their files are read; what is there then. One that
    cannot be mounted is reported by what needs it."""
    again = False
    for name in names:
        guest = found.guests.get(name)
        steps = _mount_steps(guest) if guest is not None else ()
        if steps:
            plan = Plan("mount", name, "guest", steps, op=session.new_op())
            run_part(session, Part(plan, optional=True))
            again = True
    return session.inventory() if again and not session.preview else found


def _mount_steps(guest: Guest) -> tuple[Step, ...]:
    # Where a jail's root is mounted is known, and so not read.
    places = {
        guest.dataset: guest.layout.guest_directory(guest.name),
        guest.layout.jail_root(guest.name): guest.layout.jail_root_directory(guest.name),
    }
    return tuple(
        Step(
            Command((tools.ZFS, "mount", dataset.name)),
            f"mount {dataset.name} at {places[dataset.name]}",
            unless=DatasetMounted(dataset.name),
            tolerant=True,
        )
        for dataset in sorted(guest.datasets, key=lambda one: one.name)
        if dataset.name in places
        and dataset.kind == "filesystem"
        and not (dataset.mounted or dataset.jailed or dataset.locked)
    )
