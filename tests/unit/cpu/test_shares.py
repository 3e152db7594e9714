"""Who may run where, and shares CPUs with whom."""

from __future__ import annotations

from cpuhosts import shown

from bsdvirt.cpu.shares import Placed, cpu_map
from bsdvirt.cpu.topology import topology
from bsdvirt.facts.cpus.topology import TopologyFacts
from bsdvirt.rows.cpu import CpuMap, CpuPins, VcpuPin

HOST = topology(TopologyFacts(4, 3, 1))


def of(*guests: Placed) -> CpuMap:
    return cpu_map(HOST, guests, [10.0, 20.0, None])


def running(name: str, *cpus: int) -> Placed:
    return Placed(name, "jail", "running", True, cpus or None)


def test_guests_that_share_name_each_other() -> None:
    found = {g.name: g for g in of(running("a", 0, 1), running("b", 1, 2), running("c", 3)).guests}
    assert found["a"].shared_with == ["b"]
    assert found["b"].shared_with == ["a"]
    assert (found["c"].shared_with, found["c"].exclusive) == ([], True)
    assert not found["a"].exclusive


def test_a_guest_on_all_cpus_takes_the_others_exclusiveness() -> None:
    shares = of(running("a", 0), running("any"), running("every", 0, 1, 2, 3))
    found = {g.name: g for g in shares.guests}
    assert not found["a"].exclusive
    assert found["a"].shared_with == []
    assert found["any"].everywhere
    assert found["every"].everywhere
    assert found["any"].shared_with == ["a"]
    assert shares.cpus[0].guests == ["a"]
    assert shares.cpus[1].guests == []
    assert of(running("alone")).guests[0].exclusive


def test_stopped_guests_share_with_nobody() -> None:
    stopped = Placed("old", "jail", "stopped", False, (0, 9), "0,9")
    shares = of(running("a", 0), stopped)
    assert shares.cpus[0].stopped == ["old"]
    found = {g.name: g for g in shares.guests}
    assert found["a"].exclusive
    assert (found["old"].exclusive, found["old"].cpuset, found["old"].count) == (False, "0,9", 2)


def test_pins_are_shown_at_their_cpus() -> None:
    vm = Placed("vm", "vm", "running", True, None, None, 2, {0: (1,), 1: (1, 2)})
    shares = of(vm)
    assert [row.pins for row in shares.cpus] == [
        [], [CpuPins(guest="vm", vcpus=[0, 1])], [CpuPins(guest="vm", vcpus=[1])], [],
    ]  # fmt: skip
    assert shares.guests[0].pins == [VcpuPin(vcpu=0, cpus=[1]), VcpuPin(vcpu=1, cpus=[1, 2])]
    assert shares.guests[0].everywhere


def test_a_guest_whose_file_cannot_be_read() -> None:
    broken = Placed("broken", "jail", "stopped", False, error="guest.yaml: not YAML")
    (found,) = of(broken).guests
    assert (found.cpus, found.everywhere, found.exclusive) == ([], False, False)
    assert found.error


def test_loads_by_number() -> None:
    assert [row.busy for row in of().cpus] == [10.0, 20.0, None, None]


def test_each_cpu_says_where_it_is() -> None:
    cpu = shown("xeon").cpus[41]
    assert (cpu.number, cpu.package, cpu.domain, cpu.core, cpu.thread) == (41, 1, 1, 20, 1)
    assert shown("two-epycs").host.caches[15].cpus == list(range(120, 128))


def test_claims_and_reserved_cpus() -> None:
    guests = [
        Placed("db", "vm", "running", True, (1,), placement="exclusive", claimed=(1,), owns=True),
        Placed("mail", "jail", "running", True, (2, 3)),
        Placed("off", "jail", "stopped", False, (2,), placement="shared", claimed=(2,)),
        Placed("web", "jail", "running", True, (2,), placement="shared", claimed=(2,)),
    ]
    found = cpu_map(HOST, guests, [], reserved=(0, 7))
    assert found.host.reserved == [0]
    assert [(row.reserved, row.owner, row.guests, row.stopped) for row in found.cpus] == [
        (True, None, [], []), (False, "db", ["db"], []), (False, None, ["web"], ["off"]),
        (False, None, [], []),
    ]  # fmt: skip
    rows = {one.name: one for one in found.guests}
    assert [one.everywhere for one in found.guests] == [False, True, False, False]
    assert (rows["db"].owns, rows["db"].exclusive, rows["db"].shared_with) == (True, True, [])
    assert (rows["mail"].exclusive, rows["mail"].shared_with) == (False, ["web"])
    assert (rows["web"].exclusive, rows["web"].owns) == (False, False)


def test_a_guest_that_runs_on_the_cpus_of_another_is_shown_there() -> None:
    guests = [
        Placed("db", "vm", "running", True, (1,), placement="exclusive", claimed=(1,), owns=True),
        running("stray", 1, 2),
    ]
    found = cpu_map(HOST, guests, [])
    assert found.cpus[1].guests == ["db", "stray"]
    assert [one.exclusive for one in found.guests] == [False, False]
    assert found.guests[0].shared_with == ["stray"]
