"""What the kernels of simulated machines say of their CPUs."""

from __future__ import annotations

from bsdvirt.facts.cpus.topology import TopologyFacts, parse_packages, parse_spec
from bsdvirt_sim.kernel.topology import boot_messages, machine_of, spec


def facts_of(name: str, count: int = 2) -> TopologyFacts:
    """Return what the kernel of a machine says; of the captured one without a name."""
    machine = machine_of(name, count)
    return TopologyFacts(
        count=len(machine.top.cpus),
        last=machine.highest,
        threads=machine.threads,
        model=machine.model,
        hypervisor=None if machine.guest_of == "none" else machine.guest_of,
        packages=parse_packages(boot_messages(machine)),
        top=parse_spec(spec(machine.top, 16)),
        domains=machine.domains,
    )
