"""What only virtual machines have: buttons, UEFI variables, a foreground."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NoReturn

from msgspec import Struct

from bsdvirt.bhyve.devices.firmware import kept, plan_reset, plan_restore
from bsdvirt.bhyve.start import foreground_argv
from bsdvirt.bhyve.stop import Act, plan_act
from bsdvirt.cpu.limits import outside
from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.facts.vms import read_vm
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.kinds import as_spec, kind_of, load_spec, need_kind
from bsdvirt.net.files import Networks
from bsdvirt.ops.power.start import StartGuests
from bsdvirt.session.batch import Outcome, hold
from bsdvirt.session.prepared import Part, Prepared, Task, carry_out_one, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.session.view import view_of
from bsdvirt.spec.vm import Vm

DONE: dict[Act, str] = {
    "reset": "reset", "pause": "paused", "resume": "goes on", "nmi": "interrupted"
}  # fmt: skip


class Press(Struct, frozen=True):
    """Press a button of running virtual machines."""

    names: tuple[str, ...]
    act: Act

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        with hold(session, self.names, self.act) as held:
            found = session.inventory()

            def one(name: str) -> Task:
                guest = _vm(found, name)
                fact = read_vm(session.host.fs, name)
                plan = plan_act(guest, fact, self.act, session.new_op())
                message = plan.reason or DONE[self.act]
                return Task(name, (Part(plan),), message, release=lambda: held.release(name))

            yield Prepared(session, [*refused(held.refused), *plan_each(held.names(), one)])


class ChangeVariables(Struct, frozen=True):
    """Put a stopped guest's UEFI variables aside, or (`back`) those back that were."""

    name: str
    back: bool

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raise UsageError for a guest without UEFI, and ConflictError for one that runs, or was
        killed and left something."""
        with hold(session, [self.name], "uefi") as held:
            yield Prepared(session, refused(held.refused) or [self._task(session)])

    def _task(self, session: Session) -> Task:
        found, fs, name = session.inventory(), session.host.fs, self.name
        guest = _vm(found, name)
        session.need_mounted(found, guest.layout)
        kind_of(guest).refuse_left(fs, name)
        spec = as_spec(name, load_spec(fs, guest), Vm, WHY, HINT)
        if spec.loader != "uefi":
            raise UsageError(f"{name} boots without UEFI", f"bsdvirt get {name} loader")
        path = guest.layout.uefi_vars(name)
        files = [file for file in (path, kept(path)) if fs.exists(file)]
        plan = (plan_restore if self.back else plan_reset)(guest, files, session.new_op())
        aside = "its variables are set aside; its next start creates new ones"
        done = "its variables are restored" if self.back else aside
        return Task(name, (Part(plan),), plan.reason or done)


WHY, HINT = "that is for virtual machines", "bsdvirt ls kind:vm"


def _vm(found: Inventory, name: str) -> Guest:
    """Return the guest. Raises UsageError for a jail, NotFoundError."""
    guest = found.guest(name)
    need_kind(guest, "vm", WHY, HINT)
    return guest


def prepare_foreground(session: Session, name: str) -> Outcome:
    """Do all of a virtual machine's start but its supervisor. Raises as a start does, and
    ConflictError for one that runs."""
    outcome = carry_out_one(session, StartGuests((name,), "run", foreground=True))
    if outcome.message == "already running":
        raise ConflictError(f"{name} is running", f"bsdvirt stop {name}")
    return outcome


def foreground(session: Session, name: str) -> NoReturn:
    """Become the supervisor of a guest that is prepared, until it has powered off."""
    view = view_of(session, session.inventory(shallow=True), Networks())
    session.host.replace((*outside(view.open_cpus), *foreground_argv(name)))
