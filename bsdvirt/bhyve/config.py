"""bhyve's configuration file: the keys of bhyve_config(5), one a line. Pure.

bhyve ignores a key that it does not know, so a mistake here would be silent: the tests
compare each key with bhyve's own list, and the tree with the one that bhyve makes of the
same machine given as -s, -l and -c.
"""

from __future__ import annotations

from collections.abc import Iterator

from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.bhyve.devices.base import BootSource, Pairs, RunSettings
from bsdvirt.bhyve.devices.storage import controller, on_controller
from bsdvirt.bhyve.keys import escape
from bsdvirt.guest.inventory import Guest
from bsdvirt.spec.becomes import BhyveKey
from bsdvirt.spec.config_keys import AHCI_SLOT, raw_devices
from bsdvirt.spec.fields import written
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import Vm


def render(guest: Guest, vm: Vm, run: RunSettings) -> str:
    """Return the text of the file. The lines of the guest's own `config` come last, and
    override the others."""
    lines = [f"{key}={escape(value)}" for key, value in keys(guest, vm, run)]
    lines += [f"{line.key}={line.value}" for line in vm.config]
    return "\n".join(lines) + "\n"


def keys(guest: Guest, vm: Vm, run: RunSettings) -> Pairs:
    """Return every key of ours, with its value as bhyve is to read it.

    The guest's claims fit (see bhyve/claims.py).
    """
    pairs: Pairs = [("name", guest.name), *_machine(guest, vm)]
    for slot, device in sorted(_slots(guest, vm, run)):
        pairs += [(f"pci.0.{slot}.0.{key}", value) for key, value in device]
    for one in DEVICES:
        pairs += one.settings(guest, vm, run)
    pairs += _order(guest, vm, run)
    pairs += [*_pins(vm), *_domain(vm, run)]
    if any(raw_devices(vm.config).buses):
        # An MPtable describes the first bus only, and bhyve refuses to make one (mptbl.c).
        pairs.append(("x86.mptable", "false"))
    return pairs


def boot_sources(guest: Guest, vm: Vm) -> list[BootSource]:
    """Return what the guest can boot from: its disks, then its drives, empty ones too."""
    return [source for device in DEVICES for source in device.boots(guest, vm)]


def _machine(guest: Guest, vm: Vm) -> Pairs:
    """Return the keys that properties of the guest become, and those that every guest has."""
    return [
        ("uuid", guest.identity.uuid),
        *written(vm, BhyveKey).items(),
        ("acpi_tables", "true"),
        # An idle guest, and one that waits for a lock, give the CPU to others.
        ("x86.vmexit_on_hlt", "true"),
        ("x86.vmexit_on_pause", "true"),
    ]


def _slots(guest: Guest, vm: Vm, run: RunSettings) -> Iterator[tuple[int, Pairs]]:
    """Every PCI slot with its device; the AHCI controller where a port of it is used."""
    ports = {port: keys for one in DEVICES for port, keys in one.ports(guest, vm, run)}
    if ports:
        yield AHCI_SLOT, controller(ports)
    for device in DEVICES:
        yield from device.pci(guest, vm, run)


def _order(guest: Guest, vm: Vm, run: RunSettings) -> Pairs:
    """Return what is booted from first. bhyve gives the firmware the PCI slots in this order
    (init_bootorder in pci_emul.c), as QEMU does: the first port of the AHCI controller stands
    for all of them. An empty drive has none."""
    sources = {one.name: one for one in boot_sources(guest, vm) if one.path}
    nodes: list[str] = []
    for source in (sources[name] for name in run.order if name in sources):
        if not on_controller(source.node) or not any(map(on_controller, nodes)):
            nodes.append(source.node)
    keys = [(f"{node}.bootindex", str(number)) for number, node in enumerate(nodes)]
    return [("lpc.fwcfg", "qemu"), *keys] if keys else []


def _pins(vm: Vm) -> Pairs:
    """Several pins of one virtual CPU add up, as with -p."""
    pinned: dict[int, list[str]] = {}
    for pin in vm.exact_pins:
        pinned.setdefault(pin.vcpu, []).append(str(pin.cpus))
    return [(f"vcpu.{vcpu}.cpuset", ",".join(cpus)) for vcpu, cpus in sorted(pinned.items())]


def repinned(text: str, before: Vm, after: Vm) -> str:
    """Return a file with the pins `after` a change in the place of those `before`. A virtual CPU
    that had none gets none, and a pin outside the guest's CPUs is left out."""
    new, mine = dict(_pins(after)), set(after.cpuset.cpus) if after.cpuset else None
    # Not splitlines(): a value of the guest's `config` may hold what that takes for a line's end.
    lines = text.removesuffix("\n").split("\n")
    for key, value in _pins(before):
        line = f"{key}={value}"
        stays = mine is None or mine >= set(CpuList.parse(value).cpus)
        if line in lines and (key in new or not stays):
            at = lines.index(line)
            lines[at : at + 1] = [f"{key}={new[key]}"] if key in new else []
    return "".join(f"{line}\n" for line in lines)


def _domain(vm: Vm, run: RunSettings) -> Pairs:
    """Return the guest's one NUMA domain, whose memory the host takes near the guest's CPUs, as -n
    gives it (calc_mem_affinity() and set_vcpu_affinities() in bhyverun.c). It needs firmware."""
    if not run.domains or vm.loader != "uefi" or vm.cpuset is None or not vm.cpuset.memory:
        return []
    return [
        ("domains.0.size", vm.memory_size),
        ("domains.0.cpus", str(CpuList.of(list(range(vm.cpus))))),
        ("domains.0.domain_policy", vm.cpuset.memory),
    ]
