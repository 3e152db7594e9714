"""`cpu explain`: the parts of the host that were compared for a guest, and their costs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bsdvirt.cpu.board import CPU, Board
from bsdvirt.cpu.placement import (
    Holder,
    Placement,
    Policy,
    Wish,
    board_of,
    counted,
    named,
    place,
    smallest,
    want_of,
)
from bsdvirt.cpu.regions import Found, Pool, Region, cpus_of, mask_of
from bsdvirt.cpu.topology import Topology
from bsdvirt.errors import BsdvirtError
from bsdvirt.rows.cpu import CpuCandidate, CpuChoice
from bsdvirt.spec.types import CpuList


def explain(topology: Topology, wish: Wish, holders: Iterable[Holder], policy: Policy) -> CpuChoice:
    """Return what is chosen for a guest, or an error, and what it was chosen from."""
    others = [one for one in holders if one.name != wish.name]
    board = board_of(topology, others, policy)
    found, error = None, None
    try:
        found = place(topology, wish, others, policy)
    except BsdvirtError as refused:
        error = refused
    return CpuChoice(
        name=wish.name,
        placement=wish.mode,
        count=wish.count,
        policy="spread" if policy.spread else "pack",
        reserved=list(policy.reserved),
        cpus=list(found.cpus) if found else [],
        exclusive=found.exclusive if found else False,
        why=found.why if found else "",
        candidates=[*_candidates(board, wish, found, others)],
        error=error.message if error else None,
        hint=error.hint or None if error else None,
    )


def _candidates(
    board: Board, wish: Wish, found: Placement | None, others: Sequence[Holder]
) -> Iterator[CpuCandidate]:
    """Yield the guest's own CPUs first, then the parts of the host from best to worst."""
    alone = found.exclusive if found else wish.mode == "exclusive"
    pool: Pool = "free" if alone else "shared"
    mine = mask_of(found.cpus) if found else 0
    rows = []
    for region in _parts(board, wish, pool):
        best = alone and board.best(want_of(wish, "clean"), region)
        best = best or board.best(want_of(wish, pool), region)
        order = (best.key, board.preference(region)) if best else ()
        rows.append((order, _row(board, region, pool, best, mine, others)))
    if mine and not any(row.chosen for _, row in rows):
        # Its claim is kept, wherever it would be put now.
        own = board.found(mine, want_of(wish, pool))
        yield _row(board, smallest(board.root, mine), pool, own, mine, others)
    fitting = sorted((one for one in rows if one[0]), key=lambda one: (one[0], not one[1].chosen))
    yield from (row for _, row in fitting if row.chosen)
    yield from (row for _, row in fitting if not row.chosen)
    yield from (row for key, row in rows if not key)


def _parts(board: Board, wish: Wish, pool: Pool) -> Iterator[Region]:
    """Yield the smallest parts of the host; and those around them, where none of them fits."""

    def walk(region: Region) -> Iterator[Region]:
        for child in region.children:
            yield from walk(child)
        inner = (board.best(want_of(wish, pool), child) for child in region.children)
        if not any(inner):
            yield region

    yield from walk(board.root)


def _row(
    board: Board,
    region: Region,
    pool: Pool,
    best: Found | None,
    mine: int,
    others: Iterable[Holder],
) -> CpuCandidate:
    mask = best.mask if best else 0
    there = board.pools[pool] & region.mask
    held = [(one.name, mask_of(one.cpus)) for one in others]
    taken = region.mask & ~there
    number = {
        level.name: sum(1 for _, group in level.groups if group & mask) for level in board.levels
    }
    return CpuCandidate(
        where=region.title,
        of=list(cpus_of(region.mask)),
        cpus=list(cpus_of(mask)),
        chosen=bool(mask) and mask == mine,
        available=there.bit_count(),
        free=(board.pools["free"] & region.mask).bit_count(),
        shared=best.cost.load / CPU if best else 0.0,
        siblings=best.cost.siblings / CPU if best else 0.0,
        halves=best.cost.halves if best else 0,
        packages=number["packages"],
        domains=number["domains"],
        caches=number["caches"],
        guests=sorted({name for name, cpus in held if cpus & mask}),
        in_way=sorted({name for name, cpus in held if cpus & taken}),
    )


# ---- text ----


def lines(choice: CpuChoice) -> Iterator[str]:
    """Yield what people read."""
    if choice.error is not None:
        yield choice.error
        if choice.hint:
            yield f"  {choice.hint}"
    else:
        kind = "exclusive" if choice.exclusive else "shared"
        yield f"{choice.name}: {_cpus(choice.cpus)}, {kind}: {choice.why}"
    policy = "the emptiest" if choice.policy == "spread" else "the fullest with room"
    said = f"the host's policy is {choice.policy} ({policy} of equals)"
    if choice.reserved:
        said += f"; reserved for the host: {_cpus(choice.reserved)}"
    yield said
    yield ""
    for row in choice.candidates:
        yield _line(choice, row)


def _line(choice: CpuChoice, row: CpuCandidate) -> str:
    where = f"{row.where} ({_cpus(row.of)})"
    mark = "*" if row.chosen else " "
    if not row.cpus:
        return f"{mark} {where}: {'; '.join(_lacks(choice, row))}"
    return f"{mark} {where}: {_cpus(row.cpus)}: {'; '.join(_costs(row))}"


def _cpus(cpus: list[int]) -> str:
    return f"{'CPU' if len(cpus) == 1 else 'CPUs'} {CpuList.of(cpus)}"


def _lacks(choice: CpuChoice, row: CpuCandidate) -> Iterator[str]:
    yield f"{row.available or 'none'} of {counted(choice.count)} available"
    if row.in_way:
        yield f"others are held by {named(row.in_way)}"


def _costs(row: CpuCandidate) -> Iterator[str]:
    if row.guests:
        yield f"load of others {row.shared:.3g}: {named(row.guests)}"
    else:
        yield "no other guest"
    if row.siblings:
        yield f"on the other threads of its cores {row.siblings:.3g}"
    if row.halves:
        yield f"cores used in part: {row.halves}"
    for number, noun in (
        (row.packages, "packages"),
        (row.domains, "domains"),
        (row.caches, "caches"),
    ):
        if number > 1:
            yield f"across {number} {noun}"
    yield f"{row.free or 'none'} of {len(row.of)} free"
