"""The host bridge, in slot 0: an Intel one, or an AMD one."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.bhyve.devices.base import Device, Pairs, RunSettings
from bsdvirt.guest.inventory import Guest
from bsdvirt.spec.vm import Vm
from bsdvirt.spec.vmdevices import HOSTBRIDGE_SLOT

AMD = [("vendor", "0x1022"), ("devid", "0x7432")]
"""What bhyve makes of `-s 0,amd_hostbridge`: the plain one with other numbers
(pci_hostbridge.c)."""


class HostBridge(Device):
    """The host bridge of a guest."""

    def pci(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterator[tuple[int, Pairs]]:
        """Its slot."""
        own = AMD if vm.hostbridge == "amd" else []
        yield HOSTBRIDGE_SLOT, [("device", "hostbridge"), *own]
