"""What would make a virtual machine's start fail: reported before anything is done. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bsdvirt.bhyve.clean import device, is_ours
from bsdvirt.bhyve.config import boot_sources
from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.bhyve.devices.base import Missing, VmStartFacts
from bsdvirt.bhyve.devices.tpm import has_emulator
from bsdvirt.cpu.limits import need_racct
from bsdvirt.errors import ConflictError, HostError, UsageError
from bsdvirt.facts.host import Kernel
from bsdvirt.facts.vmm import SWTPM_WORD, PathKind, VmmFacts
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.spec.config_keys import later, word_of
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import LATER_KEYS, Vm

FIRST_ORDER = 1500000
"""kern.osreldate from which bhyve has a boot order (bootindex in block_if.c): 13.2 ignores
the keys."""

FIRST_LATER = 1400000
"""kern.osreldate before which bhyve is that of 13.2."""


def wanted_paths(guest: Guest, vm: Vm) -> list[str]:
    """Return the paths of the host that a start depends on."""
    of_devices = [path for device in DEVICES for path in device.paths(guest, vm)]
    return [tools.BHYVE, tools.IASL, *of_devices]


def missing_tools(vm: Vm, paths: Mapping[str, PathKind]) -> Iterator[Missing]:
    """Return the programs of FreeBSD that bhyve needs and this host lacks."""
    if tools.BHYVE not in paths:
        yield Missing(
            f"there is no {tools.BHYVE} on this host",
            "bhyve(8) is in FreeBSD's base system on amd64 (of base packages: FreeBSD-bhyve)",
        )
    tables = [line.value for line in vm.config if line.key == "acpi_tables"]
    if tools.IASL not in paths and tables[-1:] not in (["false"], ["no"], ["off"], ["0"]):
        # It ends by SIGABRT without it (basl_compile in acpi.c).
        yield Missing(
            f"there is no {tools.IASL} on this host, by which bhyve compiles the guest's ACPI"
            " tables",
            "install it from FreeBSD's base system (of base packages: FreeBSD-acpi)",
        )


def check(guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
    """Raise ConflictError, UsageError or HostError for what would not work, with what to do
    about it."""
    name = guest.name
    _check_vmm(name, vm, facts)
    if name in facts.vmm.devices and not is_ours(name, facts.host.files):
        raise ConflictError(
            f"there is a {device(name)} already, and it is not bsdvirt's",
            f"once nothing runs in it, bhyvectl --vm={name} --destroy takes it away;"
            " or give the guest another name",
        )
    check_host(name, vm, facts.kernel, facts.vmm)
    for link in links(facts.paths):
        raise HostError(f"{name}: {link.problem}", link.hint)
    for one in DEVICES:
        one.check(guest, vm, facts)


def links(paths: Mapping[str, PathKind]) -> Iterator[Missing]:
    """Return the links in the guest's own directory, which came with it from elsewhere."""
    for path, kind in paths.items():
        if kind == "link":
            yield Missing(
                f"{path} is a link, and bhyve would open what it leads to for the guest",
                f"see where it leads (ls -l {path}), and remove it",
            )


def check_host(name: str, vm: Vm, kernel: Kernel, vmm: VmmFacts, *, new: bool = False) -> None:
    """Raise UsageError or HostError for what this host can never provide: CPUs, wired memory,
    accounting for limits. Also for `set`, and for a guest that is `new`."""
    _check_memory(name, vm, vmm)
    _check_cpus(name, vm, kernel, vmm, "say" if new else f"bsdvirt set {name}")
    if vm.bootorder and vm.loader == "uefi" and not knows_order(vmm):
        raise HostError(
            f"{name}: bhyve of this FreeBSD has no boot order",
            "omit bootorder: UEFI keeps its own order, which its menu changes (Esc at"
            " the start, on the screen)",
        )
    _check_keys(name, vm, vmm)
    for one in DEVICES:
        one.check_host(name, vm, vmm)
    need_racct(name, vm.limits, kernel)


def knows_order(vmm: VmmFacts) -> bool:
    """Return whether bhyve can give the firmware a boot order."""
    if vmm.order is not None:
        return vmm.order
    return vmm.osreldate == 0 or vmm.osreldate >= FIRST_ORDER


def notes(guest: Guest, vm: Vm, facts: VmStartFacts, boot: str = "") -> tuple[str, ...]:
    """Return what the user should know about this start; with `boot` it boots from that disk
    or drive once."""
    found: list[str] = []
    sources = {one.name: one for one in boot_sources(guest, vm) if one.path}
    media = [one.name for one in sources.values() if one.removable]
    if not sources:
        found.append("it has no disk and no medium: there is nothing to boot")
    first = sources.get(str(vm.bootorder[0])) if vm.bootorder else None
    from_disk = first is not None and not first.removable
    if vm.loader == "bhyveload" and media and not from_disk and not boot:
        found.append(f"it boots from the medium in {media[0]} until that is ejected")
    found += [note for device in DEVICES for note in device.notes(vm, facts)]
    return tuple(found)


def _check_vmm(name: str, vm: Vm, facts: VmStartFacts) -> None:
    for missing in missing_tools(vm, facts.paths):
        raise HostError(missing.problem, missing.hint)
    if facts.vmm.useless:
        raise HostError(
            "vmm(4) is loaded, but cannot use this host's processor",
            "enable VT-x or AMD-V in the host's firmware;"
            " dmesg | grep -iE 'vm[mx]|svm|amd-v' says more",
        )
    if not facts.vmm.unrestricted and (vm.loader == "uefi" or vm.cpus > 1):
        raise HostError(
            f"{name}: this host's processor has no unrestricted guests",
            f"a FreeBSD guest runs with bsdvirt set {name} loader=bhyveload cpus=1",
        )


def _check_memory(name: str, vm: Vm, vmm: VmmFacts) -> None:
    if vm.wired and vmm.wired is not None and vm.memory > vmm.wired:
        raise HostError(
            f"{name}: {vm.memory!s} of wired memory is more than the {vmm.wired} bytes that"
            " this host can wire",
            "raise sysctl vm.max_user_wired, which counts pages, or give the guest less memory",
        )


def wanted_words(vm: Vm) -> list[str]:
    """Return the words that bhyve's program must have for the guest."""
    words = [word for key in _later_keys(vm) if (word := word_of(key))]
    return [*words, SWTPM_WORD] if has_emulator(vm) else words


def _later_keys(vm: Vm) -> dict[str, str]:
    """Return the keys that not every bhyve has, each with the property that asks for it."""
    keys = {line.key: f"config.{n}" for n, line in enumerate(vm.config) if later(line.key)}
    given = {key: path for path, key in LATER_KEYS.items() if getattr(vm, path) is not None}
    return keys | given


def _check_keys(name: str, vm: Vm, vmm: VmmFacts) -> None:
    """Refuse keys that bhyve would ignore: it does not print which keys it has."""
    for key, path in _later_keys(vm).items():
        word = word_of(key)
        known = not 0 < vmm.osreldate < FIRST_LATER
        if vmm.words is not None and word:
            known = word in vmm.words
        if not known:
            raise HostError(
                f"{name}: {path}: bhyve of this FreeBSD ignores {key}",
                "remove it: FreeBSD 15 has that key",
            )


def _check_cpus(name: str, vm: Vm, kernel: Kernel, vmm: VmmFacts, how: str) -> None:
    most = vmm.most_cpus
    if most is not None and vm.cpus > most:
        raise UsageError(
            f"{name}: {vm.cpus} CPUs are more than the {most} that a guest may have here",
            f"{how} cpus={most}, or raise hw.vmm.maxcpu in /boot/loader.conf",
        )
    if vm.cpuset:
        _check_host_cpus(f"{name}: cpuset {vm.cpuset}", vm.cpuset, kernel)
    for number, pin in enumerate(vm.exact_pins):
        what = f"{name}: pins.{number}: {pin}"
        _check_host_cpus(what, pin.cpus, kernel)
        if vm.cpuset and (out := set(pin.cpus.cpus) - set(vm.cpuset.cpus)):
            raise UsageError(
                f"{what}: CPU {min(out)} is not in the guest's cpuset {vm.cpuset}",
                "pin to CPUs of the cpuset, or change the cpuset",
            )


def _check_host_cpus(what: str, cpus: CpuList, kernel: Kernel) -> None:
    absent = [cpu for cpu in cpus.cpus if cpu >= kernel.cpus]
    if absent:
        raise UsageError(
            f"{what}: this host has no CPU {absent[0]}", f"its CPUs are 0-{kernel.cpus - 1}"
        )
