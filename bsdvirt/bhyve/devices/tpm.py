"""The TPM: keys tpm.* of the guest's own `config`."""

from __future__ import annotations

from bsdvirt.bhyve.devices.base import Device, Pairs, RunSettings
from bsdvirt.errors import HostError
from bsdvirt.facts.vmm import VmmFacts
from bsdvirt.guest.inventory import Guest
from bsdvirt.spec.vm import Vm

FIRST = 1400000
"""kern.osreldate before which bhyve has no TPM: 13.2 ignores the keys."""


class Tpm(Device):
    """The TPM of a guest."""

    def settings(self, guest: Guest, vm: Vm, run: RunSettings) -> Pairs:
        """The version: only -l has it by default, and bhyve aborts without one
        (tpm_device_create)."""
        return [("tpm.version", "2.0")] if _wanted(vm) else []

    def check_host(self, name: str, vm: Vm, vmm: VmmFacts) -> None:
        """bhyve has a TPM."""
        if 0 < vmm.osreldate < FIRST and _wanted(vm):
            raise HostError(
                f"{name}: bhyve of this FreeBSD has no TPM",
                "remove the keys tpm.* from its config",
            )


def _wanted(vm: Vm) -> bool:
    return any(line.key.startswith("tpm.") for line in vm.config)
