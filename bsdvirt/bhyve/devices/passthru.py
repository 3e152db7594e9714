"""PCI devices of the host that are passed through: lines of the guest's own `config`."""

from __future__ import annotations

from collections.abc import Collection

from bsdvirt.bhyve.devices.base import Device, Keys, VmStartFacts
from bsdvirt.errors import ConflictError
from bsdvirt.guest.inventory import Guest
from bsdvirt.spec.config_keys import passed, raw_devices
from bsdvirt.spec.vm import Vm


class Passthru(Device):
    """The PCI devices that a guest is given."""

    uses = "devices"

    def holds(self, keys: Keys) -> Collection[str]:
        """Each device, as 3/0/0 or ppt0."""
        return passed(dict(keys)).values()

    def check(self, guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
        """No other guest has the device."""
        for device, line in raw_devices(vm.config).host.items():
            if holder := facts.taken.holder(self.uses, device):
                raise ConflictError(
                    f"{guest.name}: config.{line}: PCI device {device} is in use by {holder}",
                    f"bsdvirt stop {holder}",
                )
