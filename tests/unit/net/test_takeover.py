"""What the plans of a moved address do with what rc.conf and the host say."""

from __future__ import annotations

import pytest

from bsdvirt.errors import UsageError
from bsdvirt.net.takeover import Taking, free_bridge, network_of, plan_revert, plan_take, rc_after
from bsdvirt.plan.render import shell
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network


def taking(**more: object) -> Taking:
    known = {"uplink": "em0", "bridge": "bridge0", "ether": "58:9c:fc:00:00:01"}
    return Taking(**(known | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "bridge", "card"),
    [
        ("DHCP", "DHCP addm em0 up", "up"),
        ("SYNCDHCP", "SYNCDHCP addm em0 up", "up"),
        ("up DHCP -lro", "DHCP addm em0 up", "up -lro"),
        ("inet 10.0.0.2/24", "inet 10.0.0.2/24 addm em0 up", "up"),
        ("10.0.0.2/24", "inet 10.0.0.2/24 addm em0 up", "up"),
        ("inet 10.0.0.2 netmask 0xffffff00 mtu 9000",
         "inet 10.0.0.2 netmask 0xffffff00 addm em0 up", "up mtu 9000"),
    ],
)  # fmt: skip
def test_the_words_of_rc_conf_are_parted(words: str, bridge: str, card: str) -> None:
    after = rc_after(taking(rc={"ifconfig_em0": words}))
    assert (after["ifconfig_bridge0"], after["ifconfig_em0"]) == (bridge, card)


def test_a_cloud_image_has_one_line_for_all_cards() -> None:
    after = rc_after(taking(rc={"ifconfig_DEFAULT": "SYNCDHCP", "cloned_interfaces": "lo1"}))
    assert after == {
        "cloned_interfaces": "lo1 bridge0",
        "create_args_bridge0": "ether 58:9c:fc:00:00:01",
        "ifconfig_bridge0": "SYNCDHCP addm em0 up",
        "ifconfig_em0": "up",
    }


def test_aliases_and_ipv6_go_with_it() -> None:
    after = rc_after(
        taking(
            rc={
                "ifconfig_em0": "inet 10.0.0.2/24",
                "ifconfig_em0_ipv6": "inet6 2001:db8::2/64",
                "ifconfig_em0_alias0": "inet 10.0.0.3/32",
                "ipv6_defaultrouter": "fe80::1%em0",
            }
        )
    )
    assert after["ifconfig_bridge0_ipv6"] == "inet6 2001:db8::2/64 auto_linklocal"
    assert after["ifconfig_bridge0_alias0"] == "inet 10.0.0.3/32"
    assert after["ifconfig_em0_ipv6"] is None
    assert after["ifconfig_em0_alias0"] is None
    assert after["ipv6_defaultrouter"] == "fe80::1%bridge0"


@pytest.mark.parametrize("words", ["WPA DHCP", "inet6 2001:db8::2/64", "DHCP `id`", 'DHCP "x"'])
def test_words_that_are_not_understood_are_refused(words: str) -> None:
    with pytest.raises(UsageError, match="not understood"):
        rc_after(taking(rc={"ifconfig_em0": words}))


def test_the_bridge_is_nobodys() -> None:
    assert free_bridge(["em0", "bridge0"], {"cloned_interfaces": "bridge1 lo1"}) == "bridge2"


def test_the_network_is_that_of_the_address() -> None:
    held = taking(addresses=("10.0.0.2/24", "10.0.0.3/24", "2001:db8::2/64"), gateway="10.0.0.1",
                  gateway6="fe80::1%em0")  # fmt: skip
    plain = network_of(held)
    assert plain == {
        "bridge": "bridge0",
        "subnets": ["10.0.0.0/24", "2001:db8::/64"],
        "gateway": "10.0.0.1",
    }
    assert decode(Network, {"id": 0, **plain}, "network")


def test_ipv6_leaves_last_and_comes_with_its_router() -> None:
    held = taking(addresses=("10.0.0.2/24", "2001:db8::2/64"), gateway="10.0.0.1",
                  gateway6="fe80::1%em0", routes=(("10.9.0.0/16", "10.0.0.9"),))  # fmt: skip
    commands = [shell(step.do) for step in plan_take("lan", held, "op").steps[2:]]
    assert commands == [
        "/sbin/ifconfig bridge0 create ether 58:9c:fc:00:00:01 descr 'bsdvirt network lan' up",
        "/sbin/route -q -n delete -inet6 default",
        "/sbin/ifconfig em0 inet 10.0.0.2/24 -alias",
        "/sbin/ifconfig em0 inet6 2001:db8::2/64 -alias",
        "/sbin/ifconfig bridge0 addm em0",
        "/sbin/ifconfig bridge0 inet6 -ifdisabled auto_linklocal",
        "/sbin/ifconfig bridge0 inet 10.0.0.2/24 alias",
        "/sbin/ifconfig bridge0 inet6 2001:db8::2/64 alias",
        "/sbin/route -q -n add default 10.0.0.1",
        "/sbin/route -q -n add -net 10.9.0.0/16 10.0.0.9",
        "/sbin/route -q -n add -inet6 default fe80::1%bridge0",
    ]


def test_what_is_back_already_is_not_put_back_again() -> None:
    plan = plan_revert("lan", taking(addresses=("10.0.0.2/24",), gateway="10.0.0.1"), {}, "op")
    assert [shell(step.do) for step in plan.finish] == ["rm -f /var/run/bsdvirt/taking/lan.json"]
