"""Rules of pf(4): what they say, when they are loaded, when pf is ours to set up."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bsdvirt.facts.ifconfig import Interface
from bsdvirt.facts.packetfilter import FirewallFacts, PfFacts
from bsdvirt.net import pf
from bsdvirt.net.pfsetup import TEXT, setup
from bsdvirt.plan.render import shell
from bsdvirt.spec.expose import Expose
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network

WHOLE = PfFacts(
    there=True, enabled=True, calls=True, egress={4: "em0"}, forwards=frozenset({4})
)  # fmt: skip

LASTS = FirewallFacts(
    conf=True, conf_text=TEXT, settings={"pf_enable": "YES"}, forwards=frozenset({4})
)  # fmt: skip


def network(**settings: Any) -> Network:
    given = {"id": 1, "nat": True, "addresses": ["10.77.0.1/24"], **settings}
    return decode(Network, given)


def test_a_network_is_translated_where_there_is_a_way_out() -> None:
    both = network(addresses=["10.77.0.1/24", "fd00:77::1/64", "2001:db8::1/64"])
    dual = PfFacts(egress={4: "em0", 6: "em1"})
    assert pf.network_text("lan", both, dual).splitlines()[1:] == [
        "nat on em0 inet from 10.77.0.0/24 to any -> (em0:0)",
        "nat on em1 inet6 from fd00:77::/64 to any -> (em1:0)",
    ]
    assert pf.network_text("lan", both, PfFacts()) == ""
    only6 = pf.network_text("lan", both, PfFacts(egress={6: "em1"}))
    assert "inet " not in only6
    assert pf.network_text("lan", network(nat=False), WHOLE) == ""


def test_rules_stay_while_there_is_no_default_route() -> None:
    both = network(addresses=["10.77.0.1/24", "fd00:77::1/64"])
    ports = [Expose.parse("tcp:8080:80")]
    dual = replace(WHOLE, egress={4: "em0", 6: "em1"})
    texts = {
        "net-lan": pf.network_text("lan", both, dual),
        "guest-web": pf.guest_text("web", ports, ["10.77.0.2", "fd00:77::2"], dual),
    }
    for left in ({}, {6: "em1"}):
        cut = replace(WHOLE, egress=left, files=texts)
        assert pf.network_text("lan", both, cut) == texts["net-lan"]
        inner = ["10.77.0.2", "fd00:77::2"]
        assert pf.guest_text("web", ports, inner, cut) == texts["guest-web"]
    moved = replace(WHOLE, egress={4: "em7"}, files=texts)
    assert "on em7 inet from" in pf.network_text("lan", both, moved)
    assert "on em1 inet6 from" in pf.network_text("lan", both, moved)
    assert pf.network_text("lan", network(nat=False), moved) == ""
    assert pf.why_inactive(replace(moved, egress={}), [4])[0] == "there is no default route"


def test_a_port_is_on_one_address_of_the_host() -> None:
    ports = [Expose.parse("tcp:8080:80"), Expose.parse("udp:5-7@fd00::1")]
    lines = pf.guest_text("web", ports, ["10.77.0.2", "fd00:77::2"], WHOLE).splitlines()[1:]
    assert lines == [
        "rdr pass on ! lo0 inet proto tcp from any to (em0:0) port 8080 -> 10.77.0.2 port 80",
        "rdr pass on ! lo0 inet6 proto udp from any to fd00::1 port 5:7 -> fd00:77::2 port 5:7",
    ]
    assert pf.guest_text("web", ports, [], WHOLE) == ""


def test_a_filtered_port_passes_only_what_was_redirected() -> None:
    filtered = replace(WHOLE, filtered=True)
    ports = [Expose.parse("tcp:8080-8081:80-81~192.168.1.0/24"), Expose.parse("udp:53")]
    text = pf.guest_text("web", ports, ["10.77.0.2"], filtered)
    assert text.splitlines()[1:] == [
        "rdr on ! lo0 inet proto tcp from 192.168.1.0/24 to (em0:0) port 8080:8081 tag bsdvirt"
        " -> 10.77.0.2 port 80:81",
        "rdr on ! lo0 inet proto udp from any to (em0:0) port 53 tag bsdvirt -> 10.77.0.2 port 53",
        "pass inet proto tcp from 192.168.1.0/24 to 10.77.0.2 port 80:81 tagged bsdvirt",
        "pass inet proto udp from any to 10.77.0.2 port 53 tagged bsdvirt",
    ]
    held = replace(filtered, files={"guest-web": text}, anchors=frozenset({"guest-web"}))
    gone = [shell(step.do) for step in pf.load_steps("guest-web", "", held, "why")]
    assert [words.split()[-2:] for words in gone[:2]] == [["-F", "rules"], ["-F", "nat"]]
    assert pf.why_blocked(replace(WHOLE, blocked=True)) == ("", "")
    assert 'anchor "bsdvirt/*"' in pf.why_blocked(replace(filtered, blocked=True))[1]


def test_only_what_is_missing_is_loaded() -> None:
    loaded = PfFacts(there=True, anchors=frozenset({"net-lan"}), files={"net-lan": "rules\n"})
    assert list(pf.load_steps("net-lan", "rules\n", loaded, "why")) == []
    assert list(pf.load_steps("net-lan", "rules\n", PfFacts(), "why")) == []
    changed = [shell(step.do) for step in pf.load_steps("net-lan", "other\n", loaded, "why")]
    assert changed[-1] == ("/sbin/pfctl -a bsdvirt/net-lan -f /var/run/bsdvirt/pf/net-lan.conf")
    gone = [shell(step.do) for step in pf.load_steps("net-lan", "", loaded, "why")]
    assert gone[0] == "/sbin/pfctl -a bsdvirt/net-lan -F nat"


@pytest.mark.parametrize(
    ("firewall", "why"),
    [
        (FirewallFacts(conf=True), "/etc/pf.conf is yours"),
        (FirewallFacts(conf_name="/etc/my.conf"), "/etc/my.conf is yours"),
        (FirewallFacts(rules=True), "has rules of yours"),
        (FirewallFacts(others=("ipfw",)), "ipfw is this host's packet filter"),
    ],
)
def test_what_is_somebodys_is_left_alone(firewall: FirewallFacts, why: str) -> None:
    done = setup(PfFacts(there=True, egress={4: "em0"}), firewall, (), [4])
    assert done.steps == ()
    assert why in done.advice[0]
    assert 'nat-anchor "bsdvirt/*"' in done.advice[0]


def test_pf_is_set_up_where_nobody_has() -> None:
    done = setup(PfFacts(egress={4: "em0"}), FirewallFacts(), (), [4])
    assert [shell(step.do) for step in done.steps][1:] == [
        "/sbin/kldload -n pf",
        "/sbin/pfctl -f /etc/pf.conf",
        "/sbin/pfctl -e",
        "/usr/sbin/sysrc pf_enable=YES",
        "/sbin/sysctl net.inet.ip.forwarding=1",
        "/usr/sbin/sysrc gateway_enable=YES",
    ]
    assert not done.advice
    assert pf.why_inactive(done.facts, [4]) == ("", "")


@pytest.mark.parametrize(
    ("firewall", "lines"),
    [
        (LASTS, []),
        (FirewallFacts(), ["/etc/pf.conf", "pf_enable=YES", "gateway_enable=YES"]),
        (replace(LASTS, settings={}), ["pf_enable=YES"]),
        (replace(LASTS, forwards=frozenset()), ["gateway_enable=YES"]),
    ],
)
def test_what_runs_is_made_to_last(firewall: FirewallFacts, lines: list[str]) -> None:
    done = setup(WHOLE, firewall, (), [4])
    argvs = [shell(step.do).splitlines()[0].split() for step in done.steps]
    assert [next(word for word in argv if word in lines) for argv in argvs] == lines
    assert (done.advice, done.until_boot) == ((), ())


def test_what_somebody_else_runs_until_the_next_boot_is_told() -> None:
    own = replace(LASTS, conf_text="pass in all\n", settings={})
    done = setup(WHOLE, own, (), [4])
    assert (done.steps, done.advice) == ((), ())
    assert [line.split(":")[0] for line in done.until_boot] == [
        "/etc/pf.conf does not call bsdvirt's anchors",
        "rc.conf(5) does not start pf(4)",
    ]


def test_a_host_that_hears_router_advertisements_stays_a_host() -> None:
    heard = Interface("em0", nd6=frozenset({"ACCEPT_RTADV"}))
    done = setup(WHOLE, LASTS, (heard,), [4, 6])
    assert done.steps == ()
    assert "em0 takes its address" in done.advice[0]
    assert setup(WHOLE, LASTS, (), [4, 6]).advice == ()


def test_a_port_that_is_open_to_one_network() -> None:
    ports = [Expose.parse("tcp:5432~192.168.1.7"), Expose.parse("tcp:25~2001:db8::/32")]
    assert pf.guest_text("web", ports, ["10.77.0.2"], WHOLE).splitlines()[1:] == [
        "rdr pass on ! lo0 inet proto tcp from 192.168.1.7/32 to (em0:0) port 5432"
        " -> 10.77.0.2 port 5432"
    ]
