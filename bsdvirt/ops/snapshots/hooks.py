"""The hooks before and after a snapshot of a guest."""

from __future__ import annotations

from bsdvirt.errors import BsdvirtError
from bsdvirt.guest.inventory import Guest
from bsdvirt.kinds import load_spec
from bsdvirt.ops.power import hooks
from bsdvirt.plan.step import Step
from bsdvirt.session.session import Session
from bsdvirt.spec.hooks import Event, outer_only

Steps = tuple[Step, ...]


def snapshot_hooks(
    session: Session, guest: Guest, *, running: bool
) -> tuple[Steps, Steps, tuple[str, ...]]:
    """Return the steps of the hooks before and after a snapshot of a guest, those in the guest only
    while it runs, and what is to be said. A guest whose file cannot be read has no hooks: a
    snapshot of it may be wanted all the more.

    Raises HostError where one must not be run and its failure would end the operation.
    """
    try:
        spec = load_spec(session.host.fs, guest)
    except BsdvirtError as error:
        return (), (), (f"its hooks are not run, as its file cannot be read: {error.message}",)

    def steps(event: Event) -> Steps:
        wanted = spec.hooks.at(event)
        return hooks.steps(session, event, wanted if running else outer_only(wanted), guest)

    return steps("snapshotting"), steps("snapshotted"), ()
