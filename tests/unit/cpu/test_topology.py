"""How CPUs are connected, on real machines as the kernel prints them."""

from __future__ import annotations

from pathlib import Path

import pytest
from captures import RELEASES, said

from bsdvirt.cpu.topology import Topology, topology
from bsdvirt.facts.cpus.topology import (
    MESSAGES,
    TopologyFacts,
    parse_packages,
    parse_spec,
    read_topology,
)
from bsdvirt_sim import SimHost
from bsdvirt_sim.kernel.topology import MACHINES, Node, mask_text, plain, spec

WORDS = {"13.2": 4, "15.1": 16}
TWO_CORES = """\
<groups>
 <group level="1" cache-level="3">
  <cpu count="4" mask="f,0,0,0">0, 1, 2, 3</cpu>
  <children>
   <group level="2" cache-level="2">
    <cpu count="2" mask="3,0,0,0">0, 1</cpu>
    <flags><flag name="THREAD">THREAD group</flag><flag name="SMT">SMT group</flag></flags>
   </group>
   <group level="2" cache-level="2">
    <cpu count="2" mask="c,0,0,0">2, 3</cpu>
    <flags><flag name="THREAD">THREAD group</flag><flag name="SMT">SMT group</flag></flags>
   </group>
  </children>
 </group>
</groups>
"""
"""As sched_ule.c prints two cores with two threads each."""


def machine(tmp_path: Path, name: str, release: str = "15.1") -> Topology:
    host = SimHost(tmp_path / name, release=release)
    host.settings.set_machine(name)
    return topology(read_topology(host))


@pytest.mark.parametrize("release", RELEASES)
def test_the_captured_host_has_two_cores_with_one_cache(tmp_path: Path, release: str) -> None:
    shown = said("01-host.txt", "sysctl -n kern.sched.topology_spec", release)
    assert spec(plain(2).top, WORDS[release]) == shown.rstrip("\n")
    found = topology(read_topology(SimHost(tmp_path, release=release)))
    assert topology(TopologyFacts(2, 1, 1, top=parse_spec(shown))).caches == found.caches
    assert found.caches == ((3, (0, 1)),)
    assert found.cores == ((0,), (1,))
    assert found.packages == found.domains == ((0, 1),)
    assert (found.threads, found.absent) == (1, ())


def test_the_simulated_kernel_prints_threads_as_the_real_one() -> None:
    smt = ("THREAD", "SMT")
    top = Node(3, (0, 1, 2, 3), (), (Node(2, (0, 1), smt), Node(2, (2, 3), smt)))
    assert spec(top, 4) + "\n" == TWO_CORES
    assert mask_text((63, 64, 130), 4) == "8000000000000000,1,4,0"


@pytest.mark.parametrize("release", RELEASES)
def test_an_epyc_with_eight_dies(tmp_path: Path, release: str) -> None:
    found = machine(tmp_path, "epyc", release)
    assert len(found.cpus) == 128
    assert len(found.cores) == 64
    assert found.cores[1] == (2, 3)
    assert found.threads == 2
    assert [level for level, _ in found.caches] == [3] * 8
    assert found.caches[7][1] == tuple(range(112, 128))
    assert found.packages == found.domains == (tuple(range(128)),)


def test_a_xeon_with_two_sockets(tmp_path: Path) -> None:
    found = machine(tmp_path, "xeon")
    assert found.packages == found.domains == (tuple(range(40)), tuple(range(40, 80)))
    assert found.caches == ((3, tuple(range(40))), (3, tuple(range(40, 80))))
    assert found.core_of[79] == 39
    assert found.package_of[40] == 1
    assert found.domain_of[39] == 0


def test_cpus_that_are_not_used(tmp_path: Path) -> None:
    found = machine(tmp_path, "xeon-no-smt")
    assert found.threads == 1
    assert found.cpus == tuple(range(40))
    assert found.absent == tuple(range(40, 80))
    assert found.packages == (tuple(range(20)), tuple(range(20, 40)))


def test_four_sockets(tmp_path: Path) -> None:
    found = machine(tmp_path, "four-sockets")
    assert len(found.packages) == len(found.domains) == 4
    assert found.packages[3] == tuple(range(144, 192))


def test_a_ryzen_with_two_groups_of_cores(tmp_path: Path) -> None:
    found = machine(tmp_path, "ryzen")
    assert found.caches == ((3, tuple(range(8))), (3, tuple(range(8, 16))))
    assert found.packages == (tuple(range(16)),)
    assert len(found.cores) == 8


def test_a_hybrid_processor(tmp_path: Path) -> None:
    found = machine(tmp_path, "i9")
    assert len(found.cores) == 24
    assert [len(core) for core in found.cores[:9]] == [2] * 8 + [1]
    assert found.caches[0] == (3, tuple(range(32)))
    assert found.caches[1:] == tuple((2, tuple(range(at, at + 4))) for at in range(16, 32, 4))
    # The kernel says only that cores differ; a cache that all CPUs share is within one package.
    assert found.packages == (tuple(range(32)),)


def test_packages_that_share_a_domain(tmp_path: Path) -> None:
    found = machine(tmp_path, "two-epycs")
    assert found.domains == (tuple(range(128)),)
    assert found.packages == (tuple(range(64)), tuple(range(64, 128)))
    host = SimHost(tmp_path / "two-epycs")
    host.fs.unlink(MESSAGES)
    assert topology(read_topology(host)).packages == ()
    # What cannot be read is as if it were not there: another user than root may not.
    host.fs.mkdir(MESSAGES)
    assert topology(read_topology(host)).packages == ()


def test_256_cpus(tmp_path: Path) -> None:
    found = machine(tmp_path, "large", "13.2")
    assert found.cpus == tuple(range(256))
    assert len(found.caches) == 16
    assert found.domain_of[255] == found.package_of[255] == 1


def test_one_cpu_of_a_hypervisor(tmp_path: Path) -> None:
    found = machine(tmp_path, "vps")
    assert found.cpus == (0,)
    assert found.packages == found.domains == found.cores == ((0,),)
    assert found.caches == ()
    assert found.hypervisor == "kvm"
    assert machine(tmp_path, "ryzen").hypervisor is None


def test_a_host_without_the_scheduler_s_tree() -> None:
    found = topology(TopologyFacts(8, 7, 2))
    assert found.cores == ((0, 1), (2, 3), (4, 5), (6, 7))
    assert found.packages == ()
    assert topology(TopologyFacts(3, 2, 2)).cores == ((0,), (1,), (2,))


def test_domains_that_lack_a_cpu_are_not_believed() -> None:
    whole = tuple(range(4))
    assert topology(TopologyFacts(4, 3, 1, domains=((0, 1), (2,)))).domains == (whole,)
    assert topology(TopologyFacts(4, 3, 1, domains=((0, 1), (1, 2, 3)))).domains == (whole,)
    memory_only = topology(TopologyFacts(4, 3, 1, domains=(whole, ())))
    assert memory_only.domains == (whole, ())


def test_a_package_that_a_cache_would_span_is_not_believed() -> None:
    top = parse_spec(spec(MACHINES["ryzen"].top, 4))
    assert topology(TopologyFacts(16, 15, 2, packages=4, top=top)).packages == ()
    assert topology(TopologyFacts(16, 15, 2, packages=3, top=top)).packages == ()
    assert len(topology(TopologyFacts(16, 15, 2, packages=2, top=top)).packages) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<groups>\n</groups>",
        # What a kernel without SMP prints.
        '<groups>\n <group level="1" cache-level="1">\n </group>\n</groups>',
        TWO_CORES.replace(" </group>\n</groups>", ""),
        TWO_CORES.replace('<group level="1" cache-level="3">', ""),
        TWO_CORES + TWO_CORES,
        '<group level="1" cache-level="1">' * 100_000,
        '<!DOCTYPE x [<!ENTITY a "aaaa">]><groups>&a;</groups>',
        "x" * (5 << 20),
    ],
    ids=lambda text: f"{text[:20]!r}{len(text)}",
)
def test_what_the_kernel_does_not_print_is_no_tree(text: str) -> None:
    assert parse_spec(text) is None


def test_numbers_beyond_any_kernel_are_left_out() -> None:
    top = parse_spec(TWO_CORES.replace("0, 1, 2, 3", "0, 1, 99999999999999999999, 5000, x"))
    assert top is None or top.cpus == (0, 1)


@pytest.mark.parametrize(
    ("messages", "packages"),
    [
        ("", None),
        ("FreeBSD/SMP: Multiprocessor System Detected: 2 CPUs\n", None),
        ("FreeBSD/SMP: 1 package(s) x 2 core(s)\n", 1),
        ("FreeBSD/SMP: 1 package(s) x 2 core(s)\nFreeBSD/SMP: 2 package(s) x 4 core(s)\n", 2),
        ("FreeBSD/SMP: 2 package(s) x 4 core(s)\nFreeBSD/SMP: Non-uniform topology\n", None),
        ("FreeBSD/SMP: Non-uniform topology\nFreeBSD/SMP Online: 2 package(s) x 4 core(s)\n", 2),
        ("console: FreeBSD/SMP: 7 package(s)\n", None),
    ],
)
def test_packages_in_the_boot_messages(messages: str, packages: int | None) -> None:
    assert parse_packages(messages) == packages
