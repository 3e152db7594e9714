"""Which CPUs a guest is given: `placement` and `cpus` as a set of CPUs. Pure.

The same wishes, holders and policy give the same CPUs, in whatever order the holders come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bsdvirt.cpu.topology import Cpus, Topology
from bsdvirt.errors import ConflictError, UsageError

Mode = Literal["shared", "exclusive", "auto"]


@dataclass(frozen=True, slots=True)
class Wish:
    """How many CPUs a guest wants, and how."""

    name: str
    count: int
    mode: Mode
    threads: int = 1
    """Threads of a core of the guest."""
    held: Cpus | None = None
    """What it has claimed; kept as long as it is valid."""
    held_exclusive: bool = False
    """Whether that claim is exclusive: `auto` keeps either kind."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Another guest with a claim or an exact cpuset, running or not."""

    name: str
    cpus: Cpus
    exclusive: bool = False
    weight: int = 0
    """How many CPUs it can keep busy: its virtual CPUs, or its count; 0 for as many as it has."""
    running: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """How the host wants its CPUs given away."""

    reserved: Cpus = ()
    """Of the host alone: never claimed."""
    spread: bool = True
    """Take the emptiest cache group; otherwise the fullest in which there is room."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The CPUs of a guest."""

    cpus: Cpus
    exclusive: bool
    why: str
    """Why these, in a sentence."""


def mask_of(cpus: Iterable[int]) -> int:
    """Return CPUs as bits."""
    bits = 0
    for cpu in cpus:
        bits |= 1 << cpu
    return bits


def cpus_of(mask: int) -> Cpus:
    """Return the CPUs of bits, in ascending order."""
    return tuple(cpu for cpu in range(mask.bit_length()) if mask >> cpu & 1)


def place(topology: Topology, wish: Wish, holders: Sequence[Holder], policy: Policy) -> Placement:
    """Return the CPUs of a guest; `holders` are the other guests.

    Raise UsageError if it wants more CPUs than are not reserved, and ConflictError, with the
    names of those in the way, if other guests hold them.
    """
    others = [one for one in holders if one.name != wish.name]
    everything = mask_of(topology.cpus) & ~mask_of(policy.reserved)
    if wish.count > everything.bit_count():
        raise UsageError(
            f"{wish.name}: it wants {wish.count} CPUs; the host has {everything.bit_count()}"
            + (" that are not reserved" if policy.reserved else ""),
            "set a lower number of CPUs",
        )
    alone = mask_of(cpu for one in others if one.exclusive for cpu in one.cpus)
    held = mask_of(cpu for one in others for cpu in one.cpus)
    free = everything & ~held
    if _valid(wish, everything & ~alone, free):
        exclusive = wish.mode == "exclusive" or (wish.mode == "auto" and wish.held_exclusive)
        return Placement(tuple(sorted(wish.held or ())), exclusive, "it has claimed them before")
    room = _room(free, everything & ~alone, policy)
    if wish.mode != "shared" and wish.count <= room:
        return Placement(cpus_of(free)[: wish.count], True, "no other guest has claimed them")
    if wish.mode == "exclusive":
        raise _refused(wish, room, others, everything)
    shared = cpus_of(everything & ~alone)
    if wish.count > len(shared):
        raise _refused(wish, len(shared), [o for o in others if o.exclusive], everything)
    return Placement(shared[: wish.count], False, "no other guest has them for itself")


def open_cpus(topology: Topology, holders: Iterable[Holder], policy: Policy) -> Cpus:
    """Return what guests without a cpuset or claim, and the processes that look after guests, may
    run on: all but the exclusive claims and what is reserved. Never empty: if all else is taken,
    the reserved ones."""
    every, reserved = mask_of(topology.cpus), mask_of(policy.reserved)
    alone = mask_of(cpu for one in holders if one.exclusive for cpu in one.cpus)
    return cpus_of(every & ~alone & ~reserved or every & ~alone or every & reserved or every)


def _room(free: int, shared: int, policy: Policy) -> int:
    """Return how many CPUs may be taken for one guest alone: without reserved CPUs, one must
    be left to all others, and to the host itself."""
    last = not policy.reserved and free == shared
    return free.bit_count() - (1 if last else 0)


def _valid(wish: Wish, shared: int, free: int) -> bool:
    """Return whether what it has claimed is still what it wants, and can be had."""
    if wish.held is None or len(set(wish.held)) != wish.count:
        return False
    held = mask_of(wish.held)
    if wish.mode == "exclusive" or (wish.mode == "auto" and wish.held_exclusive):
        return not held & ~free and (wish.held_exclusive or wish.mode == "exclusive")
    return not held & ~shared


def _refused(wish: Wish, room: int, others: Iterable[Holder], everything: int) -> ConflictError:
    names = sorted({one.name for one in others if mask_of(one.cpus) & everything})
    what = "for itself" if wish.mode == "exclusive" else ""
    return ConflictError(
        f"{wish.name}: it wants {wish.count} CPUs {what}".rstrip()
        + f", and {room} can be had"
        + (f"; the others are held by {', '.join(names)}" if names else ""),
        "set a lower number of CPUs, placement=shared or auto, or change a guest that holds them",
    )
