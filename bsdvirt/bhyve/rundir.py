"""What running virtual machines hold of the host, as their configurations show: screens, disks,
PCI devices, terminals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bsdvirt.facts.jls import JailFact
from bsdvirt.facts.vmm import names as names_of
from bsdvirt.facts.vms import read_vm
from bsdvirt.guest.inventory import Guest, running_jail
from bsdvirt.host.fs import Fs
from bsdvirt.layout import bhyve_conf
from bsdvirt.plan.locks import is_held, lock_file
from bsdvirt.spec.numbers import natural
from bsdvirt.spec.rawkeys import passed

FBUF = "pci.0.29.0"
"""Where bhyve/config.py puts the framebuffer."""


def is_running(guest: Guest, jails: Mapping[str, JailFact], fs: Fs) -> bool:
    """Whether a guest of either kind runs."""
    if guest.identity.kind == "jail":
        return running_jail(guest, jails) is not None
    fact = read_vm(fs, guest.name)
    return fact is not None and fact.runs


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
