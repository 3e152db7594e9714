"""Interfaces with user networking, and the ports that bhyve forwards for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsdvirt.errors import BsdvirtError, ConflictError, NotFoundError, UsageError
from bsdvirt.facts.pfctl import listeners
from bsdvirt.guest.forwards import hostfwd, is_heard, refuse_by_hostfwd, refuse_taken
from bsdvirt.host.fs import Fs
from bsdvirt.net.files import existing, find, load_networks, need
from bsdvirt.ops.expose import parse
from bsdvirt.spec.expose import Expose
from bsdvirt.spec.load import load_guest
from bsdvirt.spec.vm import Vm

VM = "kind: vm\ncpus: 1\nmemory: 512M\ndisks: [{name: disk0, size: 1G}]\n"


@pytest.mark.parametrize(
    "given",
    [
        "address: 10.0.2.20/24", "address: none", "address6: slaac", "aliases: [10.0.2.21/24]",
        "gateway: 10.0.2.2", "mtu: 1400", "private: true", "vlan: 5", "subnet: 10.0.2.0/24",
        "routes: [{to: 10.5.0.0/16, via: 10.0.2.2}]",
    ],
)  # fmt: skip
def test_what_such_an_interface_has_not(given: str) -> None:
    with pytest.raises(BsdvirtError, match=r"nics\.0\."):
        load_guest(f"{VM}nics: [{{network: slirp, {given}}}]")


def test_open_is_of_user_networking_only() -> None:
    with pytest.raises(BsdvirtError, match=r"nics\.0\.open"):
        load_guest(f"{VM}nics: [{{network: lan, open: true}}]")
    vm = load_guest(f"{VM}nics: [{{network: slirp}}, {{network: slirp, open: false}}]")
    assert isinstance(vm, Vm)
    assert [nic.is_open for nic in vm.nics] == [True, False]
    assert vm.has_user_networking


def test_a_jail_has_none() -> None:
    with pytest.raises(BsdvirtError, match="a jail has none"):
        load_guest("kind: jail\nrelease: 15.1-RELEASE\nnics: [{network: slirp}]\n")


def test_its_name_is_no_network_of_the_host(tmp_path: Path) -> None:
    directory = tmp_path / "usr/local/etc/bsdvirt/networks"
    directory.mkdir(parents=True)
    (directory / "lan.yaml").write_text("id: 1\n")
    networks = load_networks(Fs(tmp_path))
    assert list(networks) == ["lan"]
    assert find(networks, "nowhere") is None
    assert not existing(networks, "slirp").addresses
    with pytest.raises(NotFoundError, match="user networking"):
        need(networks, "slirp")
    (directory / "slirp.yaml").write_text("id: 2\n")
    networks = load_networks(Fs(tmp_path))
    assert list(networks) == ["lan"]
    assert "user networking" in str(networks.broken["slirp"])


def test_ports_are_written_for_the_helper() -> None:
    one = Expose.parse("udp:5000-5001:53@192.0.2.1")
    assert hostfwd(one) == ["udp:192.0.2.1:5000-:53", "udp:192.0.2.1:5001-:54"]
    assert hostfwd(Expose.parse("tcp:8022:22")) == ["tcp:0.0.0.0:8022-:22"]


@pytest.mark.parametrize("text", ["tcp:80~10.0.0.0/8", "tcp:80@fd00::1", "tcp:1000-1064"])
def test_ports_that_the_helper_cannot_forward(text: str) -> None:
    with pytest.raises(UsageError, match="user networking forwards"):
        refuse_by_hostfwd("t1", [Expose.parse(text)])


def test_what_listens() -> None:
    shown = listeners(
        "nobody   bhyve-slir 1235  7  tcp4   *:8022                *:*\n"
        "root     sshd       1234  4  tcp4   *:22                  *:*\n"
    )
    assert is_heard(Expose.parse("tcp:8022:22"), shown)
    assert not is_heard(Expose.parse("udp:8022:22"), shown)
    assert not is_heard(Expose.parse("tcp:22"), shown)
    assert not is_heard(Expose.parse("tcp:8022-8023"), shown)


def test_localhost_is_apart_from_the_address_of_the_default_route() -> None:
    outside, inside = Expose.parse("tcp:80"), Expose.parse("tcp:80@127.0.0.1")
    refuse_taken("a", [outside], {"b": [inside]})
    refuse_taken("a", [inside], {"b": [outside]})
    for same in (outside, inside):
        with pytest.raises(ConflictError, match="clashes with"):
            refuse_taken("a", [same], {"b": [same]})


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("8080:80", "tcp:8080:80"), ("8080", "tcp:8080:8080"), ("53/udp", "udp:53:53"),
        ("5353:53/udp", "udp:5353:53"), ("udp:53", "udp:53:53"),
        ("80@192.0.2.1~10.0.0.0/8", "tcp:80:80@192.0.2.1~10.0.0.0/8"),
    ],
)  # fmt: skip
def test_a_port_needs_no_protocol(word: str, meant: str) -> None:
    assert parse([word]) == [meant]
