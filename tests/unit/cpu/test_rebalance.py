"""Moves that lessen the sharing, and the CPUs of virtual CPUs."""

from __future__ import annotations

from cpuhosts import facts_of
from hypothesis import given
from hypothesis import strategies as st
from test_placement import hosts

from bsdvirt.cpu.placement import Holder, Policy, Wish, place
from bsdvirt.cpu.rebalance import Claim, rebalance
from bsdvirt.cpu.topology import Cpus, Topology, topology
from bsdvirt.cpu.vcpupins import pins_for
from bsdvirt.errors import BsdvirtError

RYZEN = topology(facts_of("ryzen"))


def overlap(sets: dict[str, Cpus]) -> int:
    """Return how many CPUs two guests share, over all pairs."""
    return sum(
        len(set(one) & set(other)) for a, one in sets.items() for b, other in sets.items() if a < b
    )


def test_guests_on_the_same_cpus_are_moved_apart() -> None:
    claims = [Claim("a", (0, 1)), Claim("b", (0, 1)), Claim("c", (0, 1))]
    moves = rebalance(RYZEN, claims, [], Policy())
    assert [(move.name, move.before, move.after) for move in moves] == [
        ("a", (0, 1), (8, 9)), ("b", (0, 1), (2, 3)),
    ]  # fmt: skip
    assert [(move.shared_before, move.shared_after) for move in moves] == [(4, 0), (2, 0)]
    assert moves[0].why == "in L3 (CPUs 8-15); no other guest is there; whole cores"


def test_nothing_is_moved_where_that_does_not_help() -> None:
    assert rebalance(RYZEN, [Claim("a", (0, 1)), Claim("b", (2, 3))], [], Policy()) == []
    every = [Claim(name, RYZEN.cpus) for name in "abc"]
    assert rebalance(RYZEN, every, [], Policy()) == []
    # An idle half core is no better than the one that it has.
    assert rebalance(RYZEN, [Claim("a", (0,)), Claim("b", (2,))], [], Policy()) == []


def test_what_an_exact_cpuset_names_stays_where_it_is() -> None:
    fixed = Holder("exact", (0, 1, 2, 3))
    moves = rebalance(RYZEN, [Claim("a", (0, 1, 2, 3))], [fixed], Policy(reserved=(4, 5)))
    assert [(move.name, move.after) for move in moves] == [("a", (8, 9, 10, 11))]


def test_an_exclusive_guest_is_moved_to_whole_cores() -> None:
    claims = [Claim("db", (1,), exclusive=True), Claim("web", (0,))]
    moves = rebalance(RYZEN, claims, [], Policy())
    assert [(move.name, move.after) for move in moves] == [("db", (8,))]


@st.composite
def placed(draw: st.DrawFn) -> tuple[Topology, list[Claim]]:
    """Guests as they were placed, less some that are gone since."""
    host = draw(hosts())
    holders: list[Holder] = []
    for number in range(draw(st.integers(1, 6))):
        wish = Wish(
            f"g{number}", draw(st.integers(1, 3)), draw(st.sampled_from(("shared", "auto")))
        )
        try:
            found = place(host, wish, holders, Policy())
        except BsdvirtError:
            continue
        holders.append(Holder(wish.name, found.cpus, found.exclusive))
    gone = draw(st.sets(st.sampled_from([one.name for one in holders]))) if holders else set()
    return host, [
        Claim(one.name, one.cpus, one.exclusive) for one in holders if one.name not in gone
    ]


@given(placed())
def test_every_move_lessens_the_sharing_and_meets_no_exclusive_claim(
    case: tuple[Topology, list[Claim]],
) -> None:
    host, claims = case
    sets = {claim.name: claim.cpus for claim in claims}
    exclusive = {claim.name for claim in claims if claim.exclusive}
    before = overlap(sets)
    moves = rebalance(host, claims, [], Policy())
    assert moves == rebalance(host, claims[::-1], [], Policy())
    assert len({move.name for move in moves}) == len(moves)
    for move in moves:
        assert move.before == sets[move.name]
        assert len(move.after) == len(move.before)
        assert move.shared_after < move.shared_before
        sets[move.name] = move.after
        for name in exclusive:
            others = (cpus for other, cpus in sets.items() if other != name)
            assert not any(set(sets[name]) & set(cpus) for cpus in others)
    assert overlap(sets) <= before


def test_virtual_cpus_are_on_cpus_of_their_own() -> None:
    pins = pins_for(RYZEN, (0, 1, 2, 3), 4)
    assert pins == {0: (0,), 1: (2,), 2: (1,), 3: (3,)}


def test_threads_of_a_guest_are_on_threads_of_a_core() -> None:
    assert pins_for(RYZEN, (1, 2, 3, 4, 5), 4, threads=2) == {0: (2,), 1: (3,), 2: (4,), 3: (5,)}


def test_more_virtual_cpus_than_cpus_take_turns() -> None:
    assert pins_for(RYZEN, (4, 5), 3) == {0: (4,), 1: (5,), 2: (4,)}
    assert pins_for(RYZEN, (), 2) == {}
