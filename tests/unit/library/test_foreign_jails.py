"""Jails of other tools: their configuration, as properties of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bsdvirt.errors import BsdvirtError, UsageError
from bsdvirt.library.foreign import (
    appjail,
    assignments,
    bastille,
    cbsd,
    fstab,
    iocage,
    jailconf,
    jails,
    rctl,
)
from bsdvirt.library.foreign import params as foreign_params
from bsdvirt.library.foreign.found import Draft, Found, usable
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode


def jail_of(found: Found) -> Jail:
    """Return the jail with its networks named, as an import names them."""
    settings = dict(found.settings)
    if "nics" in settings:
        settings["nics"] = [{**nic, "network": "lan"} for nic in settings["nics"]]
    return decode(Jail, {**settings, "release": "none"}, "test")


def params(text: str, name: str = "web") -> dict[str, list[str]]:
    return jailconf.params_of(jailconf.read(text, "test"), name, "test")


# ---- jail.conf(5) ----


def test_a_jail_has_the_defaults_those_of_wildcards_and_its_own() -> None:
    text = """
        # comment
        $base = "/jails"; exec.start = "/bin/sh /etc/rc";   // and another
        path = "$base/${name}";
        mount.devfs; allow.raw_sockets;
        * { /* all */ securelevel = 1; }
        w* { securelevel = 2; exec.start += '/bin/echo $name'; }
        db { path = /srv/db; }
        web { ip4.addr = "em0|10.0.0.2/24", 10.0.0.3; host.hostname = "web.example.org"; }
    """
    assert params(text) == {
        "name": ["web"],
        "exec.start": ["/bin/sh /etc/rc", "/bin/echo $name"],
        "path": ["/jails/web"],
        "mount.devfs": [],
        "allow.raw_sockets": [],
        "securelevel": ["2"],
        "ip4.addr": ["em0|10.0.0.2/24", "10.0.0.3"],
        "host.hostname": ["web.example.org"],
    }
    assert jailconf.names(jailconf.read(text, "test")) == ["db", "web"]


@pytest.mark.parametrize(
    "text",
    [
        "web { path = ;; ",
        "web { path = /x",
        "a = b c;",
        '"open',
        "}",
        "x" * (300 << 10),
        "a;" * 20_000,
    ],
)
def test_a_file_that_does_not_parse_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        jailconf.read(text, "test")


def test_jails_within_jails_and_included_files() -> None:
    """As jailparse.y of 15.1 reads them; an included file is not looked for."""
    text = (
        '.include "/etc/jail.conf.d/*.conf"; web { path = /a; sub { path = /b; vnet; } persist; }'
    )
    assert jailconf.names(jailconf.read(text, "test")) == ["web", "web.sub"]
    found = params(text)
    assert found["path"] == ["/a"]
    assert "vnet" not in found
    assert found[".include"] == ["/etc/jail.conf.d/*.conf"]
    draft = Draft()
    foreign_params.take(draft, found)
    assert [note for note in draft.notes if note.startswith(".include=/etc/jail.conf.d/*.conf: ")]


@pytest.mark.parametrize(
    "text",
    ["$a = $b; $b = $a; path = $a;", '$a = "xxxxxxxxxxxxxxxx$b"; $b = "$a$a"; path = $a;'],
)
def test_variables_in_a_circle_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        params(text)


def test_variables_that_grow_are_refused() -> None:
    text = f'$v0 = "{"x" * 1000}";' + "".join(f'$v{n + 1} = "$v{n}$v{n}";' for n in range(7))
    with pytest.raises(UsageError, match="too long"):
        params(text + "path = $v7;")


def test_a_jail_on_the_hosts_stack() -> None:
    text = """web {
        path = /jails/web; host.hostname = web; interface = em0; ip4.addr = 10.0.0.2/24;
        ip6.addr = lo1|fd00::2; mount.fstab = /etc/fstab.web; allow.raw_sockets; enforce_statfs = 1;
        allow.nochflags; depend = db, cache; exec.prestart = "touch /tmp/x"; devfs_ruleset = 4;
        exec.stop = "/bin/sh /etc/rc.shutdown"; exec.timeout = 90; stop.timeout = 30; persist;
        mount = "/srv/www /jails/web/srv/www nullfs ro 0 0";
    }"""
    found = jails.read(
        "web",
        jails.params_in(text, "jail.conf", "web"),
        "tmpfs /jails/web/tmp tmpfs rw,size=64m 0 0",
        "",
    )
    jail = jail_of(found)
    assert jail.stack == "shared"
    assert [(a.interface, a.address) for a in jail.addresses] == [
        ("em0", "10.0.0.2/24"), ("lo1", "fd00::2/128"),
    ]  # fmt: skip
    assert dict(jail.params) == {
        "allow.raw_sockets": True, "enforce_statfs": 1, "allow.chflags": False,
    }  # fmt: skip
    assert [(m.name, m.type, m.place, m.readonly) for m in jail.mounts] == [
        ("tmp", "tmpfs", "/tmp", False), ("www", "nullfs", "/srv/www", True),
    ]  # fmt: skip
    assert (jail.exec.timeout, jail.stop.grace, jail.devfs_ruleset) == (90, 30, None)
    assert jail.exec.stop == ["/bin/sh /etc/rc.shutdown jail"]
    assert found.after == ("db", "cache")
    assert [note for note in found.notes if "touch /tmp/x" in note]


def test_a_jail_without_addresses_has_no_network_and_one_that_inherits_all() -> None:
    assert jail_of(jails.read("a", {"path": ["/a"]}, "", "")).stack == "none"
    assert jail_of(jails.read("a", {"ip4": ["inherit"]}, "", "")).stack == "inherit"


def test_an_interface_of_the_host_moves_into_the_jail() -> None:
    found = jails.read("a", {"vnet": [], "vnet.interface": ["em1"]}, "", "")
    assert jail_of(found).interfaces == ["em1"]
    assert found.wires == ()


def test_a_jail_that_is_not_in_the_file_is_named_with_those_that_are() -> None:
    with pytest.raises(BsdvirtError, match="no jail web; it has: db, mail"):
        jails.params_in("db { vnet; } mail { vnet; }", "/etc/jail.conf", "web")


# ---- fstab(5), rctl(8), files of assignments ----


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("/a /root/../../etc nullfs rw", ".."),
        ("a /root/b nullfs rw", "absolute path"),
        ("/a /root nullfs rw", "over the root itself"),
        ("host:/x /root/b nfs rw", "nfs is not mounted by bsdvirt"),
        ("/dev/da0 /root/b ufs rw", "ufs is not mounted by bsdvirt"),
        ("one", "not a line of fstab"),
        ("/a /root/b nullfs rw,evil", "option evil"),
    ],
)
def test_what_cannot_be_mounted_is_noted(line: str, what: str) -> None:
    draft = Draft()
    fstab.take(draft, line, "/root")
    assert any(what in note for note in draft.notes), draft.notes
    assert all(".." not in str(mount) for mount in draft.mounts)


def test_mounts_are_bounded_and_their_names_differ() -> None:
    draft = Draft()
    lines = [f"/srv/{n} /r/{n}/data nullfs rw 0 0" for n in range(100)]
    fstab.take(draft, "\n".join([*lines, r"/a\040b /r/c\040d nullfs rw"]), "/r")
    assert len(draft.mounts) == fstab.MOST_MOUNTS
    assert len({mount["name"] for mount in draft.mounts}) == fstab.MOST_MOUNTS
    assert draft.mounts[0] == {
        "name": "data", "type": "nullfs", "source": "/srv/0", "target": "/0/data",
    }  # fmt: skip


def test_spaces_in_fstab_are_decoded() -> None:
    draft = Draft()
    fstab.take(draft, r"/a\040b /r/c\040d nullfs rw", "/r")
    assert (draft.mounts[0]["source"], draft.mounts[0]["target"]) == ("/a b", "/c d")


def test_limits_are_those_of_rctl() -> None:
    draft = Draft()
    rctl.take_rules(
        draft,
        "jail:web:memoryuse:deny=2G/jail\njail:web:maxproc:deny=100\njail:web:readbps:throttle=10M\n"
        "jail:web:memoryuse:log=1g\njail:web:cputime:sigterm=1/process\nnonsense\n"
        "jail:web:memoryuse:deny=3G\njail:web:writebps:deny=1M\njail:web:memoryuse:log=1G\n",
    )
    assert draft.settings["limits"] == {
        "memoryuse": "2G", "maxproc": 100, "readbps": "10M",
        "rules": ["memoryuse:log=1G", "cputime:sigterm=1/process"],
    }  # fmt: skip
    assert len(draft.notes) == 4


def test_assignments_are_read_and_not_run() -> None:
    text = "a=1\nb=\"two words\" # comment\nc='x';\nd=$(rm -rf /)\n  e=5\nexport f=6\ng=`id`\na=9\n"
    assert assignments.read(text, "test") == {
        "a": "9",
        "b": "two words",
        "c": "x",
        "e": "5",
        "g": "`id`",
    }
    with pytest.raises(UsageError, match="too long"):
        assignments.read("\n" * 5000, "test")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Web.Server", "web-server"),
        ("e5f0-uuid", "e5f0-uuid"),
        ("9lives", ""),
        ("../x", "x"),
        ("", ""),
    ],
)
def test_names_of_others_become_names_of_ours(theirs: str, ours: str) -> None:
    assert usable(theirs) == ours


# ---- Bastille ----

BASTILLE = {
    "jail.conf": """web {
  enforce_statfs = 2;
  devfs_ruleset = 13;
  exec.clean;
  exec.consolelog = /var/log/bastille/web_console.log;
  exec.start = '/bin/sh /etc/rc';
  exec.stop = '/bin/sh /etc/rc.shutdown';
  host.hostname = web;
  mount.devfs;
  mount.fstab = /usr/local/bastille/jails/web/fstab;
  path = /usr/local/bastille/jails/web/root;
  securelevel = 2;
  osrelease = "14.2-RELEASE";

  vnet;
  vnet.interface = e0b_web;
  exec.prestart += "epair0=\\\\$(ifconfig epair create) && ifconfig \\\\${epair0} up name e0a_web";
  exec.prestart += "ifconfig bridge0 addm e0a_web";
  exec.prestart += "ifconfig e0b_web ether 02:20:98:11:22:3b";
  exec.prestart += "ifconfig e0a_web description \\"vnet0 host interface for Bastille jail web\\"";
  exec.poststop += "ifconfig e0a_web destroy";
}
""",
    "fstab": "/usr/local/bastille/releases/14.2-RELEASE"
    " /usr/local/bastille/jails/web/root/.bastille nullfs ro 0 0\n"
    "/srv/www /usr/local/bastille/jails/web/root/usr/local/www nullfs rw 0 0\n",
    "settings.conf": 'boot="on"\ndepend="db"\npriority="99"\n',
    "rctl.conf": "jail:web:memoryuse:deny=1G/jail\n",
    "cpuset.conf": "0,1\n",
    "rdr.conf": "dual em0 any any tcp 8080 80\nipv4 any any any udp 53 53\n",
    "root/etc/rc.conf": 'ifconfig_e0b_web_name="vnet0"\nifconfig_vnet0=" inet 10.1.1.5/24 "\n'
    'defaultrouter="10.1.1.1"\nsshd_enable="YES"\n',
}


def test_a_jail_of_bastilles() -> None:
    found = bastille.read(BASTILLE, "web.txz")
    jail = jail_of(found)
    assert (found.name, found.auto, found.after, found.wires) == (
        "web",
        True,
        ("db",),
        ("bridge0",),
    )
    assert found.root is not None
    assert found.root.member == "root"
    (nic,) = jail.nics
    assert (nic.address, nic.gateway, nic.mac) == ("10.1.1.5/24", "10.1.1.1", "02:20:98:11:22:3b")
    assert [(m.place, m.readonly) for m in jail.mounts] == [
        ("/.bastille", True), ("/usr/local/www", False),
    ]  # fmt: skip
    assert dict(jail.params) == {"securelevel": 2, "osrelease": "14.2-RELEASE"}
    assert (jail.devfs_ruleset, jail.cpuset, jail.limits.memoryuse) == (None, "0-1", 1 << 30)
    assert jail.expose == ["tcp:8080:80", "udp:53:53"]
    assert not [note for note in found.notes if "epair" in note or "addm" in note]
    assert [note for note in found.notes if "thin jail" in note]


def test_a_linux_jail_of_bastilles_keeps_its_commands() -> None:
    text = "deb { path = /x; exec.start = '/bin/true'; exec.stop = '/bin/true'; allow.mount; }"
    jail = jail_of(bastille.read({"jail.conf": text}, "deb"))
    assert (jail.exec.start, jail.exec.stop) == (["/bin/true"], ["/bin/true"])


def test_a_directory_without_a_jail_is_refused() -> None:
    with pytest.raises(UsageError, match="describes no jail"):
        bastille.read({"jail.conf": "* { vnet; }"}, "x")


# ---- iocage ----

IOCAGE: dict[str, Any] = {
    "CONFIG_VERSION": "31", "host_hostuuid": "web", "host_hostname": "web.example.org",
    "release": "13.2-RELEASE-p4", "type": "jail", "vnet": 1,
    "interfaces": "vnet0:bridge0,vnet1:bridge1",
    "ip4_addr": "vnet0|10.0.0.5/24,vnet0|10.0.0.6/24,vnet1|192.168.5.2/24", "ip6_addr": "none",
    "defaultrouter": "10.0.0.1", "vnet0_mac": "02ff60aabb01 02ff60aabb02",
    "boot": 1, "depends": "db",
    "allow_raw_sockets": 1, "allow_set_hostname": 1, "allow_mount": 1, "allow_mount_tmpfs": 1,
    "allow_tun": 1, "enforce_statfs": "1", "devfs_ruleset": "4", "securelevel": "2",
    "sysvshm": "new", "children_max": "3", "memoryuse": "deny=2g", "pcpu": "off", "cpuset": "0-1",
    "quota": "20G", "notes": "none", "comment": "the web server", "exec_poststart": "/usr/bin/true",
    "exec_start": "/bin/sh /etc/rc", "exec_stop": "/bin/sh /etc/rc.shutdown",
    "nat_forwards": "tcp(80:8080),tcp/udp(53)", "exec_timeout": "60", "stop_timeout": "30",
    "mount_fdescfs": 1,
}  # fmt: skip


def test_a_jail_of_iocages() -> None:
    files = {
        "config.json": json.dumps(IOCAGE),
        "fstab": "/srv/www /mnt/p/iocage/jails/web/root/usr/local/www nullfs ro 0 0"
        " # Added by iocage\n",
    }
    found = iocage.read(files, "web")
    jail = jail_of(found)
    assert (found.name, found.auto, found.after) == ("web", True, ("db",))
    assert found.wires == ("bridge0", "bridge1")
    first, second = jail.nics
    assert (first.address, first.gateway, first.mac) == (
        "10.0.0.5/24", "10.0.0.1", "02:ff:60:aa:bb:02",
    )  # fmt: skip
    assert [str(alias) for alias in first.aliases] == ["10.0.0.6/24"]
    assert second.address == "192.168.5.2/24"
    assert dict(jail.params) == {
        "allow.raw_sockets": True, "allow.mount": True, "allow.mount.tmpfs": True,
        "enforce_statfs": 1, "securelevel": 2, "children.max": 3, "sysvshm": "new",
    }  # fmt: skip
    assert (jail.limits.memoryuse, jail.cpuset, jail.quota) == (2 << 30, "0-1", 20 << 30)
    assert jail.expose == ["tcp:8080:80", "tcp:53:53", "udp:53:53"]
    assert jail.description == "the web server"
    assert {m.place for m in jail.mounts} == {"/usr/local/www", "/dev/fd"}
    assert [note for note in found.notes if note.startswith("allow_tun")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"release": 1, "release": 2}',
        '{"release": ' + "[" * 40 + "]" * 40 + "}",
        "x" * 70_000,
    ],
)
def test_a_config_that_is_not_iocages_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        iocage.read({"config.json": text}, "x")


def test_hostile_values_of_iocages_become_notes() -> None:
    data = {
        "release": "x", "host_hostuuid": "x", "host_hostname": "a b;c", "vnet": 1,
        "interfaces": ",".join(f"vnet{n}:bridge{n}" for n in range(1000)),
        "ip4_addr": "vnet0|10.0.0.1/24,vnet0|$(id)", "cpuset": "0-99999999",
        "memoryuse": "deny=" + "9" * 99,
        "allow_mount": {"a": 1}, "nat_forwards": "tcp(99999)", "quota": "-1",
        "comment": "a\x1b[31m\nb", "exec_start": "a\nb",
    }  # fmt: skip
    found = iocage.read({"config.json": json.dumps(data)}, "x")
    jail = jail_of(found)
    assert len(jail.nics) == 8
    assert jail.description == "a [31m b"
    assert all(note.isprintable() for note in found.notes)
    assert len(found.notes) >= 6


# ---- AppJail ----


def test_a_jail_of_appjails() -> None:
    files = {
        "conf/config.conf": "osversion: 14.2-RELEASE\nosarch: amd64\njail_type: thick\n",
        "conf/template.conf": 'exec.start: "/bin/sh /etc/rc"\n'
        'exec.stop: "/bin/sh /etc/rc.shutdown jail"\n'
        'mount.devfs\npersist\nvnet\nvnet.interface: "eb_web"\n# comment\n'
        'exec.prestart: "appjail network attach -b web ajnet"\nallow.raw_sockets\n'
        "securelevel = 1\ndepend: db\n",
        "conf/fstab": "/srv/www /usr/local/appjail/jails/web/jail/www nullfs ro 0 0\n",
    }
    found = appjail.read(files, "web.tzst", "web")
    jail = jail_of(found)
    assert (found.name, found.after) == ("web", ("db",))
    assert dict(jail.params) == {"allow.raw_sockets": True, "securelevel": 1}
    assert [(m.source, m.place, m.readonly) for m in jail.mounts] == [("/srv/www", "/www", True)]
    assert jail.stack == "vnet"


def test_a_portable_archive_of_appjails_has_defaults() -> None:
    found = appjail.read({"conf/config.conf": "jail_type: thin\n"}, "x", "x")
    assert jail_of(found).stack == "vnet"
    assert [note for note in found.notes if "/.appjail" in note]


# ---- CBSD ----

CBSD_HEAD = """___NCSTART_HEADER=1
hdrver="4"
jname="web"
compress="6"
emulator="jail"
ip4_addr="10.0.0.5/24"
___NCSTOP_HEADER=1
___NCSTART_RCCONF=1
#  DO NOT EDIT THIS FILE.
relative_path="1";
astart="1";
host_hostname="web.my.domain";
interface="em0";
ip4_addr="10.0.0.5/24,em1#fd00::5/64";
vnet="0";
allow_mount="1";
allow_raw_sockets="1";
allow_reserved_ports="1";
allow_sysvipc="0";
enforce_statfs="1";
devfs_ruleset="4";
exec_start="/bin/sh /etc/rc";
exec_stop="/bin/sh /etc/rc.shutdown";
exec_poststart="0";
childrenmax="0";
baserw="1";
cpuset="0";
ver="14.1";
protected="1";
mount_fdescfs="1";
sysvshm="new";
jname="web"
___NCSTOP_RCCONF=1
___NCSTART_FSTAB=1
/srv/www /usr/local/www nullfs ro 0 0
CBSDROOT/basejail/x /bin nullfs ro 0 0
___NCSTOP_FSTAB=1
___NCSTART_SYSDATA=1
"""


def image(data: bytes = cbsd.XZ + b"...", head: str = CBSD_HEAD) -> bytes:
    return head.encode() + b"\x1f\x8b\x00\n___NCSTOP_SYSDATA=1\n___NCSTART_DATA=1\n" + data


def test_an_image_of_cbsds() -> None:
    whole = image()
    data = cbsd.data_of(whole)
    assert data is not None
    assert (whole[data.offset :], data.packed) == (cbsd.XZ + b"...", "xz")
    found = cbsd.read(cbsd.parts_of(whole), data, "web.img")
    jail = jail_of(found)
    assert (found.name, found.auto, jail.protected) == ("web", True, True)
    assert [(a.interface, a.address) for a in jail.addresses] == [
        ("em0", "10.0.0.5/24"), ("em1", "fd00::5/64"),
    ]  # fmt: skip
    assert dict(jail.params) == {
        "allow.mount": True, "allow.raw_sockets": True, "enforce_statfs": 1, "sysvshm": "new",
    }  # fmt: skip
    assert sorted(m.place for m in jail.mounts) == ["/dev/fd", "/usr/local/www"]


def test_a_jail_of_cbsds_with_its_own_stack() -> None:
    head = CBSD_HEAD.replace('vnet="0"', 'vnet="1"').replace(",em1#fd00::5/64", ",DHCP")
    whole = image(head=head)
    found = cbsd.read(cbsd.parts_of(whole), cbsd.data_of(whole), "web.img")
    (nic,) = jail_of(found).nics
    assert (nic.address, found.wires) == ("10.0.0.5/24", ("em0",))


def test_an_image_of_a_virtual_machine_or_without_data_is_refused() -> None:
    whole = image(head=CBSD_HEAD.replace('emulator="jail"', 'emulator="bhyve"'))
    with pytest.raises(UsageError, match="a guest of bhyve"):
        cbsd.read(cbsd.parts_of(whole), cbsd.data_of(whole), "vm.img")
    with pytest.raises(UsageError, match="no data"):
        cbsd.read(cbsd.parts_of(CBSD_HEAD.encode()), cbsd.data_of(CBSD_HEAD.encode()), "x")
