"""What a virtual machine's start depends on, and all that would keep it from working: said
before anything is done. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bsdvirt.bhyve import config
from bsdvirt.bhyve.clean import device, is_ours
from bsdvirt.bhyve.rundir import Taken
from bsdvirt.cpu.limits import need_racct
from bsdvirt.errors import ConflictError, HostError, UsageError
from bsdvirt.facts.host import HostFacts, Kernel
from bsdvirt.facts.vmm import PathKind, VmmFacts
from bsdvirt.facts.vms import VmFact
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.spec.rawkeys import raw_devices
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import Vm

FIRMWARE = "/usr/local/share/uefi-firmware"
CODE = f"{FIRMWARE}/BHYVE_UEFI_CODE.fd"
VARIABLES = f"{FIRMWARE}/BHYVE_UEFI_VARS.fd"
WHOLE = f"{FIRMWARE}/BHYVE_UEFI.fd"
"""Firmware and variables in one: what there was before the two were apart."""
PACKAGE = "edk2-bhyve"
LAYOUTS = "/usr/share/bhyve/kbdlayout"
FIRST_ORDER = 1500000
"""kern.osreldate from which bhyve knows a boot order (bootindex in block_if.c): 13.2 ignores
the keys."""
FIRST_TPM = 1400000
"""kern.osreldate before which bhyve has no TPM: 13.2 ignores the keys."""
FIRST_LARGE_FBUF = 1400000
"""kern.osreldate before which fbuf shows no more than 1920x1200 (COLS_MAX and ROWS_MAX in
pci_fbuf.c of 13.2; 3840x2160 in 15)."""


@dataclass(frozen=True, slots=True)
class VmStartFacts:
    """All that the host shows and a start depends on."""

    host: HostFacts
    """Its `files` are those of the guest's run directory, and of the notes of failures."""
    kernel: Kernel
    vmm: VmmFacts
    vm: VmFact | None
    paths: Mapping[str, PathKind]
    """What there is of `wanted_paths`."""
    password: str = ""
    """Made at random, for VNC."""
    taken: Taken = field(default_factory=Taken)
    """By the other guests that run, or are being started."""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each disk's path, the names that the same file or device may have."""
    used: Mapping[str, str] = field(default_factory=dict)
    """Of a disk's path, what else on this host uses it, in words."""


@dataclass(frozen=True, slots=True)
class Firmware:
    """What runs first; `template` is what the guest's own variables are a copy of."""

    rom: str
    template: str | None = None


def wanted_paths(guest: Guest, vm: Vm) -> list[str]:
    """The host's paths that a start is to know of."""
    paths = [tools.BHYVE, tools.BHYVELOAD, CODE, VARIABLES, WHOLE]
    if vm.firmware:
        paths.append(str(vm.firmware))
    if vm.variables:
        paths.append(str(vm.variables))
    if vm.vnc.keyboard:
        paths.append(f"{LAYOUTS}/{vm.vnc.keyboard}")
    paths += [guest.layout.uefi_vars(guest.name), guest.layout.seed(guest.name)]
    paths += [config.disk_path(guest, disk) for disk in vm.disks]
    return paths + [path for _, path in config.media(guest, vm)]


def check(guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
    """Raises ConflictError, UsageError or HostError for what would not work, with what to
    do about it."""
    name = guest.name
    _check_vmm(name, vm, facts)
    if name in facts.vmm.devices and not is_ours(name, facts.host.files):
        raise ConflictError(
            f"there is a {device(name)} already, and it is not bsdvirt's",
            f"once nothing runs in it, bhyvectl --vm={name} --destroy takes it away;"
            " or give the guest another name",
        )
    check_host(name, vm, facts.kernel, facts.vmm)
    _check_disks(guest, vm, facts)
    _check_shared(guest, vm, facts)
    _check_media(guest, vm, facts)
    _check_vnc(guest, vm, facts)
    _check_passed(guest, vm, facts)
    firmware(name, vm, facts.paths)


def check_host(name: str, vm: Vm, kernel: Kernel, vmm: VmmFacts, *, new: bool = False) -> None:
    """Raises UsageError and HostError for what this host never has: CPUs, memory that it
    wires, accounting for limits. For `set`, too, and for one that is `new`."""
    _check_memory(name, vm, vmm)
    _check_cpus(name, vm, kernel, vmm, "say" if new else f"bsdvirt set {name}")
    if vm.bootorder and vm.loader == "uefi" and not knows_order(vmm):
        raise HostError(
            f"{name}: bhyve of this FreeBSD knows no boot order",
            "leave bootorder out: UEFI keeps an order of its own, which its menu changes (Esc at"
            " the start, on the screen)",
        )
    if 0 < vmm.osreldate < FIRST_TPM and any(line.key.startswith("tpm.") for line in vm.config):
        raise HostError(
            f"{name}: bhyve of this FreeBSD knows no TPM", "take the keys tpm.* out of its config"
        )
    need_racct(name, vm.limits, kernel)


def knows_order(vmm: VmmFacts) -> bool:
    """Whether bhyve can tell the firmware what to boot from."""
    if vmm.order is not None:
        return vmm.order
    return vmm.osreldate == 0 or vmm.osreldate >= FIRST_ORDER


def notes(vm: Vm, facts: VmStartFacts, media: list[tuple[str, str]]) -> tuple[str, ...]:
    """What the user should know of this start."""
    found = []
    chosen = firmware("", vm, facts.paths)
    if chosen is not None and chosen.template is None and not vm.firmware:
        found.append(f"{chosen.rom} keeps no variables: {VARIABLES} is not there")
    if not (vm.disks or media):
        found.append("it has no disk and no medium: there is nothing to boot")
    from_disk = bool(vm.bootorder) and vm.disk(vm.bootorder[0]) is not None
    if vm.loader == "bhyveload" and media and not from_disk:
        found.append(f"it boots from the medium in {media[0][0]} until that is ejected")
    if vm.vnc.enabled and vm.vnc.auth == "none" and not vm.vnc.listen.ip.is_loopback:
        found.append(f"whoever reaches {vm.vnc.listen} can use its screen: there is no password")
    return tuple(found)


def firmware(name: str, vm: Vm, paths: Mapping[str, PathKind]) -> Firmware | None:
    """The firmware; None for bhyveload(8). Raises HostError where there is none."""
    if vm.loader == "bhyveload":
        if tools.BHYVELOAD not in paths:
            raise HostError(
                f"there is no {tools.BHYVELOAD} on this host", f"bsdvirt set {name} loader=uefi"
            )
        return None
    if vm.firmware:
        if paths.get(vm.firmware) != "file":
            raise HostError(
                f"{name}: firmware {vm.firmware} is no file that is there",
                f"bsdvirt set {name} firmware= takes that of the package {PACKAGE}",
            )
        if vm.variables and paths.get(vm.variables) != "file":
            raise HostError(
                f"{name}: variables {vm.variables} is no file that is there",
                f"bsdvirt set {name} variables=PATH corrects it",
            )
        return Firmware(vm.firmware, str(vm.variables) if vm.variables else None)
    template = VARIABLES if VARIABLES in paths else None
    if CODE in paths and template:
        return Firmware(CODE, template)
    if WHOLE in paths:
        return Firmware(WHOLE, template)
    if CODE in paths:
        return Firmware(CODE)
    raise HostError(
        f"{name}: there is no UEFI firmware on this host: {CODE} is missing",
        f"pkg install {PACKAGE}; a FreeBSD guest boots without it: bsdvirt set"
        f" {name} loader=bhyveload",
    )


def _check_vmm(name: str, vm: Vm, facts: VmStartFacts) -> None:
    if tools.BHYVE not in facts.paths:
        raise HostError(
            f"there is no {tools.BHYVE} on this host", "bhyve is of FreeBSD's base system on amd64"
        )
    if facts.vmm.useless:
        raise HostError(
            "vmm(4) is loaded, and cannot use this host's processor",
            "switch VT-x or AMD-V on in the host's own firmware; dmesg | grep vmm says more",
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
            " this host wires",
            "raise sysctl vm.max_user_wired, which counts pages, or give the guest less memory",
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
    for number, pin in enumerate(vm.pins):
        what = f"{name}: pins.{number}: {pin}"
        _check_host_cpus(what, pin.cpus, kernel)
        if vm.cpuset and (out := set(pin.cpus.cpus) - set(vm.cpuset.cpus)):
            raise UsageError(
                f"{what}: CPU {min(out)} is not in the guest's cpuset {vm.cpuset}",
                "pins are within it",
            )


def _check_host_cpus(what: str, cpus: CpuList, kernel: Kernel) -> None:
    absent = [cpu for cpu in cpus.cpus if cpu >= kernel.cpus]
    if absent:
        raise UsageError(
            f"{what}: this host has no CPU {absent[0]}", f"its CPUs are 0-{kernel.cpus - 1}"
        )


def _check_disks(guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
    name = guest.name
    volumes = {dataset.name for dataset in guest.datasets}
    for disk in vm.disks:
        if disk.path is None:
            volume = guest.layout.disk(name, disk.name)
            if volume not in volumes:
                raise HostError(
                    f"{name}: disk {disk.name}: there is no volume {volume}",
                    f"bring it back, or bsdvirt disk rm {name} {disk.name}",
                )
            continue
        at, path = f"{name}: disk {disk.name}: {disk.path}", str(disk.path)
        kind = facts.paths.get(path)
        if kind is None:
            raise HostError(
                f"{at} is not there", f"bsdvirt set {name} disks.{disk.name}.path=PATH corrects it"
            )
        if kind not in ("file", "device"):
            raise HostError(f"{at} is neither a file nor a device", "name the disk itself")


def _check_shared(guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
    """What a disk writes to is nobody else's meanwhile."""
    of = {config.disk_path(guest, disk): disk for disk in vm.disks}
    written = [path for path, disk in of.items() if not disk.readonly]
    for path in dict.fromkeys((*written, *facts.names)):
        at = f"{guest.name}: disk {of[path].name}: {path}" if path in of else f"config: {path}"
        names = facts.names.get(path, (path,))
        if holder := next((facts.taken.disks[n] for n in names if n in facts.taken.disks), None):
            raise ConflictError(
                f"{at} is in use by {holder}, which would destroy what is on it",
                f"stop {holder}, or give both readonly=true for it",
            )
        if use := facts.used.get(path):
            raise ConflictError(
                f"{at} is in use: {use}", "give the guest a disk that nothing else uses"
            )
    for line in vm.config:
        if (holder := facts.taken.terminals.get(line.value)) and line.key.startswith("lpc."):
            raise ConflictError(
                f"{guest.name}: {line.key}: {line.value} is in use by {holder}",
                f"bsdvirt stop {holder}, or set another one",
            )


def _check_media(guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
    for drive, path in config.media(guest, vm):
        if facts.paths.get(path) not in ("file", "device"):
            raise HostError(
                f"{guest.name}: the medium in {drive} is not there: {path}",
                f"bsdvirt media ls shows what is; bsdvirt cdrom eject {guest.name} --drive {drive}",
            )


def _check_passed(guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
    for passed, line in raw_devices(vm.config).host.items():
        if holder := facts.taken.devices.get(passed):
            raise ConflictError(
                f"{guest.name}: config.{line}: PCI device {passed} is in use by {holder}",
                f"bsdvirt stop {holder}",
            )


def _check_vnc(guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
    if not vm.vnc.enabled:
        return
    port = config.vnc_port(guest, vm)
    if holder := facts.taken.vnc_ports.get(port):
        raise ConflictError(
            f"{guest.name}: VNC port {port} is taken by {holder}",
            f"bsdvirt set {guest.name} vnc.port=PORT",
        )
    if vm.vnc.keyboard and f"{LAYOUTS}/{vm.vnc.keyboard}" not in facts.paths:
        # bhyve would pass over it without a word (ps2kbd_setkbdlayout in ps2kbd.c).
        raise HostError(
            f"{guest.name}: there is no keyboard layout {vm.vnc.keyboard}", f"they are in {LAYOUTS}"
        )
    small = 0 < facts.vmm.osreldate < FIRST_LARGE_FBUF
    if small and (vm.vnc.width > 1920 or vm.vnc.height > 1200):
        raise UsageError(
            f"{guest.name}: a screen of {vm.vnc.width}x{vm.vnc.height} is more than bhyve of"
            " this FreeBSD shows",
            f"bsdvirt set {guest.name} vnc.width=1920 vnc.height=1200",
        )
