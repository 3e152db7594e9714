"""Virtual machines as their run directories tell them: files and locks, no process.

bhyve inherits the descriptor of run.lock, and its supervisor holds it besides: held means
that the guest runs, whatever the other files say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from bsdvirt.facts.jls import JailFact
from bsdvirt.facts.vmm import names as names_of
from bsdvirt.guest.inventory import Guest, running_jail
from bsdvirt.host.fs import Fs
from bsdvirt.layout import (
    VM_DIRECTORY,
    bhyve_conf,
    last_file,
    run_lock,
    state_file,
    supervisor_lock,
    vm_directory,
)
from bsdvirt.plan.locks import is_held, lock_file
from bsdvirt.spec.numbers import natural
from bsdvirt.spec.rawkeys import passed

FBUF = "pci.0.29.0"
"""Where bhyve/config.py puts the framebuffer."""


class VmEnd(msgspec.Struct, frozen=True):
    """How a run of bhyve ended."""

    code: int | None = None
    signal: int | None = None
    what: str = ""
    at: float = 0.0


class VmState(msgspec.Struct, frozen=True):
    """What the supervisor writes into state.json; what a later one adds is passed over."""

    state: str = ""
    pid: int | None = None
    start: str = ""
    supervisor: int | None = None
    runs: int = 0
    since: float = 0.0
    last: VmEnd | None = None


_DECODER = msgspec.json.Decoder(VmState)
_END = msgspec.json.Decoder(VmEnd)


@dataclass(frozen=True, slots=True)
class VmFact:
    """One run directory."""

    name: str
    runs: bool
    """bhyve, or a supervisor that is about to run it again, is there."""
    supervised: bool
    said: VmState | None
    """None where nothing was written, or nothing that can be read."""

    @property
    def state(self) -> str:
        """running, paused, stopping, restarting or starting; empty for one that does not run."""
        if not self.runs:
            return ""
        known = ("running", "paused", "stopping", "restarting", "starting")
        return self.said.state if self.said and self.said.state in known else "running"

    @property
    def left(self) -> bool:
        """It ended without its supervisor: something of it may be left."""
        return not self.runs and self.said is not None


def read_vms(fs: Fs) -> dict[str, VmFact]:
    """All run directories by the guest's name."""
    return {name: fact for name in fs.listdir(VM_DIRECTORY) if (fact := read_vm(fs, name))}


def read_vm(fs: Fs, name: str) -> VmFact | None:
    """A guest's run directory; None where it has none."""
    if not fs.is_dir(vm_directory(name)):
        return None
    supervised = fs.is_locked(supervisor_lock(name))
    return VmFact(name, supervised or fs.is_locked(run_lock(name)), supervised, _said(fs, name))


def read_last(fs: Fs, name: str) -> VmEnd | None:
    """How the guest last ended in order; None where it never did, or nobody can tell."""
    try:
        return _END.decode(fs.read_bytes(last_file(name), follow=False))
    except (OSError, msgspec.MsgspecError):
        return None


def is_running(guest: Guest, jails: Mapping[str, JailFact], fs: Fs) -> bool:
    """Whether a guest of either kind runs."""
    if guest.identity.kind == "jail":
        return running_jail(guest, jails) is not None
    fact = read_vm(fs, guest.name)
    return fact is not None and fact.runs


def _said(fs: Fs, name: str) -> VmState | None:
    try:
        return _DECODER.decode(fs.read_bytes(state_file(name), follow=False))
    except (OSError, msgspec.MsgspecError):
        return None


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a guest's framebuffer is shown."""

    address: str
    port: int
    password: str | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What virtual machines hold of the host that run, or are being started."""

    vnc_ports: Mapping[int, str] = field(default_factory=dict)
    """Port to guest."""
    disks: Mapping[str, str] = field(default_factory=dict)
    """A disk that is written to, by each of its names (see facts/vmm.py), to guest."""
    devices: Mapping[str, str] = field(default_factory=dict)
    """A PCI device of the host's that is passed through, to guest."""
    terminals: Mapping[str, str] = field(default_factory=dict)
    """A device or socket behind a serial port, to guest."""


def read_screen(fs: Fs, name: str) -> Screen | None:
    """Where the guest is shown, and by what password, since its last start."""
    return _screen(_keys(fs, name))


def read_taken(fs: Fs, names: Iterable[str]) -> Taken:
    """What these guests hold, those of them that run or are being started."""
    found = Taken({}, {}, {}, {})
    for name in names:
        for keys in _held(fs, name):
            holds = parse_holds(keys)
            found = Taken(
                {**found.vnc_ports, **dict.fromkeys(holds.ports, name)},
                {**found.disks, **{n: name for path in holds.disks for n in names_of(fs, path)}},
                {**found.devices, **dict.fromkeys(holds.devices, name)},
                {**found.terminals, **dict.fromkeys(holds.terminals, name)},
            )
    return found


def _held(fs: Fs, name: str) -> Iterator[dict[str, str]]:
    """The configurations whose devices a guest holds: of its run, and of its start."""
    fact = read_vm(fs, name)
    if fact is not None and fact.runs:
        yield _keys(fs, name)
    # Looked at first: who starts writes down what it holds as soon as it has the lock.
    if is_held(fs, "start", name):
        yield parse_keys(fs.read_or(lock_file("start", name)))


@dataclass(frozen=True, slots=True)
class Holds:
    """What a configuration of bhyve has for itself of the host."""

    ports: tuple[int, ...]
    disks: tuple[str, ...]
    devices: tuple[str, ...]
    terminals: tuple[str, ...]


def parse_holds(keys: Mapping[str, str]) -> Holds:
    """What nobody else may have at the same time."""
    screen = _screen(keys)
    disks, terminals = [], []
    for key, value in keys.items():
        node, _, last = key.rpartition(".")
        if last != "path":
            continue
        if node.startswith("lpc."):
            terminals.append(value)
        elif node.startswith("pci.") and keys.get(f"{node}.ro") != "true":
            disks.append(value)
    ports = (screen.port,) if screen else ()
    return Holds(ports, tuple(disks), tuple(passed(dict(keys)).values()), tuple(terminals))


def _keys(fs: Fs, name: str) -> dict[str, str]:
    """bhyve's configuration of the present start, as bhyve reads it; empty without one."""
    return parse_keys(fs.read_or(bhyve_conf(name)))


def parse_keys(text: str) -> dict[str, str]:
    """The keys of a configuration, as bhyve reads it: the last of several counts."""
    pairs = {}
    for line in text.split("\n"):
        key, _, value = line.partition("=")
        pairs[key] = _plain(value)
    return pairs


def _screen(keys: Mapping[str, str]) -> Screen | None:
    address, colon, port = keys.get(f"{FBUF}.rfb", "").rpartition(":")
    number = natural(port)
    if not colon or number is None:
        return None
    return Screen(address.strip("[]"), number, keys.get(f"{FBUF}.password"))


def _plain(value: str) -> str:
    r"""What bhyve/config.py escaped: a backslash stands for what follows it, in a value
    that holds a `%`."""
    return re.sub(r"\\(.)", r"\1", value) if "%" in value else value
