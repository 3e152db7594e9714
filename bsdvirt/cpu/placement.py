"""Which CPUs a guest is given: `placement` and `cpus` as a set of CPUs. Pure.

The same wishes, holders and policy give the same CPUs, in whatever order the holders come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from bsdvirt.cpu.board import CPU, Board
from bsdvirt.cpu.regions import Cost, Found, Pool, Region, Want, cpus_of, mask_of
from bsdvirt.cpu.topology import Cpus, Topology
from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.spec.types import CpuList

Mode = Literal["shared", "exclusive", "auto"]
MOST_NAMED = 8
PARTS = 4
"""`auto` leaves one of so many parts of the CPUs that are not reserved, rounded up."""


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
    """Take the emptiest cache and domain; otherwise the fullest in which there is room."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The CPUs of a guest."""

    cpus: Cpus
    exclusive: bool
    reasons: Callable[[], Iterable[str]] = field(repr=False, compare=False)

    @property
    def why(self) -> str:
        """Return in a sentence what speaks for these CPUs, and what against them."""
        return "; ".join(self.reasons())


def place(topology: Topology, wish: Wish, holders: Iterable[Holder], policy: Policy) -> Placement:
    """Return the CPUs of a guest; `holders` are the guests with CPUs of their own.

    Raise UsageError if it wants more CPUs than are not reserved, and ConflictError, with the
    names of those in the way, if other guests hold them.
    """
    others = [one for one in holders if one.name != wish.name]
    return _placed(board_of(topology, others, policy), wish, others)


def place_all(
    topology: Topology, wishes: Iterable[Wish], holders: Iterable[Holder], policy: Policy
) -> dict[str, Placement]:
    """Return the CPUs of several guests: valid claims are kept, then those that are hardest to
    place come first, in whatever order they are given. Raise as `place` does, for the first."""
    wanted = {wish.name: wish for wish in wishes}
    others = [one for one in holders if one.name not in wanted]
    board = board_of(topology, others, policy)
    placed: dict[str, Placement] = {}
    for wish in sorted(wanted.values(), key=_urgency):
        found = placed[wish.name] = _placed(board, wish, others)
        board.add(mask_of(found.cpus), wish.count, exclusive=found.exclusive)
        others.append(Holder(wish.name, found.cpus, found.exclusive, wish.count))
    return placed


def _urgency(wish: Wish) -> tuple[bool, int, int, str]:
    modes: tuple[Mode, ...] = ("exclusive", "auto", "shared")
    return (wish.held is None, modes.index(wish.mode), -wish.count, wish.name)


def open_cpus(topology: Topology, holders: Iterable[Holder], policy: Policy) -> Cpus:
    """Return what guests without a cpuset or claim, and the processes that look after guests, may
    run on: all but the exclusive claims and what is reserved. Never empty: if all else is taken,
    the reserved ones."""
    every, reserved = mask_of(topology.cpus), mask_of(policy.reserved)
    shared = every & ~mask_of(cpu for one in holders if one.exclusive for cpu in one.cpus)
    return cpus_of(shared & ~reserved or shared or every & reserved or every)


def owners(cpus: Iterable[int], holders: Iterable[Holder]) -> list[str]:
    """Return the guests that have some of these CPUs for themselves, by name: an exact cpuset
    must not meet them."""
    wanted = mask_of(cpus)
    return sorted({one.name for one in holders if one.exclusive and mask_of(one.cpus) & wanted})


def board_of(topology: Topology, holders: Iterable[Holder], policy: Policy) -> Board:
    """Return the host's CPUs with the guests on them."""
    board = Board(topology, mask_of(policy.reserved), spread=policy.spread)
    for one in holders:
        board.add(mask_of(one.cpus), one.weight or len(one.cpus), exclusive=one.exclusive)
    return board


# ---- one guest ----


def _placed(board: Board, wish: Wish, others: Sequence[Holder]) -> Placement:
    usable = board.usable.bit_count()
    if wish.count > usable:
        reserved = " that are not reserved" if board.usable != board.every else ""
        raise UsageError(
            f"{wish.name}: it needs {counted(wish.count)}, the host has {usable}{reserved}",
            "set a lower number of CPUs",
        )
    if kept := _kept(board, wish, others):
        return kept
    if wish.mode != "shared" and wish.count <= _most(board, wish):
        return _chosen(board, wish, others, alone_pool(board, wish))
    if wish.mode == "exclusive":
        raise _refused(board, wish, others)
    if wish.count > board.pools["shared"].bit_count():
        raise _refused(board, wish, [one for one in others if one.exclusive])
    shared = _chosen(board, wish, others, "shared")
    if wish.mode == "auto":
        return _saying(_why_not_alone(board, wish), shared)
    return shared


def _most(board: Board, wish: Wish) -> int:
    """Return how many CPUs a guest may have for itself: with `auto`, part of the host stays with
    guests that share."""
    most = room(board)
    if wish.mode == "auto":
        most = min(most, board.pools["shared"].bit_count() - share(board))
    return max(0, most)


def share(board: Board) -> int:
    """Return how many CPUs `auto` leaves to guests that share."""
    return -(-board.usable.bit_count() // PARTS)


def _why_not_alone(board: Board, wish: Wish) -> str:
    most = _most(board, wish)
    said = f"{'only ' if most else ''}{available(most)} for it alone"
    if most < room(board):
        left = share(board)
        said += f", since auto leaves {counted(left)} to guests that share"
    return said


def _saying(first: str, placement: Placement) -> Placement:
    """Return a placement with one more reason."""
    return replace(placement, reasons=lambda: [first, *placement.reasons()])


def room(board: Board) -> int:
    """Return how many CPUs one guest may have for itself: unless some are reserved, one is left
    to all others, and to the host."""
    free, shared = board.pools["free"], board.pools["shared"]
    last = board.usable == board.every and free == shared
    return free.bit_count() - (1 if last else 0)


def want_of(wish: Wish, pool: Pool) -> Want:
    """Return what the board is asked for."""
    return Want(wish.count, pool, wish.threads > 1)


def alone_pool(board: Board, wish: Wish) -> Pool:
    """Return what a guest that wants CPUs for itself takes them from: cores that no other guest
    uses, unless it would be in more packages or domains then."""
    clean, free = board.best(want_of(wish, "clean")), board.best(want_of(wish, "free"))
    if clean and free and clean.key[:2] <= free.key[:2]:
        return "clean"
    return "free"


def _kept(board: Board, wish: Wish, others: Sequence[Holder]) -> Placement | None:
    """Return what it has claimed, if that is still what it wants, and nobody is in the way."""
    if wish.held is None or len(wish.held) != wish.count:
        return None
    held = mask_of(wish.held)
    exclusive = wish.mode == "exclusive" or (wish.mode == "auto" and wish.held_exclusive)
    pool: Pool = "free" if exclusive else "shared"
    there = board.pools[pool]
    if held & ~there or (exclusive and wish.count > room(board)):
        return None
    found = board.found(held, want_of(wish, pool))
    kept = Placement(cpus_of(held), exclusive, reasons(board, found, others))
    return _saying("its claim is kept", kept)


def _chosen(board: Board, wish: Wish, others: Sequence[Holder], pool: Pool) -> Placement:
    want = want_of(wish, pool)
    found = board.best(want)
    if found is None:
        raise _refused(board, wish, others)
    if wish.held and (near := board.near(mask_of(wish.held), want)):
        # A claim that grows or shrinks stays where it is, unless another place is better.
        found = found if _better(found.cost, near.cost) else near
    return Placement(cpus_of(found.mask), pool != "shared", reasons(board, found, others))


def _better(new: Cost, old: Cost) -> bool:
    """Return whether it pays to move."""
    return new._replace(halves=0, clusters=0) < old._replace(halves=0, clusters=0)


def _refused(board: Board, wish: Wish, others: Iterable[Holder]) -> ConflictError:
    alone = wish.mode == "exclusive"
    most = max(0, room(board)) if alone else board.pools["shared"].bit_count()
    names = sorted({one.name for one in others if mask_of(one.cpus) & board.usable})
    said = f"{wish.name}: it needs {counted(wish.count)}{' for itself' if alone else ''}"
    said += f", and {available(most)}"
    if names:
        said += f"; others are held by {named(names)}"
    elif alone:
        said += "; one is left to the host and to guests without CPUs of their own"
    hint = "set a lower number of CPUs" + (", or placement=auto" if alone else "")
    return ConflictError(said, f"{hint}; or change a guest that holds some" if names else hint)


def counted(number: int) -> str:
    """Return a number of CPUs in words."""
    return f"{number} CPU" if number == 1 else f"{number} CPUs"


def available(number: int) -> str:
    """Return how many CPUs are available, in words."""
    return f"{number or 'none'} {'is' if number <= 1 else 'are'} available"


def named(guests: Sequence[str]) -> str:
    """Return the names of guests, of many the first ones."""
    more = len(guests) - MOST_NAMED
    return ", ".join(guests[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


# ---- the reasons ----


def reasons(board: Board, found: Found, others: Sequence[Holder]) -> Callable[[], Iterator[str]]:
    """Return the reasons for a set of CPUs, to be put in words when they are asked for: of the
    guests that there are now."""
    return partial(_reasons, board, found, others, len(others))


def _reasons(board: Board, found: Found, holders: Sequence[Holder], known: int) -> Iterator[str]:
    cost, mask, others = found.cost, found.mask, holders[:known]
    yield _where(board, mask)
    beside = 0
    for core in board.root.cores:
        beside |= core & ~mask if core & mask else 0
    there, neighbours = _on(mask, others), _on(beside, others)
    if there:
        busy = f"{cost.load / CPU:.2g} CPU{'' if cost.load == CPU else 's'}"
        yield f"shared with {named(there)} ({busy} busy at most)"
    else:
        yield "no other guest is there"
    if neighbours:
        yield f"the other threads of its cores are used by {named(neighbours)}"
    elif beside & board.every & ~board.usable:
        yield "other threads of its cores are reserved for the host"
    elif cost.halves:
        yield "one core is used in part" if cost.halves == 1 else f"{cost.halves} cores in part"
    elif any(core & (core - 1) for core in board.root.cores):
        yield "whole cores"


def _on(mask: int, others: Iterable[Holder]) -> list[str]:
    return sorted({one.name for one in others if mask_of(one.cpus) & mask})


def _where(board: Board, mask: int) -> str:
    """Return the smallest part of the host that holds a set, and what that set crosses there."""
    region = smallest(board.root, mask)
    crossed = [
        f"{count} {'smaller caches' if level.name == 'clusters' else level.name}"
        for level in board.levels
        if level.name != "kinds"
        and (count := sum(1 for _, group in level.groups if group & mask)) > 1
    ]
    name = "in the host" if region is board.root else f"in {region.title}"
    if region is not board.root:
        name += f" (CPUs {CpuList.of(cpus_of(region.mask))})"
    return f"{name}, across {' and '.join(crossed)}" if crossed else name


def smallest(region: Region, mask: int) -> Region:
    """Return the smallest part of a region that holds a set."""
    for child in region.children:
        if not mask & ~child.mask:
            return smallest(child, mask)
    return region
