"""In which order guests start and stop: tables."""

from __future__ import annotations

import pytest

from bsdvirt.guest.order import (
    Order,
    reserve,
    seconds_to_stop,
    stages_behind,
    start_order,
    stop_waits,
    tree,
    troubles,
)
from bsdvirt.spec.identity import Boot
from bsdvirt.spec.load import identity_from_json
from bsdvirt.spec.types import GuestName


def boot(*after: str, auto: bool = True, order: int = 100, delay: int = 0, ready: str = "") -> Boot:
    names = [GuestName(name) for name in after]
    return Boot(auto=auto, order=order, after=names, delay=delay, ready=ready)


def names(order: Order) -> list[str]:
    return [entry.name for entry in order.entries]


@pytest.mark.parametrize(
    ("boots", "named", "starts"),
    [
        ({}, (), []),
        ({"a": boot(auto=False)}, (), []),
        ({"a": boot(auto=False)}, ("a",), ["a"]),
        ({"b": boot(), "a": boot()}, (), ["a", "b"]),
        ({"a": boot(order=20), "b": boot(order=10)}, (), ["b", "a"]),
        ({"a": boot("b"), "b": boot()}, (), ["b", "a"]),
        ({"a": boot("b"), "b": boot(auto=False), "c": boot(auto=False)}, (), ["b", "a"]),
        ({"a": boot("b"), "b": boot("c", auto=False), "c": boot(auto=False)}, (), ["c", "b", "a"]),
        ({"a": boot("b"), "b": boot(), "c": boot()}, ("c",), ["c"]),
        ({"a": boot("b"), "b": boot()}, ("a",), ["b", "a"]),
        # An early order does not pass by what it waits for.
        ({"a": boot("z", order=1), "m": boot(order=50), "z": boot()}, (), ["m", "z", "a"]),
        ({"a": boot("gone")}, (), ["a"]),
    ],
)
def test_what_starts(boots: dict[str, Boot], named: tuple[str, ...], starts: list[str]) -> None:
    assert names(start_order(boots, named)) == starts


def test_why_and_how_deep() -> None:
    order = start_order({"web": boot("db"), "db": boot(auto=False), "x": boot(auto=False)})
    assert [(e.name, e.why, e.depth) for e in order.entries] == [
        ("db", "web waits for it", 0),
        ("web", "boot.auto", 1),
    ]


def test_circles_are_shown_and_the_others_start() -> None:
    boots = {
        "a": boot("b"), "b": boot("c"), "c": boot("a"), "d": boot("a"), "self": boot("self"),
        "free": boot(), "e": boot("free"),
    }  # fmt: skip
    order = start_order(boots)
    assert names(order) == ["free", "e"]
    assert order.circles == (("a", "b", "c", "a"), ("self", "self"))
    assert order.stuck == ("a", "b", "c", "d", "self")
    assert troubles(order) == [
        "boot.after goes in a circle: a after b after c after a: none of them starts",
        "boot.after goes in a circle: self after self: none of them starts",
        "d waits for a guest in a circle, and does not start",
    ]


def test_one_that_is_not_there_is_told_of() -> None:
    order = start_order({"a": boot("gone", "b"), "b": boot()})
    assert order.missing == (("a", "gone"),)
    assert troubles(order) == ["a: boot.after names gone, which does not exist: not waited for"]


def test_the_tree() -> None:
    boots = {
        "db": boot(order=10, ready="tcp:5432"), "cache": boot(auto=False),
        "web": boot("db", "cache"), "app": boot("web", delay=5), "lone": boot(),
    }  # fmt: skip
    assert tree(start_order(boots)) == [
        "db  (order 10; ready: tcp:5432, within 60 s or fail)",
        "  web  (order 100; also after cache)",
        "    app  (order 100; 5 s later)",
        "cache  (order 100; web waits for it)",
        "lone  (order 100)",
    ]


@pytest.mark.parametrize(
    ("boots", "running", "waits"),
    [
        ({"a": boot(), "b": boot()}, "ab", {"a": "", "b": ""}),
        ({"a": boot("b"), "b": boot()}, "ab", {"a": "", "b": "a"}),
        ({"a": boot("b"), "b": boot()}, "b", {"b": ""}),
        # b is down, and still c goes behind a.
        ({"a": boot("b"), "b": boot("c"), "c": boot()}, "ac", {"a": "", "c": "a"}),
        ({"a": boot("b"), "b": boot("c"), "c": boot()}, "abc", {"a": "", "b": "a", "c": "ab"}),
        ({"a": boot("b"), "b": boot("a"), "c": boot("a")}, "abc", {"a": "c", "b": "c", "c": ""}),
        ({"a": boot("b")}, "a", {"a": ""}),
    ],
)
def test_what_stops_behind_what(
    boots: dict[str, Boot], running: str, waits: dict[str, str]
) -> None:
    assert stop_waits(boots, running) == {name: frozenset(w) for name, w in waits.items()}


def test_stages() -> None:
    waits = stop_waits({"a": boot("b"), "b": boot("c"), "c": boot(), "d": boot()}, "abcd")
    assert stages_behind(waits) == {"a": 2, "b": 1, "c": 0, "d": 0}


@pytest.mark.parametrize(
    ("own", "left", "behind", "seconds"),
    [
        (90, 60, 0, 60), (30, 60, 0, 30), (90, 60, 1, 52.5), (90, 60, 2, 45), (90, 60, 9, 6),
        (30, 0, 0, 0), (30, -5, 3, 0), (90, 8, 1, 7),
    ],
)  # fmt: skip
def test_how_long_a_stop_may_take(own: float, left: float, behind: int, seconds: float) -> None:
    assert seconds_to_stop(own, left, behind) == pytest.approx(seconds)


@pytest.mark.parametrize(("budget", "kept"), [(70, 10), (20, 4), (3, 1), (600, 10)])
def test_what_is_kept_for_force(budget: float, kept: float) -> None:
    assert reserve(budget) == kept


@pytest.mark.parametrize("ready", ["tcp:0", "tcp:65536", "tcp:", "tcp:http", "tcp:-1", "tcp: 80"])
def test_a_port_is_a_number(ready: str) -> None:
    with pytest.raises(ValueError, match="has no port"):
        Boot(ready=ready)


def test_what_ready_means() -> None:
    assert Boot(ready="tcp:80").ready_port == 80
    assert Boot(ready="service nginx status").ready_port is None
    assert Boot().ready_port is None


def test_an_identity_of_before_has_the_defaults() -> None:
    text = (
        '{"id":1,"uuid":"5b6df377-1597-44d5-8742-c26e52c7da81","kind":"jail","boot":{"auto":true}}'
    )
    boot = identity_from_json(text).boot
    assert (boot.auto, boot.ready, boot.ready_timeout, boot.ready_policy) == (True, "", 60, "fail")
