"""What runs keeps what it has, even where a listing does not show whose it is."""

from __future__ import annotations

import pytest

from bsdvirt.facts.host import HostFacts
from bsdvirt.facts.ifconfig import Interface
from bsdvirt.facts.jls import JailFact
from bsdvirt.facts.mount import Mount
from bsdvirt.guest import orphans
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.jail.clean import clean_steps
from bsdvirt.layout import Layout
from bsdvirt.plan.render import shell
from bsdvirt.spec.identity import Identity

LAYOUT = Layout("tank/bsdvirt", "/bsdvirt")
EMPTY = Inventory(LAYOUT, {}, (), ())
JAIL = {"web": JailFact(7, "web", "/bsdvirt/guests/web/root", vnet=True)}


def faces(*all_of: Interface) -> dict[str, Interface]:
    return {face.name: face for face in all_of}


def ours(name: str, **more: object) -> Interface:
    return Interface(name, groups=("bsdvirt",), **more)  # type: ignore[arg-type]


def taken(facts: HostFacts) -> list[str]:
    return [shell(step.do) for step in orphans.steps(EMPTY, facts, ())]


@pytest.mark.parametrize("name", ["bv9n0a", "epair16456a"])
def test_an_epair_whose_other_end_a_jail_has(name: str) -> None:
    assert taken(HostFacts(JAIL, faces(ours(name)))) == []
    assert taken(HostFacts({}, faces(ours(name)))) == [f"/sbin/ifconfig {name} destroy"]


def test_an_epair_with_both_ends_here() -> None:
    for inner in ("bv9n0b", "epair16456b"):
        facts = HostFacts(JAIL, faces(ours("bv9n0a"), ours(inner)))
        assert taken(facts)[:1] == ["/sbin/ifconfig bv9n0a destroy"]


def test_a_tap_that_a_process_has_open() -> None:
    assert taken(HostFacts({}, faces(ours("bv9n0", opened=712)))) == []
    assert taken(HostFacts({}, faces(ours("bv9n0")))) == ["/sbin/ifconfig bv9n0 destroy"]


def test_a_bridge_with_members_and_its_way_out() -> None:
    bridge = ours("bvbr3", members=("em0",))
    assert taken(HostFacts({}, faces(bridge))) == []
    both = faces(ours("bvbr3", members=("bvvl3", "bv1n0a")), ours("bvvl3"))
    assert taken(HostFacts({}, both)) == []


def test_what_lies_in_the_root_of_a_jail_that_lives() -> None:
    mounts = [Mount("devfs", "/bsdvirt/guests/web/root/dev", "devfs")]
    assert taken(HostFacts(JAIL, mounts=mounts)) == []
    assert taken(HostFacts({}, mounts=mounts)) == ["/sbin/umount /bsdvirt/guests/web/root/dev"]


def test_only_what_a_start_mounts_is_unmounted() -> None:
    mounts = [
        Mount("tank/data", "/bsdvirt/guests/web/root/var/db", "zfs"),
        Mount("/srv", "/bsdvirt/guests/web/root/srv", "nullfs"),
        Mount("devfs", "/bsdvirt/guests/web/dev", "devfs"),
    ]
    assert taken(HostFacts({}, mounts=mounts)) == []


def test_a_guest_of_the_same_id_leaves_the_others_epair() -> None:
    """The copy of a running guest, received from elsewhere, with its id."""
    copy = Guest("copy", LAYOUT, Identity(id=9, uuid="u", kind="jail"))
    facts = HostFacts(JAIL, faces(ours("bv9n0a")))
    assert [shell(step.do) for step in clean_steps(copy, facts)] == []
    itself = Guest("web", LAYOUT, Identity(id=9, uuid="u", kind="jail"))
    assert [shell(step.do) for step in clean_steps(itself, facts)] == [
        "/sbin/ifconfig bv9n0a destroy"
    ]
