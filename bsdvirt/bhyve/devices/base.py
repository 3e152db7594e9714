"""What a device of a virtual machine can say of itself.

A device is one file here, and one line of the registry in devices/__init__.py. The planners
ask each device in turn; what a device does not override, it does not have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import ClassVar

from msgspec import Struct, field

from bsdvirt.bhyve.volumes import Base
from bsdvirt.facts.host import HostFacts, Kernel
from bsdvirt.facts.vmm import PathKind, VmmFacts
from bsdvirt.facts.vms import VmFact
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.view import Change
from bsdvirt.layout import Layout
from bsdvirt.plan.drift import Drift
from bsdvirt.plan.step import Step
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import Vm

Pairs = list[tuple[str, str]]
"""Keys of bhyve_config(5) with their values."""
Keys = Mapping[str, str]
"""bhyve's configuration of a guest that runs, as bhyve reads it."""
Networks = Mapping[str, Network]


class Taken(Struct, frozen=True):
    """The resources of the host that running or starting virtual machines use: of each sort
    of resource, every one with its guest."""

    by: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, sort: str) -> Mapping[str, str]:
        """Return the resources of one sort, each with its guest."""
        return self.by.get(sort, {})

    def holder(self, sort: str, *names: str) -> str | None:
        """Return the guest that uses a resource known by one of these names."""
        held = self.of(sort)
        return next((held[name] for name in names if name in held), None)


class VmStartFacts(Struct, frozen=True):
    """Everything about the host that a start depends on."""

    host: HostFacts
    """Its `files` are those of the guest's run directory, and the notes of failures."""
    kernel: Kernel
    vmm: VmmFacts
    vm: VmFact | None
    paths: Mapping[str, PathKind]
    """Which of `wanted_paths` exist."""
    password: str = ""
    """A random one, for VNC."""
    taken: Taken = field(default_factory=Taken)
    """Resources of the other guests that run, or are being started."""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Other names of the same file or device, by the path of a disk."""
    used: Mapping[str, str] = field(default_factory=dict)
    """What else on this host uses a disk, in words, by the path of the disk."""
    open_cpus: CpuList | None = None
    """The CPUs for its supervisor; None for all."""


class RunSettings(Struct, frozen=True):
    """What bhyve's configuration depends on besides the guest's own file."""

    rom: str | None = None
    """The firmware; None where bhyveload(8) loads the guest."""
    variables: str | None = None
    """The guest's copy of the firmware's variables."""
    password: str = ""
    """A random one, for VNC."""
    paths: Collection[str] = ()
    """The paths of the host that exist."""
    networks: Networks = field(default_factory=dict)
    order: tuple[str, ...] = ()
    """Disks and drives to boot from, where this bhyve supports a boot order."""
    domains: bool = False
    """Whether this bhyve has NUMA domains of the guest."""


class Place(Struct, frozen=True):
    """What a disk or drive claims: one of these ports of the AHCI controller, and with
    `slotted` a PCI slot."""

    name: str
    ports: range
    slotted: bool = False


class BootSource(Struct, frozen=True):
    """A disk or drive that the guest can boot from."""

    name: str
    path: str
    """The file or device behind it; empty for an empty drive."""
    node: str
    """Its node in bhyve's configuration, such as pci.0.4.0."""
    own: bool = False
    """Whether it is a zvol of the guest's own: empty until something is installed on it."""
    removable: bool = False
    fill: str = ""
    """The command that puts a medium into it."""


class Missing(Struct, frozen=True):
    """Something that a device needs and the host lacks."""

    problem: str
    hint: str


class Device:
    """One sort of device. A subclass overrides the questions that it has an answer to."""

    uses: ClassVar[str] = ""
    """The sort of resource that `holds` names."""
    has_names: ClassVar[bool] = False
    """Whether such a resource is a file that may have other names."""

    # ---- bhyve's configuration ----

    def pci(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterable[tuple[int, Pairs]]:
        """Return the PCI slots on bus 0 that it uses, each with the keys of its function 0."""
        return ()

    def ports(self, guest: Guest, vm: Vm, run: RunSettings) -> Iterable[tuple[int, Pairs]]:
        """Return the ports of the AHCI controller that it uses, each with its keys."""
        return ()

    def settings(self, guest: Guest, vm: Vm, run: RunSettings) -> Pairs:
        """Return its keys outside the PCI tree."""
        return []

    def rerun(self, vm: Vm) -> Pairs:
        """Return the keys that are different when bhyve runs again after a guest's reboot."""
        return []

    def boots(self, guest: Guest, vm: Vm) -> Iterable[BootSource]:
        """Return what the guest can boot from."""
        return ()

    # ---- claims ----

    def places(self, vm: Vm) -> Iterable[Place]:
        """Return the places that it claims by name."""
        return ()

    def holds(self, keys: Keys) -> Iterable[str]:
        """Return the resources of the host that a guest with this configuration uses, and
        that no other guest may use at the same time."""
        return ()

    # ---- checks ----

    def paths(self, guest: Guest, vm: Vm) -> Iterable[str]:
        """Return the paths of the host that its start depends on."""
        return ()

    def check_host(self, name: str, vm: Vm, vmm: VmmFacts) -> None:
        """Raise HostError or UsageError for what this host can never provide."""

    def check(self, guest: Guest, vm: Vm, facts: VmStartFacts) -> None:
        """Raise ConflictError, HostError or UsageError for what would make a start fail."""

    def missing(self, guest: Guest, vm: Vm, paths: Mapping[str, PathKind]) -> Iterable[Missing]:
        """Return what doctor reports: files and volumes that do not exist."""
        return ()

    def notes(self, vm: Vm, facts: VmStartFacts) -> Iterable[str]:
        """Return what the user should know about this start."""
        return ()

    # ---- creation, start, and what follows ----

    def make(
        self, name: str, vm: Vm, layout: Layout, op: str, base: Base | None, thick: bool
    ) -> tuple[list[Step], list[str]]:
        """Return the steps that create what a new guest owns, and the datasets made."""
        return [], []

    def start_steps(
        self, guest: Guest, vm: Vm, networks: Networks, facts: VmStartFacts
    ) -> list[Step]:
        """Return what a start makes, each step with its undo."""
        return []

    def interfaces(self, guest_id: int) -> list[str]:
        """Return every name that an interface made by a start may have."""
        return []

    def cleanup(self, guest_id: int, vm: Vm) -> list[tuple[str, ...]]:
        """Return the commands that remove what a start made."""
        return []

    def files(self, name: str) -> list[tuple[str, str]]:
        """Return the files that a start or a run leaves, each with what it is."""
        return []

    def change(
        self, guest: Guest, before: Vm, after: Vm, op: str, *, live: bool,
        destroying: Collection[str],
    ) -> Change:  # fmt: skip
        """Return what a change of the guest's file changes on the host. Raise ConflictError
        or UsageError where that is impossible."""
        return Change()

    def at_reboot(self, conf: str, guest: Guest, before: Vm, after: Vm) -> str:
        """Return the configuration of a running guest with what it reads when it reboots."""
        return conf

    def media(self, conf: str) -> list[str]:
        """Return the files of removable media in a configuration."""
        return []

    def drift(
        self, guest: Guest, vm: Vm | None, networks: Networks, facts: HostFacts
    ) -> Iterable[Drift]:
        """Return what a running guest lacks of what its start made."""
        return ()

    def info(self, guest: Guest, vm: Vm, keys: Keys) -> dict[str, object]:
        """Return what `info` shows of it; `keys` are empty for a guest that does not run."""
        return {}
