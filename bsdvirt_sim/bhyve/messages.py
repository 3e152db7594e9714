"""What bhyve(8) and bhyvectl(8) print, of each release."""

from __future__ import annotations

from dataclasses import dataclass

from bsdvirt_sim.bhyve import messages13, messages15
from bsdvirt_sim.context import Run
from bsdvirt_sim.kernel.sysctl import values


@dataclass(frozen=True)
class Words:
    """Of one release."""

    usage: str
    devices: str
    lpc_devices: str
    bhyvectl_usage: str
    stats: str
    defaults: tuple[str, ...]
    """What a configuration begins with."""
    not_booted: str
    """Without a loader's memory and without a boot ROM."""
    busy: str
    """Where that virtual machine runs already."""
    not_initialised: str
    """Before what a device's emulation found wrong."""
    plain_bootrom: bool
    """The ROM's key is `bootrom`, and lpc.bootrom an old name of it."""


_WORDS = {
    "13.2": Words(
        messages13.USAGE,
        messages13.DEVICES,
        messages13.LPC_DEVICES,
        messages13.BHYVECTL_USAGE,
        messages13.STATS,
        ("acpi_tables=false", "memory.size=256M", "x86.strictmsr=true"),
        "virtual machine cannot be booted",
        "vm_reinit: Device busy",
        "device emulation initialization error",
        plain_bootrom=False,
    ),
    "15.1": Words(
        messages15.USAGE,
        messages15.DEVICES,
        messages15.LPC_DEVICES,
        messages15.BHYVECTL_USAGE,
        # No guest ran when 15.1 was captured.
        messages13.STATS,
        (
            "acpi_tables=true",
            "acpi_tables_in_memory=true",
            "memory.size=256M",
            "x86.strictmsr=true",
            "x86.verbosemsr=false",
            "lpc.fwcfg=bhyve",
        ),
        "bhyve: no bootrom was configured",
        "bhyve: vm_openf: Device busy",
        "Device emulation initialization error",
        plain_bootrom=True,
    ),
}


def of(run: Run) -> Words:
    """The words of the host's release."""
    return _WORDS[run.state.version]


def most_cpus(run: Run) -> int:
    """How many CPUs a virtual machine may have."""
    return int(values(run)["hw.vmm.maxcpu"])
