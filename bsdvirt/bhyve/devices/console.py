"""The LPC bridge with the serial ports: com1 is the guest's console; com2 to com4 are keys of
the guest's own `config`."""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.bhyve.devices.base import Device, Keys, Pairs, RunSettings, VmStartFacts
from bsdvirt.errors import ConflictError
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import console_device, console_socket
from bsdvirt.spec.vm import Vm
from bsdvirt.spec.vmdevices import LPC_SLOT


class Console(Device):
    """The serial ports of a guest."""

    uses = "terminals"

    def pci(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterator[tuple[int, Pairs]]:
        """The slot of the bridge."""
        yield LPC_SLOT, [("device", "lpc")]

    def settings(self, guest: Guest, vm: Vm, run: RunSettings) -> Pairs:
        """The console."""
        return [("lpc.com1.path", console_device(guest.identity.id, "A"))]

    def holds(self, keys: Keys) -> Iterator[str]:
        """What is behind each serial port."""
        for key, value in keys.items():
            if key.startswith("lpc.") and key.endswith(".path"):
                yield value

    def check(self, guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
        """No other guest uses what is behind a serial port."""
        for line in vm.config:
            holder = facts.taken.holder(self.uses, line.value)
            if holder and line.key.startswith("lpc."):
                raise ConflictError(
                    f"{guest.name}: {line.key}: {line.value} is in use by {holder}",
                    f"bsdvirt stop {holder}, or set another one",
                )

    def files(self, name: str) -> list[tuple[str, str]]:
        """The socket that viewers connect to."""
        return [(console_socket(name), "the console's socket")]
