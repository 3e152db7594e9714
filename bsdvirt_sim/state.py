"""The state of a simulated host between two commands, and how it is stored.

It is one JSON file. Each command holds a lock on the directory from reading the state to writing
it, so several threads and processes can use one host at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec


class Struct(msgspec.Struct, omit_defaults=True):
    """Base of all parts of the state."""


class Pool(Struct):
    """A pool. `filled`: bytes of data that are not in the counted datasets."""

    size: int
    filled: int = 0
    readonly: bool = False


class Snapshot(Struct):
    """A snapshot; its files are in the hidden store: see snapdir.py and volumes.py."""

    name: str
    guid: int
    created: int
    txg: int
    refer: int
    props: dict[str, str] = {}
    volsize: int = 0
    received: dict[str, str] = {}
    """As in Dataset."""
    holds: dict[str, int] = {}
    """The tags of `zfs hold`, and when each was given."""
    deferred: bool = False
    """Whether it is destroyed with its last hold or clone."""


class Bookmark(Struct):
    """A bookmark of a snapshot."""

    name: str
    guid: int
    created: int
    txg: int
    refer: int


class Partial(Struct):
    """A snapshot that `zfs receive -s` has received in part; its data is in the store.

    `records`: how many parts of the stream it has. `fresh`: whether the dataset is only for it.
    """

    toname: str
    toguid: int
    fromguid: int
    records: int
    moved: int
    fresh: bool
    features: list[str] = []


class Dataset(Struct):
    """A filesystem or volume. `props`: its local properties, as `zfs get -p` shows them.
    `mounted`: where, or empty."""

    guid: int
    kind: str
    created: int
    txg: int
    refer: int
    props: dict[str, str] = {}
    origin: str = ""
    mounted: str = ""
    snaps: list[Snapshot] = []
    bookmarks: list[Bookmark] = []
    jail: int = 0
    key: bool = False
    """Whether its own key is loaded."""
    received: dict[str, str] = {}
    """Properties received with `zfs receive`; one that is in effect is in `props` with the same
    value."""
    partial: Partial | None = None


def is_inconsistent(dataset: Dataset) -> bool:
    """Whether its first snapshot was received in part only."""
    return dataset.partial is not None and dataset.partial.fresh


class Mount(Struct):
    """A line of the mount table."""

    special: str
    path: str
    kind: str
    options: str
    fsck: str = "0 0"
    ruleset: str = ""


class Inet(Struct):
    """An address of an interface; `kind` is inet or inet6."""

    kind: str
    address: str
    prefix: int
    dad: str = ""
    """State of duplicate address detection: tentative, duplicated, or empty."""


class Interface(Struct):
    """A network interface. `unit`: its name when created. `jail`: the jail it is in now."""

    name: str
    kind: str
    unit: str
    index: int
    mac: str
    hwaddr: str
    up: bool = False
    mtu: int = 1500
    descr: str = ""
    groups: list[str] = []
    addresses: list[Inet] = []
    peer: str = ""
    members: dict[str, bool] = {}
    filters: bool = False
    """Whether the bridge filters VLANs."""
    tags: dict[str, tuple[int, str]] = {}
    """The untagged and tagged VLANs of members that have any."""
    ifdisabled: bool = True
    rtadv: bool = False
    """Whether it accepts router advertisements (ACCEPT_RTADV)."""
    jail: int = 0
    vlan: int = 0
    parent: str = ""
    """The parent of a vlan interface; empty where that has gone."""
    opened: int = 0
    """Of a tap: the process that has its device open."""


class Process(Struct):
    """A process of a jail; a real one is a process of this machine too."""

    pid: int
    args: str
    real: bool = False


class Jail(Struct):
    """A jail of the kernel. `params`: those that are not at their default."""

    jid: int
    name: str
    path: str
    cpuset: int
    params: dict[str, str] = {}
    processes: list[Process] = []
    dying: bool = False
    routes: dict[str, str] = {}
    lo0: Interface | None = None
    mask: list[int] = []
    below: list[int] = []
    """CPUs of the cpuset below its own in which exec.start runs; empty if there is none."""
    memory: str = ""
    """Its memory policy, as cpuset -g shows it; empty for the host's."""
    ip4: list[str] = []
    ip6: list[str] = []
    started: int = 0


class Rule(Struct):
    """A rule of rctl(8)."""

    subject: str
    resource: str
    action: str
    amount: int
    per: str = ""
    """Another kind of subject that the amount is accounted for."""

    @property
    def text(self) -> str:
        """The rule as the kernel shows it (rctl_rule_to_sbuf in kern_rctl.c)."""
        per = f"/{self.per}" if self.per else ""
        return f"{self.subject}:{self.resource}:{self.action}={self.amount}{per}"


class Module(Struct):
    file: str
    names: list[str]
    line: str


class Vmm(Struct):
    """A device of vmm(4), and the process that runs its guest. `loaded`: a loader has put a
    kernel into its memory. `suspended`: the number of CPUs, where its guest ended by itself."""

    name: str
    pid: int = 0
    loaded: bool = False
    suspended: int = 0
    cpus: int = 1
    sockets: int = 1
    cores: int = 1
    threads: int = 1
    memory: int = 0
    wired: bool = False
    pins: dict[int, list[int]] = {}
    """The CPUs of virtual CPUs that are pinned."""
    started: float = 0.0
    forwards: list[str] = []
    """What the helpers of its user networking listen on, as in Host.sockets."""


class Guest(Struct):
    """How the system in a simulated virtual machine behaves. Times are in seconds.

    `boot`: until it has enabled ACPI and asks for a login. `acpi`: whether it reacts to the power
    button. `off`: the time to power off. `ends`: the exit code that bhyve ends with by itself once
    booted (a negative one is a signal). `loader`: what bhyveload does: boot, stay in its menu, or
    fail; empty: depends on the disk. `begins`: until bhyve has made the devices.
    """

    boot: float = 0.2
    acpi: bool = True
    off: float = 0.05
    ends: int | None = None
    loader: str = ""
    begins: float = 0.0


class Load(Struct):
    """What a guest, or the host, uses since a time: CPU time in percent of one CPU, bytes of
    memory, bytes a second. `base`: what it had used by then, in the order of accounting.KINDS."""

    cpu: float = 0.0
    memory: int = 0
    received: float = 0.0
    sent: float = 0.0
    read: float = 0.0
    written: float = 0.0
    since: float = 0.0
    base: list[float] = []


class Pf(Struct):
    """The packet filter. Rules are in pfctl's own format, translation and filter separately."""

    enabled: bool = False
    nat: list[str] = []
    filter: list[str] = []
    anchors: dict[str, list[str]] = {}


class Host(Struct):
    """The whole state."""

    generation: int = 0
    boot: int = 0
    boots: int = 1
    cpus: int = 2
    machine: str = ""
    """The key in kernel.topology.MACHINES; empty for the captured machine."""
    racct: bool = True
    version: str = "13.2"
    """The key in releases.RELEASES."""
    release: str = "13.2-RELEASE"
    """Of the running kernel."""
    installed: str = ""
    """Of the kernel on disk; empty if it is the one that runs."""
    userland: str = ""
    """Of the userland; empty if it is the kernel's."""
    osreldate: int = 1302001
    serial: int = 1000
    last_jid: int = 0
    last_cpuset: int = 2
    last_pid: int = 2000
    last_index: int = 2
    pools: dict[str, Pool] = {}
    datasets: dict[str, Dataset] = {}
    mounts: list[Mount] = []
    interfaces: dict[str, Interface] = {}
    jails: dict[int, Jail] = {}
    rules: list[Rule] = []
    messages: list[str] = []
    """Messages of the kernel since the boot."""
    rulesets: dict[str, list[str]] = {}
    sysctls: dict[str, str] = {}
    modules: list[Module] = []
    cut: int = -1
    """The bytes after which streams in pipes are cut; negative where they are not."""
    peers: dict[str, str] = {}
    """Directories of other simulated hosts, by the names that ssh(1) knows; "" if one is down."""
    late_devices: bool = False
    """Whether a volume with a local volmode stays without a device."""
    linger: list[str] = []
    """Names of jails that stay dying when they are removed."""
    copied: dict[str, list[str]] = {}
    """Host tools copied into a tmpfs of a jail, by its mount point."""
    gateway: str = ""
    dhclients: list[str] = []
    """The interfaces that dhclient(8) runs for."""
    vmms: dict[str, Vmm] = {}
    guests: dict[str, Guest] = {}
    masks: dict[int, list[int]] = {}
    """The CPUs of processes bound by cpuset(1)."""
    memories: dict[int, str] = {}
    """The memory policies of processes that have one of their own, as cpuset -g shows them."""
    hung: list[str] = []
    """Tools that never end where they only read."""
    listening: dict[str, list[int]] = {}
    """The ports that answer in a jail of that name when it runs."""
    sockets: list[str] = []
    """The listening sockets of the host itself, as sockstat shows them: sshd tcp4 *:22."""
    loads: dict[str, Load] = {}
    """By the name of a guest; the host's under "", in percent of all its CPUs."""
    clock: float = 0.0
    """The time that usage is counted by, if it stands still."""
    pf: Pf = msgspec.field(default_factory=Pf)


_DECODER = msgspec.json.Decoder(Host)
_ENCODER = msgspec.json.Encoder()
_HEAD = 32


class Store:
    """The state file of one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._path = directory / "state.json"
        self._lock = directory / "state.lock"
        self._threads = threading.Lock()
        self._known: Host | None = None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the host against other threads and processes."""
        with self._threads:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)

    def load(self) -> Host | None:
        """Return the state, or None in a new directory. Call with the lock held."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            # A state that was not written since is not decoded again: with
            # hundreds of jails that is most of a command's time.
            head = os.pread(descriptor, _HEAD, 0)
            known = self._known
            if known is not None and head.startswith(b'{"generation":%d,' % known.generation):
                return known
            with open(descriptor, "rb", closefd=False) as stream:
                self._known = _DECODER.decode(stream.read())
            return self._known
        finally:
            os.close(descriptor)

    def save(self, state: Host) -> None:
        """Replace the state file. Call with the lock held."""
        state.generation += 1
        temporary = self._path.with_suffix(".new")
        temporary.write_bytes(_ENCODER.encode(state))
        os.replace(temporary, self._path)
        self._known = state

    def forget(self) -> None:
        """Read the file again next time: the copy in memory is half changed."""
        self._known = None
