"""What is kept between the samples of one host: of the guests that run, and of no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from msgspec import Struct, field

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.usage.bhyve import Room, read_room, resident_memory
from bsdvirt.facts.usage.kstat import Objset, read_objsets
from bsdvirt.guest.inventory import Guest, load_guest_file, raw_has
from bsdvirt.guest.usage import Running
from bsdvirt.host.fs import Fs
from bsdvirt.session.session import Session

AGE = 60
"""Samples after which the datasets of guests are listed again: a disk may have been added."""
AT_ONCE = 4
"""Guests whose memory is read again in one sample, by a command each."""
MOST_OBJSETS = 32
"""Datasets of one guest that are counted: a jail makes as many as it likes."""


class _Own(Struct):
    """What is kept of one run of a guest."""

    run: tuple[int | None, int | None]
    objsets: tuple[Objset, ...] = ()
    room: Room = Room()
    of_file: tuple[int, ...] | None = None
    """Time, size and number of the guest's file when its CPUs were read from it."""
    cpus: int | None = None
    memory: int = 0
    """Bytes of memory that its processes do not show."""


class Kept(Struct, dict=True):
    """What one caller keeps, who takes many samples."""

    clock: Callable[[], float] = time.monotonic
    _own: dict[str, _Own] = field(default_factory=dict)
    _turn: int = 0
    _age: int = AGE

    def update(self, session: Session, running: Mapping[str, Running]) -> None:
        """Read what is new, and forget the guests that stopped."""
        new = {
            name: one
            for name, one in running.items()
            if name not in self._own or self._own[name].run != one.run
        }
        own = {name: self._own[name] for name in running if name not in new}
        own |= {name: _Own(one.run) for name, one in new.items()}
        self._own = own
        self._age += 1
        if new or self._age >= AGE:
            self._age = 0
            self._read_objsets(session, running)
        host = session.host
        for name, one in running.items():
            if one.jid is not None:
                cpus = host.jail_cpus(one.jid)
                own[name].cpus = None if cpus is None else len(cpus)
            else:
                _read_cpus(host.fs, one.guest, own[name])
        for name in (*(name for name in new if new[name].pid), *self._turns(running, new)):
            if name in new:
                own[name].room = read_room(host.fs, name)
            own[name].memory = resident_memory(host, name) or 0

    def names(self) -> list[str]:
        """Return the guests that something is kept of."""
        return sorted(self._own)

    def objsets(self, name: str) -> tuple[Objset, ...]:
        """Return the datasets whose reads and writes are the guest's."""
        return self._own[name].objsets

    def room(self, name: str) -> Room:
        """Return the CPUs and the memory that the guest may use at most."""
        own = self._own[name]
        known = [count for count in (own.cpus, own.room.cpus) if count is not None]
        return Room(min(known, default=None), own.room.memory)

    def memory_beside(self, name: str) -> int:
        """Return the bytes of the guest's memory that its processes do not show."""
        return self._own[name].memory

    def _turns(self, running: Mapping[str, Running], new: Mapping[str, Running]) -> list[str]:
        """Return the guests whose turn it is to have their memory read again."""
        names = [name for name, one in running.items() if one.pid and name not in new]
        if not names:
            return []
        first = self._turn % len(names)
        self._turn = first + AT_ONCE
        return (names + names)[first : first + min(AT_ONCE, len(names))]

    def _read_objsets(self, session: Session, running: Mapping[str, Running]) -> None:
        guests = [one.guest for one in running.values()]
        parents = {f"{guest.layout.dataset}/guests": None for guest in guests}
        outside = {guest.identity.root_dataset: None for guest in guests}
        outside.pop("", None)
        if not guests:
            return
        listed = read_objsets(session.host, (*parents, *outside))
        below: dict[str, list[Objset]] = {}
        for dataset, objset in listed.items():
            # POOL/…/guests/NAME/DATASET
            parent, _, _ = dataset.rpartition("/")
            below.setdefault(parent, []).append(objset)
        for guest in guests:
            own = below.get(guest.dataset, [])[:MOST_OBJSETS]
            root = listed.get(guest.identity.root_dataset)
            self._own[guest.name].objsets = (*own, *([root] if root else []))


def _read_cpus(fs: Fs, guest: Guest, own: _Own) -> None:
    """Read how many CPUs the guest's file gives it, where the file is new or was changed."""
    try:
        of_file = fs.version(guest.layout.guest_file(guest.name))
        if own.of_file == of_file:
            return
        own.cpus = None
        # Most guests have no cpuset, and reading a file in full takes its time.
        if raw_has(fs, guest.layout, guest.name, "cpuset"):
            cpuset = load_guest_file(fs, guest.layout, guest.name).cpuset
            own.cpus = len(cpuset.cpus) if cpuset else None
        own.of_file = of_file
    except (OSError, BsdvirtError):
        own.cpus, own.of_file = None, None
