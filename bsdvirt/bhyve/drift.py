"""What a running virtual machine lacks of what its start made. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bsdvirt.bhyve.live import subject
from bsdvirt.cpu.limits import cpuset_drift, limit_drift
from bsdvirt.facts.host import HostFacts, Kernel
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import tap
from bsdvirt.net.bridge import bridge_of
from bsdvirt.net.ports import port_drift, running_nic
from bsdvirt.plan.difference import Drift
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import Vm


def drift(
    guest: Guest,
    vm: Vm | None,
    networks: Mapping[str, Network],
    facts: HostFacts,
    kernel: Kernel,
    pid: int | None,
    mask: CpuList | None = None,
) -> Iterator[Drift]:
    """Every such difference. `vm` is its file, where it can be read; `pid` is bhyve's, None
    between two runs of it; `mask` are its CPUs."""
    for index, claim in enumerate(guest.identity.nics):
        network = networks.get(claim.network)
        if network is None:
            continue
        mine = running_nic(guest.identity, vm.nics if vm else (), index)
        port = tap(guest.identity.id, index)
        yield from port_drift(port, bridge_of(network), mine, network, facts.interfaces)
    if vm is None or pid is None:
        return
    if kernel.racct:
        yield from limit_drift(subject(pid), vm.limits, facts.rules)
    yield from cpuset_drift(("-p", str(pid)), vm.cpuset, mask, kernel)
