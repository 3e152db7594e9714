"""The virtio source of randomness."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.bhyve.devices.base import Device, Pairs, RunSettings
from bsdvirt.guest.inventory import Guest
from bsdvirt.spec.vm import Vm
from bsdvirt.spec.vmdevices import RNG_SLOT


class Rng(Device):
    """The source of randomness of a guest."""

    def pci(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterator[tuple[int, Pairs]]:
        """Its slot."""
        if vm.rng:
            yield RNG_SLOT, [("device", "virtio-rnd")]
