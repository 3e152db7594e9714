"""The messages of bhyve(8) and bhyvectl(8) of each release."""

from __future__ import annotations

from dataclasses import dataclass

from bsdvirt_sim.bhyve import messages13, messages15
from bsdvirt_sim.context import Run
from bsdvirt_sim.kernel.sysctl import values


@dataclass(frozen=True)
class Words:
    """Messages of one release."""

    usage: str
    devices: str
    lpc_devices: str
    bhyvectl_usage: str
    stats: str
    defaults: tuple[str, ...]
    """The configuration's initial values."""
    not_booted: str
    """The error with neither a loaded kernel nor a boot ROM."""
    busy: str
    """The error where the virtual machine runs already."""
    not_initialised: str
    """The line that precedes an error in a device's emulation."""
    plain_bootrom: bool
    """The ROM's key is `bootrom`, with lpc.bootrom as its old name."""


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
        # No guest was running when 15.1 was captured.
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
    """Return the messages of the host's release."""
    return _WORDS[run.state.version]


def most_cpus(run: Run) -> int:
    """Return the largest number of CPUs of a virtual machine."""
    return int(values(run)["hw.vmm.maxcpu"])
