"""The parsers, on what a real FreeBSD printed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from captures import RELEASES, said

from bsdvirt.facts import ifconfig, jls, mount, rctl
from bsdvirt.facts.mount import Mount
from bsdvirt.facts.rctl import Rule
from bsdvirt.facts.sysctl import read_sysrc
from bsdvirt_sim import SimHost

on_each_release = pytest.mark.parametrize("release", RELEASES)


@on_each_release
def test_all_interfaces_of_a_host(release: str) -> None:
    found = ifconfig.parse(said("02-ifconfig.txt", "ifconfig -a", release))
    bridges = ["bridge2", "bridge3"] + (["bridge4", "bridge5"] if release == "13.2" else [])
    assert list(found) == ["vtnet0", "lo0", *bridges]
    card = found["vtnet0"]
    assert card.up
    assert card.ether == "52:54:00:12:34:56"
    assert card.addresses == ("10.0.2.15/24",)
    assert (card.groups, card.members, card.description) == ((), (), "")


@on_each_release
def test_loopback_keeps_its_mtu_and_drops_link_local(release: str) -> None:
    lo0 = ifconfig.parse(said("02-ifconfig.txt", "ifconfig -a", release))["lo0"]
    assert lo0.mtu == 16384
    wanted = {
        "13.2": ("::1/128", "127.0.0.1/8", "127.0.0.9/32"),
        "15.1": ("127.0.0.1/8", "::1/128"),
    }
    assert lo0.addresses == wanted[release]
    assert lo0.groups == ("lo",)


@on_each_release
def test_a_bridge_that_is_down(release: str) -> None:
    bridge = ifconfig.parse(said("02-ifconfig.txt", "ifconfig -a", release))["bridge2"]
    assert not bridge.up
    assert bridge.groups == ("bridge",)


@on_each_release
def test_a_bridge_with_a_member_and_an_address(release: str) -> None:
    (bridge,) = ifconfig.parse(said("02-ifconfig.txt", "ifconfig bvlan0", release)).values()
    assert bridge.name == "bvlan0"
    assert bridge.up
    assert bridge.members == ("bv7a",)
    assert bridge.addresses == ("10.77.0.1/24",)
    assert bridge.groups == ("bridge", "bsdvirt")


@on_each_release
def test_ether_is_the_present_one_not_the_hardware_one(release: str) -> None:
    (end,) = ifconfig.parse(said("02-ifconfig.txt", "ifconfig bv7a", release)).values()
    assert end.ether == "03:00:00:00:00:01"
    assert end.description == "web eth0"
    assert end.groups == ("epair", "bsdvirt")


@on_each_release
def test_a_tag_and_what_it_is_on(release: str) -> None:
    (vlan,) = ifconfig.parse(said("02-ifconfig.txt", "ifconfig vlan0", release)).values()
    assert (vlan.vlan, vlan.parent, vlan.up) == (20, "vtnet0", False)


def test_lower_up_is_not_up() -> None:
    """A service netif restart takes UP from an epair; its other end is still there."""
    shown = said("11-services.txt", "ifconfig bv1n0b", "15.1")
    assert "LOWER_UP" in shown
    (end,) = ifconfig.parse(shown).values()
    assert not end.up


def test_a_bridge_of_several_members() -> None:
    (bridge,) = ifconfig.parse(said("11-services.txt", "ifconfig bvl0", "15.1")).values()
    assert set(bridge.members) == {"bv1n0a", "bv2n0"}
    assert (bridge.private, bridge.mtu, bridge.description) == ((), 1500, "a network")


def test_the_vlans_of_members() -> None:
    """As bridge_status and print_vlans of 15.1's ifbridge.c print them, with and without STP."""
    text = (
        "bvbr1: flags=1008843<UP,BROADCAST,RUNNING> metric 0 mtu 1500\n"
        "\tbridge flags=1<VLANFILTER> defuntagged=4\n"
        "\tmember: bv3n0a flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>\n"
        "\t        port 14 priority 128 path cost 2000 vlan protocol 802.1q untagged 10\n"
        "\tmember: bv2n0a flags=147<LEARNING,DISCOVER,STP,AUTOEDGE,AUTOPTP>\n"
        "\t        ifmaxaddr 3 port 11 priority 128 path cost 2000 proto rstp\n"
        "\t        role disabled state discarding vlan protocol 802.1q tagged 20,30-39\n"
        "\tmember: em1 flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>\n"
        "\t        port 1 priority 128 path cost 2000 vlan protocol 802.1q untagged 2 tagged 1\n"
        "\tmember: em2 flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>\n"
        "\t        port 1 priority 128 path cost 2000 vlan protocol 802.1q\n"
    )
    bridge = ifconfig.parse(text)["bvbr1"]
    assert bridge.filters
    found = [bridge.vlans_of(member) for member in ("bv3n0a", "bv2n0a", "em1", "em2")]
    assert found == [(10, ""), (0, "20,30-39"), (2, "1"), (0, "")]


@on_each_release
def test_whether_a_bridge_can_filter(release: str) -> None:
    (bridge,) = ifconfig.parse(said("02-ifconfig.txt", "ifconfig bvlan0", release)).values()
    assert bridge.filters is {"13.2": None, "15.1": False}[release]


def test_point_to_point_and_aliases() -> None:
    text = (
        "tun0: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> metric 0 mtu 1420\n"
        "\tinet 10.9.0.2 --> 10.9.0.1 netmask 0xfffffffc\n"
        "\tinet6 fd00:9::2 --> fd00:9::1 prefixlen 126\n"
        "\tinet6 FE80::1%tun0 prefixlen 64 scopeid 0x5\n"
    )
    assert ifconfig.parse(text)["tun0"].addresses == ("10.9.0.2/30", "fd00:9::2/126")


def test_no_interface_at_all() -> None:
    assert ifconfig.parse("") == {}


@on_each_release
def test_a_running_vnet_jail(release: str) -> None:
    command = "jls -n --libxo json jid name path host.hostname dying vnet persist"
    found = jls.parse(said("04-jail.txt", command, release))
    assert list(found) == ["web"]
    web = found["web"]
    assert (web.jid, web.path) == ({"13.2": 7, "15.1": 1}[release], "/bv/guests/web")
    assert web.vnet
    assert not web.dying


def test_several_jails_with_their_cpusets() -> None:
    command = (
        "jls -n --libxo json jid name path dying vnet cpuset.id ip4.addr ip6.addr"
        " host.hostname parent"
    )
    found = jls.parse(said("07-delegation-and-units.txt", command))
    assert found["web1"].jid == 16
    assert found["web1"].cpuset == 3
    assert found["web2"].jid == 18
    assert found["web1"].path == "/usr/local/bastille/jails/web1/root"


@on_each_release
def test_no_jails(release: str) -> None:
    assert jls.parse(said("04-jail.txt", "jls --libxo json", release)) == {}


def _jls(*entries: str) -> str:
    return '{"__version": "2", "jail-information": {"jail": [' + ",".join(entries) + "]}}"


def test_a_jail_that_shares_the_network_of_the_host() -> None:
    text = _jls('{"jid":"3","name":"db","path":"/db","dying":false,"vnet":"inherit"}')
    assert not jls.parse(text)["db"].vnet


def test_a_live_jail_stands_before_a_dying_one_of_its_name() -> None:
    """13.2 lets a name be used again while its last jail is still dying."""
    dying = '{"jid":"9","name":"web","path":"/w","dying":true,"vnet":"new"}'
    live = '{"jid":"4","name":"web","path":"/w","dying":false,"vnet":"new"}'
    for text in (_jls(dying, live), _jls(live, dying)):
        assert jls.parse(text)["web"].jid == 4
    assert jls.parse(_jls(dying))["web"].dying


@on_each_release
def test_rules_of_rctl(release: str) -> None:
    assert rctl.parse_rules(said("04-jail.txt", "rctl", release)) == [
        Rule("jail:web", "writebps", "throttle", 10485760),
        Rule("jail:web", "maxproc", "deny", 100),
        Rule("jail:web", "pcpu", "deny", 50),
        Rule("jail:web", "memoryuse", "deny", 536870912),
    ]


def test_a_rule_for_each_process_of_a_user() -> None:
    (rule,) = rctl.parse_rules("user:1001:maxproc:deny=50/process\n")
    assert (rule.subject, rule.amount) == ("user:1001", 50)


@on_each_release
def test_usage_of_a_jail(release: str) -> None:
    usage = rctl.parse_usage(said("04-jail.txt", "rctl -u jail:web", release))
    memory, percent = {"13.2": (5197824, 210), "15.1": (11784192, 3)}[release]
    assert usage["memoryuse"] == memory
    assert usage["pcpu"] == percent
    assert usage["writeiops"] == 0
    assert len(usage) == 25


SHOWN = """\
{"mount": {"mounted": [{"special":"/dev/vtbd0p2","node":"/","fstype":"ufs","opts": ["local"]}, \
{"special":"devfs","node":"/dev","fstype":"devfs"}, \
{"special":"<below>:/srv/over","node":"/bv/g/root/opt/a b","fstype":"unionfs"}, \
{"special":"/srv/x\\ny","node":"/bv/g/root/a\\nzroot/x\tb\\"\\\\","fstype":"nullfs"}, \
{"special":"tank/g","node":"/bv/g/root/caf\u00c3\u00a9\u00ff","fstype":"zfs","opts": []}]}}
"""
"""As prmount in mount.c writes it in the C locale: libxo escapes no tab, and each byte of a
name is the character of its number."""


def test_mounts_in_order_with_the_very_bytes_of_their_names() -> None:
    found = mount.parse(SHOWN)
    assert found == [
        Mount("/dev/vtbd0p2", "/", "ufs"),
        Mount("devfs", "/dev", "devfs"),
        Mount("/srv/over", "/bv/g/root/opt/a b", "unionfs"),
        Mount("/srv/x\ny", '/bv/g/root/a\nzroot/x\tb"\\', "nullfs"),
        Mount("tank/g", "/bv/g/root/café\udcff", "zfs"),
    ]
    assert os.fsencode(found[4].path) == b"/bv/g/root/caf\xc3\xa9\xff"


def test_what_is_mounted_beneath_a_root_deepest_first() -> None:
    found = [
        Mount("tank/g/root", "/bv/g/root", "zfs"),
        Mount("devfs", "/bv/g/root/dev", "devfs"),
        Mount("devfs", "/bv/g/root2/dev", "devfs"),
        Mount("fdescfs", "/bv/g/root/dev/fd", "fdescfs"),
    ]
    assert mount.beneath(found, "/bv/g/root") == ["/bv/g/root/dev/fd", "/bv/g/root/dev"]


BLOCK = """\
bv2n0a: flags=8863<UP,BROADCAST,RUNNING> metric 0 mtu 1500
\tdescription: db eth0
\tether 02:00:00:00:00:03
\tgroups: epair bsdvirt
"""


def test_text_chosen_in_a_jail_is_no_other_interface() -> None:
    evil = (
        "bv1n0b: flags=8843<UP> metric 0 mtu 1500\n\tdescription: x\n"
        "bv2n0a: flags=0<> metric 0 mtu 1\n\tether 02:66:66:66:66:66\n\tgroups: other\n"
        "\x0bbv9n0a: flags=0<> metric 0 mtu 1\u2028bv8n0a: flags=0<> metric 0 mtu 1\n"
        "\tether 02:00:00:00:00:01\n\tgroups: epair bsdvirt\n"
    )
    found, doubtful = ifconfig.parse_all(evil + BLOCK)
    assert doubtful == {"bv2n0a"}
    assert "bv8n0a" not in found
    one = ifconfig.parse_one(BLOCK, "bv2n0a")
    assert one is not None
    assert (one.ether, one.groups, one.up) == ("02:00:00:00:00:03", ("epair", "bsdvirt"), True)
    assert ifconfig.parse_one(BLOCK, "bv1n0a") is None
    named = "a\nb: flags=8843<UP> metric 0 mtu 1500\n\tgroups: epair\n"
    found, doubtful = ifconfig.parse_all(named + BLOCK)
    assert found["bv2n0a"].groups == ("epair", "bsdvirt")


def test_a_jail_within_a_jail_is_named_as_it_likes() -> None:
    told = (
        '{"__version": "2", "jail-information": {"jail": ['
        '{"jid":"7","name":"web","path":"/r","dying":false,"vnet":"new","cpuset.id":"2"}, '
        '{"jid":"8","name":"web.a\\nb\tc\\"","path":"/r/\x1b","dying":false,"cpuset.id":"2"}]}}'
    )
    assert list(jls.parse(told)) == ["web", 'web.a\nb\tc"']


def test_a_line_of_rctl_that_is_no_rule_is_passed_over() -> None:
    text = "jail:web:maxproc:deny=50/jail\nnonsense\njail:web:pcpu:deny=x\nuser:a b:nthr:log=3\n"
    assert rctl.parse_rules(text) == [
        Rule("jail:web", "maxproc", "deny", 50), Rule("user:a b", "nthr", "log", 3)
    ]  # fmt: skip
    assert rctl.parse_usage("cputime=1\nx\ny=z\n") == {"cputime": 1}


def test_sysrc_prints_what_is_known(tmp_path: Path) -> None:
    host = SimHost(tmp_path / "sim")
    known = read_sysrc(host, "hostname", "nosuch", "cloned_interfaces", "pf_enable")
    assert known["cloned_interfaces"] == ""
    assert known["pf_enable"] == "NO"
    assert "nosuch" not in known
    assert read_sysrc(host, "nosuch") == {}
