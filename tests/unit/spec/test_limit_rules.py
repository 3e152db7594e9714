"""Rules of rctl(8) in a guest's file: what the kernel refuses is refused first."""

from __future__ import annotations

import re

import pytest
from captures import said

from bsdvirt.cpu.limits import limit_drift, limit_rules
from bsdvirt.errors import UsageError
from bsdvirt.facts.rctl import parse_rules
from bsdvirt.spec.limits import RESOURCES, LimitRule
from bsdvirt.spec.load import dump, load_guest

JAIL = "kind: jail\nrelease: 15.1-RELEASE\nlimits:\n"
VM = "kind: vm\ncpus: 2\nmemory: 1G\nwired: true\nlimits:\n"


def jail(*lines: str) -> str:
    """Return a jail's file with these lines of limits."""
    return JAIL + "".join(f"  {line}\n" for line in lines)


def test_resources_are_those_that_rctl_prints() -> None:
    printed = said("04-jail.txt", "rctl -u jail:web", "15.1")
    assert re.findall(r"^([a-z]+)=", printed, re.MULTILINE) == list(RESOURCES)


@pytest.mark.parametrize(
    ("rule", "stored"),
    [
        ("maxproc:log=80", "maxproc:log=80"),
        ("vmemoryuse:deny=2048m/process", "vmemoryuse:deny=2G/process"),
        ("cputime:sigterm=3600", "cputime:sigterm=3600"),
        ("writebps:throttle=10M/user", "writebps:throttle=10M/user"),
        ("shmsize:devctl=512B", "shmsize:devctl=512B"),
    ],
)
def test_a_rule_is_kept_in_its_shortest_form(rule: str, stored: str) -> None:
    assert LimitRule.parse(rule) == stored
    assert LimitRule.parse(stored).amount > 0


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (['rules: ["writebps:deny=1M"]'], "rules.0: rctl(8) cannot deny writebps"),
        (['rules: ["cputime:deny=5"]'], "rctl(8) cannot deny cputime"),
        (['rules: ["maxproc:throttle=5"]'], "cannot throttle by maxproc"),
        (['rules: ["pcpu:throttle=5"]'], "cannot throttle by pcpu"),
        (['rules: ["swapuse:deny=1G/process"]'], "does not account swapuse per process"),
        (['rules: ["maxproc:deny=0"]'], "at least 1"),
        (['rules: ["maxproc:deny=5K"]'], "a whole number"),
        (['rules: ["cputime:log=9223372036854775807"]'], "a whole number of seconds"),
        (['rules: ["memoryuse:log=512"]'], "'512' is 512 bytes"),
        (['rules: ["memory:log=512M"]'], "rctl(8) has no resource memory"),
        (['rules: ["maxproc:sigfoo=5"]'], "rctl(8) has no action sigfoo"),
        (['rules: ["maxproc:log=5/group"]'], "nothing is accounted per group"),
        (['rules: ["jail:web:maxproc:log=5"]'], "write RESOURCE:ACTION=AMOUNT"),
        (['rules: ["maxproc:log=5\\n"]'], "write RESOURCE:ACTION=AMOUNT"),
        (['rules: ["maxproc:log=5", "maxproc:log=5/jail"]'], "are the same rule"),
        (['rules: ["nthr:deny=5", "nthr:deny=6"]'], "are the same rule"),
        (["maxproc: 5", 'rules: ["maxproc:deny=6"]'], "limits.maxproc limits the same"),
        (["cpus: 1", 'rules: ["pcpu:deny=60"]'], "limits.cpus limits the same"),
        (["cpus: 1.5", "pcpu: 150"], "cpus and pcpu limit the same"),
        (["cpus: 1.555"], "is not a number of CPUs"),
        (["cpus: 0.00"], "is not a number of CPUs"),
        (["memoryuse: 512"], "limits.memoryuse: 512 is 512 bytes (write 512M"),
        (["memoryuse: 512M", "memorylocked: 1G"], "memoryuse 512M is less than memorylocked 1G"),
    ],
)
def test_wrong_limits_are_refused(lines: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        load_guest(jail(*lines))


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("memoryuse:deny=512M", "less than the memory of the guest, 1G"),
        ("vmemoryuse:sigterm=1023M", "less than the memory of the guest, 1G"),
        ("memorylocked:deny=512M", "less than the memory of the guest, 1G"),
        ("nthr:deny=9/jail", "a virtual machine is one process"),
        ("swapuse:deny=1G", "does not account swapuse per process"),
    ],
)
def test_rules_that_no_virtual_machine_can_meet(rule: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        load_guest(f'{VM}  rules: ["{rule}"]\n')
    if rule.startswith("memorylocked"):
        load_guest(f'{VM.replace("wired: true", "wired: false")}  rules: ["{rule}"]\n')


def test_what_is_written_is_read_again() -> None:
    guest = load_guest(jail("cpus: 1.5", 'rules: ["vmemoryuse:deny=2G/process", "nthr:log=9"]'))
    assert load_guest(dump(guest)) == guest
    assert str(guest.limits.cpus) == "1.5"
    assert str(load_guest(jail("cpus: 2")).limits.cpus) == "2"


def test_a_limit_comes_with_the_rule_that_reports_it() -> None:
    guest = load_guest(
        jail("cpus: 1.5", "maxproc: 50", "readbps: 1M", "memoryuse: 1M",
             'rules: ["nthr:log=9", "vmemoryuse:sigkill=2G/process", "openfiles:devctl=8",'
             ' "readbps:sigterm=2M"]')
    )  # fmt: skip
    assert limit_rules("jail:web", guest.limits) == [
        "jail:web:pcpu:deny=150", "jail:web:readbps:throttle=1048576",
        "jail:web:memoryuse:deny=1048576", "jail:web:maxproc:deny=50",
        "jail:web:nthr:log=9", "jail:web:vmemoryuse:sigkill=2147483648/process",
        "jail:web:openfiles:devctl=8", "jail:web:readbps:sigterm=2097152",
        # Of pcpu and readbps none, which a busy jail is at all the time.
        "jail:web:memoryuse:devctl=1048576", "jail:web:maxproc:devctl=49",
        "jail:web:vmemoryuse:devctl=2147483648/process", "jail:web:readbps:devctl=2097152",
    ]  # fmt: skip


def test_limits_that_are_not_in_force_are_told_with_their_repair() -> None:
    limits = load_guest(jail("maxproc: 50", 'rules: ["nthr:log=9", "nthr:log=8"]')).limits
    every = limit_rules("jail:web", limits)
    assert list(limit_drift("jail:web", limits, parse_rules("\n".join(every)))) == []
    (one,) = limit_drift("jail:web", limits, parse_rules("\n".join(every[:3])))
    assert "it is not reported when its maxproc reaches the limit" in one.what
    (one,) = limit_drift("jail:web", limits, parse_rules("\n".join(every[1:3])))
    assert one.what == "its maxproc is not limited, and is to be at most 50"
    assert len(one.steps) == 2
    (one,) = limit_drift("jail:web", limits, parse_rules("\n".join(every[:1] + every[2:])))
    assert "nthr:log=9 of rctl(8) is not in force" in one.what
