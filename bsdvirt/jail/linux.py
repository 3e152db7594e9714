"""Jails whose root holds no FreeBSD: what a start does for them from the host. Pure.

Their network is set before anything of theirs runs, by the host's ifconfig(8) and route(8), which
reach into a jail with -j. Older ones do not: then copies of these tools and of their libraries
are in a tmpfs that the jail sees for that moment only, and the copied rtld(1) runs them; /rescue
with its static ones is not on every host.

linux(4) wants /proc, /sys, /dev/fd and /dev/shm as in rc.d/linux. What lies in /dev is
mounted by exec.prestart, since jail(8) mounts /dev last (startcommands in jail.c); /dev/shm
is there once linux_common is loaded (linux.c), and the rulesets of jails hide it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from shlex import quote

from msgspec import Struct, field

from bsdvirt.errors import HostError
from bsdvirt.host import tools
from bsdvirt.jail.mounts import fstab_line
from bsdvirt.plan.step import Command, Step
from bsdvirt.spec.jail import Jail

PLACE = "/dev/fd"
"""Where the jail sees them: a directory that every /dev has, and that cannot be a link."""
LINKER = "/libexec/ld-elf.so.1"
NETWORK_TOOLS = (tools.IFCONFIG, tools.ROUTE)
TOOLS_SIZE = "64m"
SHM_SIZE = "1g"
UNBRANDED = "-1"
LINUX_BRAND = "3"
"""ELFOSABI_LINUX (elf_common.h)."""


class ForeignFacts(Struct, frozen=True):
    """What the host shows, where a jail's root holds no FreeBSD."""

    arch: str = ""
    """hw.machine_arch."""
    reaches: bool = False
    """Whether the host's ifconfig(8) and route(8) reach into a jail."""
    libraries: tuple[str, ...] = ()
    """Those of ifconfig(8) and route(8), by their whole paths."""
    brands: dict[str, str] = field(default_factory=dict)
    """kern.elf64.fallback_brand and its like, by name, that the kernel has."""


def from_host(jail: Jail) -> bool:
    """Whether its network is set from the host."""
    return jail.userland != "freebsd" and jail.stack == "vnet"


def network_of(
    name: str,
    root: str,
    interfaces: Sequence[str],
    commands: Sequence[str],
    foreign: ForeignFacts,
    wait: Callable[[Callable[[str], str]], Sequence[str]],
) -> list[str]:
    """For exec.created: the interfaces go into the jail, and the commands that would be the
    jail's own are run there by the host's tools, or by copies of them. `wait` gives the lines that
    wait for them, given how a command in the jail is run."""
    moved = [f"{tools.IFCONFIG} {interface} vnet {name}" for interface in interfaces]
    if foreign.reaches:

        def reach(command: str) -> str:
            tool, _, words = command.partition(" ")
            return f"{tool} -j {name} {words}"

        return [*moved, *map(reach, commands), *wait(reach)]
    place = quote(root + PLACE)
    enter = f"{tools.ENV} LD_LIBRARY_PATH={PLACE} {tools.JEXEC} {name}"
    linker = f"{PLACE}/{LINKER.rpartition('/')[2]}"

    def spell(command: str) -> str:
        return f"{enter} {linker} {command.replace('/sbin/', f'{PLACE}/', 1)}"

    return [
        *moved,
        f"{tools.MOUNT} -t tmpfs -o size={TOOLS_SIZE} tmpfs {place}",
        f"{tools.CP} {' '.join((*NETWORK_TOOLS, LINKER, *foreign.libraries))} {place}",
        *map(spell, commands),
        *wait(spell),
        f"{tools.UMOUNT} {place}",
    ]


# ---- Linux ----


def linux_mounts(jail: Jail, root: str) -> list[str]:
    """Lines of fstab(5), but for places that the jail's own mounts have."""
    if jail.userland != "linux":
        return []
    taken = {mount.place for mount in jail.mounts}
    return [
        fstab_line(kind, root + place, kind)
        for kind, place in (("linprocfs", "/proc"), ("linsysfs", "/sys"))
        if place not in taken
    ]


def linux_prestart(jail: Jail, root: str) -> list[str]:
    """On the host, once /dev is mounted and before anything of the jail runs."""
    if jail.userland != "linux":
        return []
    return [
        f"{tools.DEVFS} -m {quote(f'{root}/dev')} rule apply path shm unhide",
        f"{tools.MOUNT} -t tmpfs -o mode=1777,size={SHM_SIZE} tmpfs {quote(f'{root}/dev/shm')}",
        f"{tools.MOUNT} -t fdescfs -o linrdlnk fdescfs {quote(f'{root}/dev/fd')}",
    ]


def linux_poststop(jail: Jail, root: str) -> list[str]:
    """On the host, once the jail is gone and before /dev is unmounted."""
    if jail.userland != "linux":
        return []
    return [f"{tools.UMOUNT} {quote(root + place)}" for place in ("/dev/fd", "/dev/shm")]


MODULES = {
    "amd64": (("linux64",), ("linux", "pty")),
    "aarch64": (("linux64",), ("pty",)),
    "i386": (("linux",), ("pty",)),
}
"""What rc.d/linux loads: what Linux programs need, and what only some do: those of 32 bits,
and those that want terminals by their old names."""
FILE_SYSTEMS = ("fdescfs", "linprocfs", "linsysfs", "tmpfs")


def check_foreign(name: str, jail: Jail, facts: ForeignFacts) -> None:
    """Raises HostError where the host cannot run it so."""
    if jail.userland == "linux" and facts.arch not in MODULES:
        raise HostError(
            f"{name}: this host's {facts.arch} runs no Linux programs", "set userland=none"
        )
    if from_host(jail) and not (facts.reaches or facts.libraries):
        raise HostError(
            f"{name}: its network is set with the host's {tools.IFCONFIG}, and ldd(1) does not"
            " show which libraries it needs",
            "set stack=shared or stack=inherit",
        )


def linux_steps(jail: Jail, facts: ForeignFacts) -> list[Step]:
    """The kernel's part, as rc.d/linux does it. It stays so: other jails may need it."""
    if jail.userland != "linux":
        return []
    needed, useful = MODULES[facts.arch]
    steps = [
        Step(
            Command((tools.KLDLOAD, "-n", *needed, *FILE_SYSTEMS)),
            "what the kernel runs Linux programs with",
        ),
        *(
            Step(
                Command((tools.KLDLOAD, "-n", module), ok=(0, 1)),
                f"{module}, where there is one: some Linux programs need it",
            )
            for module in useful
        ),
    ]
    return steps + [
        Step(
            Command((tools.SYSCTL, f"{name}={LINUX_BRAND}")),
            "programs that do not say what they are for are Linux ones, on this host",
        )
        for name, value in facts.brands.items()
        if value == UNBRANDED
    ]
