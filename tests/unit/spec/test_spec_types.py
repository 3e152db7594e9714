"""The value types: what they take, how they print it, and what they say of the rest."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.types import (
    AbsolutePath,
    AddressRange,
    Cidr,
    CpuList,
    DatasetName,
    GuestName,
    HostName,
    InterfaceName,
    IpAddress,
    Ipv4Choice,
    Ipv4Gateway,
    Ipv6Choice,
    Ipv6Gateway,
    Mac,
    Memory,
    Rate,
    Size,
    Space,
    Value,
)

K, M, G, T = 2**10, 2**20, 2**30, 2**40


@pytest.mark.parametrize(
    ("given", "number", "printed"),
    [
        (512, 512, "512"),
        (1, 1, "1"),
        ("512M", 512 * M, "512M"),
        ("512m", 512 * M, "512M"),
        ("512MB", 512 * M, "512M"),
        ("512MiB", 512 * M, "512M"),
        ("1.5G", 1536 * M, "1.5G"),
        ("1536M", 1536 * M, "1.5G"),
        ("1280G", 1280 * G, "1280G"),
        ("2T", 2 * T, "2T"),
        ("1000", 1000, "1000"),
        ("10K", 10 * K, "10K"),
        ("100B", 100, "100"),
        (M + 1, M + 1, "1048577"),
    ],
)
def test_size(given: object, number: int, printed: str) -> None:
    size = Size.parse(given)
    assert (int(size), str(size), f"{size}", f"{size:d}") == (number, printed, printed, str(number))
    assert Size.parse(str(size)) == size


TAKEN: list[tuple[type[Value], object, str]] = [
    (CpuList, 3, "3"),
    (CpuList, "6,0-3", "0-3,6"),
    (CpuList, "0,1,2,2,4", "0-2,4"),
    (CpuList, "1-3,2-5", "1-5"),
    (GuestName, "web-1_a", "web-1_a"),
    (HostName, "Web.Example.org", "Web.Example.org"),
    (HostName, "9to5", "9to5"),
    (IpAddress, "10.0.0.1", "10.0.0.1"),
    (IpAddress, "FD00:0:0::1", "fd00::1"),
    (IpAddress, "fe80::1%em0", "fe80::1%em0"),
    (Cidr, "10.77.0.1/24", "10.77.0.1/24"),
    (Cidr, "10.77.0.1/255.255.255.0", "10.77.0.1/24"),
    (Cidr, "10.77.0.0/31", "10.77.0.0/31"),
    (Cidr, "fd00::0001/64", "fd00::1/64"),
    (Ipv4Choice, "pool", "pool"),
    (Ipv4Choice, "none", "none"),
    (Ipv4Choice, "10.0.0.9", "10.0.0.9"),
    (Ipv4Choice, "10.0.0.9/24", "10.0.0.9/24"),
    (Ipv6Choice, "fd00::9/64", "fd00::9/64"),
    (Ipv4Gateway, "auto", "auto"),
    (Ipv6Gateway, "fe80::1", "fe80::1"),
    (AddressRange, "10.77.0.2-10.77.0.254", "10.77.0.2-10.77.0.254"),
    (AddressRange, "10.77.0.2 - 10.77.0.254", "10.77.0.2-10.77.0.254"),
    (AddressRange, "10.77.0.0/24", "10.77.0.0/24"),
    (InterfaceName, "vlan0.7", "vlan0.7"),
    (AbsolutePath, "//usr//local/", "/usr/local"),
    (AbsolutePath, "/a b/c..d", "/a b/c..d"),
    (DatasetName, "tank/bsd.virt:x/a-b_c", "tank/bsd.virt:x/a-b_c"),
    (Mac, "58:9C:FC:00:00:01", "58:9c:fc:00:00:01"),
]


@pytest.mark.parametrize(("kind", "given", "printed"), TAKEN)
def test_taken(kind: type[Value], given: object, printed: str) -> None:
    value = kind.parse(given)
    assert isinstance(value, kind)
    assert str(value) == printed
    assert kind.parse(str(value)) == value


REFUSED: list[tuple[type[Value], object, str]] = [
    (Size, 0, "0 is out of range: a size is 1..9223372036854775807 bytes"),
    (Size, -5, "-5 is out of range: a size is 1..9223372036854775807 bytes"),
    (Size, True, "expected size, got bool"),
    (Size, None, "expected size, got nothing"),
    (Size, ["1"], "expected size, got a list"),
    (Size, "10 K", "'10 K' is not a size: write it as 512M, with K, M, G or T"),
    (Size, "5X", "'5X' is not a size: write it as 512M, with K, M, G or T"),
    (Size, "1.5", "'1.5' is not a whole number of bytes"),
    (Size, "9999999T", "'9999999T' is out of range: a size is 1..9223372036854775807 bytes"),
    (Size, "٣M", "'٣M' is not a size: write it as 512M, with K, M, G or T"),
    (CpuList, "", "'' is not a list of CPUs: write numbers as 0-3,6"),
    (CpuList, "0-", "'0-' is not a list of CPUs: write numbers as 0-3,6"),
    (CpuList, "3-0", "'3-0' runs backwards: write 0-3"),
    (CpuList, -1, "'-1' is not a list of CPUs: write numbers as 0-3,6"),
    (CpuList, "5000", "there is no CPU 5000: the highest number is 1023"),
    (CpuList, True, "expected list of CPUs, got bool"),
    (
        GuestName,
        "Web",
        "'Web' is not a name: it is a lower-case letter, then up to 31 of a-z, 0-9, _ and -",
    ),
    (
        GuestName,
        "a\n",
        "'a\\n' is not a name: it is a lower-case letter, then up to 31 of a-z, 0-9, _ and -",
    ),
    (
        HostName,
        "a_b",
        "'a_b' is not a host name: it is words of letters, digits and -, joined by dots",
    ),
    (
        HostName,
        "a.",
        "'a.' is not a host name: it is words of letters, digits and -, joined by dots",
    ),
    (IpAddress, "1.1.1", "'1.1.1' is not an IP address"),
    (IpAddress, "0.0.0.0", "'0.0.0.0' is not the address of a single host"),
    (IpAddress, "ff02::1", "'ff02::1' is not the address of a single host"),
    (IpAddress, "fe80::1%a;b", "'fe80::1%a;b': invalid interface name after %"),
    (IpAddress, 16843009, "expected an IP address, got int"),
    (Cidr, "10.0.0.1", "'10.0.0.1' has no prefix length: write it as 10.77.0.1/24"),
    (Cidr, "10.0.0.1/33", "'10.0.0.1/33' is not an address/prefix: invalid prefix length after /"),
    (Cidr, "10.0.0.1/0", "'10.0.0.1/0': a prefix length of 0 would cover the whole Internet"),
    (Cidr, "10.0.0.0/24", "'10.0.0.0/24' is the network itself: give an address in it"),
    (Cidr, "fd00::/64", "'fd00::/64' is the network itself: give an address in it"),
    (Cidr, "10.0.0.255/24", "'10.0.0.255/24' is the broadcast address of its network"),
    (Ipv4Choice, "dhcp", "'dhcp' is not pool | none | an IPv4 address"),
    (
        Ipv4Choice,
        "fd00::1",
        "'fd00::1' is an IPv6 address: expected pool | none | an IPv4 address",
    ),
    (
        Ipv6Choice,
        "10.0.0.1/8",
        "'10.0.0.1' is an IPv4 address: expected pool | none | an IPv6 address",
    ),
    (Ipv4Gateway, "pool", "'pool' is not auto | none | an IPv4 address"),
    (
        AddressRange,
        "10.0.0.1",
        "'10.0.0.1' is not an address range: write FIRST-LAST, or a network",
    ),
    (
        AddressRange,
        "10.0.0.9-10.0.0.1",
        "'10.0.0.9-10.0.0.1' runs backwards: write 10.0.0.1-10.0.0.9",
    ),
    (AddressRange, "10.0.0.1-fd00::1", "'10.0.0.1-fd00::1' begins with IPv4 and ends with IPv6"),
    (
        AddressRange,
        "10.0.0.5/24",
        "'10.0.0.5/24' is an address in a network: for the network, write 10.0.0.0/24",
    ),
    (
        InterfaceName,
        "averylonginterface",
        "'averylonginterface' is not an interface name: it is a letter, then letters, digits, _,"
        " . and -, 15 in all",
    ),
    *[
        (
            AbsolutePath,
            path,
            f"{path!r} is not an absolute path: it starts with / and has no . or .. parts, quotes,"
            " backslashes or control characters",
        )
        for path in ("", "/", "a/b", "/a/../b", "/a/.", "/a'b", '/a"b', "/a\nb", "/a\n", "/a\\b")
    ],
    *[
        (
            DatasetName,
            name,
            f"{name!r} is not a dataset: it is pool/child of letters, digits, _, ., : and -, at"
            " most 200 in all",
        )
        for name in ("", "1tank", "tank/", "/tank", "tank//a", "tank/../a", "tank@x", "tank/a b")
    ],
    (
        Mac,
        "01:00:5e:00:00:01",
        "'01:00:5e:00:00:01' is not a MAC address: it is six pairs such as 58:9c:fc:00:00:01, the"
        " first one even",
    ),
]


@pytest.mark.parametrize(("kind", "given", "message"), REFUSED)
def test_refused(kind: type[Value], given: object, message: str) -> None:
    with pytest.raises(BadValueError) as caught:
        kind.parse(given)
    assert str(caught.value) == message


def test_a_long_value_does_not_make_a_long_message() -> None:
    with pytest.raises(BadValueError) as caught:
        GuestName.parse("x" * 5000)
    assert len(str(caught.value)) < 200


def test_cpus() -> None:
    assert CpuList("0-3,6").cpus == (0, 1, 2, 3, 6)
    assert CpuList.of([6, 1, 0]) == "0-1,6"


@pytest.mark.parametrize(
    ("text", "first", "last", "total"),
    [
        ("10.77.0.2-10.77.0.254", "10.77.0.2", "10.77.0.254", 253),
        ("10.77.0.0/24", "10.77.0.1", "10.77.0.254", 254),
        ("10.77.0.0/31", "10.77.0.0", "10.77.0.1", 2),
        ("10.77.0.7/32", "10.77.0.7", "10.77.0.7", 1),
        ("fd00::/126", "fd00::1", "fd00::3", 3),
    ],
)
def test_range(text: str, first: str, last: str, total: int) -> None:
    pool = AddressRange.parse(text)
    assert (str(pool.first), str(pool.last), pool.total) == (first, last, total)
    assert pool.version == ipaddress.ip_address(first).version


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.77.0.2", True),
        (ipaddress.ip_address("10.77.0.9"), True),
        ("10.77.0.9/24", True),
        ("10.77.0.10", False),
        ("fd00::1", False),
        ("10.77", False),
        (None, False),
    ],
)
def test_in_a_range(address: object, inside: bool) -> None:
    assert (address in AddressRange("10.77.0.2-10.77.0.9")) is inside


def test_parts_of_addresses() -> None:
    assert str(Cidr("10.77.0.1/24").network) == "10.77.0.0/24"
    assert (str(Cidr("fd00::1/64").ip), Cidr("fd00::1/64").prefix) == ("fd00::1", 64)
    choice = Ipv4Choice("10.0.0.9/24")
    assert (choice.static, choice.address, choice.prefix) == (True, "10.0.0.9", 24)
    assert (Ipv4Choice("pool").static, Ipv4Choice("pool").address) == (False, "")
    assert Ipv4Choice("10.0.0.9").prefix is None


def test_every_type_is_a_value_with_a_schema() -> None:
    for kind in {kind for kind, *_ in (*TAKEN, *REFUSED)}:
        assert isinstance(kind, Value)
        assert kind.words
        assert kind.schema().keys() & {"type", "anyOf"}


@pytest.mark.parametrize(
    ("kind", "given", "says", "hint"),
    [
        (Memory, 512, "512 is 512 bytes", "512M or 512G"),
        (Memory, "4096", "'4096' is 4096 bytes", "4096M"),
        (Memory, "512K", "'512K' is too little", "1M or more"),
        (Space, "10", "'10' is 10 bytes", "10G"),
        (Rate, "10", "'10' is 10 bytes", "10M"),
    ],
)
def test_a_size_without_a_unit(kind: type[Space], given: Any, says: str, hint: str) -> None:
    with pytest.raises(BadValueError) as raised:
        kind.parse(given)
    assert says in str(raised.value)
    assert hint in raised.value.hint


@pytest.mark.parametrize("text", ["1000B", "64K", "1M", "1.5G", "1048577"])
def test_a_size_is_read_as_it_is_written(text: str) -> None:
    assert str(Space.parse(text)) == text
    assert Space.parse(int(Space(1 << 20))) == 1 << 20
    assert Rate.parse("500000") == 500000
