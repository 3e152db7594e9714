"""What is marked as ours and belongs to no guest; names of what is ours."""

from __future__ import annotations

from bsdvirt import layout
from bsdvirt.facts.host import HostFacts
from bsdvirt.facts.ifconfig import Interface
from bsdvirt.facts.mount import Mount
from bsdvirt.guest import orphans
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.jail.clean import interfaces_of
from bsdvirt.layout import Layout
from bsdvirt.plan.render import shell
from bsdvirt.spec.identity import Identity
from bsdvirt.zfs.base import Dataset

LAYOUT = Layout("tank/bsdvirt", "/bsdvirt")
FOUND = Inventory(
    LAYOUT,
    {"web": Guest("web", LAYOUT, Identity(id=3, uuid="u", kind="jail"))},
    (),
    (Dataset("tank/bsdvirt/guests/alien", "filesystem", 1, 1, 1),),
)


def interfaces(*names: str, group: str = "bsdvirt") -> dict[str, Interface]:
    return {name: Interface(name, groups=("epair", group)) for name in names}


def taken(facts: HostFacts, known: tuple[str, ...] = ()) -> list[str]:
    return [shell(step.do) for step in orphans.steps(FOUND, facts, known)]


def test_ours_by_name_and_group_without_a_guest() -> None:
    facts = HostFacts(interfaces=interfaces("bv9n0a", "bv9n0b", "bv3n0a", "bvbr0", "bvbr7"))
    known = (*interfaces_of(3), "bvbr0")
    assert taken(facts, known) == [
        "/sbin/ifconfig bv9n0a destroy", "/sbin/ifconfig bvbr7 destroy"
    ]  # fmt: skip


def test_a_name_alone_makes_nothing_ours() -> None:
    assert taken(HostFacts(interfaces=interfaces("bv9n0a", group="mine"))) == []


def test_what_is_nobodys_by_its_unit_is_ours() -> None:
    names = ("epair16400a", "epair16400b", "tap16384", "bridge17000", "epair7a", "bridge0", "tap3")
    assert taken(HostFacts(interfaces=interfaces(*names, group="mine"))) == [
        "/sbin/ifconfig epair16400a destroy",
        "/sbin/ifconfig tap16384 destroy",
        "/sbin/ifconfig bridge17000 destroy",
    ]


def test_the_hosts_own_interfaces_are_never_taken() -> None:
    assert taken(HostFacts(interfaces=interfaces("em0", "lo0", "vtnet0", "bvlan0"))) == []


def test_mounts_of_guests_that_are_not_there_latest_first() -> None:
    mounts = [
        Mount("tank/bsdvirt/guests/alien", "/bsdvirt/guests/alien", "zfs"),
        Mount("devfs", "/bsdvirt/guests/gone/root/dev", "devfs"),
        Mount("fdescfs", "/bsdvirt/guests/gone/root/dev/fd", "fdescfs"),
        Mount("devfs", "/bsdvirt/guests/web/root/dev", "devfs"),
        Mount("devfs", "/usr/jails/gone/dev", "devfs"),
    ]
    assert taken(HostFacts(mounts=mounts)) == [
        "/sbin/umount /bsdvirt/guests/gone/root/dev/fd",
        "/sbin/umount /bsdvirt/guests/gone/root/dev",
    ]


def test_names_fit_the_kernel() -> None:
    """At most 15 characters, units up to 32767, no two the same (IFNAMSIZ, IF_MAXUNIT)."""
    units = {
        layout.unit(guest, nic)
        for guest in range(1, layout.MAX_ID + 1)
        for nic in range(layout.MAX_NICS)
    }
    assert len(units) == layout.MAX_ID * layout.MAX_NICS
    assert max(units) <= 32767
    last = interfaces_of(layout.MAX_ID)
    assert len(set(last)) == 4 * layout.MAX_NICS
    assert max(map(len, [*last, layout.bridge_cloner(999), layout.bridge_name(999)])) <= 15
