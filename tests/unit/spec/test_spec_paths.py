"""`get` and `set` by dotted path: what they give, and what they say."""

from __future__ import annotations

from typing import Any

import pytest

from bsdvirt.errors import UsageError
from bsdvirt.spec.identity import Boot, Identity
from bsdvirt.spec.jail import Commands, Jail, Nic, Resolver
from bsdvirt.spec.limits import JailLimits
from bsdvirt.spec.paths import get_path, set_paths, split_assignments
from bsdvirt.spec.types import (
    AbsolutePath,
    AddressRange,
    DeviceName,
    GuestName,
    HostName,
    IpAddress,
    Ipv4Choice,
    JailParams,
    Memory,
    Size,
    Space,
)
from bsdvirt.spec.vm import Disk, Vm

LAN, DMZ = Nic(network=GuestName("lan")), Nic(network=GuestName("dmz"), mtu=9000)
JAIL = Jail(
    release="14.2-RELEASE",
    hostname=HostName("a.b"),
    nics=[LAN, DMZ],
    limits=JailLimits(pcpu=50),
    params=JailParams({"allow.mlock": True, "mac.own": "x"}),
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("release", "14.2-RELEASE"),
        ("nics.1.mtu", 9000),
        ("nics.0", LAN),
        ("nics", [LAN, DMZ]),
        ("limits.pcpu", 50),
        ("limits.maxproc", None),
        ("allow.mlock", True),
        ("params.allow.mlock", True),
        ("params.mac.own", "x"),
        ("allow.raw_sockets", None),
        ("params", JailParams({"allow.mlock": True, "mac.own": "x"})),
        ("exec.start.0", "/bin/sh /etc/rc"),
    ],
)
def test_get(path: str, value: object) -> None:
    assert get_path(JAIL, path) == value


@pytest.mark.parametrize(
    ("assignments", "path", "value"),
    [
        ("limits.pcpu=75", "limits.pcpu", 75),
        ("limits.pcpu=", "limits.pcpu", None),
        ("limits.pcpu=null", "limits.pcpu", None),
        ("limits=", "limits", JailLimits()),
        ("limits.memoryuse=1.5g", "limits.memoryuse", Memory(1536 * 2**20)),
        ("protected=on", "protected", True),
        ("protected=No", "protected", False),
        ("hostname=", "hostname", None),
        ("release=14", "release", "14"),
        ("description=a, b: c", "description", "a, b: c"),
        ("cpuset=3", "cpuset", "3"),
        ("nics.0.address=10.0.0.5/24", "nics.0.address", Ipv4Choice("10.0.0.5/24")),
        ("nics.1.mtu=", "nics.1.mtu", None),
        ("nics.2.network=wan", "nics.2", Nic(network=GuestName("wan"))),
        ("nics.2={network: wan, mtu: 1500}", "nics.2", Nic(network=GuestName("wan"), mtu=1500)),
        ("nics.0=", "nics", [DMZ]),
        ("nics.0= nics.1=", "nics", []),
        ("nics=", "nics", []),
        (
            "resolver.mode=own resolver.servers=9.9.9.9,fd00::1",
            "resolver",
            Resolver(mode="own", servers=[IpAddress("9.9.9.9"), IpAddress("fd00::1")]),
        ),
        (
            "resolver.servers.0=9.9.9.9 resolver.mode=own",
            "resolver.servers",
            [IpAddress("9.9.9.9")],
        ),
        ("exec.start=/bin/sh /etc/rc one,two", "exec.start", ["/bin/sh /etc/rc one,two"]),
        ("exec.start=[a, 'b, c']", "exec.start", ["a", "b, c"]),
        ("exec.start.1=echo", "exec.start", ["/bin/sh /etc/rc", "echo"]),
        ("exec.start.0=", "exec.start", []),
        ("exec.start=", "exec", Commands()),
        ("allow.raw_sockets=true", "params.allow.raw_sockets", True),
        ("params.allow.raw_sockets=0", "params.allow.raw_sockets", False),
        ("children.max=3", "params.children.max", 3),
        ("allow.mlock=", "params", JailParams({"mac.own": "x"})),
        ("params.mac.own=7", "params.mac.own", 7),
        ("params=", "params", JailParams()),
    ],
)
def test_set(assignments: str, path: str, value: Any) -> None:
    changed = set_paths(JAIL, split_assignments(_words(assignments)))
    found = get_path(changed, path)
    assert found == value
    assert type(found) is type(value) or isinstance(found, str)


def _words(assignments: str) -> list[str]:
    """The assignments of a case: split where a space precedes a word with `=`."""
    words: list[str] = []
    for word in assignments.split(" "):
        if "=" in word or not words:
            words.append(word)
        else:
            words[-1] += " " + word
    return words


def test_set_leaves_the_old_struct_alone() -> None:
    set_paths(JAIL, [("nics.0.mtu", "1400")])
    assert JAIL.nics[0].mtu is None


def test_set_works_on_any_struct() -> None:
    identity = Identity(id=1, uuid="u", kind="jail")
    assert set_paths(identity, [("boot.after", "db,web")]).boot == Boot(
        after=[GuestName("db"), GuestName("web")]
    )


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("limit.pcpu", "3", "limit: no such property (did you mean limits?)"),
        ("limits.pcp", "3", "limits.pcp: no such property (did you mean pcpu?)"),
        ("alow.mlock", "1", "alow: no such property (did you mean allow.mlock or allow.mount?)"),
        ("limits.pcpu", "x", "limits.pcpu: expected integer, at least 1, got 'x'"),
        (
            "limits.pcpu",
            "0",
            "limits.pcpu: expected integer, at least 1, got 0 (CPU time, in percent of one core.)",
        ),
        ("protected", "maybe", "protected: expected true | false, got 'maybe'"),
        ("nics.5.mtu", "3", "nics.5: no such element (the next new one is nics.2)"),
        ("nics.x", "3", "nics.x: no such element (the next new one is nics.2)"),
        ("nics.2", "", "nics.2: no such element (the elements are 0 to 1)"),
        ("resolver", "x", "resolver: a group: set one of its properties (as resolver.mode)"),
        ("nics.0", "x", "nics.0: a group: set one of its properties (as nics.0.network)"),
        (
            "release.x",
            "2",
            "release: it has no properties (it is a release, such as 14.2-RELEASE)",
        ),
        ("release", "", "release: it is missing (Release that the root was created from.)"),
        (
            "host.hostname",
            "x",
            "params.host.hostname: this jail(8) parameter is set by bsdvirt (set hostname)",
        ),
        (
            "allow.nomlock",
            "1",
            "params.allow.nomlock: write it without `no` (allow.mlock: false)",
        ),
        (
            "nics.0.network",
            "A\nB",
            "nics.0.network: 'A\\nB' is not a name: it is a lower-case letter, then up to 31 of"
            " a-z, 0-9, _ and - (Network that the interface is connected to.)",
        ),
        ("a b", "1", "'a b' is not the name of a property"),
        ("", "1", "'' is not the name of a property"),
    ],
)
def test_set_refused(path: str, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        set_paths(JAIL, [(path, text)])
    assert str(caught.value) == message


def test_the_kind_is_no_property() -> None:
    with pytest.raises(UsageError, match="^kind: no such property"):
        set_paths(JAIL, [("kind", "vm")])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nics.7", "nics.7: no such element (the elements are 0 to 1)"),
        ("nics.0.adress", "nics.0.adress: no such property (did you mean address or address6?)"),
        ("release.x", "release.x: no such property"),
        (
            "params.alow.mlock",
            "params.alow.mlock: no such jail(8) parameter (did you mean allow.mlock or"
            " allow.mount?)",
        ),
        ("vnet", "vnet: no such jail(8) parameter (set stack)"),
    ],
)
def test_get_refused(path: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        get_path(JAIL, path)
    assert str(caught.value) == message


def test_split_assignments() -> None:
    assert split_assignments(["boot.after=db", "description=a=b", "limits.pcpu="]) == [
        ("boot.after", "db"),
        ("description", "a=b"),
        ("limits.pcpu", ""),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["limits.pcpu"], "'limits.pcpu' sets no property (write it as property=value)"),
        (["=3"], "'' is not the name of a property"),
        (["a..b=3"], "'a..b' is not the name of a property"),
        (["a=1", "a=2"], "a is given twice"),
    ],
)
def test_split_assignments_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        split_assignments(words)
    assert str(caught.value) == message


def test_a_list_of_ranges() -> None:
    from bsdvirt.spec.network import Network

    network = set_paths(Network(id=1), [("subnets", "10.0.0.0/24, fd00::/64")])
    pools = set_paths(network, [("pools", "10.0.0.2-10.0.0.9, fd00::/64")]).pools
    assert pools == [AddressRange("10.0.0.2-10.0.0.9"), AddressRange("fd00::/64")]


VM = Vm(
    memory=Memory(1 << 30),
    disks=[
        Disk(name=DeviceName("disk0"), size=Space(1 << 30)),
        Disk(name=DeviceName("data"), path=AbsolutePath("/dev/ada1")),
    ],
)


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("disks.disk0.bus=ahci", "disks.0.bus", "ahci"),
        ("disks.data.bus=nvme", "disks.data.bus", "nvme"),
        ("disks.new-one.size=5G", "disks.2.size", Size(5 << 30)),
        ("disks.new-one.size=5G", "disks.new-one.name", "new-one"),
        ("disks.disk0=", "disks.0.name", "data"),
    ],
)
def test_an_element_is_named_by_its_name(assignment: str, path: str, value: object) -> None:
    assert get_path(set_paths(VM, split_assignments([assignment])), path) == value


@pytest.mark.parametrize("assignment", ["disks.nope=", "disks.Bad.size=1G", "disks.new.bus=ahci"])
def test_a_name_that_is_not_there_is_refused_where_it_cannot_be_made(assignment: str) -> None:
    with pytest.raises(UsageError):
        set_paths(VM, split_assignments([assignment]))
    with pytest.raises(UsageError, match="disks.nope: no such element"):
        get_path(VM, "disks.nope")


def test_a_group_that_is_not_there_is_made_by_setting_in_it() -> None:
    assert get_path(VM, "cloud.user") is None
    assert get_path(set_paths(VM, [("cloud.user", "web")]), "cloud.user") == "web"
    with pytest.raises(UsageError):
        set_paths(VM, [("cloud.nope", "web")])
