"""What `cpu explain` says: the candidates, their cost, what stands in the way."""

from __future__ import annotations

from cpuhosts import facts_of

from bsdvirt.cpu.explain import explain, lines
from bsdvirt.cpu.placement import Holder, Policy, Wish
from bsdvirt.cpu.topology import topology

RYZEN = topology(facts_of("ryzen"))
HOLDERS = [
    Holder("db", (2, 3, 4, 5), exclusive=True),
    Holder("web", (6, 7, 8, 9, 10)),
    Holder("mail", (8, 9, 10, 11)),
]
POLICY = Policy(reserved=(0, 1))
HOST = "the host's policy is spread (the emptiest of equals); reserved for the host: CPUs 0-1"


def said(wish: Wish) -> list[str]:
    return list(lines(explain(RYZEN, wish, HOLDERS, POLICY)))


def test_what_stands_in_the_way_is_named() -> None:
    assert said(Wish("new", 4, "exclusive")) == [
        "new: CPUs 12-15, exclusive: in L3 (CPUs 8-15); no other guest is there; whole cores",
        HOST,
        "",
        "* L3 (CPUs 8-15): CPUs 12-15: no other guest; 4 of 8 free",
        "  L3 (CPUs 0-7): none of 4 CPUs available; others are held by db, web",
    ]


def test_the_load_of_others_is_the_cost_of_a_shared_set() -> None:
    assert said(Wish("new", 6, "auto")) == [
        "new: CPUs 10-15, shared: only 4 are available for it alone; in L3 (CPUs 8-15);"
        " shared with mail, web (3 CPUs busy at most); whole cores",
        HOST,
        "",
        "* L3 (CPUs 8-15): CPUs 10-15: load of others 3: mail, web; 4 of 8 free",
        "  L3 (CPUs 0-7): 2 of 6 CPUs available; others are held by db",
    ]


def test_a_wish_that_cannot_be_met_is_explained_too() -> None:
    assert said(Wish("new", 5, "exclusive")) == [
        "new: it needs 5 CPUs for itself, and 4 are available; others are held by db, mail, web",
        "  set a lower number of CPUs, or placement=auto; or change a guest that holds some",
        HOST,
        "",
        "  L3 (CPUs 0-7): none of 5 CPUs available; others are held by db, web",
        "  L3 (CPUs 8-15): 4 of 5 CPUs available; others are held by mail, web",
        "  the host (CPUs 0-15): 4 of 5 CPUs available; others are held by db, mail, web",
    ]


def test_a_claim_that_is_kept_comes_before_better_places() -> None:
    choice = explain(RYZEN, Wish("mail", 4, "shared", 1, (8, 9, 10, 11)), HOLDERS, POLICY)
    assert choice.why.split("; ") == [
        "its claim is kept", "in L3 (CPUs 8-15)", "shared with web (3 CPUs busy at most)",
        "whole cores",
    ]  # fmt: skip
    assert [(one.cpus, one.chosen, one.shared) for one in choice.candidates] == [
        ([8, 9, 10, 11], True, 3.0), ([12, 13, 14, 15], False, 0.0), ([], False, 0.0),
    ]  # fmt: skip
    assert choice.candidates[0].guests == ["web"]


def test_parts_of_a_host_have_all_their_names() -> None:
    xeon = topology(facts_of("xeon"))
    choice = explain(xeon, Wish("new", 50, "exclusive"), [], Policy(spread=False))
    assert [(one.where, one.free, one.chosen) for one in choice.candidates] == [
        ("the host", 80, True),
        ("package 0, domain 0, L3", 40, False),
        ("package 1, domain 1, L3", 40, False),
    ]
    assert (choice.candidates[0].packages, choice.candidates[0].caches) == (2, 2)
    assert choice.why.startswith("in the host, across 2 packages and 2 domains and 2 caches; ")
