"""What bhyve(8) and bhyvectl(8) print, of each release."""

from __future__ import annotations

from dataclasses import dataclass

from bsdvirt.host.sim import bhyvewords13, bhyvewords15
from bsdvirt.host.sim.context import Run
from bsdvirt.host.sim.sysctl import values


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
        bhyvewords13.USAGE,
        bhyvewords13.DEVICES,
        bhyvewords13.LPC_DEVICES,
        bhyvewords13.BHYVECTL_USAGE,
        bhyvewords13.STATS,
        ("acpi_tables=false", "memory.size=256M", "x86.strictmsr=true"),
        "virtual machine cannot be booted",
        "vm_reinit: Device busy",
        "device emulation initialization error",
        plain_bootrom=False,
    ),
    "15.1": Words(
        bhyvewords15.USAGE,
        bhyvewords15.DEVICES,
        bhyvewords15.LPC_DEVICES,
        bhyvewords15.BHYVECTL_USAGE,
        # No guest ran when 15.1 was captured.
        bhyvewords13.STATS,
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
