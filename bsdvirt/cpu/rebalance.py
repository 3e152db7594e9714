"""`cpu rebalance`: moves of guests that lessen the sharing of CPUs. Pure.

A move is made only if fewer CPUs' worth of other guests' load is on the guest's CPUs then. As
that is so for both sides of a pair, every move lessens the sum, and it comes to an end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from bsdvirt.cpu.board import CPU, Board
from bsdvirt.cpu.placement import Holder, Policy, Wish, alone_pool, board_of, reasons, want_of
from bsdvirt.cpu.regions import Cost, Want, cpus_of, mask_of
from bsdvirt.cpu.topology import Cpus, Topology

LEAST = CPU // 4
"""The load that a move must save: a guest is not moved for less."""


class Claim(Struct, frozen=True):
    """A guest's claim that may be moved: of a placement, not an exact cpuset."""

    name: str
    cpus: Cpus
    exclusive: bool = False
    weight: int = 0
    """How many CPUs it can keep busy; 0 for as many as it has."""
    threads: int = 1
    running: bool = True


class Move(Struct, frozen=True):
    """One guest to other CPUs. In their order, no move meets an exclusive claim."""

    name: str
    before: Cpus
    after: Cpus
    shared_before: float
    """How many CPUs' worth of other guests' load is on its CPUs, and on the other threads of the
    same cores."""
    shared_after: float
    why: str


def rebalance(
    topology: Topology, claims: Iterable[Claim], fixed: Iterable[Holder], policy: Policy
) -> list[Move]:
    """Return the moves, in order; none if no move helps. `fixed` are guests that stay where they
    are: those with an exact cpuset. Each guest is moved once at most."""
    left = {claim.name: claim for claim in claims}
    others = {one.name: one for one in (*fixed, *map(_holder, left.values()))}
    board = board_of(topology, others.values(), policy)
    moves: list[Move] = []
    while some := list(_pass(board, left, others)):
        moves += some
    return moves


def _pass(board: Board, left: dict[str, Claim], others: dict[str, Holder]) -> Iterator[Move]:
    """Yield the moves of those that are left, the most disturbed first; each is made at once."""
    shared = {name: _shared(board, claim) for name, claim in left.items()}
    for name in sorted(left, key=lambda name: (-shared[name], name)):
        claim = left[name]
        if shared[name] and (move := _move(board, claim, others)):
            del left[name]
            others[name] = _holder(claim, move.after)
            yield move


def _move(board: Board, claim: Claim, others: Mapping[str, Holder]) -> Move | None:
    """Move a guest on the board to where it is disturbed less; None if it stays."""
    mask, weight = mask_of(claim.cpus), claim.weight or len(claim.cpus)
    board.remove(mask, weight, exclusive=claim.exclusive)
    wish = Wish(claim.name, len(claim.cpus), "exclusive" if claim.exclusive else "shared",
                claim.threads)  # fmt: skip
    want = want_of(wish, alone_pool(board, wish) if claim.exclusive else "shared")
    before, found = board.found(mask, want), board.best(want)
    if found is None or not _helps(before.cost, found.cost):
        board.add(mask, weight, exclusive=claim.exclusive)
        return None
    rest = [one for one in others.values() if one.name != claim.name]
    said = "; ".join(reasons(board, found, rest)())
    board.add(found.mask, weight, exclusive=claim.exclusive)
    return Move(
        name=claim.name,
        before=cpus_of(mask),
        after=cpus_of(found.mask),
        shared_before=_disturbed(before.cost) / CPU,
        shared_after=_disturbed(found.cost) / CPU,
        why=said,
    )


def _helps(before: Cost, after: Cost) -> bool:
    """Return whether a guest is disturbed less, and no further from its memory and caches."""
    return after[:3] <= before[:3] and _disturbed(after) + LEAST <= _disturbed(before)


def _disturbed(cost: Cost) -> int:
    return cost.load + cost.siblings


def _shared(board: Board, claim: Claim) -> int:
    """Return how much a guest is disturbed, its own load left aside."""
    mask, weight = mask_of(claim.cpus), claim.weight or len(claim.cpus)
    own = max(1, CPU * weight // len(claim.cpus)) * len(claim.cpus)
    return _disturbed(board.found(mask, Want(len(claim.cpus), "shared")).cost) - own


def _holder(claim: Claim, cpus: Cpus | None = None) -> Holder:
    return Holder(claim.name, cpus or claim.cpus, claim.exclusive, claim.weight, claim.running)
