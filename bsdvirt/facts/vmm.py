"""What the host shows of bhyve: modules, the limits of vmm(4), its devices."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import Literal

from bsdvirt.facts.host import read_sysctl
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.spec.numbers import natural

DEVICES = "/dev/vmm"
PathKind = Literal["file", "device", "directory", "other"]


@dataclass(frozen=True, slots=True)
class VmmFacts:
    """What planning for virtual machines asks of the host besides HostFacts."""

    usable: bool = True
    """vmm(4) is loaded, and found a processor that it can use."""
    useless: bool = False
    """vmm.ko is loaded, and found none."""
    nmdm: bool = True
    """nmdm(4) is there."""
    most_cpus: int | None = None
    """Virtual CPUs that a guest may have; not known before vmm is loaded."""
    unrestricted: bool = True
    """A guest may start in real mode, as firmware does and a second CPU."""
    wired: int | None = None
    """Bytes that the host lets be wired."""
    osreldate: int = 0
    order: bool | None = None
    """Whether bhyve knows a boot order; None where it was not asked."""
    devices: frozenset[str] = frozenset()
    """The names in /dev/vmm, whosever they are."""


def read_vmm(host: Host) -> VmmFacts:
    """Three commands, four where vmm(4) is not usable."""
    usable = _module(host, "-m", "vmm")
    shown = read_sysctl(
        host, "kern.osreldate", "hw.pagesize", "vm.max_user_wired", "hw.vmm.maxcpu",
        "hw.vmm.vmx.initialized", "hw.vmm.vmx.cap.unrestricted_guest",
    )  # fmt: skip
    pages = natural(shown.get("vm.max_user_wired", ""))
    page = natural(shown.get("hw.pagesize", ""))
    most = shown.get("hw.vmm.maxcpu", "")
    intel = shown.get("hw.vmm.vmx.initialized", "0") != "0"
    return VmmFacts(
        usable=usable,
        useless=not usable and _module(host, "-n", "vmm"),
        nmdm=_module(host, "-m", "nmdm"),
        most_cpus=natural(most),
        # AMD's processors have no such restriction, and no such sysctl.
        unrestricted=not intel or shown.get("hw.vmm.vmx.cap.unrestricted_guest", "1") != "0",
        wired=None if pages is None or page is None else pages * page,
        osreldate=natural(shown.get("kern.osreldate", "")) or 0,
        devices=read_devices(host),
    )


def read_devices(host: Host) -> frozenset[str]:
    """The names in /dev/vmm."""
    return frozenset(host.fs.listdir(DEVICES))


def read_paths(fs: Fs, paths: list[str]) -> dict[str, PathKind]:
    """What is at each of these paths, links followed; those with nothing are left out."""
    return {path: kind for path in paths if (kind := fs.kind(path)) is not None}


def read_order(host: Host) -> bool:
    """Whether bhyve can tell the firmware a boot order: then its configuration names the
    interface for that, before anything was set."""
    shown = host.run((tools.BHYVE, "-o", "config.dump=1", "probe"), changes=False).stdout
    return any(line.startswith("lpc.fwcfg=") for line in shown.splitlines())


def names(fs: Fs, path: str) -> tuple[str, ...]:
    """What tells a file or device from others, whatever it is called: its path, the path
    without links, and its number."""
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
