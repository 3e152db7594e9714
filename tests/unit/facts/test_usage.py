"""What the host's tools say of usage."""

from __future__ import annotations

from typing import cast

import pytest
from captures import RELEASES, said

from bsdvirt.facts.rctl import parse_usages
from bsdvirt.facts.usage.host import (
    booted,
    load,
    memory_in_use,
    parse_swap,
    read_sysctls,
    ticks,
)
from bsdvirt.facts.usage.kstat import Io, io_of, objset, parse_objsets
from bsdvirt.facts.usage.netstat import Traffic, of_cards, parse_traffic
from bsdvirt.facts.usage.processes import cpu_seconds, parse_processes
from bsdvirt.host.base import Host, Result

on_each_release = pytest.mark.parametrize("release", RELEASES)


@on_each_release
def test_traffic_is_that_of_the_interface_not_of_its_addresses(release: str) -> None:
    text = said("02-ifconfig.txt", "netstat -ibn --libxo json -I vtnet0", release)
    assert parse_traffic(text) == {
        "vtnet0": {
            "13.2": Traffic(42706, 85968, 149, 124),
            "15.1": Traffic(5833409, 135179, 3959, 2066),
        }[release]
    }


def test_an_interface_that_came_back_from_a_jail_takes_no_others_place() -> None:
    link = '"network":"<Link#1>","received-bytes":{0},"sent-bytes":{0},'
    link += '"received-packets":1,"sent-packets":1'
    rows = ", ".join(
        f'{{"name":"{name}",{link.format(count)}}}'
        for name, count in (("bv1n0a", 5), ("bv1n0a", 9), ("a\tb", 7))
    )
    found = parse_traffic(f'{{"statistics": {{"interface": [{rows}]}}}}')
    assert found["bv1n0a"].bytes_in == 5
    assert found["a\tb"].bytes_in == 7


@pytest.mark.parametrize("text", ["", "{", '{"statistics": 7}', '{"statistics": {}}'])
def test_traffic_that_cannot_be_read_is_not_known(text: str) -> None:
    assert parse_traffic(text) == {}


def test_what_the_host_sends_is_what_its_cards_send() -> None:
    """What passes through a bridge, a VLAN or a guest's interface is counted at the card."""
    one = Traffic(10, 1, 5, 2)
    made = ("lo0", "bv3n0a", "bridge0", "bvbr0", "em0.20", "vlan5", "lagg0", "epair1b", "tap2")
    assert of_cards(dict.fromkeys(("em0", "igb1", *made), one)) == Traffic(20, 2, 10, 4)
    assert of_cards(dict.fromkeys(made, one)) is None


@on_each_release
def test_the_answers_of_one_rctl_are_told_apart(release: str) -> None:
    web = said("04-jail.txt", "rctl -u jail:web", release)
    none = said("04-jail.txt", "rctl -u jail:nosuch", release)
    first, second, third = parse_usages(none + web + none)
    assert first == third
    assert set(first.values()) == {0}
    assert second["cputime"] == {"13.2": 14, "15.1": 15}[release]
    assert second["memoryuse"] == {"13.2": 5197824, "15.1": 11784192}[release]


PS = """\
JID  PID NLWP   RSS    VSZ ELAPSED      TIME
  0    0   42   912      0   90000  10:00.00
  0 3092   11 19532 304128     130   1:07.25
  7 2813    1  2048  12000      90   0:00.50
  7 2856    3  1024  12000      30  61:00.25
  9 2900    1     -  12000      30   0:00.01
 12 2950    1  1024  12000      30   0:01.00
"""


def test_processes_are_added_up_by_guest() -> None:
    found = parse_processes(PS, {"7": "web", "9": "db"}, {"3092": "vm1", "2813": "vm2"})
    assert set(found) == {"web", "db", "vm1"}
    web, vm = found["web"], found["vm1"]
    assert (web.processes, web.threads, web.memory, web.virtual) == (2, 4, 3 << 20, 24000 << 10)
    assert (web.seconds, web.uptime) == (3660.75, 90)
    assert (vm.processes, vm.threads, vm.seconds, vm.uptime) == (1, 11, 67.25, 130)
    # One that was ending when ps(1) looked is left out.
    assert found["db"].processes == 0


def test_nothing_is_found_without_processes() -> None:
    assert parse_processes("", {"7": "web"}, {}) == {}
    assert cpu_seconds("123:59.99") == 123 * 60 + 59.99


def test_datasets_are_found_by_number() -> None:
    text = (
        "tank/bv/guests\t54\ntank/bv/guests/web/root\t1234\nmy.pool/bv\t9\n"
        "tank/bv/guests/web/x = 1\t77\ntank/bv/odd\t-\n"
    )
    found = parse_objsets(text)
    assert found["tank/bv/guests/web/root"] == objset("tank", 1234)
    assert found["tank/bv/guests/web/x = 1"] == objset("tank", 77)
    # sysctl(8) would take the rest of such a name for something else.
    assert "my.pool/bv" not in found
    assert "tank/bv/odd" not in found


def test_counters_of_a_dataset() -> None:
    root = objset("tank", 1234)
    node = "kstat.zfs.tank.dataset.objset-0x4d2"
    assert root == tuple(f"{node}.{leaf}" for leaf in ("nread", "nwritten", "reads", "writes"))
    shown = dict(zip(root, ("100", "200", "3", "4"), strict=True))
    assert io_of(root, shown) == Io(100, 200, 3, 4)
    assert io_of(objset("tank", 1235), shown) is None


@on_each_release
def test_ticks_and_load_of_the_host(release: str) -> None:
    average, counters, *_ = said(
        "01-host.txt", "sysctl -n vm.loadavg kern.cp_time", release
    ).splitlines()
    assert load(average) == {"13.2": [0.61, 0.65, 0.34], "15.1": [0.89, 0.4, 0.29]}[release]
    ((busy, every),) = ticks(counters)
    assert (busy, every) == {"13.2": (28250, 89586), "15.1": (36319, 1234101)}[release]


def test_ticks_of_each_cpu() -> None:
    assert ticks("1 2 3 4 90 0 0 0 0 0") == [(10, 100), (0, 0)]
    assert ticks("") == []
    assert load("") is None
    assert booted("{ sec = 1790000000, usec = 5 } Fri Sep 21 00:00:00 2026") == 1790000000
    assert booted("") is None


@on_each_release
def test_no_swap_space(release: str) -> None:
    assert parse_swap(said("01-host.txt", "swapinfo -k", release)) == (0, 0)


def test_swap_space_of_several_devices_counts_once() -> None:
    text = (
        "Device          1K-blocks     Used    Avail Capacity\n"
        "/dev/ada0p3       2097152     1024  2096128     0%\n"
        "/dev/ada1p3       2097152     2048  2095104     0%\n"
        "Total             4194304     3072  4191232     0%\n"
    )
    assert parse_swap(text) == (4 << 30, 3 << 20)


def test_memory_in_use_is_without_cache() -> None:
    shown = {
        "hw.physmem": "1000000", "hw.pagesize": "1000", "vm.stats.vm.v_free_count": "400",
        "vm.stats.vm.v_inactive_count": "100", "kstat.zfs.misc.arcstats.size": "200000",
    }  # fmt: skip
    assert memory_in_use(shown) == 300000
    assert memory_in_use({"hw.physmem": "1000000"}) is None


class Listening:
    """Notes what is run."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []

    def run(self, argv: tuple[str, ...], **_: object) -> Result:
        self.ran.append(argv)
        return Result(argv, 1, "".join(f"{name}: 1\n" for name in argv[1:]), "")


def test_many_counters_are_asked_for_in_commands_that_can_be_run() -> None:
    host = Listening()
    names = [leaf for number in range(5000) for leaf in objset("tank", number)]
    assert set(read_sysctls(cast(Host, host), names)) == set(names)
    assert 1 < len(host.ran) < 10
    assert all(sum(len(word) + 9 for word in argv) < 300_000 for argv in host.ran)
