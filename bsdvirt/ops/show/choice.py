"""What `cpu explain` prints: which CPUs a guest has, or would be given, and why."""

from __future__ import annotations

from bsdvirt.cpu.explain import explain
from bsdvirt.errors import UsageError
from bsdvirt.guest.order import Assignments
from bsdvirt.kinds import load_spec
from bsdvirt.ops.power.cpus import holders, wish_of
from bsdvirt.rows.cpu import CpuChoice
from bsdvirt.session.cpus import host_cpus
from bsdvirt.session.session import Session
from bsdvirt.spec.paths import set_paths


def read_choice(session: Session, name: str, assignments: Assignments = ()) -> CpuChoice:
    """Return the choice of CPUs for a guest; with `assignments`, as if these properties were set.
    Raise UsageError for a guest without placement."""
    found = session.inventory()
    guest = found.guest(name)
    spec = set_paths(load_spec(session.host.fs, guest), assignments)
    others = [other for other in found.guests.values() if other.name != name]
    cpus = host_cpus(session, others)
    wish = wish_of(cpus, name, spec, guest.identity.cpus)
    if wish is None:
        if spec.template:
            raise UsageError(
                f"{name} is a template: it runs on no CPUs", f"bsdvirt clone {name} NEW"
            )
        count = "" if spec.cpus else " cpus=2"
        raise UsageError(
            f"{name} has no placement: it runs on "
            + (f"its cpuset {spec.cpuset}" if spec.cpuset else "all CPUs that are open to it"),
            f"bsdvirt cpu explain {name} placement=auto{count} says what it would be given",
        )
    return explain(cpus.topology, wish, holders(session, others), cpus.policy)
