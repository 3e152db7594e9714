"""Facts about bhyve: modules, the limits of vmm(4), its devices."""

from __future__ import annotations

import stat
from collections.abc import Collection
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from bsdvirt.facts.packetfilter import read_listeners
from bsdvirt.facts.sysctl import read_sysctl
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.spec.digits import natural

DEVICES = "/dev/vmm"
SWTPM_WORD = "tpm_swtpm_init"
"""A function of bhyve whose name it prints (tpm_emul_swtpm.c of 15.1)."""
MOST_PROGRAM = 16 << 20
"""What is read of bhyve's program, which is half a MiB in 15.1."""
PathKind = Literal["file", "device", "directory", "other", "link"]


class VmmFacts(Struct, frozen=True):
    """Facts that planning for virtual machines needs, besides HostFacts."""

    usable: bool = True
    """vmm(4) is loaded, and supports the processor."""
    useless: bool = False
    """vmm.ko is loaded, but does not support the processor."""
    nmdm: bool = True
    """nmdm(4) is loaded."""
    most_cpus: int | None = None
    """Largest number of virtual CPUs of a guest; unknown before vmm is loaded."""
    unrestricted: bool = True
    """A guest can start in real mode, which firmware and a second CPU need."""
    wired: int | None = None
    """Bytes of memory that can be wired."""
    osreldate: int = 0
    order: bool | None = None
    """Whether bhyve has a boot order; None if it was not checked."""
    tpm: bool | None = None
    """Whether bhyve has a TPM; None if it was not checked."""
    domains: bool = False
    """Whether bhyve has NUMA domains of the guest; False if it was not checked."""
    words: frozenset[str] | None = None
    """Which of the words that were looked for are in bhyve's program; None if it was not read."""
    listens: frozenset[tuple[str, str, int]] = frozenset()
    """Protocol, address and port of what listens on the host; empty if it was not read."""
    devices: frozenset[str] = frozenset()
    """Names in /dev/vmm, including others' guests."""


def read_vmm(host: Host) -> VmmFacts:
    """Return these facts: three commands, four if vmm(4) is not usable.

    13.2 does not register a vmm that cannot use the processor; 15.1 does (vmm_handler() in
    vmm_dev.c), and then has no value of hw.vmm.create, which sysctl(8) leaves out.
    """
    loaded = _module(host, "-m", "vmm")
    shown = read_sysctl(
        host, "kern.osreldate", "hw.pagesize", "vm.max_user_wired", "hw.vmm.maxcpu",
        "hw.vmm.create", "hw.vmm.vmx.initialized", "hw.vmm.vmx.cap.unrestricted_guest",
    )  # fmt: skip
    pages = natural(shown.get("vm.max_user_wired", ""))
    page = natural(shown.get("hw.pagesize", ""))
    most = shown.get("hw.vmm.maxcpu", "")
    usable = loaded and "hw.vmm.create" in shown
    intel = shown.get("hw.vmm.vmx.initialized", "0") != "0"
    return VmmFacts(
        usable=usable,
        useless=not usable and (loaded or _module(host, "-n", "vmm")),
        nmdm=_module(host, "-m", "nmdm"),
        most_cpus=natural(most),
        # AMD's processors have no such restriction, and no such sysctl.
        unrestricted=not intel or shown.get("hw.vmm.vmx.cap.unrestricted_guest", "1") != "0",
        wired=None if pages is None or page is None else pages * page,
        osreldate=natural(shown.get("kern.osreldate", "")) or 0,
        devices=read_devices(host),
    )


def read_devices(host: Host) -> frozenset[str]:
    """Return the names in /dev/vmm."""
    return frozenset(host.fs.listdir(DEVICES))


def read_paths(fs: Fs, paths: list[str], own: str) -> dict[str, PathKind]:
    """Return the type of each existing path. Links are followed, but not in the directory `own`,
    the guest's: it may have come from elsewhere."""
    found: dict[str, PathKind] = {}
    for path in paths:
        kind = fs.kind(path)
        if path.startswith(f"{own}/") and fs.is_link(path):
            found[path] = "link"
        elif kind is not None:
            found[path] = kind
    return found


def probe(
    host: Host,
    vmm: VmmFacts,
    *,
    order: bool,
    tpm: bool,
    domains: bool,
    listens: bool,
    words: Collection[str],
) -> VmmFacts:
    """Return the facts with what a start needs to know of these features."""
    found = read_listeners(host) if listens else ()
    return replace(
        vmm,
        order=read_order(host) if order else None,
        tpm=read_tpm(host) if tpm else None,
        domains=domains and read_domains(host),
        words=read_words(host.fs, words) if words else None,
        # The ports of other guests are known by their configurations.
        listens=frozenset(
            (one.protocol, one.address, one.port) for one in found if not one.of_guest
        ),
    )


def read_order(host: Host) -> bool:
    """Whether bhyve can pass a boot order to the firmware: then its configuration has the fwcfg
    interface by default."""
    shown = host.run((tools.BHYVE, "-o", "config.dump=1", "probe"), changes=False).stdout
    return any(line.startswith("lpc.fwcfg=") for line in shown.splitlines())


def read_tpm(host: Host) -> bool:
    """Whether bhyve has a TPM, one of the devices of its LPC bridge (captures/05)."""
    shown = host.run((tools.BHYVE, "-l", "help"), changes=False)
    return "tpm" in shown.stdout.split()


def read_words(fs: Fs, words: Collection[str]) -> frozenset[str] | None:
    """Return which words are in bhyve's program, as the names of its keys and functions are: it
    prints neither, and ignores a key that it does not know. None if it cannot be read."""
    try:
        program = fs.read_bytes(tools.BHYVE, MOST_PROGRAM)
    except OSError:
        return None
    return frozenset(word for word in words if word.encode() in program)


def read_emulator(fs: Fs) -> bool:
    """Whether bhyve can have a TPM in software."""
    found = read_words(fs, [SWTPM_WORD])
    return found is None or SWTPM_WORD in found


def read_domains(host: Host) -> bool:
    """Whether bhyve has NUMA domains, with a place for the memory of each: its help has -n then
    (captures/05)."""
    shown = host.run((tools.BHYVE, "-h"), changes=False)
    return any(line.strip().startswith("-n: NUMA") for line in shown.stderr.splitlines())


def names(fs: Fs, path: str) -> tuple[str, ...]:
    """Return the identity of a file or device under all its names: its path, its path without
    links, and its number."""
    try:
        real = fs.path(path).resolve(strict=True)
        seen = real.stat()
    except (OSError, RuntimeError):
        return (path,)
    device = stat.S_ISCHR(seen.st_mode) or stat.S_ISBLK(seen.st_mode)
    number = f"device {seen.st_rdev}" if device else f"file {seen.st_dev} {seen.st_ino}"
    prefix = fs.prefix.resolve()
    plain = f"/{real.relative_to(prefix)}" if real.is_relative_to(prefix) else str(real)
    return (path, number) if plain == path else (path, plain, number)


def _module(host: Host, option: str, name: str) -> bool:
    return host.run((tools.KLDSTAT, "-q", option, name), changes=False).status == 0
