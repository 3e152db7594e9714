"""Network interfaces: each a card in a PCI slot, and a tap(4) on its network's bridge. The
properties are spec/vmdevices.py's VmNic; MAC and IP addresses are claimed by guest/claims.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.bhyve.devices.base import Device, Networks, Pairs, RunSettings, VmStartFacts
from bsdvirt.facts.host import HostFacts
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.layout import GROUP, MAX_NICS, tap, tap_cloner
from bsdvirt.net.bridge import DEFAULT_MTU, bridge_of
from bsdvirt.net.ports import check_port, join_step, port_drift, running_nic
from bsdvirt.plan.drift import Drift
from bsdvirt.plan.step import Command, InterfaceExists, Step, Undo
from bsdvirt.spec.becomes import DeviceKey
from bsdvirt.spec.fields import written
from bsdvirt.spec.network import Network
from bsdvirt.spec.vm import Vm, VmNic

UNDO_SECONDS = 10.0


class Nics(Device):
    """The network interfaces of a guest."""

    def pci(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterator[tuple[int, Pairs]]:
        """A slot for each card."""
        for index, (nic, claim) in enumerate(zip(vm.nics, guest.identity.nics, strict=True)):
            if nic.has_user_networking:
                continue
            assert claim.slot is not None
            keys = [
                *written(nic, DeviceKey).items(),
                ("backend", tap(guest.identity.id, index)),
                # bhyve knows the kind of backend by its name, and ours is not tapN.
                ("type", "tap"),
                ("mac", claim.mac),
            ]
            mtu = _mtu(nic, run.networks)
            if mtu != DEFAULT_MTU and nic.model == "virtio":
                keys.append(("mtu", str(mtu)))
            yield claim.slot, keys

    def start_steps(
        self, guest: Guest, vm: Vm, networks: Networks, facts: VmStartFacts
    ) -> list[Step]:
        """Create the taps, and make each a member of its bridge. Raise UsageError for an MTU
        above that of the network."""
        bridged = _bridged(vm)
        for index, nic in bridged:
            check_port(guest.name, index, nic, networks[nic.network])
        taps = [_tap_steps(guest, index, nic, networks[nic.network]) for index, nic in bridged]
        return [step for steps in taps for step in steps]

    def interfaces(self, guest_id: int) -> list[str]:
        """A tap has the name of its cloner until it is renamed."""
        return [
            name for n in range(MAX_NICS) for name in (tap(guest_id, n), tap_cloner(guest_id, n))
        ]

    def cleanup(self, guest_id: int, vm: Vm) -> list[tuple[str, ...]]:
        """Destroy the taps."""
        return [(tools.IFCONFIG, tap(guest_id, n), "destroy") for n, _ in _bridged(vm)]

    def drift(
        self, guest: Guest, vm: Vm | None, networks: Networks, facts: HostFacts
    ) -> Iterator[Drift]:
        """Taps that are gone, down, or not members of their bridge."""
        for index, claim in enumerate(guest.identity.nics):
            network = networks.get(claim.network)
            if network is None:
                continue
            nic = running_nic(guest.identity, vm.nics if vm else (), index)
            port = tap(guest.identity.id, index)
            yield from port_drift(port, bridge_of(network), nic, network, facts.interfaces)


def _bridged(vm: Vm) -> list[tuple[int, VmNic]]:
    """Return the interfaces with a tap; devices/slirp.py has the others."""
    return [(n, nic) for n, nic in enumerate(vm.nics) if not nic.has_user_networking]


def _mtu(nic: VmNic, networks: Networks) -> int:
    """Return the MTU that the guest sees."""
    network = networks.get(nic.network)
    return nic.mtu or (network.mtu if network else DEFAULT_MTU)


def _tap_steps(guest: Guest, index: int, nic: VmNic, network: Network) -> list[Step]:
    """A member of a bridge has the MTU of the bridge; the guest may see a smaller one."""
    cloner, name = tap_cloner(guest.identity.id, index), tap(guest.identity.id, index)
    create = (
        tools.IFCONFIG, cloner, "create", "name", name,
        "descr", f"{guest.name} nic{index}", "group", GROUP,
        *(("mtu", str(network.mtu)) if network.mtu != DEFAULT_MTU else ()), "up",
    )  # fmt: skip
    destroy = tuple(
        Undo(Command((tools.IFCONFIG, face, "destroy")), InterfaceExists(face), UNDO_SECONDS)
        for face in (name, cloner)
    )
    return [
        Step(Command(create), f"the tap of its interface {index}", undo=destroy),
        join_step(bridge_of(network), name, nic, network),
    ]
