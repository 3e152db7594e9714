"""Waiting for duplicate address detection: the very line, run by this machine's sh(1)."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from fakehost import FakeHost

from bsdvirt.errors import StepError
from bsdvirt.facts import dad
from bsdvirt.host import tools
from bsdvirt.host.base import Result
from bsdvirt.plan.act import act
from bsdvirt.plan.step import AwaitAddresses

HEAD = "bv1n0b: flags=8863<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500\n"
LINE = "\tinet6 fd00:77::5 prefixlen 64"


def run(tmp_path: Path, *states: str, rounds: int = 20) -> subprocess.CompletedProcess[str]:
    """Run the line where ifconfig tells these states, one after the other."""
    for number, state in enumerate(states):
        (tmp_path / str(number)).write_text(f"{HEAD}{LINE}{state and ' ' + state}\n")
    tool = tmp_path / "ifconfig"
    tool.write_text(
        f'#!/bin/sh\ncd {tmp_path}; n=$(cat n 2>/dev/null || echo 0); test "$*" = "bv1n0b inet6" ||'
        f" exit 9\ncat $n\ntest -e $((n+1)) && echo $((n+1)) >n; exit 0\n"
    )
    tool.chmod(0o755)
    line = dad.wait_line([dad.shown_by("bv1n0b")], dad.awaited(["fd00:77::5/64"]), rounds)
    return subprocess.run(
        ["/bin/sh", "-c", line.replace(tools.IFCONFIG, str(tool))],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip


def test_it_waits_until_the_address_can_be_used(tmp_path: Path) -> None:
    done = run(tmp_path, "tentative", "tentative", "")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert (tmp_path / "n").read_text() == "2\n"


def test_another_hosts_address_is_an_error_that_names_it(tmp_path: Path) -> None:
    done = run(tmp_path, "tentative", "duplicated")
    assert done.returncode == 1
    assert done.stderr == (
        "bsdvirt: fd00:77::5: another host of the network has this IPv6 address\n"
    )


def test_the_wait_has_an_end(tmp_path: Path) -> None:
    done = run(tmp_path, "tentative", rounds=2)
    assert (done.returncode, done.stderr) == (0, "bsdvirt: fd00:77::5: still tentative\n")


def test_nothing_is_waited_for_without_ipv6() -> None:
    assert dad.wait_lines(["/sbin/ifconfig x inet6"], ["10.0.0.1/24"]) == []
    assert " -ge 50 " in dad.wait_lines(["x"], ["fd00::1/64"], 300)[0]
    assert " -ge 15 " in dad.wait_lines(["x"], ["fd00::1/64"], 2)[0]


class Bridge(FakeHost):
    """An ifconfig that tells one state after the other."""

    states: tuple[str, ...] = ()

    def run(self, argv, **options):  # type: ignore[no-untyped-def]
        assert tuple(argv) == (tools.IFCONFIG, "bvbr0", "inet6")
        assert options["changes"] is False
        state, self.states = self.states[0], self.states[1:] or self.states
        return Result(tuple(argv), 0, f"{HEAD}{LINE} {state}\n")


def test_a_bridges_own_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    host = Bridge(tmp_path)
    host.states = ("tentative", "tentative", "")
    act(host, AwaitAddresses("bvbr0", ("10.0.0.1/24", "fd00:77::5/64")))
    assert len(naps) == 2
    host.states = ("tentative", "duplicated")
    with pytest.raises(StepError, match=r"fd00:77::5 of bvbr0: another host"):
        act(host, AwaitAddresses("bvbr0", ("fd00:77::5/64",)))
    host.states = ("tentative",)
    act(host, AwaitAddresses("bvbr0", ("fd00:77::5/64",)))
