"""boot.after: guests that wait for others, and circles of them."""

from __future__ import annotations

import time

import pytest

from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.guest.order import check_order, set_boot
from bsdvirt.layout import Layout
from bsdvirt.spec.identity import Boot, Identity
from bsdvirt.spec.types import GuestName

LAYOUT = Layout("tank/bsdvirt", "/bsdvirt")


def boot(*after: str) -> Boot:
    return Boot(after=[GuestName(name) for name in after])


def found(**after: str) -> Inventory:
    guests = {
        name: Guest(name, LAYOUT, Identity(id=n, uuid="u", kind="jail", boot=boot(*words.split())))
        for n, (name, words) in enumerate(after.items(), 1)
    }
    return Inventory(LAYOUT, guests, (), ())


def test_a_chain_and_a_diamond_are_in_order() -> None:
    guests = found(db="", cache="db", app="db", web="")
    check_order(guests, "web", boot("app", "cache"))
    check_order(guests, "db", boot())


def test_a_guest_that_is_not_there() -> None:
    with pytest.raises(UsageError) as raised:
        check_order(found(web=""), "web", boot("db"))
    assert raised.value.message == "web: boot.after: no guest db"


@pytest.mark.parametrize(
    ("after", "circle"),
    [
        (("web",), "web after web"),
        (("db",), "web after db after web"),
        (("app",), "web after app after db after web"),
    ],
)
def test_circles_are_told_in_full(after: tuple[str, ...], circle: str) -> None:
    with pytest.raises(ConflictError) as raised:
        check_order(found(web="", db="web", app="db"), "web", boot(*after))
    assert raised.value.message == f"boot.after goes in a circle: {circle}"


def test_what_it_waited_for_before_does_not_count() -> None:
    check_order(found(web="db", db=""), "web", boot())
    with pytest.raises(ConflictError):
        check_order(found(web="", db="web"), "web", boot("db"))
    check_order(found(web="db", db=""), "db", boot())


def test_a_circle_of_others_ends_the_walk() -> None:
    check_order(found(web="", a="b", b="a"), "web", boot("a"))


def test_boot_properties_are_set_and_refused_by_their_whole_name() -> None:
    got = set_boot(Boot(order=5), [("boot.auto", "yes"), ("boot.delay", "3"), ("hostname", "x")])
    assert got == Boot(auto=True, order=5, delay=3)
    with pytest.raises(UsageError, match=r"^boot\.order: "):
        set_boot(Boot(), [("boot.order", "early")])


def test_many_layers_of_guests_take_no_time() -> None:
    """Every guest of a layer waits for every one of the layer below."""
    layers = 12
    after = {f"g{layer}_{n}": "" for layer in range(layers) for n in range(4)}
    for layer in range(1, layers):
        for n in range(4):
            after[f"g{layer}_{n}"] = " ".join(f"g{layer - 1}_{m}" for m in range(4))
    began = time.monotonic()
    check_order(found(web="", **after), "web", boot(f"g{layers - 1}_0"))
    assert time.monotonic() - began < 1.0
