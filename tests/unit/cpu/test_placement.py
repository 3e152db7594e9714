"""Which CPUs guests are given: on random small hosts against every set, and on real machines."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from cpuhosts import facts_of
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bsdvirt.cpu.placement import (
    Holder,
    Mode,
    Placement,
    Policy,
    Wish,
    alone_pool,
    board_of,
    open_cpus,
    owners,
    place,
    place_all,
    want_of,
)
from bsdvirt.cpu.regions import Want, cpus_of, mask_of
from bsdvirt.cpu.topology import Cpus, Topology, topology
from bsdvirt.errors import BsdvirtError, ConflictError, UsageError
from bsdvirt_sim.kernel.topology import MACHINES

settings.register_profile(
    "bsdvirt",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("bsdvirt")
MODES: tuple[Mode, ...] = ("shared", "exclusive", "auto")
NAMES = "abcdef"
Case = tuple[Topology, list[Holder], Policy]


def chunks(cpus: Cpus, size: int) -> tuple[Cpus, ...]:
    return tuple(cpus[at : at + size] for at in range(0, len(cpus), size))


@st.composite
def hosts(draw: st.DrawFn) -> Topology:
    """Small hosts: domains of caches of cores of threads, and some CPUs that are switched off."""
    domains, caches, cores = (draw(st.integers(1, 2)) for _ in range(3))
    threads = draw(st.integers(1, 2)) if domains * caches * cores <= 4 else 1
    every = tuple(range(domains * caches * cores * threads))
    off = (
        draw(st.sets(st.sampled_from(every), max_size=len(every) - 1))
        if draw(st.booleans())
        else ()
    )
    on = tuple(cpu for cpu in every if cpu not in off)

    def some(size: int) -> tuple[Cpus, ...]:
        found = (tuple(c for c in group if c in on) for group in chunks(every, size))
        return tuple(group for group in found if group)

    shared = [(3, group) for group in some(cores * threads) if len(group) > threads]
    return Topology(
        cpus=on,
        absent=tuple(sorted(off)),
        packages=(on,),
        domains=some(caches * cores * threads),
        caches=tuple(shared),
        cores=some(threads),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Hosts with guests: exclusive ones meet no other, as claims never do."""
    host = draw(hosts())
    cpus = st.sets(st.sampled_from(host.cpus), max_size=len(host.cpus))
    reserved = draw(cpus)
    assume(len(reserved) < len(host.cpus))
    taken: set[int] = set()
    holders = []
    left = sorted(set(host.cpus) - reserved)
    for name in NAMES[: draw(st.integers(0, 4))]:
        exclusive = draw(st.booleans())
        some = draw(st.sets(st.sampled_from(left), min_size=1, max_size=4)) if left else set()
        if some and not (exclusive and some & taken):
            weight = draw(st.integers(0, 8))
            holders.append(
                Holder(name, tuple(sorted(some)), exclusive, weight, draw(st.booleans()))
            )
            taken |= some
            left = [cpu for cpu in left if not exclusive or cpu not in some]
    return host, holders, Policy(tuple(sorted(reserved)), draw(st.booleans()))


def tried(host: Topology, wish: Wish, holders: list[Holder], policy: Policy) -> Placement | None:
    try:
        return place(host, wish, holders, policy)
    except (ConflictError, UsageError):
        return None


def possible(
    host: Topology, count: int, holders: list[Holder], policy: Policy, *, exclusive: bool
) -> bool:
    """Return whether any set of CPUs will do, after a look at each."""
    usable = set(host.cpus) - set(policy.reserved)
    in_way = {c for h in holders for c in h.cpus if h.exclusive or exclusive}
    owned = {c for h in holders for c in h.cpus if h.exclusive}
    return any(
        not set(some) & in_way
        and (not exclusive or policy.reserved or set(host.cpus) - owned - set(some))
        for some in combinations(sorted(usable), count)
    )


@given(cases(), st.integers(1, 8), st.sampled_from(MODES))
def test_a_set_is_found_whenever_there_is_one_and_never_a_wrong_one(
    case: Case, count: int, mode: Mode
) -> None:
    host, holders, policy = case
    found = tried(host, Wish("new", count, mode), holders, policy)
    alone = possible(host, count, holders, policy, exclusive=True)
    if found is None:
        assert not (
            alone
            if mode == "exclusive"
            else possible(host, count, holders, policy, exclusive=False)
        )
        return
    assert len(set(found.cpus)) == count
    assert tuple(sorted(found.cpus)) == found.cpus
    assert set(found.cpus) <= set(host.cpus) - set(policy.reserved)
    usable = set(host.cpus) - set(policy.reserved)
    shared = usable - {c for h in holders if h.exclusive for c in h.cpus}
    if mode == "auto" and len(shared) - count < len(usable) / 4:
        # A quarter is left to guests that share.
        alone = False
    assert found.exclusive == (mode != "shared" and alone)
    for holder in holders:
        if found.exclusive or holder.exclusive:
            assert not set(found.cpus) & set(holder.cpus)
    assert found.why


@given(cases(), st.integers(1, 8), st.booleans(), st.integers(1, 2))
def test_the_set_is_the_best_of_all(case: Case, count: int, exclusive: bool, threads: int) -> None:
    host, holders, policy = case
    wish = Wish("new", count, "exclusive" if exclusive else "shared", threads)
    found = tried(host, wish, holders, policy)
    assume(found is not None and count % threads == 0)
    assert found is not None
    board = board_of(host, holders, policy)
    there = board.pools["free" if exclusive else "shared"]
    want = want_of(wish, alone_pool(board, wish) if exclusive else "shared")
    best = min(board.found(mask_of(some), want).key for some in combinations(cpus_of(there), count))
    # Over several caches, and of a guest with threads, the load may be more than the least.
    exact = not any(best[:4]) and threads == 1
    compared = slice(None) if exact else slice(0, 2)
    assert board.found(mask_of(found.cpus), want).key[compared] == best[compared]


@given(cases(), st.integers(1, 4), st.sampled_from(MODES), st.randoms(use_true_random=False))
def test_a_claim_is_kept_whatever_else_changes(
    case: Case, count: int, mode: Mode, random: Random
) -> None:
    host, holders, policy = case
    found = tried(host, Wish("new", count, mode), holders, policy)
    assume(found is not None)
    assert found is not None
    held = Wish("new", count, mode, 1, found.cpus, found.exclusive)
    me = Holder("new", found.cpus, found.exclusive)
    random.shuffle(holders)
    assert tried(host, Wish("new", count, mode), holders, policy) == found
    some = [*random.sample(holders, len(holders) // 2), me]
    for other in ("x", "y"):
        if placed := tried(
            host, Wish(other, random.randint(1, 3), random.choice(MODES)), some, policy
        ):
            some.append(Holder(other, placed.cpus, placed.exclusive))
    assert tried(host, held, some, policy) == found
    assert place(host, held, some, policy).why.startswith("its claim is kept; in ")


@given(
    hosts(),
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from(MODES)), max_size=5),
    st.booleans(),
)
def test_guests_are_placed_together_in_any_order(
    host: Topology, asked: list[tuple[int, Mode]], spread: bool
) -> None:
    wishes = [Wish(name, *some) for name, some in zip(NAMES, asked, strict=False)]
    policy = Policy(spread=spread)

    def placed(wanted: list[Wish]) -> object:
        try:
            return place_all(host, wanted, [], policy)
        except BsdvirtError as error:
            return str(error)

    first = placed(wishes)
    assert first == placed(wishes[::-1])
    if isinstance(first, dict):
        holders = [Holder(name, one.cpus, one.exclusive) for name, one in first.items()]
        for one in holders:
            assert not one.exclusive or not any(
                set(one.cpus) & set(other.cpus) for other in holders if other is not one
            )
        assert set(open_cpus(host, holders, policy)).isdisjoint(
            cpu for one in holders if one.exclusive for cpu in one.cpus
        )


# ---- real machines ----


def host_of(name: str) -> Topology:
    return topology(facts_of(name))


def groups(host: Topology, cpus: Cpus) -> tuple[int, int]:
    """Return how many domains and caches some CPUs are in."""
    return len({host.domain_of[cpu] for cpu in cpus}), sum(
        1 for _, cache in host.caches if set(cache) & set(cpus)
    )


@pytest.mark.parametrize("name", [name for name in MACHINES if name != "vps"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("spread", [True, False])
def test_a_guest_is_within_one_cache_and_on_whole_cores(
    name: str, mode: Mode, spread: bool
) -> None:
    host = host_of(name)
    holders: list[Holder] = []
    for number in range(3):
        found = place(host, Wish(f"g{number}", 4, mode), holders, Policy(spread=spread))
        holders.append(Holder(f"g{number}", found.cpus, found.exclusive))
        assert {host.core_of[cpu] for cpu in found.cpus} <= {
            core for core, cpus in enumerate(host.cores) if set(cpus) <= set(found.cpus)
        }
        assert groups(host, found.cpus)[0] == 1
        assert groups(host, found.cpus)[1] <= (2 if name == "i9" else 1)
    assert len({cpu for one in holders for cpu in one.cpus}) == 12


def spread_of(name: str, *, spread: bool) -> list[Cpus]:
    host = host_of(name)
    wishes = [Wish(f"g{n}", 4, "shared") for n in range(4)]
    return [one.cpus for one in place_all(host, wishes, [], Policy((0, 1), spread)).values()]


def test_guests_are_spread_over_domains_and_caches_or_packed() -> None:
    assert spread_of("xeon", spread=True) == [
        (40, 41, 42, 43), (2, 3, 4, 5), (44, 45, 46, 47), (6, 7, 8, 9),
    ]  # fmt: skip
    assert spread_of("xeon", spread=False) == [
        (2, 3, 4, 5), (6, 7, 8, 9), (10, 11, 12, 13), (14, 15, 16, 17),
    ]  # fmt: skip
    assert spread_of("epyc", spread=True) == [
        (16, 17, 18, 19), (32, 33, 34, 35), (48, 49, 50, 51), (64, 65, 66, 67),
    ]  # fmt: skip
    assert spread_of("epyc", spread=False) == [
        (2, 3, 4, 5), (6, 7, 8, 9), (10, 11, 12, 13), (16, 17, 18, 19),
    ]  # fmt: skip


def test_a_guest_that_fits_in_no_cache_is_in_as_few_as_can_be() -> None:
    epyc = host_of("epyc")
    assert groups(epyc, place(epyc, Wish("g", 40, "shared"), [], Policy()).cpus) == (1, 3)
    large = host_of("large")
    assert groups(large, place(large, Wish("g", 100, "exclusive"), [], Policy()).cpus) == (1, 7)
    assert groups(large, place(large, Wish("g", 200, "exclusive"), [], Policy()).cpus) == (2, 13)


def test_the_cores_of_a_hybrid_processor_are_not_mixed() -> None:
    i9 = host_of("i9")
    sets = [one.cpus for one in place_all(
        i9, [Wish("a", 12, "exclusive"), Wish("b", 12, "exclusive"), Wish("c", 4, "exclusive")],
        [], Policy()).values()]  # fmt: skip
    assert sets == [tuple(range(12)), tuple(range(16, 28)), (12, 13, 14, 15)]


def test_a_guest_for_itself_has_cores_for_itself() -> None:
    ryzen = host_of("ryzen")
    # Each core of the first cache is used in part, and one of the second is not.
    half = Holder("half", (0, 2, 4, 6, 8, 10, 12))
    found = place(ryzen, Wish("new", 2, "exclusive"), [half], Policy())
    assert found.cpus == (14, 15)
    assert found.why == "in L3 (CPUs 8-15); no other guest is there; whole cores"
    forced = place(ryzen, Wish("new", 4, "exclusive"), [half], Policy())
    assert forced.cpus == (9, 11, 14, 15)
    assert "the other threads of its cores are used by half" in forced.why


def test_who_is_in_the_way_is_named() -> None:
    vps, ryzen = host_of("vps"), host_of("ryzen")
    db, web = Holder("db", tuple(range(8)), exclusive=True), Holder("web", (8, 9, 10))
    with pytest.raises(
        ConflictError,
        match="new: it needs 6 CPUs for itself, and 5 are available; others are held by db, web",
    ):
        place(ryzen, Wish("new", 6, "exclusive"), [db, web], Policy())
    with pytest.raises(ConflictError, match="and 8 are available; others are held by db "):
        place(ryzen, Wish("new", 9, "shared"), [db, web], Policy())
    with pytest.raises(UsageError, match="the host has 14 that are not reserved"):
        place(ryzen, Wish("new", 15, "auto"), [], Policy(reserved=(0, 1)))
    with pytest.raises(ConflictError, match="one is left to the host"):
        place(vps, Wish("new", 1, "exclusive"), [], Policy())
    assert place(vps, Wish("new", 1, "auto"), [], Policy()).cpus == (0,)
    assert place(ryzen, Wish("new", 6, "auto"), [db, web], Policy()).exclusive is False


def test_a_host_that_is_itself_a_guest() -> None:
    two, many = topology(facts_of("", 2)), topology(facts_of("", 24))
    assert place(two, Wish("a", 1, "exclusive"), [], Policy()).cpus == (0,)
    with pytest.raises(ConflictError, match="2 CPUs for itself, and 1 is available; one is left"):
        place(two, Wish("a", 2, "exclusive"), [], Policy())
    assert place(two, Wish("a", 1, "exclusive"), [], Policy(reserved=(0,))).cpus == (1,)
    # Its cores have one thread each, and share one cache.
    assert place(many, Wish("a", 3, "auto"), [Holder("b", (0, 2))], Policy()).cpus == (1, 3, 4)


def test_what_is_left_to_guests_without_cpus_of_their_own() -> None:
    ryzen = host_of("ryzen")
    db = Holder("db", tuple(range(14)), exclusive=True)
    assert open_cpus(ryzen, [db], Policy()) == (14, 15)
    assert open_cpus(ryzen, [db], Policy(reserved=(15,))) == (14,)
    assert open_cpus(ryzen, [db], Policy(reserved=(14, 15))) == (14, 15)
    assert open_cpus(ryzen, [], Policy(reserved=ryzen.cpus)) == ryzen.cpus
    assert owners((13, 14), [db, Holder("web", (13,))]) == ["db"]
    assert owners((14,), [db]) == []


def test_a_claim_that_grows_or_is_partly_lost_stays_near() -> None:
    xeon = host_of("xeon")
    held = (44, 45, 46, 47)
    grown = place(xeon, Wish("db", 6, "shared", 1, held), [], Policy())
    assert grown.cpus == (40, 41, *held)
    assert place(xeon, Wish("db", 2, "shared", 1, held), [], Policy()).cpus == (44, 45)
    web = Holder("web", (44, 45), exclusive=True)
    assert place(xeon, Wish("db", 4, "shared", 1, held), [web], Policy()).cpus == (40, 41, 46, 47)
    # Elsewhere it shares with nobody.
    full = Holder("full", tuple(range(48, 80)))
    assert place(xeon, Wish("db", 20, "shared", 1, held), [full], Policy()).cpus[0] < 40


def test_500_guests_on_256_cpus_take_as_many_sets_as_guests() -> None:
    large = host_of("large")
    board = board_of(large, [], Policy())
    for number in range(500):
        found = board.best(Want(1 + number % 8, "shared"))
        assert found is not None
        board.add(found.mask, 1 + number % 8)
    # One set for each cache with a guest more since that size was last asked for.
    assert board.tried < 4000
