"""Addresses of networks: gateways, prefixes, pools, a subnet that nobody uses."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import pytest

from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.net import address
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network


def network(**data: Any) -> Network:
    return decode(Network, {"id": 0, **data})


def taken(*texts: str) -> set[address.Address]:
    return {ipaddress.ip_address(text) for text in texts}


def test_the_gateway_is_the_given_one_else_the_host() -> None:
    own = network(addresses=["10.77.0.1/24", "fd00::1/64"])
    assert (address.gateway(own, 4), address.gateway(own, 6)) == ("10.77.0.1", "fd00::1")
    given = network(addresses=["10.77.0.1/24"], gateway="10.77.0.254")
    assert (address.gateway(given, 4), address.gateway(given, 6)) == ("10.77.0.254", None)
    assert address.gateway(network(), 4) is None


def test_prefix_lengths_come_from_the_subnet_that_holds_the_address() -> None:
    net = network(addresses=["10.77.0.1/24"], subnets=["192.168.0.0/20", "fd00::/48"])
    for text, length in (("10.77.0.9", 24), ("192.168.15.1", 20), ("fd00::9", 48)):
        assert address.prefix_length(net, ipaddress.ip_address(text)) == length
    assert address.prefix_length(net, ipaddress.ip_address("10.78.0.9")) is None


def test_a_pool_passes_over_the_host_and_the_gateway() -> None:
    net = network(addresses=["10.77.0.2/24"], gateway="10.77.0.1", pools=["10.77.0.1-10.77.0.9"])
    assert address.from_pool("lan", net, 4, taken()) == "10.77.0.3/24"


def test_pools_are_used_in_their_order_each_version_for_itself() -> None:
    net = network(
        subnets=["10.1.0.0/24", "fd00::/64", "10.2.0.0/16"],
        pools=["10.1.0.5-10.1.0.6", "fd00::5-fd00::6", "10.2.0.5-10.2.0.5"],
    )
    assert address.from_pool("lan", net, 4, taken("10.1.0.5")) == "10.1.0.6/24"
    assert address.from_pool("lan", net, 4, taken("10.1.0.5", "10.1.0.6")) == "10.2.0.5/16"
    assert address.from_pool("lan", net, 6, taken()) == "fd00::5/64"
    with pytest.raises(ConflictError, match="network lan: no free IPv4 address"):
        address.from_pool("lan", net, 4, taken("10.1.0.5", "10.1.0.6", "10.2.0.5"))


def test_a_huge_pool_costs_nothing() -> None:
    net = network(subnets=["fd00::/64"], pools=["fd00::1-fd00::ffff:ffff:ffff:fffe"])
    assert address.from_pool("lan", net, 6, taken("fd00::1")) == "fd00::2/64"


def test_the_first_subnet_that_nobody_uses() -> None:
    assert str(address.free_subnet([])) == "10.77.0.0/24"
    used = ["10.0.2.15/24", "10.77.0.1/24", "10.77.1.200/30", "fd00::1/64", "::1/128"]
    assert str(address.free_subnet(used)) == "10.77.2.0/24"
    with pytest.raises(ConflictError, match=r"10\.77\.0\.0/16 is in use"):
        address.free_subnet(["10.0.0.1/8"])


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("10.0.0.3/24", "in none of the subnets of network lan: 10.77.0.0/24"),
        ("10.0.0.3", "in none of the subnets"),
        ("10.77.0.255/24", "network or broadcast address of 10.77.0.0/24"),
        ("10.77.0.0", "network or broadcast address"),
    ],
)
def test_an_address_that_cannot_work_is_refused(wanted: str, why: str) -> None:
    lan = network(addresses=["10.77.0.1/24"])
    with pytest.raises(UsageError, match=re.escape(why)):
        address.static("lan", lan, wanted, ())
    assert address.static("lan", lan, "10.77.0.9", ()) == "10.77.0.9/24"
    bare = network()
    assert address.static("lan", bare, "10.0.0.3/24", ()) == "10.0.0.3/24"


def test_a_gateway_that_is_not_reached_is_none() -> None:
    lan = network(addresses=["10.77.0.1/24"])
    assert address.gateway(lan, 4, "10.77.0.9/24") == "10.77.0.1"
    assert address.gateway(lan, 4, "10.0.0.3/24") is None
    bare = network(gateway="192.168.1.1")
    assert address.gateway(bare, 4, "192.168.1.9/24") == "192.168.1.1"
    assert address.gateway(bare, 4, "10.0.0.3/24") is None
