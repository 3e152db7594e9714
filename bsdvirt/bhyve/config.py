"""bhyve's configuration file: the keys of bhyve_config(5), a line each. Pure.

bhyve ignores a key that it does not know, so that a mistake here would be silent: the
tests hold each key against bhyve's own list, and the tree against the one that bhyve makes
of the same machine given as -s, -l and -c.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bsdvirt.bhyve import claims
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import console_device, tap
from bsdvirt.spec.identity import Claim, DiskClaim
from bsdvirt.spec.rawkeys import raw_devices
from bsdvirt.spec.vm import MIB, VNC_FIRST_PORT, Disk, Vm, VmNic

Pairs = list[tuple[str, str]]
_AHCI = f"pci.0.{claims.AHCI_SLOT}.0.port."
OWN_SECTORS = "512/4096"
"""Of a volume of the guest's own: logical, and physical."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the keys depend on besides the guest's own file."""

    rom: str | None = None
    """The firmware; None where bhyveload(8) loads the guest."""
    variables: str | None = None
    """The guest's own copy of the firmware's variables."""
    password: str | None = None
    """VNC's."""
    seed: bool = False
    """Whether there is a seed for cloud-init."""
    mtus: tuple[int, ...] = ()
    """Of each network interface."""
    order: tuple[str, ...] = ()
    """Disks and drives to boot from, where this bhyve knows an order."""


def render(guest: Guest, vm: Vm, around: Around) -> str:
    """The text of the file; the lines of the guest's own `config` come last, and override."""
    lines = [f"{key}={escape(value)}" for key, value in keys(guest, vm, around)]
    lines += [f"{line.key}={line.value}" for line in vm.config]
    return "\n".join(lines) + "\n"


def escape(value: str) -> str:
    r"""A value as bhyve reads it again.

    The manual has `%` doubled; the source (_expand_config_value in config.c, of 13.2 and
    of 15) takes `\%`, and knows backslashes only in a value that holds a `%`.
    """
    if "\n" in value or not value:
        raise ValueError(f"no value of bhyve_config(5): {value!r}")
    return value.replace("\\", "\\\\").replace("%", "\\%") if "%" in value else value


def keys(guest: Guest, vm: Vm, around: Around) -> Pairs:
    """Every key of ours, and its value as bhyve is to take it.

    The guest's claims fit (see bhyve/claims.py).
    """
    pairs: Pairs = [("name", guest.name), *_machine(guest, vm)]
    pairs += _pci(claims.HOSTBRIDGE_SLOT, _hostbridge(vm))
    pairs += _pci(claims.AHCI_SLOT, _ahci(guest, vm, around))
    for slot, device in sorted(_slotted(guest, vm, around)):
        pairs += _pci(slot, device)
    if vm.rng:
        pairs += _pci(claims.RNG_SLOT, [("device", "virtio-rnd")])
    if vm.vnc.enabled:
        pairs += _pci(claims.FBUF_SLOT, _fbuf(guest, vm, around))
        if vm.vnc.tablet:
            tablet = [("device", "xhci"), ("slot.1.device", "tablet")]
            pairs += _pci(claims.XHCI_SLOT, tablet)
    pairs += _pci(claims.LPC_SLOT, [("device", "lpc")])
    pairs.append(("lpc.com1.path", console_device(guest.identity.id, "A")))
    pairs += _firmware(around)
    pairs += _order(guest, vm, around)
    if vm.vnc.enabled and vm.vnc.keyboard:
        pairs.append(("keyboard.layout", str(vm.vnc.keyboard)))
    pairs += _pins(vm)
    if any(raw_devices(vm.config).buses):
        # An MPtable tells of the first bus only, and bhyve refuses to make one (mptbl.c).
        pairs.append(("x86.mptable", "false"))
    if any(line.key.startswith("tpm.") for line in vm.config):
        # Only -l has it by default: without it, bhyve aborts (tpm_device_create).
        pairs.append(("tpm.version", "2.0"))
    return pairs


def vnc_port(guest: Guest, vm: Vm) -> int:
    """The port that VNC listens on."""
    return vm.vnc.port or VNC_FIRST_PORT + guest.identity.id


def vnc_address(guest: Guest, vm: Vm) -> str:
    """Where VNC listens, as bhyve is told: an IPv6 address in brackets."""
    listen = vm.vnc.listen
    host = f"[{listen}]" if listen.version == 6 else str(listen)
    return f"{host}:{vnc_port(guest, vm)}"


def disk_path(guest: Guest, disk: Disk) -> str:
    """What is behind a disk: a volume of the guest's own, or a file or device."""
    return str(disk.path) if disk.path else guest.layout.disk_device(guest.name, disk.name)


def media(guest: Guest, vm: Vm) -> list[tuple[str, str]]:
    """The drives that hold a medium, each with its file, in the order of the guest's file."""
    found = []
    for drive in vm.cdroms:
        if drive.path or drive.media:
            path = str(drive.path) if drive.path else guest.layout.medium(str(drive.media))
            found.append((str(drive.name), path))
    return found


def _machine(guest: Guest, vm: Vm) -> Pairs:
    return [
        ("uuid", guest.identity.uuid),
        ("cpus", str(vm.cpus)),
        ("sockets", str(vm.sockets)),
        ("cores", str(vm.cores)),
        ("threads", str(vm.threads)),
        ("memory.size", f"{vm.memory // MIB}M"),
        *([("memory.wired", "true")] if vm.wired else []),
        ("acpi_tables", "true"),
        # An idle guest, and one that waits for a lock, give the CPU to others.
        ("x86.vmexit_on_hlt", "true"),
        ("x86.vmexit_on_pause", "true"),
        ("x86.strictmsr", _bool(not vm.ignore_msrs)),
        ("rtc.use_localtime", _bool(vm.clock == "local")),
    ]


def _pci(slot: int, device: Pairs) -> Pairs:
    return [(f"pci.0.{slot}.0.{key}", value) for key, value in device]


def _hostbridge(vm: Vm) -> Pairs:
    """AMD's is the plain one with other numbers (pci_hostbridge.c): given so, as bhyve
    keeps them for an amd_hostbridge of -s."""
    if vm.hostbridge == "amd":
        return [("device", "hostbridge"), ("vendor", "0x1022"), ("devid", "0x7432")]
    return [("device", "hostbridge")]


def _slotted(guest: Guest, vm: Vm, around: Around) -> Iterator[tuple[int, Pairs]]:
    """The devices that have a slot each."""
    for disk in vm.disks:
        claim = guest.identity.disks[disk.name]
        if disk.bus != "ahci" and claim.slot is not None:
            yield claim.slot, _disk(guest, disk, claim)
    for index, (nic, held) in enumerate(zip(vm.nics, guest.identity.nics, strict=True)):
        assert held.slot is not None
        mtu = around.mtus[index] if around.mtus else 1500
        yield held.slot, _nic(guest.identity.id, index, nic, held, mtu)


def _disk(guest: Guest, disk: Disk, claim: DiskClaim) -> Pairs:
    own = [("device", "nvme" if disk.bus == "nvme" else "virtio-blk"), *_block(guest, disk)]
    own.append(("ser", claim.serial))
    if disk.bus == "nvme":
        own.append(("eui64", claim.eui64))
    return own


def _block(guest: Guest, disk: Disk) -> Pairs:
    """What all the kinds of disk have (blockif_open in block_if.c)."""
    flags = (("ro", disk.readonly), ("nocache", disk.nocache), ("direct", disk.direct))
    return [
        ("path", disk_path(guest, disk)),
        *[(key, "true") for key, on in flags if on],
        *([("sectorsize", size)] if (size := _sectors(disk)) else []),
    ]


def _sectors(disk: Disk) -> str:
    """What the guest takes for the sizes of a sector. bhyve would tell it that a volume's
    block is a physical sector (DIOCGSTRIPESIZE), and 16 KiB are more than databases and ZFS
    in the guest want."""
    return str(disk.sectorsize or (OWN_SECTORS if disk.path is None else ""))


def _ahci(guest: Guest, vm: Vm, around: Around) -> Pairs:
    """The controller, with a port for each disk and drive that is on it. An empty drive is
    not shown: bhyve opens what is behind a port once, at its start."""
    ports: dict[int, Pairs] = {}
    for disk in vm.disks:
        if disk.bus == "ahci":
            claim = guest.identity.disks[disk.name]
            # Without rotation: guests then trim, and do not defragment.
            own = [("type", "hd"), *_block(guest, disk), ("nmrr", "1"), ("ser", claim.serial)]
            ports[claim.port] = own
    if around.seed:
        ports[claims.SEED_PORT] = _cd(guest.layout.seed(guest.name), "SEED")
    ports |= _drives(guest, vm)
    if not ports:
        return []
    return [
        ("device", "ahci"),
        *[(f"port.{port}.{key}", value) for port in sorted(ports) for key, value in ports[port]],
    ]


def _drives(guest: Guest, vm: Vm) -> dict[int, Pairs]:
    """The ports of the drives that hold a medium."""
    return {
        claim.port: _cd(path, claim.serial)
        for name, path in media(guest, vm)
        if (claim := guest.identity.disks.get(name)) is not None
    }


def with_media(text: str, guest: Guest, vm: Vm) -> str:
    """The configuration of a guest that runs, with what is in its drives now: it is read
    again when the guest reboots. All else in it stays."""
    drives = _drives(guest, vm)
    ports = tuple(f"{_AHCI}{port}." for port in claims.CDROM_PORTS)
    order = tuple(f"{_AHCI}{port}.bootindex=" for port in drives)
    kept = [line for line in text.splitlines() if not line.startswith(ports)]
    kept += [line for line in text.splitlines() if line.startswith(order)]
    controller = f"pci.0.{claims.AHCI_SLOT}.0.device=ahci"
    new = [
        f"{_AHCI}{port}.{key}={escape(value)}"
        for port in sorted(drives)
        for key, value in drives[port]
    ]
    if not new and not any(line.startswith(_AHCI) for line in kept):
        kept = [line for line in kept if line != controller]
    elif controller in kept:
        at = kept.index(controller) + 1
        kept[at:at] = new
    else:
        at = next((n for n, line in enumerate(kept) if line.startswith("pci.")), len(kept))
        kept[at:at] = [controller, *new]
    return "\n".join(kept) + "\n"


def media_of(text: str) -> list[str]:
    """The files in the drives of a guest that runs with this configuration."""
    ports = [f"{_AHCI}{port}.path=" for port in claims.CDROM_PORTS]
    return [
        line.removeprefix(port)
        for port in ports
        for line in text.splitlines()
        if line.startswith(port)
    ]


def _cd(path: str, serial: str) -> Pairs:
    return [("type", "cd"), ("path", path), ("ro", "true"), ("ser", serial)]


def _nic(guest_id: int, index: int, nic: VmNic, claim: Claim, mtu: int) -> Pairs:
    own = [
        ("device", "e1000" if nic.model == "e1000" else "virtio-net"),
        ("backend", tap(guest_id, index)),
        # bhyve tells the backend by its name, and the tap has one of ours.
        ("type", "tap"),
        ("mac", claim.mac),
    ]
    if mtu != 1500 and nic.model == "virtio":
        own.append(("mtu", str(mtu)))
    return own


def _fbuf(guest: Guest, vm: Vm, around: Around) -> Pairs:
    vnc = vm.vnc
    return [
        ("device", "fbuf"),
        ("rfb", vnc_address(guest, vm)),
        ("w", str(vnc.width)),
        ("h", str(vnc.height)),
        *([("wait", "true")] if vnc.wait else []),
        *([("password", around.password)] if around.password else []),
    ]


def _firmware(around: Around) -> Pairs:
    """By both names: 15 warns of the old ones where the new are not there beside them
    (bhyverun_machdep.c), and 13.2 knows only the old."""
    pairs: Pairs = []
    for key, path in (("bootrom", around.rom), ("bootvars", around.variables)):
        if path is not None:
            pairs += [(key, path), (f"lpc.{key}", path)]
    return pairs


def _order(guest: Guest, vm: Vm, around: Around) -> Pairs:
    """What is booted from first. bhyve tells the firmware the PCI slots in this order
    (init_bootorder in pci_emul.c), by QEMU's means: of those on the one AHCI controller the
    first stands for all. A drive without a medium is not there."""
    there = {name for name, _ in media(guest, vm)} | {str(disk.name) for disk in vm.disks}
    nodes: list[str] = []
    for name in (name for name in around.order if name in there):
        disk, claim = vm.disk(name), guest.identity.disks[name]
        if disk is not None and disk.bus != "ahci":
            nodes.append(f"pci.0.{claim.slot}.0")
        elif not any(node.startswith(_AHCI) for node in nodes):
            nodes.append(f"{_AHCI}{claim.port}")
    keys = [(f"{node}.bootindex", str(number)) for number, node in enumerate(nodes)]
    return [("lpc.fwcfg", "qemu"), *keys] if keys else []


def _pins(vm: Vm) -> Pairs:
    """Several pins of one virtual CPU add up, as with -p."""
    pinned: dict[int, list[str]] = {}
    for pin in vm.pins:
        pinned.setdefault(pin.vcpu, []).append(str(pin.cpus))
    return [(f"vcpu.{vcpu}.cpuset", ",".join(cpus)) for vcpu, cpus in sorted(pinned.items())]


def _bool(value: bool) -> str:
    return "true" if value else "false"
