"""Where running guests may run, as procstat(1) and the kernel say it."""

from __future__ import annotations

import sys

import pytest
from captures import said
from fakehost import FakeHost

from bsdvirt.facts.cpus.affinity import Threads, parse_threads, read_jail_cpus, read_threads
from bsdvirt.host.affinity import jail_cpus

SHOWN = said("05-bhyve.txt", 'procstat -S $(pgrep -f "^bhyve: vm1")')


def test_the_threads_of_a_captured_bhyve() -> None:
    assert parse_threads(SHOWN) == {3092: Threads({0, 1}, {0: (1,)}, {0: 100360})}


def test_lines_that_do_not_parse_are_skipped() -> None:
    line = SHOWN.splitlines()[-1]
    more = ["", "PID", line.replace(" 1 1", " 1 9999"), line.replace(" 1 1", " 1 5-2"), line[:40]]
    assert parse_threads("\n".join(more)) == {}
    wide = "12345678 100257 bhyve               vcpu 12               3    1 0-3,8"
    assert parse_threads(wide) == {12345678: Threads(set(), {12: (0, 1, 2, 3, 8)}, {12: 100257})}


def test_a_process_that_ended_does_not_hide_those_after_it(tmp_path: object) -> None:
    lines = {
        pid: f"{pid:5} 100000 bhyve               mevent               -1    1 {pid % 4}\n"
        for pid in (1001, 1003)
    }

    class Ended(FakeHost):
        def run(self, argv, **how):  # type: ignore[no-untyped-def]
            result = super().run(argv, **how)
            pids = [int(word) for word in argv[3:]]
            before = pids[: pids.index(1002)] if 1002 in pids else pids
            shown = "".join(lines[pid] for pid in before)
            return type(result)(tuple(argv), int(1002 in pids), shown)

    found = read_threads(Ended(tmp_path), [1003, 1002, 1001])  # type: ignore[arg-type]
    assert {pid: one.cpus for pid, one in found.items()} == {1001: {1}, 1003: {3}}


def test_cpuset_is_asked_where_the_kernel_cannot_be(tmp_path: object) -> None:
    host = FakeHost(tmp_path)  # type: ignore[arg-type]
    assert read_jail_cpus(host, 7, "web") is None
    shown = "jail 7 mask: 0, 1\njail 7 domain policy: first-touch mask: 0\n"
    host.shown["/usr/bin/cpuset -g -j web"] = shown
    assert read_jail_cpus(host, 7, "web") == (0, 1)


@pytest.mark.skipif(sys.platform.startswith("freebsd"), reason="has the system call")
def test_another_system_has_no_such_call() -> None:
    assert jail_cpus(1) is None
