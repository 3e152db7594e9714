"""The seed: what stands in its files, and the plan that puts a new one in place."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from bsdvirt.bhyve.cloud import guest as seeds
from bsdvirt.bhyve.cloud import seed as cloud
from bsdvirt.bhyve.cloud.seed import Seed, SeedNic
from bsdvirt.bhyve.cloud.userdata import blank_users
from bsdvirt.errors import StepError, UsageError
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import Layout
from bsdvirt.plan.execute import Executor
from bsdvirt.plan.fault import Faults
from bsdvirt.plan.step import Plan
from bsdvirt.session.session import Session
from bsdvirt.spec.cloud import CloudInit
from bsdvirt.spec.hostfile import HostFile
from bsdvirt.spec.identity import Claim, Identity
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import DatasetName
from bsdvirt.spec.vm import Vm
from bsdvirt_sim import SimHost
from bsdvirt_sim.tools.makefs import FILES

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJmDvV0sXW5hWCFvH0XW4aV1tM0iZf2mJ0X1E6v3k9aB me@there"
HASH = "$6$saltsalt$" + "h" * 86
MAC = "58:10:20:30:40:50"
NIC = SeedNic(MAC, ("10.77.0.2/24", "fd00::2/64"), "10.77.0.1", "fd00::1")
LAYOUT = Layout("zroot/bsdvirt", "/bsdvirt")


def seed(*nics: SeedNic, host: str = "web1", **told: Any) -> Seed:
    return Seed(host, "1111", decode(CloudInit, told), nics, ("9.9.9.9",))


def parts(given: Seed) -> dict[str, Any]:
    return {name: yaml.safe_load(text) for name, text in cloud.files(given).items()}


def test_a_user_with_a_key_and_no_password() -> None:
    found = parts(seed(NIC, system="freebsd", ssh_keys=[KEY]))
    assert found["meta-data"] == {"instance-id": "1111", "local-hostname": "web1"}
    assert cloud.files(seed(NIC))["user-data"].startswith("#cloud-config\n")
    (user,) = found["user-data"]["users"]
    assert user["name"] == "freebsd"
    assert user["groups"] == "wheel"
    assert user["ssh_authorized_keys"] == [KEY]
    assert user["lock_passwd"] is True
    assert user["passwd"] == "*"  # without it, nuageinit's pw(8) makes it blank
    assert found["user-data"]["ssh_pwauth"] is False


def test_users_are_named_even_without_any_word_of_one() -> None:
    """FreeBSD's nuageinit else makes `freebsd` with the password `freebsd`."""
    (user,) = parts(seed(system="freebsd"))["user-data"]["users"]
    assert user == {
        "name": "freebsd", "gecos": "Administrator", "groups": "wheel", "shell": "/bin/sh",
        "sudo": "ALL=(ALL) NOPASSWD:ALL", "lock_passwd": True,
        "passwd": "*",
    }  # fmt: skip


def test_a_password_is_a_hash_and_lets_in_where_there_is_no_key() -> None:
    found = parts(seed(user="ops", password=HASH))["user-data"]
    assert found["users"][0]["passwd"] == HASH
    assert found["users"][0]["lock_passwd"] is False
    assert found["ssh_pwauth"] is True
    assert parts(seed(password=HASH, ssh_keys=[KEY]))["user-data"]["ssh_pwauth"] is False


def test_on_linux_the_user_is_the_distributions_own() -> None:
    """It knows its shell, its groups and what becomes root."""
    found = parts(seed(system="linux", ssh_keys=[KEY]))["user-data"]
    assert found["user"] == {"lock_passwd": True}
    assert found["users"] == ["default"]
    assert found["ssh_authorized_keys"] == [KEY]
    named = parts(seed(system="linux", user="ops", password=HASH))["user-data"]
    assert named["user"] == {"name": "ops", "lock_passwd": False, "passwd": HASH}
    (root,) = parts(seed(system="linux", user="root", ssh_keys=[KEY]))["user-data"]["users"]
    assert root == {"name": "root", "lock_passwd": True, "ssh_authorized_keys": [KEY]}


def test_root_gets_keys_and_is_not_made_another_way() -> None:
    found = parts(seed(user="root", ssh_keys=[KEY]))["user-data"]
    assert found["disable_root"] is False
    assert "sudo" not in found["users"][0]


def test_a_name_with_its_domain() -> None:
    found = parts(seed(host="web1.example.org"))
    assert found["user-data"]["hostname"] == "web1"
    assert found["user-data"]["fqdn"] == "web1.example.org"
    assert found["meta-data"]["local-hostname"] == "web1.example.org"


def test_the_network_is_found_by_its_mac_address() -> None:
    found = parts(seed(NIC, SeedNic("58:9c:fc:00:00:02"), search=["example.org"]))
    assert found["network-config"] == {
        "version": 2,
        "ethernets": {
            "eth0": {
                "match": {"macaddress": MAC},
                "addresses": ["10.77.0.2/24", "fd00::2/64"],
                "routes": [
                    {"to": "0.0.0.0/0", "via": "10.77.0.1"},
                    {"to": "::/0", "via": "fd00::1"},
                ],
                "nameservers": {"addresses": ["9.9.9.9"], "search": ["example.org"]},
            },
            "eth1": {"match": {"macaddress": "58:9c:fc:00:00:02"}, "dhcp4": True},
        },
    }


def test_linux_has_its_interfaces_named_and_freebsd_the_network_twice() -> None:
    linux = parts(seed(NIC, system="linux"))
    assert linux["network-config"]["ethernets"]["eth0"]["set-name"] == "eth0"
    assert "network" not in linux["user-data"]
    assert linux["user-data"]["updates"]["network"]["when"] == ["boot-new-instance", "boot"]
    freebsd = parts(seed(NIC, system="freebsd"))
    assert freebsd["user-data"]["network"] == freebsd["network-config"]
    assert "set-name" not in freebsd["network-config"]["ethernets"]["eth0"]


def test_name_servers_of_its_own_and_an_mtu() -> None:
    nic = SeedNic(MAC, ("10.0.0.2/24",), mtu=9000)
    entry = parts(seed(nic, dns=["10.0.0.53"]))["network-config"]["ethernets"]["eth0"]
    assert entry["mtu"] == 9000
    assert entry["nameservers"] == {"addresses": ["10.0.0.53"]}
    assert "routes" not in entry


def test_no_network_where_the_guest_is_to_ask() -> None:
    assert set(cloud.files(seed(NIC, network=False))) == {"meta-data", "user-data"}


def scalars(text: str) -> list[tuple[str, str | None]]:
    """Each scalar's text, and how it is quoted."""
    events = yaml.parse(text, Loader=yaml.SafeLoader)
    return [(e.value, e.style) for e in events if isinstance(e, yaml.ScalarEvent)]


@pytest.mark.parametrize("system", ["freebsd", "linux", "other"])
def test_no_text_of_a_seed_is_plain(system: str) -> None:
    """lyaml takes 02:16:13:45:22:11 and 2001:4860:4860::8888 for numbers of base 60 where
    they are not quoted (contrib/lyaml/lib/lyaml/implicit.lua)."""
    nic = SeedNic("02:16:13:45:22:12", ("2001:10::9/64", "10.0.0.9/24"), None, "2001:10::1", 9000)
    given = seed(nic, system=system, dns=["2001:4860:4860::8888"], ssh_keys=[KEY], host="on")
    for text in cloud.files(given).values():
        plain = [value for value, style in scalars(text) if style != '"']
        assert set(plain) <= {"true", "false", "2", "9000"}, plain
        assert "on" not in plain


def test_freebsd_gets_in_its_files_what_nuageinit_passes_over() -> None:
    nics = (
        SeedNic(
            MAC, ("10.0.0.2/24", "fd00::2/64", "10.0.0.3/24", "fd00::3/64"), "10.0.0.1", "fe80::1",
            routes=(("10.5.0.0/16", "10.0.0.9"), ("fd05::/48", "fe80::9")), interface="vtnet0",
        ),
        SeedNic("58:9c:fc:00:00:02", (), mtu=9000, interface="em0"),
        SeedNic("58:9c:fc:00:00:03", ("10.1.0.2/24",), "10.1.0.1", interface="em1"),
    )  # fmt: skip
    found = parts(seed(*nics, system="freebsd"))
    assert found["network-config"]["ethernets"] == {
        "eth0": {
            "match": {"macaddress": MAC}, "addresses": ["10.0.0.2/24", "fd00::2/64"],
            "gateway4": "10.0.0.1", "gateway6": "fe80::1%vtnet0",
            "nameservers": {"addresses": ["9.9.9.9"]},
        },
        "eth1": {"match": {"macaddress": "58:9c:fc:00:00:02"}, "dhcp4": True},
        "eth2": {"match": {"macaddress": "58:9c:fc:00:00:03"}, "addresses": ["10.1.0.2/24"]},
    }  # fmt: skip
    written = {entry["path"]: entry for entry in found["user-data"]["write_files"]}
    assert written["/etc/rc.conf.d/network"] == {
        "path": "/etc/rc.conf.d/network",
        "append": True,
        "content": 'ifconfig_vtnet0_aliases="inet 10.0.0.3/24 inet6 fd00::3/64"\n'
        'ifconfig_em0="DHCP mtu 9000"\n',
    }
    assert written["/etc/rc.conf.d/routing"]["content"] == (
        'route_net0="-net 10.5.0.0/16 10.0.0.9"\nstatic_routes="net0"\n'
        'ipv6_route_net0="fd05:: -prefixlen 48 fe80::9%vtnet0"\nipv6_static_routes="net0"\n'
    )


def test_cloud_init_gets_every_address_and_route() -> None:
    nic = SeedNic(
        MAC, ("10.0.0.2/24", "10.0.0.3/24"), "10.0.0.1", routes=(("10.5.0.0/16", "10.0.0.9"),)
    )
    entry = parts(seed(nic, system="linux"))["network-config"]["ethernets"]["eth0"]
    assert entry["addresses"] == ["10.0.0.2/24", "10.0.0.3/24"]
    assert entry["routes"] == [
        {"to": "0.0.0.0/0", "via": "10.0.0.1"}, {"to": "10.5.0.0/16", "via": "10.0.0.9"}
    ]  # fmt: skip


def test_name_servers_are_told_with_an_interface_that_has_addresses() -> None:
    nics = (SeedNic(MAC), SeedNic("58:9c:fc:00:00:02", ("10.1.0.2/24",)))
    found = parts(seed(*nics))["network-config"]["ethernets"]
    assert "nameservers" not in found["eth0"]
    assert found["eth1"]["nameservers"] == {"addresses": ["9.9.9.9"]}
    assert "nameservers" not in parts(seed(SeedNic(MAC)))["network-config"]["ethernets"]["eth0"]
    asked = parts(seed(SeedNic(MAC, interface="vtnet0"), system="freebsd", dns=["9.9.9.8"]))
    (entry,) = asked["user-data"]["write_files"]
    assert entry["path"] == "/etc/resolvconf.conf"
    assert entry["content"] == 'name_servers="9.9.9.8"\n'


def test_who_asks_for_its_addresses() -> None:
    nic = SeedNic(MAC, ("fd00::2/64",), mtu=9000, interface="vtnet0", dhcp4=True)
    entry = parts(seed(nic, system="linux"))["network-config"]["ethernets"]["eth0"]
    assert (entry["dhcp4"], entry["addresses"]) == (True, ["fd00::2/64"])
    (file,) = parts(seed(nic, system="freebsd"))["user-data"]["write_files"]
    assert file["content"] == (
        'ifconfig_vtnet0="DHCP mtu 9000"\nifconfig_vtnet0_ipv6="inet6 fd00::2/64"\n'
    )
    both = (nic, SeedNic("58:9c:fc:00:00:02", ("fd01::2/64",), interface="vtnet1"))
    (file,) = parts(seed(*both, system="freebsd"))["user-data"]["write_files"]
    assert file["content"].endswith('ipv6_network_interfaces="vtnet0 vtnet1"\n')
    hears = SeedNic(MAC, ("10.0.0.2/24",), interface="vtnet0", slaac=True)
    entry = parts(seed(hears, system="linux"))["network-config"]["ethernets"]["eth0"]
    assert entry["accept-ra"] is True
    assert "dhcp4" not in entry
    (file,) = parts(seed(hears, system="freebsd"))["user-data"]["write_files"]
    assert file["content"] == 'ifconfig_vtnet0_ipv6="inet6 accept_rtadv"\n'


def test_freebsd_is_given_a_script_within_a_cloud_config() -> None:
    """nuageinit sees to the network, the host name and the users for #cloud-config only."""
    script = "#!/bin/sh\necho 'ä'\n"
    found = parts(seed(NIC, system="freebsd", user_data=script, ssh_keys=[KEY]))["user-data"]
    (entry,) = found["write_files"]
    assert entry["path"] in found["runcmd"]
    assert (entry["permissions"], entry["encoding"]) == ("0755", "b64")
    assert base64.b64decode(entry["content"]).decode() == script
    assert found["hostname"] == "web1"
    assert found["network"]["ethernets"]
    assert found["users"][0]["ssh_authorized_keys"] == [KEY]


def test_freebsd_makes_no_user_with_a_known_password() -> None:
    own = "#cloud-config \r\npackages: [nginx]"
    text = cloud.files(seed(NIC, system="freebsd", user_data=own))["user-data"]
    assert text.startswith("#cloud-config\npackages: [nginx]\n")
    found = yaml.safe_load(text)
    assert found["users"] == []
    assert found["network"]["ethernets"]
    named = "#cloud-config\nusers: [{name: ops}]\nnetwork: {version: 2, ethernets: {}}\n"
    assert cloud.files(seed(NIC, system="freebsd", user_data=named))["user-data"] == named


def test_users_with_a_blank_password_are_named() -> None:
    own = (
        "#cloud-config\nusers:\n- name: a\n- {name: b, passwd: '*'}\n- default\n"
        "- {name: c, plain_text_passwd: x}\n- {name: d, passwd: ''}\n"
    )
    assert blank_users(own) == ["a", "d"]
    assert blank_users("#!/bin/sh\n") == blank_users("#cloud-config\n") == []
    assert blank_users("#cloud-config\nusers:\n") == []
    assert blank_users("#cloud-config\nusers: [a]\nat: 2001-13-45\n") == []


@pytest.mark.parametrize(
    ("own", "what"),
    [
        ("#cloud-config\nusers: [", "not YAML"),
        ("#cloud-config\n- a\n", "name: value"),
        ("#cloud-config\n{a: b}\n", "name: value"),
        ("#cloud-config\na: b\n...\n", "at its end"),
        ("Content-Type: multipart/mixed\n", "#cloud-config and #!"),
        ("#cloud-config\nwrite_files: []\n", "write_files"),
    ],
)
def test_user_data_that_nuageinit_would_not_understand(own: str, what: str) -> None:
    nic = SeedNic(MAC, ("10.0.0.2/24", "10.0.0.3/24"), interface="vtnet0")
    with pytest.raises(UsageError, match=what):
        cloud.files(seed(nic, system="freebsd", user_data=own))


def test_user_data_of_ones_own_is_taken_word_for_word() -> None:
    own = "#!/bin/sh\necho 'ä: %s'\t$(date)"
    assert cloud.files(seed(NIC, user_data=own))["user-data"] == own + "\n"


def test_a_seed_of_a_guest_its_claims_and_its_networks() -> None:
    network = decode(
        Network,
        {
            "id": 1,
            "addresses": ["10.7.0.1/24", "fd07::1/64"],
            "gateway6": "fd07::9",
            "mtu": 9000,
            "routes": [{"to": "10.9.0.0/16", "via": "10.7.0.9"}],
        },
    )
    vm = decode(
        Vm,
        {
            "kind": "vm", "memory": "1G", "cloud": {},
            "nics": [{"network": "lan"}, {"network": "lan", "gateway": "10.7.0.5"}],
        },
    )  # fmt: skip
    claims = [
        Claim(
            network="lan",
            mac=MAC,
            address="10.7.0.2/24",
            address6="fd07::2/64",
            slot=7,
            aliases=["10.7.0.50/24"],
        ),
        Claim(network="lan", mac="58:9c:fc:00:00:02", address="10.7.0.3/24", slot=5),
    ]
    who = Identity(id=1, uuid="1111", kind="vm", nics=claims)
    made = seeds.seed_of("web1", vm, who, {"lan": network}, ("9.9.9.9",))
    assert made is not None
    routes = (("10.9.0.0/16", "10.7.0.9"),)
    addresses = ("10.7.0.2/24", "fd07::2/64", "10.7.0.50/24")
    assert made.nics == (
        SeedNic(MAC, addresses, "10.7.0.1", "fd07::9", 9000, routes, "vtnet1"),
        SeedNic("58:9c:fc:00:00:02", ("10.7.0.3/24",), "10.7.0.5", None, 9000, (), "vtnet0"),
    )
    assert made.hostname == "web1"


# ---- on a host ----


@pytest.fixture
def session(tmp_path: Path) -> Session:
    host = SimHost(tmp_path)
    for name in ("", "/state", "/guests", "/guests/web1"):
        place = ("-o", "mountpoint=/bsdvirt") if not name else ()
        argv = ("/sbin/zfs", "create", *place, f"zroot/bsdvirt{name}")
        host.run(argv, changes=True).check()
    session = Session(host)
    session.__dict__["hostfile"] = HostFile(dataset=DatasetName("zroot/bsdvirt"))
    return session


def written(session: Session) -> dict[str, bytes]:
    top = session.host.fs.path("/bsdvirt/guests/web1")
    return {str(p.relative_to(top)): p.read_bytes() for p in top.rglob("*") if p.is_file()}


def test_a_seed_is_made_for_nobody_else_to_read(session: Session) -> None:
    first = seed(NIC, ssh_keys=[KEY])
    session.run(Plan("create", "web1", steps=cloud.make(first, LAYOUT, "web1"), op="1"))
    assert set(written(session)) == {
        "seed/meta-data", "seed/user-data", "seed/network-config", "seed.iso"
    }  # fmt: skip
    top = session.host.fs.path("/bsdvirt/guests/web1")
    assert {p.stat().st_mode & 0o777 for p in top.rglob("*") if p.is_file()} == {0o600}
    assert (top / "seed").stat().st_mode & 0o777 == 0o700
    iso = (top / "seed.iso").read_bytes()
    assert iso[0x8001:0x8006] == b"CD001"
    assert iso[0x8028:0x8048] == b"CIDATA".ljust(32)
    assert KEY.encode() in iso[FILES:]


def test_a_seed_that_says_the_same_stays(session: Session) -> None:
    first = seed(NIC)
    session.run(Plan("create", "web1", steps=cloud.make(first, LAYOUT, "web1"), op="1"))
    before = written(session)
    guest = Guest("web1", LAYOUT, Identity(id=1, uuid="", kind="vm"))
    assert seeds.plan_renewed(session.host.fs, guest, first, "1").empty
    assert written(session) == before
    session.run(seeds.plan_renewed(session.host.fs, guest, seed(NIC, host="web2"), "1"))
    assert b"web2" in written(session)["seed.iso"]
    session.host.fs.unlink("/bsdvirt/guests/web1/seed.iso")
    assert not seeds.plan_renewed(session.host.fs, guest, seed(NIC, host="web2"), "1").empty


@pytest.mark.parametrize("number", range(1, 13))
def test_a_seed_that_fails_half_way_is_the_old_one_or_the_new_one(
    session: Session, number: int
) -> None:
    session.run(Plan("create", "web1", steps=cloud.make(seed(NIC), LAYOUT, "web1"), op="1"))
    old = written(session)
    changed = seed(host="web2", network=False)
    plan = cloud.plan_renew(changed, LAYOUT, "web1", "2")
    executor = Executor(session.host, LAYOUT.state, faults=Faults(f"fail:{number}"))
    try:
        executor.run(plan)
    except StepError:
        session.recover("guest", "web1")
        if number <= len(plan.steps) + 1:  # the last of them, the commit
            assert written(session) == old
            return
    assert seeds.is_current(session.host.fs, LAYOUT, "web1", changed)
    assert set(written(session)) == {"seed/meta-data", "seed/user-data", "seed.iso"}
    assert b"web2" in written(session)["seed.iso"]


def test_name_servers_of_the_host(tmp_path: Path) -> None:
    host = SimHost(tmp_path)
    text = "search x\nnameserver 127.0.0.1\nnameserver ::1\nnameserver 9.9.9.9\n"
    host.fs.write("/etc/resolv.conf", text + "nameserver fe80::1%em0\n")
    assert seeds.name_servers(host.fs) == ("9.9.9.9",)
